"""Bots that are called: all that they may see comes to their address, in order, whatever that does meanwhile."""

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins
from tests.harness import Services, wired_services
from tests.services.messaging.bots import a_bot, ask, press_of
from tests.services.messaging.called import BotServer, bot_server, calling, own_bot
from tests.services.messaging.chats import direct, group, log_of, say
from tests.services.messaging.dues import Home
from tests.services.messaging.notified import have_session
from tests.waiting import eventually, until

from kaif.interfaces.auth import Nothing, Person
from kaif.interfaces.auth.audit import ListAudit
from kaif.interfaces.auth.bots import BotNotFound, OfBot
from kaif.interfaces.auth.factors import StepUpRequired
from kaif.interfaces.auth.roles import READ_AUDIT
from kaif.interfaces.messaging import AddMembers, ChatId, GetChat, RemoveMember, SendMessage
from kaif.interfaces.messaging.actions import DeleteMessages, OfMessage, React
from kaif.interfaces.messaging.bots import OnlyBots
from kaif.interfaces.messaging.outgoing_webhooks import (
    GIVEN_UP_AFTER_S,
    PAUSE_S_MAX,
    BadWebhookUrl,
    DeliveryProblem,
    OutgoingWebhookNotFound,
    OutgoingWebhookOf,
    OutgoingWebhooks,
    OutgoingWebhooksOff,
    OutgoingWebhookState,
    SetOutgoingWebhook,
)
from kaif.interfaces.messaging.polls import SendPoll, Vote
from kaif.interfaces.messaging.topics import MakeTopic, SwitchTopics
from kaif.interfaces.messaging.vanishing import SetTimer
from kaif.interfaces.personal_data import PersonErased
from kaif.kernel.actor import Actor, Scope
from kaif.kernel.clock import DAY_US, SECOND_US, now_us
from kaif.kernel.ids import new_id
from kaif.services.messaging.model import erased_name
from kaif.services.messaging.notifications import deliveries
from kaif.services.messaging.notifications.deliveries import Timing
from kaif.services.messaging.reactions import Reactions
from kaif.services.messaging.webhooks.calling import STOPPED_PAUSE_US
from kaif.services.messaging.webhooks.delivering import BOTS_AT_ONCE_MAX, ENTRIES_OF_CHAT_MAX, MARKS_PAGE

ME = OutgoingWebhookOf("me")
AUDITOR = Actor(permissions=frozenset({READ_AUDIT}))
IMPATIENT = Timing(within_s=0.4, pause_us=20_000)
# Nobody waits so long for the others to be told.
PATIENT = Timing(within_s=60)
ONE_EACH = Timing(within_s=5, turn_s=0)
DOCUMENTATION = Path(__file__).parents[3] / "docs/bots.md"


async def call(called: OutgoingWebhooks, bot: Actor, server: BotServer) -> str:
    """Have the bot called there from now on; the secret."""
    return (await called.set_outgoing_webhook(bot, SetOutgoingWebhook("me", server.url))).secret


async def problem_of(called: OutgoingWebhooks, bot: Actor) -> DeliveryProblem | None:
    webhook = (await called.get_outgoing_webhook(bot, ME)).webhook
    return webhook.problem if webhook else None


async def has_all(server: BotServer, services: Services, reader: Actor, *chat_ids: ChatId, after: int = 0) -> None:
    """Wait until every entry of the chats has come, each once, in order."""
    for chat_id in chat_ids:
        wanted = [entry.seq for entry in await log_of(services, reader, chat_id) if entry.seq > after]
        await until(lambda chat_id=chat_id, wanted=wanted: server.seqs_of(chat_id)[-1:] == wanted[-1:])  # type: ignore[misc]
        assert server.seqs_of(chat_id) == wanted


def once_each(numbers: list[int]) -> list[int]:
    """Without repetitions of the one before."""
    return [number for number, before in zip(numbers, [0, *numbers], strict=False) if number != before]


# What comes


