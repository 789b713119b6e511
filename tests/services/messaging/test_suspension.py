"""A group or channel that moderators close: it stays to be read, and nothing else, until they open it again."""

import asyncio
from collections.abc import Awaitable

import pytest
from tests.harness import Services
from tests.services.messaging.chats import channel, chat_of, direct, group, log_of, say
from tests.services.messaging.test_discussions import comment, with_comments
from tests.services.messaging.test_reports import decide, file, operator
from tests.waiting import eventually

from kaif.interfaces.auth.audit import ListAudit
from kaif.interfaces.auth.roles import READ_AUDIT
from kaif.interfaces.messaging import AddMembers, ChatId, MarkRead, RemoveMember, SendMessage
from kaif.interfaces.messaging.actions import DeleteMessages, EditMessage, OfMessage, React
from kaif.interfaces.messaging.administration import ChangeChat, OfMember
from kaif.interfaces.messaging.discussions import ListComments
from kaif.interfaces.messaging.errors import MayNotSend, NotAGroup, RightMissing
from kaif.interfaces.messaging.invitations import Door, InvitationGone, MakeLink
from kaif.interfaces.messaging.polls import SendPoll, Vote
from kaif.interfaces.messaging.reports import ListReports, NotForThisReport, OfReport
from kaif.interfaces.messaging.suspension import ChatSuspended
from kaif.interfaces.messaging.webhooks import MakeWebhook, PostByWebhook
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import now_us
from kaif.kernel.errors import KaifError, MissingPermission
from kaif.kernel.ids import new_id
from kaif.services.messaging.chats.membership import Membership
from kaif.services.messaging.reports.suspending import Suspension
from kaif.services.messaging.sending.announcing import Announcer

NAME = "fishers"


