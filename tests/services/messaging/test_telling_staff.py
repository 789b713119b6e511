"""Who waits to be let in, and what is reported: those whose work it is are told, and count exactly."""

import asyncio

import msgspec
from tests.harness import Services
from tests.services.auth.accounts import actor_of, register, set_up
from tests.services.messaging.chats import chat_of, group
from tests.services.messaging.test_reports import decide, file, operator

from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import AddMembers
from kaif.interfaces.messaging.administration import Appoint, OfMember
from kaif.interfaces.messaging.invitations import AnswerRequest, Door, MakeLink, RevokeLink
from kaif.interfaces.messaging.news import SIGNALS, Signal
from kaif.kernel.actor import UserId


async def hear(services: Services) -> list[tuple[UserId, str]]:
    """Who is told of what from now on."""
    heard: list[tuple[UserId, str]] = []

    def note(payload: bytes) -> None:
        signal = msgspec.msgpack.decode(payload, type=Signal)
        heard.append((signal.user_id, msgspec.json.decode(signal.event)["type"]))

    await services.cache.subscribe(SIGNALS, note)
    return heard


async def test_admins_who_may_answer_count_who_asks_however_many_come_and_are_answered_at_once(
    services: Services,
) -> None:
    owner, admin, silent, member = await services.newcomers("owner", "admin", "silent", "member")
    asking = await services.newcomers(*[f"asking{number}" for number in range(6)])
    chat_id = await group(services, owner, admin, silent, member)
    await services.administration.appoint_admin(owner, Appoint(chat_id, admin.user_id, ["invite"]))
    link = await services.invitations.make_link(owner, MakeLink(chat_id, approval=True))
    heard = await hear(services)

    await asyncio.gather(
        *[services.invitations.join_chat(one, Door(secret=link.secret)) for one in asking for _ in range(2)]
    )

    assert [(await chat_of(services, one, chat_id)).join_requests for one in (owner, admin, member)] == [6, 6, 0]
    # Asking again is no news.
    assert sorted(heard) == sorted([(owner.user_id, "chat"), (admin.user_id, "chat")] * 6)
    heard.clear()
    first, second, third, *rest = asking
    await asyncio.gather(
        services.invitations.answer_request(admin, AnswerRequest(chat_id, first.user_id, let_in=True)),
        services.invitations.answer_request(owner, AnswerRequest(chat_id, second.user_id, let_in=False)),
        services.administration.ban_person(owner, OfMember(chat_id, third.user_id)),
        services.messaging.add_members(owner, AddMembers(chat_id, [rest[0].user_id])),
    )
    assert (await chat_of(services, admin, chat_id)).join_requests == 2
    assert heard.count((owner.user_id, "chat")) == heard.count((admin.user_id, "chat")) == 4
    await services.invitations.revoke_link(owner, RevokeLink(chat_id, link.link.id))
    assert (await chat_of(services, admin, chat_id)).join_requests == 0


async def test_who_handles_reports_counts_those_that_nobody_has_taken(services: Services) -> None:
    owner, boris = await set_up(services.auth), await register(services.auth, "boris")
    anna, moderator = await services.newcomer("anna"), await operator(services)
    heard = await hear(services)

    async def counted() -> int:
        return (await services.reports.count_reports(moderator, Nothing())).open

    first, _ = await asyncio.gather(*[file(services, anna, user_id=boris.user.id) for _ in range(2)])
    assert (await counted(), heard) == (2, [(actor_of(owner).user_id, "reports")] * 2)
    await decide(services, moderator, first, "dismiss")

    assert await counted() == 1
    assert [who for who, what in heard if what == "reports"] == [actor_of(owner).user_id] * 3