async def test_nothing_is_lost_or_out_of_order_whatever_the_server_does(tmp_path: Path, services: Services) -> None:
    (anna,) = await services.newcomers("anna")
    bot = await own_bot(services, anna)
    before = await group(services, anna, bot)
    asked = await ask(services, bot, before, text="Спрошено прежде")
    await services.callbacks.press_button(anna, press_of(asked))
    async with bot_server() as server, calling(tmp_path, services, timing=IMPATIENT) as called:
        await call(called, bot, server)
        later = await group(services, anna, bot)
        troubles = ["500 Oops", "hang", "307 Elsewhere", "close", "200 Long", "404 None"]
        server.answers = [answer for trouble in troubles for answer in (trouble, "200 OK", "204 None")]

        for n in range(8):
            await say(services, anna, before, f"Слово {n}")
            await say(services, anna, later, f"Другое {n}")
        asked = await ask(services, bot, later)
        for _ in range(3):
            await services.callbacks.press_button(anna, press_of(asked))

        await until(lambda: server.seqs_of(later)[-1:] == [asked.seq])
        await until(lambda: len([one for one in server.taken if one["type"] == "callback"]) >= 3)
        first = (await log_of(services, anna, before))[-8].seq
        await until(lambda: server.seqs_of(before)[-1:] == [first + 7])
        # Where the machine was slower than our patience something came twice, but never out of order.
        assert once_each(server.seqs_of(before)) == list(range(first, first + 8))
        assert once_each(server.seqs_of(later)) == list(range(1, asked.seq + 1))
        assert once_each([one["number"] for one in server.taken if one["type"] == "callback"]) == [2, 3, 4]
        assert set(server.asked) == {"/bot"}
        assert server.of(before)[-1]["text"] == "Слово 7"
        assert await problem_of(called, bot) is None


async def test_what_is_posted_is_signed_as_the_documentation_checks_it(tmp_path: Path, embedded: Services) -> None:
    (anna,) = await embedded.newcomers("anna")
    bot = await own_bot(embedded, anna)
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENTATION.read_text(encoding="utf-8"), re.DOTALL)
    (sample,) = [block for block in blocks if "hmac" in block]
    documented: dict[str, Any] = {}
    exec(sample, documented)
    async with bot_server() as server, calling(tmp_path, embedded) as called:
        server_url, former = server.url, await call(called, bot, server)
        secret = await call(called, bot, server)
        assert former != secret
        chat_id = await group(embedded, anna, bot)
        said = await say(embedded, anna, chat_id)
        await has_all(server, embedded, anna, chat_id)
        seen = [await called.get_outgoing_webhook(bot, ME), await called.resume_outgoing_webhook(bot, ME)]

    headers, body = server.signed[-1]
    signature, is_ours = headers["kaif-signature"], documented["is_ours"]
    assert is_ours(secret, signature, body)
    assert headers["kaif-delivery"] == f"{chat_id}-{said.seq}" and headers["content-type"] == "application/json"
    at, _, mac = signature.partition(",")
    assert abs(int(at.removeprefix("t=")) - time.time()) < 60
    for forged in (f"t={int(at[2:]) - 1},{mac}", f"{at},v1={'0' * 64}", "t=1", ""):
        assert not is_ours(secret, forged, body)
    assert not is_ours(secret, signature, body.replace("Привет".encode(), "Прощай".encode()))
    assert not is_ours(secret + "x", signature, body) and not is_ours(former, signature, body)
    assert secret not in str(seen) and server_url in str(seen)
    rows = await embedded.database.fetch(tuple, "SELECT * FROM messaging_outgoing_webhooks")
    assert secret not in str(rows) and bot.user_id in str(rows)


async def test_another_process_goes_on_where_one_was_killed(tmp_path: Path, services: Services) -> None:
    (anna,) = await services.newcomers("anna")
    bot = await own_bot(services, anna)
    async with bot_server() as server:
        async with calling(tmp_path, services) as called:
            await call(called, bot, server)
            chat_id = await group(services, anna, bot)
            await has_all(server, services, anna, chat_id)
            # It never says whether it took what came, and we die.
            server.open.clear()
            server.answers = ["hang"]
            for n in range(3):
                await say(services, anna, chat_id, f"Слово {n}")
            await until(lambda: server.now == 1)
        server.open.set()
        await until(lambda: server.now == 0)
        assert server.seqs_of(chat_id) == [1]
        await say(services, anna, chat_id, "Пока никого не было")

        async with calling(tmp_path, services), calling(tmp_path, services):
            await until(lambda: server.seqs_of(chat_id)[-1:] == [5])
            assert server.seqs_of(chat_id) == [1, 2, 3, 4, 5]
            # It takes what comes, and we die before we hear of it.
            server.open.clear()
            await say(services, anna, chat_id, "Дважды")
            await until(lambda: server.now == 1)
        server.open.set()
        await until(lambda: server.now == 0)
        async with calling(tmp_path, services):
            await say(services, anna, chat_id, "Дальше")
            await until(lambda: server.seqs_of(chat_id)[-1:] == [7])

    assert once_each(server.seqs_of(chat_id)) == list(range(1, 8)) and server.most == 1
    assert len(server.seqs_of(chat_id)) == 8