async def test_what_can_be_decided_depends_on_what_was_reported(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    moderator = await operator(services)
    alone, many = await direct(services, boris, anna), await group(services, boris, anna, clara)
    written = await say(services, boris, alone)
    both = [(await say(services, one, many)).seq for one in (boris, clara)]

    async def possible(**fields: object) -> list[str]:
        report_id = await file(services, anna, **fields)
        return list((await services.reports.get_report(moderator, OfReport(report_id))).possible)

    assert await possible(user_id=boris.user_id) == ["dismiss", "suspend_account"]
    assert await possible(chat_id=alone, seqs=[written.seq]) == ["dismiss", "delete_messages", "suspend_account"]
    assert await possible(chat_id=many) == ["dismiss", "suspend_chat"]
    assert await possible(chat_id=many, seqs=both) == ["dismiss", "delete_messages", "suspend_chat"]
    assert await possible(chat_id=many, user_id=boris.user_id) == [
        "dismiss",
        "ban_from_chat",
        "suspend_chat",
        "suspend_account",
    ]


async def test_a_suspended_group_is_read_and_left_and_nothing_is_said_or_changed_there(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    moderator = await operator(services)
    chat_id = await group(services, anna, boris, title="Рыбаки")
    written = await say(services, anna, chat_id, "Клюёт", ref="written")
    poll = await services.polls.send_poll(anna, SendPoll(chat_id, "poll", "Едем?", ["Да", "Нет"]))
    await services.administration.change_chat(anna, ChangeChat(chat_id, name=NAME))
    link = await services.invitations.make_link(anna, MakeLink(chat_id))
    hook = (await services.webhooks.make_webhook(anna, MakeWebhook(chat_id, "Погода"))).path.rsplit("/", 1)[1]

    decided = await decide(services, moderator, await file(services, boris, chat_id=chat_id), "suspend_chat")

    assert (decided.suspended, decided.report.decision) == (True, "suspend_chat")
    seen = await chat_of(services, anna, chat_id)
    assert (seen.suspended, seen.title) == ("spam", "Рыбаки")
    assert set(seen.rights) == {"delete", "ban", "admins"}
    last = (await log_of(services, boris, chat_id))[-1]
    assert (last.kind, str(last.sender_id)) == ("suspended", str(chat_id))

    refused: list[tuple[type[KaifError], Awaitable[object]]] = [
        (ChatSuspended, say(services, anna, chat_id)),
        (MayNotSend, services.actions.edit_message(anna, EditMessage(chat_id, written.seq, "Иначе"))),
        (ChatSuspended, services.actions.add_reaction(boris, React(chat_id, written.seq, "👍"))),
        (ChatSuspended, services.polls.vote(boris, Vote(chat_id, poll.seq, [0]))),
        (ChatSuspended, services.webhooks.post_by_webhook(Actor(), PostByWebhook(hook, "Дождь"))),
        (RightMissing, services.messaging.add_members(anna, AddMembers(chat_id, [clara.user_id]))),
        (RightMissing, services.invitations.make_link(anna, MakeLink(chat_id))),
        (RightMissing, services.administration.change_chat(anna, ChangeChat(chat_id, title="Иначе"))),
        (ChatSuspended, services.administration.change_chat(anna, ChangeChat(chat_id, name="other"))),
        (InvitationGone, services.invitations.join_chat(clara, Door(secret=link.secret))),
        (InvitationGone, services.invitations.join_chat(clara, Door(name=NAME))),
        (InvitationGone, services.invitations.preview_chat(clara, Door(name=NAME))),
    ]
    for error, deed in refused:
        with pytest.raises(error):
            await deed
    # What had been said before is answered with its entry.
    assert await services.messaging.send_message(anna, SendMessage(chat_id, "written", "Клюёт")) == written
    await services.messaging.mark_read(boris, MarkRead(chat_id, last.seq))
    await services.actions.delete_messages(anna, DeleteMessages(chat_id, [written.seq], for_everyone=True))
    await services.administration.ban_person(anna, OfMember(chat_id, boris.user_id))
    await services.messaging.remove_member(anna, RemoveMember(chat_id, anna.user_id))


async def test_a_channel_says_so_to_its_readers_and_is_opened_again_once_and_audited(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    moderator = await operator(services)
    chat_id = await channel(services, anna, boris)
    first, second = (
        await file(services, boris, chat_id=chat_id, reason="fraud"),
        await file(services, boris, chat_id=chat_id),
    )
    await decide(services, moderator, first, "suspend_chat")
    assert (await log_of(services, boris, chat_id))[-1].kind == "suspended"
    assert "suspend_chat" not in (await services.reports.get_report(moderator, OfReport(second))).possible
    with pytest.raises(MissingPermission):
        await services.reports.restore_chat(boris, OfReport(second))

    assert not (await services.reports.restore_chat(moderator, OfReport(second))).suspended
    with pytest.raises(NotForThisReport):
        await services.reports.restore_chat(moderator, OfReport(first))

    assert (await log_of(services, boris, chat_id))[-1].kind == "restored"
    assert (await chat_of(services, anna, chat_id)).suspended == ""
    post = await say(services, anna, chat_id, "Мы снова здесь")
    await services.actions.add_reaction(boris, React(chat_id, post.seq, "👍"))
    reader = Actor(UserId("reader"), permissions=frozenset({READ_AUDIT}))

    async def audited() -> bool:
        return bool((await services.audit.list_audit(reader, ListAudit(action="chat_restored"))).entries)

    await eventually(audited)
    (entry,) = (await services.audit.list_audit(reader, ListAudit(action="chat_restored"))).entries
    assert (entry.actor_id, entry.details) == (moderator.user_id, {"chat": chat_id, "report": second})
    assert len((await services.reports.list_reports(moderator, ListReports())).reports) == 1
    assert (await services.actions.get_message(boris, OfMessage(chat_id, post.seq))).text == "Мы снова здесь"


async def test_whoever_wrote_there_before_is_not_remembered_as_one_who_may(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    moderator = await operator(services)
    chat_id = await group(services, anna, boris)
    await say(services, boris, chat_id)
    await decide(services, moderator, await file(services, anna, chat_id=chat_id), "suspend_chat")
    with pytest.raises(ChatSuspended):
        await say(services, boris, chat_id)
    await services.reports.restore_chat(
        moderator, OfReport((await services.reports.list_reports(moderator, ListReports("decided"))).reports[0].id)
    )
    await say(services, boris, chat_id)


async def test_of_several_who_suspend_at_once_the_log_says_it_once_and_a_direct_chat_is_none(
    services: Services,
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id, alone = await group(services, anna, boris), await direct(services, anna, boris)
    suspension = _suspension(services)
    await asyncio.gather(*[suspension.suspend(chat_id, "spam") for _ in range(5)])
    assert [entry.kind for entry in await log_of(services, anna, chat_id)].count("suspended") == 1
    with pytest.raises(NotAGroup):
        await suspension.suspend(alone, "spam")
    with pytest.raises(KaifError):
        await suspension.suspend(ChatId(new_id()), "spam")


async def test_comments_of_a_closed_group_are_read_in_it_alone_and_posts_of_a_closed_channel_take_none(
    services: Services,
) -> None:
    channel_id, group_id, (anna, boris, clara) = await with_comments(services, "anna", "boris", "clara")
    post, other = [await say(services, anna, channel_id, text) for text in ("Пост", "Ещё один")]
    await comment(services, boris, post, "Реклама")
    wanted = ListComments(channel_id, post.seq)
    assert (await services.discussions.list_comments(clara, wanted)).entries

    suspension = _suspension(services)
    await suspension.suspend(group_id, "spam")
    with pytest.raises(ChatSuspended):
        await services.discussions.list_comments(clara, wanted)
    assert (await services.discussions.list_comments(boris, wanted)).entries
    for one, on in ((clara, post), (boris, post), (boris, other)):
        with pytest.raises(ChatSuspended):
            await comment(services, one, on)

    await suspension.restore(group_id, anna.user_id, new_id())
    await suspension.suspend(channel_id, "spam")
    said = len(await log_of(services, anna, group_id))
    for one, on in ((clara, post), (boris, other)):
        with pytest.raises(ChatSuspended):
            await comment(services, one, on)
    assert len(await log_of(services, anna, group_id)) == said


def _suspension(services: Services) -> Suspension:
    return Suspension(services.database, Membership(services.auth, now_us), Announcer(services.cache))