async def test_a_bot_that_left_is_told_no_more_and_one_that_returns_from_then_on(
    tmp_path: Path, services: Services
) -> None:
    (anna,) = await services.newcomers("anna")
    bot = await own_bot(services, anna)
    async with bot_server() as server, calling(tmp_path, services) as called:
        await call(called, bot, server)
        chat_id, other = await group(services, anna, bot), await group(services, anna, bot)
        await has_all(server, services, anna, chat_id, other)
        # What has been said and not been told when it goes is not told either.
        server.open.clear()
        await say(services, anna, other, "Держит очередь")
        await until(lambda: server.now == 1)
        await say(services, anna, chat_id, "Не для бота")
        await services.messaging.remove_member(anna, RemoveMember(chat_id, bot.user_id))
        await say(services, anna, chat_id, "И это")
        sql = "SELECT chat_id FROM messaging_outgoing_webhook_marks WHERE chat_id = :chat_id"
        assert await services.database.fetch(tuple, sql, chat_id=chat_id) == []
        # As when somebody sets the address while it is being removed.
        async with services.database.transaction() as tx:
            mark = (bot.user_id, chat_id, 1)
            await tx.insert("messaging_outgoing_webhook_marks", ("bot_id", "chat_id", "seq"), [mark])
        await say(services, anna, chat_id, "И после")
        server.open.set()
        await say(services, anna, other, "Дальше")
        await has_all(server, services, anna, other)
        assert server.seqs_of(chat_id) == [1]

        await services.messaging.add_members(anna, AddMembers(chat_id, [bot.user_id]))
        back = await say(services, anna, chat_id, "Снова здесь")
        await until(lambda: server.seqs_of(chat_id)[-1:] == [back.seq])
        assert server.seqs_of(chat_id) == [1, back.seq - 1, back.seq]
        server.open.clear()
        await say(services, anna, other, "Держит очередь")
        await until(lambda: server.now == 1)
        await say(services, anna, chat_id, "Никому")
        await services.administration.delete_chat(anna, GetChat(chat_id))
        server.open.set()
        await say(services, anna, other, "После чата")
        await has_all(server, services, anna, other)
        assert server.seqs_of(chat_id) == [1, back.seq - 1, back.seq]

        async def swept() -> bool:
            return not await services.database.fetch(tuple, sql, chat_id=chat_id)

        await eventually(swept)


async def test_what_is_deleted_before_it_is_told_comes_without_words(tmp_path: Path, embedded: Services) -> None:
    (anna,) = await embedded.newcomers("anna")
    bot = await own_bot(embedded, anna)
    chat_id = await group(embedded, anna, bot)
    async with bot_server() as server, calling(tmp_path, embedded) as called:
        await call(called, bot, server)
        server.open.clear()
        await say(embedded, anna, chat_id, "Держит очередь")
        await until(lambda: server.now == 1)
        secret = await say(embedded, anna, chat_id, "Тайна")
        await embedded.actions.delete_messages(anna, DeleteMessages(chat_id, [secret.seq], True))
        server.open.set()
        await until(lambda: server.seqs_of(chat_id)[-1:] == [secret.seq + 1])

    assert b"\xd0\xa2\xd0\xb0\xd0\xb9\xd0\xbd\xd0\xb0" not in b"".join(body for _, body in server.signed)
    assert [one.get("deleted") for one in server.of(chat_id)[1:2]] == [True]


async def test_chats_that_come_while_the_address_is_set_are_not_missed(tmp_path: Path, services: Services) -> None:
    (anna,) = await services.newcomers("anna")
    bot = await own_bot(services, anna)
    async with bot_server() as server, calling(tmp_path, services) as called:

        async def set_again() -> ChatId | None:
            await call(called, bot, server)
            return None

        made = await asyncio.gather(*(deed for _ in range(10) for deed in (group(services, anna, bot), set_again())))
        chat_ids = [chat_id for chat_id in made if chat_id]
        for chat_id in chat_ids:
            await say(services, anna, chat_id, "Всем")

        await until(lambda: all(server.seqs_of(chat_id)[-1:] == [2] for chat_id in chat_ids))
        for chat_id in chat_ids:
            assert server.seqs_of(chat_id) in ([1, 2], [2])
        # The mark that is made while the chat grows may lie before what was heard of it.
        first, told = chat_ids[0], len(server.seqs_of(chat_ids[0]))
        async with services.database.transaction() as tx:
            sql = "UPDATE messaging_outgoing_webhook_marks SET seq = 0 WHERE chat_id = :chat_id"
            await tx.execute(sql, chat_id=first)
        await set_again()
        await until(lambda: server.seqs_of(first)[told:] == [1, 2])


async def test_what_comes_is_what_the_bot_reads(tmp_path: Path, small_home: Home) -> None:
    """Topics, polls, what waited for its time and what has vanished."""
    home, services = small_home, small_home.services
    anna, boris = await services.newcomers("anna", "boris")
    bot = await own_bot(services, anna)
    async with bot_server() as server, calling(tmp_path, services, lambda: home.moment[0]) as called:
        await call(called, bot, server)
        server.open.clear()
        chat_id = await group(services, anna, boris, bot)
        await services.topics.switch_topics(anna, SwitchTopics(chat_id, True))
        await until(lambda: server.now == 1)
        topic_id = (await services.topics.make_topic(anna, MakeTopic(chat_id, "Лодки", new_id()))).id
        options = ["в субботу", "никогда"]
        poll = await services.polls.send_poll(anna, SendPoll(chat_id, new_id(), "Едем?", options, topic_id=topic_id))
        await services.polls.vote(boris, Vote(chat_id, poll.seq, [1]))

        async def kinds() -> list[str]:
            return [entry.kind for entry in await log_of(services, bot, chat_id)]

        async def is_counted() -> bool:
            return "voted" in await kinds()

        await eventually(is_counted)
        await services.polls.close_poll(anna, OfMessage(chat_id, poll.seq))
        await home.schedule(anna, chat_id, "В своё время", topic_id=topic_id)
        await services.vanishing.set_timer(anna, SetTimer(chat_id, 86_400))
        wanted = SendMessage(chat_id, new_id(), "Исчезнет", topic_id=topic_id)
        vanishing = await services.messaging.send_message(boris, wanted)
        await services.actions.add_reaction(anna, React(chat_id, vanishing.seq, "🔥"))
        await home.come(2 * DAY_US)
        server.open.set()
        read = [to_builtins(entry) for entry in await log_of(services, bot, chat_id)]

        await until(lambda: len(server.taken) == len(read))
    assert server.taken == read
    assert {"topic_made", "voted", "closed", "timer", "reacted", "deleted"} < {one["kind"] for one in server.taken}
    assert any(one.get("text") == "В своё время" and one["topic_id"] == topic_id for one in server.taken)
    assert "Исчезнет".encode() not in b"".join(body for _, body in server.signed)


# When it does not come


async def test_a_bot_that_hangs_holds_up_no_other(tmp_path: Path, embedded: Services) -> None:
    (anna,) = await embedded.newcomers("anna")
    bot, other = await own_bot(embedded, anna), await own_bot(embedded, anna, "otherbot")
    async with (
        bot_server() as hanging,
        bot_server() as healthy,
        calling(tmp_path, embedded, timing=PATIENT) as called,
    ):
        await call(called, bot, hanging)
        await call(called, other, healthy)
        hanging.open.clear()
        chat_id = await group(embedded, anna, bot, other)
        for _ in range(5):
            await say(embedded, anna, chat_id)

        await has_all(healthy, embedded, anna, chat_id)
        assert (hanging.now, hanging.taken) == (1, [])


async def test_after_a_day_of_failing_it_stops_until_somebody_asks(tmp_path: Path, migrated_sqlite_url: str) -> None:
    clock = [now_us()]
    async with (
        wired_services(tmp_path, migrated_sqlite_url, clock=lambda: clock[0]) as services,
        bot_server() as server,
        bot_server() as healthy,
        calling(tmp_path, services, clock=lambda: clock[0]) as called,
    ):
        (anna,) = await services.newcomers("anna")
        bot, other = await own_bot(services, anna), await own_bot(services, anna, "otherbot")
        chat_id = await group(services, anna, bot, other)
        await call(called, bot, server)
        await call(called, other, healthy)
        server.answers = ["503 Busy"] * 3
        began_us = clock[0]
        await say(services, anna, chat_id)

        async def tried(times: int) -> bool:
            sql = "SELECT attempts FROM messaging_outgoing_webhooks WHERE bot_id = :bot_id"
            return await services.database.fetch(tuple, sql, bot_id=bot.user_id) == [(times,)]

        await eventually(lambda: tried(1))
        found = await problem_of(called, bot)
        assert found and (found.kind, found.status, found.stopped) == ("refused", 503, False)
        assert found.again_at and found.again_at > found.since
        clock[0] = began_us + (GIVEN_UP_AFTER_S - 1) * SECOND_US
        await eventually(lambda: tried(2))
        found = await problem_of(called, bot)
        assert found and not found.stopped
        clock[0] = began_us + (GIVEN_UP_AFTER_S + PAUSE_S_MAX) * SECOND_US
        await eventually(lambda: tried(3))
        found = await problem_of(called, bot)
        assert found and (found.stopped, found.again_at) == (True, None)
        clock[0] += 7 * 24 * 3600 * SECOND_US
        await say(services, anna, chat_id, "Один слышит")
        await until(lambda: healthy.seqs_of(chat_id) == [2, 3])
        assert len(server.asked) == 3 and server.taken == []
        # Marks that lie before this chat's, more than a page of them, and of chats that are gone.
        gone = [(bot.user_id, f"00{n}", 1) for n in range(MARKS_PAGE + 5)]
        async with services.database.transaction() as tx:
            await tx.insert("messaging_outgoing_webhook_marks", ("bot_id", "chat_id", "seq"), gone)

        await called.resume_outgoing_webhook(bot, ME)

        await until(lambda: server.seqs_of(chat_id) == [2, 3])
        assert await problem_of(called, bot) is None


async def test_another_address_does_not_wait_for_the_former_ones_failures(tmp_path: Path, embedded: Services) -> None:
    (anna,) = await embedded.newcomers("anna")
    bot = await own_bot(embedded, anna)
    moment = now_us()
    # By a clock that stands still no pause ever ends.
    async with bot_server() as former, bot_server() as server, calling(tmp_path, embedded, lambda: moment) as called:
        await call(called, bot, former)
        former.open.clear()
        former.answers = ["500 Oops"]
        chat_id = await group(embedded, anna, bot)
        await until(lambda: former.now == 1)
        await call(called, bot, server)
        former.open.set()

        await has_all(server, embedded, anna, chat_id)
        assert await problem_of(called, bot) is None


def test_pauses_grow_from_seconds_to_an_hour() -> None:
    pauses_s = [deliveries.pause_us(n) // SECOND_US for n in range(1, 60)]

    assert pauses_s[:4] == [2, 4, 8, 16] and pauses_s[-1] == max(pauses_s) == PAUSE_S_MAX
    assert pauses_s == sorted(pauses_s)


async def test_a_bot_whose_key_is_revoked_hears_nothing_until_it_has_another(
    tmp_path: Path, migrated_sqlite_url: str
) -> None:
    clock = [now_us()]
    async with (
        wired_services(tmp_path, migrated_sqlite_url, clock=lambda: clock[0]) as services,
        bot_server() as server,
        calling(tmp_path, services, clock=lambda: clock[0]) as called,
    ):
        (anna,) = await services.newcomers("anna")
        bot = await own_bot(services, anna)
        chat_id = await group(services, anna, bot)
        await call(called, bot, server)
        await services.bots.revoke_bot_key(anna, OfBot(bot.user_id))
        await say(services, anna, chat_id, "Не теперь")

        async def waits() -> bool:
            found = await problem_of(called, bot)
            return found is not None and found.kind == "bot_stopped"

        await eventually(waits)
        await services.bots.renew_bot_key(anna, OfBot(bot.user_id))
        assert server.asked == []
        clock[0] += STOPPED_PAUSE_US

        await until(lambda: server.seqs_of(chat_id) == [2])
        async with services.database.transaction() as tx:
            await tx.execute("UPDATE auth_users SET suspended_at_us = 1 WHERE id = :id", id=anna.user_id)

        said: list[int] = []

        async def waits_with_what_is_said() -> bool:
            # What comes into the turn that is under way may still be told.
            said.append((await say(services, anna, chat_id, "И не теперь")).seq)
            await asyncio.sleep(0.05)
            return await waits()

        await eventually(waits_with_what_is_said)
        assert said[-1] not in server.seqs_of(chat_id)


async def test_a_bot_whose_key_is_revoked_is_called_no_more_in_the_middle_of_a_turn(
    tmp_path: Path, embedded: Services
) -> None:
    anna = await embedded.newcomer("anna")
    bot = await own_bot(embedded, anna)
    chats = [await group(embedded, anna, bot) for _ in range(6)]
    async with bot_server() as server:
        async with calling(tmp_path, embedded) as called:
            await call(called, bot, server)
        for chat_id in chats:
            for _ in range(ENTRIES_OF_CHAT_MAX):
                await say(embedded, anna, chat_id)
        # Whoever starts finds all of it, and tells it in one turn.
        server.takes_s = 0.02
        async with calling(tmp_path, embedded, timing=Timing(within_s=60, turn_s=60)) as called:
            await until(lambda: len(server.taken) > 5)
            await embedded.bots.revoke_bot_key(anna, OfBot(bot.user_id))

            async def waits() -> bool:
                found = await problem_of(called, bot)
                return found is not None and found.kind == "bot_stopped"

            await eventually(waits, timeout_s=20)
    assert len(server.taken) < len(chats) * ENTRIES_OF_CHAT_MAX


async def test_many_bots_are_called_at_once_but_not_too_many(tmp_path: Path, embedded: Services) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    bots = [await own_bot(embedded, anna if n % 2 else boris, f"lake{n}bot") for n in range(BOTS_AT_ONCE_MAX + 2)]
    chat_id = await group(embedded, anna, *bots)
    async with bot_server() as server, calling(tmp_path, embedded, timing=ONE_EACH) as called:
        for n, bot in enumerate(bots):
            await called.set_outgoing_webhook(bot, SetOutgoingWebhook("me", f"{server.url}/{n}"))
        server.open.clear()
        for _ in range(6):
            last = await say(embedded, anna, chat_id)
        await until(lambda: server.now == BOTS_AT_ONCE_MAX)
        server.open.set()

        await until(lambda: server.seqs_of(chat_id).count(last.seq) == len(bots))
        assert server.most == BOTS_AT_ONCE_MAX
        # Those that had no place did not wait until others had been told all.
        assert max(server.asked.index(f"/bot/{n}") for n in range(len(bots))) < 3 * len(bots)


# Whose it is


async def test_only_the_bot_and_its_owner_say_where_it_is_called(tmp_path: Path, services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    bot, stranger = await own_bot(services, anna), await a_bot(services, "otherbot")
    await have_session(services, boris)
    program = Actor(anna.user_id, anna.session_id, scopes=frozenset({Scope("messaging.write")}))
    stale = Actor(anna.user_id, boris.session_id)
    wanted = SetOutgoingWebhook(bot.user_id, "https://bot.example/")
    of = OutgoingWebhookOf(bot.user_id)
    async with calling(tmp_path, services) as called:
        with pytest.raises(OutgoingWebhookNotFound):
            await called.resume_outgoing_webhook(anna, of)
        set_ = await called.set_outgoing_webhook(anna, wanted)
        assert (await called.get_outgoing_webhook(bot, ME)).webhook == set_.webhook
        again = await called.set_outgoing_webhook(bot, SetOutgoingWebhook("me", "https://other.example/"))
        assert again.secret != set_.secret and len(again.secret) >= 43

        for other in (boris, stranger, program):
            for deed in (
                called.set_outgoing_webhook(other, wanted),
                called.get_outgoing_webhook(other, of),
                called.resume_outgoing_webhook(other, of),
                called.remove_outgoing_webhook(other, of),
            ):
                with pytest.raises(BotNotFound):
                    await deed
        with pytest.raises(OnlyBots):
            await called.get_outgoing_webhook(anna, ME)
        with pytest.raises(Exception, match="session"):
            await called.set_outgoing_webhook(stale, wanted)
        async with services.database.transaction() as tx:
            await tx.execute("UPDATE auth_sessions SET authenticated_at_us = 1")
        with pytest.raises(StepUpRequired):
            await called.set_outgoing_webhook(anna, wanted)
        kept = (await called.get_outgoing_webhook(anna, of)).webhook
        assert kept and kept.url == "https://other.example/"
        entries = (await services.audit.list_audit(AUDITOR, ListAudit(action="bot_webhook_set"))).entries
        assert [(entry.actor_id, entry.subject_id) for entry in entries] == [
            (bot.user_id, bot.user_id),
            (anna.user_id, bot.user_id),
        ]
        for actor, request in ((anna, of), (bot, ME)):
            assert await called.remove_outgoing_webhook(actor, request) == Nothing()
        removed = (await services.audit.list_audit(AUDITOR, ListAudit(action="bot_webhook_removed"))).entries
        assert [(entry.actor_id, entry.subject_id) for entry in removed] == [(anna.user_id, bot.user_id)]
        assert await called.get_outgoing_webhook(anna, of) == OutgoingWebhookState(None)


async def test_only_public_https_addresses_are_called(tmp_path: Path, embedded: Services) -> None:
    (anna,) = await embedded.newcomers("anna")
    bot = await own_bot(embedded, anna)
    chat_id = await direct(embedded, anna, bot)
    async with bot_server() as server:
        async with calling(tmp_path, embedded) as called:
            await call(called, bot, server)
        async with calling(tmp_path, embedded, KAIF_WEBHOOK_ADDRESSES="public") as called:
            for url in (server.url, "ftp://bot.example/", "https://user@bot.example/", "https:///", "bot.example"):
                with pytest.raises(BadWebhookUrl):
                    await called.set_outgoing_webhook(bot, SetOutgoingWebhook("me", url))
            # The name says nothing: where it leads is seen when it is called.
            inner = f"https://localhost:{server.url.split(':')[2]}"
            await called.set_outgoing_webhook(bot, SetOutgoingWebhook("me", inner))
            await say(embedded, anna, chat_id)

            async def refused() -> bool:
                found = await problem_of(called, bot)
                return found is not None and found.kind == "forbidden_address"

            await eventually(refused)
        async with calling(tmp_path, embedded, KAIF_PUSH_KEY="") as called:
            with pytest.raises(OutgoingWebhooksOff):
                await called.set_outgoing_webhook(bot, SetOutgoingWebhook("me", "https://bot.example/"))
    assert server.asked == []


async def test_nothing_is_left_of_a_bot_that_is_erased(tmp_path: Path, embedded: Services) -> None:
    (anna,) = await embedded.newcomers("anna")
    bot = await own_bot(embedded, anna)
    chat_id = await group(embedded, anna, bot)
    async with bot_server() as server, calling(tmp_path, embedded) as called:
        await call(called, bot, server)
        remains = (await embedded.bots.list_bots(anna, Nothing())).bots[0].person
        event = PersonErased(erasure_id=new_id(), remains=remains)
        await Reactions(embedded.database).forget_person(event)
        await say(embedded, anna, chat_id)

        for table in ("messaging_outgoing_webhooks", "messaging_outgoing_webhook_marks"):
            assert await embedded.database.fetch(tuple, f"SELECT 1 FROM {table}") == []
        assert server.asked == []


async def test_a_bot_that_is_erased_while_its_address_is_set_has_none(tmp_path: Path, services: Services) -> None:
    (anna,) = await services.newcomers("anna")
    bot = await own_bot(services, anna)
    await group(services, anna, bot)
    async with bot_server() as server, calling(tmp_path, services) as called:
        # Auth has been asked already when messaging hears of it.
        nameless = Person(bot.user_id, erased_name(bot.user_id), "Удалённый аккаунт", None, "bot")
        await Reactions(services.database).forget_person(PersonErased(erasure_id=new_id(), remains=nameless))

        with pytest.raises(BotNotFound):
            await call(called, bot, server)

    for table in ("messaging_outgoing_webhooks", "messaging_outgoing_webhook_marks"):
        assert await services.database.fetch(tuple, f"SELECT 1 FROM {table}") == []
