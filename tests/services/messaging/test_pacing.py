"""Nobody fills a chat faster than it can be read, whichever way they write; what was written is never lost for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.harness import Services, wired_services
from tests.services.messaging.bots import a_bot
from tests.services.messaging.chats import direct, group, log_of, say

from kaif.engines.cache import open_cache
from kaif.engines.cache.memory import MemoryCache
from kaif.engines.database import Database
from kaif.engines.database.sqlite import Sqlite
from kaif.engines.web.public import PublicPages
from kaif.interfaces.messaging import ChatId, Outgoing, SendBatch
from kaif.interfaces.messaging.errors import BadText, TooManyMessages
from kaif.interfaces.messaging.webhooks import MakeWebhook, PostByWebhook
from kaif.kernel.actor import NOBODY, Actor, UserId
from kaif.kernel.clock import now_us
from kaif.kernel.errors import KaifError
from kaif.kernel.ids import new_id
from kaif.services.messaging.previews.linking import LinkPlan
from kaif.services.messaging.sending.announcing import Announcer
from kaif.services.messaging.sending.pace_sharing import CHANNEL, PaceSharing
from kaif.services.messaging.sending.pacing import OF_BOTS, OF_ONE, Pace
from kaif.services.messaging.sending.sender import Sender


@pytest.fixture
async def paced(tmp_path: Path, database_url: str) -> AsyncIterator[Services]:
    async with wired_services(tmp_path, database_url, limits_scale=0.05) as services:
        yield services


BURST = OF_ONE.burst // 20
BOTS_BURST = OF_BOTS.burst // 20


def seconds_of(pace: Pace, chat: str, person: str, *, is_bot: bool = False) -> float:
    """How long to wait for the next one; 0 when it has been taken."""
    try:
        pace.take(ChatId(chat), UserId(person), is_bot=is_bot)
    except TooManyMessages as refused:
        return int(str(refused.details["retry_after_ms"])) / 1000
    return 0.0


def test_a_hundred_at_once_and_one_a_second_after_that() -> None:
    now = [0.0]
    pace = Pace(clock=lambda: now[0])

    assert [seconds_of(pace, "c", "anna") for _ in range(100)] == [0] * 100
    wait_s = seconds_of(pace, "c", "anna")
    assert 0.9 < wait_s <= 1.1
    # Others, and other chats, are nobody's business.
    assert seconds_of(pace, "c", "boris") == seconds_of(pace, "d", "anna") == 0
    now[0] += wait_s
    assert seconds_of(pace, "c", "anna") == 0
    assert seconds_of(pace, "c", "anna") > 0


def test_bots_share_what_a_chat_bears_and_a_refusal_takes_nothing() -> None:
    now = [0.0]
    pace = Pace(clock=lambda: now[0])

    assert [seconds_of(pace, "c", f"bot{number % 4}", is_bot=True) for number in range(60)] == [0] * 60
    assert all(seconds_of(pace, "c", "bot5", is_bot=True) for _ in range(200))
    assert seconds_of(pace, "c", "anna") == seconds_of(pace, "d", "bot5", is_bot=True) == 0
    # Nor of what it bears of this bot alone.
    assert seconds_of(pace, "c", "bot5") == 0
    now[0] += 1.01
    assert seconds_of(pace, "c", "bot5", is_bot=True) == 0


def test_what_a_bot_gives_back_another_may_take() -> None:
    pace = Pace(clock=lambda: 0.0)
    *_, taken = [pace.take(ChatId("c"), UserId("bot1"), is_bot=True) for _ in range(60)]
    assert seconds_of(pace, "c", "bot2", is_bot=True) > 0

    pace.give_back(taken)

    assert seconds_of(pace, "c", "bot2", is_bot=True) == 0
    assert [seconds_of(pace, "c", "bot1") for _ in range(41)] == [0] * 41


# The test says when.
WHEN_ASKED_S = 1e6


class Elsewhere(NamedTuple):
    """A messaging process, as far as it sends."""

    pace: Pace
    sharing: PaceSharing
    sender: Sender
    # Set whenever it has heard what another lets pass.
    heard: asyncio.Event

    async def say(self, person: Actor, chat_id: ChatId) -> str:
        """What became of it."""
        (result,) = await self.sender.send([Outgoing(person.user_id, chat_id, new_id(), "Привет")])
        return result.code if isinstance(result, KaifError) else ""


@asynccontextmanager
async def elsewhere(database: Database, cache_url: str, scale: float) -> AsyncIterator[Elsewhere]:
    cache = await open_cache(cache_url)
    pace, heard = Pace(scale, clock=lambda: 0.0), asyncio.Event()
    sharing = PaceSharing(pace, cache, WHEN_ASKED_S)
    sender = Sender(database, Announcer(cache), LinkPlan(on=False), pace, now_us)
    await sharing.start()
    await cache.subscribe(CHANNEL, lambda news: heard.set())
    yield Elsewhere(pace, sharing, sender, heard)
    await sharing.close()
    await cache.close()


async def test_two_processes_together_bear_no_more_than_one_once_they_have_heard_of_each_other(
    tmp_path: Path, migrated_postgres_url: str, redis_url: str
) -> None:
    async with (
        wired_services(tmp_path, migrated_postgres_url) as services,
        elsewhere(services.database, redis_url, 0.05) as one,
        elsewhere(services.database, redis_url, 0.05) as other,
    ):
        anna, boris = await services.newcomers("anna", "boris")
        chat_id = await group(services, anna, boris)
        assert [await one.say(anna, chat_id) for _ in range(BURST)] == [""] * BURST
        await one.sharing.tell()
        await asyncio.wait_for(other.heard.wait(), 5)

        assert await other.say(anna, chat_id) == "too_many_messages"
        assert await other.say(boris, chat_id) == ""


async def test_what_two_let_pass_at_the_same_moment_is_a_debt_with_both() -> None:
    now, cache = [0.0], MemoryCache()
    paces = [Pace(clock=lambda: now[0]) for _ in range(2)]
    sharings = [PaceSharing(pace, cache, WHEN_ASKED_S) for pace in paces]
    for sharing in sharings:
        await sharing.start()
    try:
        for pace in paces:
            assert [seconds_of(pace, "c", "anna") for _ in range(100)] == [0] * 100
        for sharing in (*sharings, *sharings):
            await sharing.tell()

        assert all(100 < seconds_of(pace, "c", "anna") <= 102 for pace in paces)
        now[0] += 101.5
        assert [seconds_of(pace, "c", "anna") for pace in paces] == [0, 0]
        # One more than there was: neither knew of the other's.
        for sharing in sharings:
            await sharing.tell()
        assert all(seconds_of(pace, "c", "anna") > 1 for pace in paces)
    finally:
        for sharing in sharings:
            await sharing.close()


async def test_bots_share_their_pace_too_and_what_is_given_back_is_given_back_everywhere() -> None:
    cache = MemoryCache()
    one, other = (Pace(clock=lambda: 0.0) for _ in range(2))
    sharings = [PaceSharing(pace, cache, WHEN_ASKED_S) for pace in (one, other)]
    for sharing in sharings:
        await sharing.start()
    try:
        *_, taken = [one.take(ChatId("c"), UserId("bot1"), is_bot=True) for _ in range(60)]
        await sharings[0].tell()
        assert seconds_of(other, "c", "bot2", is_bot=True) > 0

        one.give_back(taken)
        await sharings[0].tell()

        assert seconds_of(other, "c", "bot2", is_bot=True) == 0
        assert seconds_of(other, "c", "bot2", is_bot=True) > 0
    finally:
        for sharing in sharings:
            await sharing.close()


async def test_of_a_flood_what_fits_is_sent_and_the_rest_is_told_when(paced: Services) -> None:
    anna, boris = await paced.newcomers("anna", "boris")
    chat_id, other_id = await group(paced, anna, boris), await direct(paced, anna, boris)

    refs = [new_id() for _ in range(20)]
    batch = SendBatch([Outgoing(anna.user_id, chat_id, ref, "Поток") for ref in refs])
    outcomes = (await paced.messaging.send_batch(NOBODY, batch)).outcomes

    assert [outcome.code for outcome in outcomes] == [""] * BURST + ["too_many_messages"] * (20 - BURST)
    assert all(outcome.retry_after_ms > 0 for outcome in outcomes[BURST:])
    results = await asyncio.gather(*[say(paced, anna, chat_id) for _ in range(10)], return_exceptions=True)
    assert all(isinstance(result, TooManyMessages) for result in results)
    assert [entry.ref for entry in await log_of(paced, boris, chat_id) if entry.kind == "message"] == refs[:BURST]
    # What has been sent is answered with its entry, not with "wait".
    again = (await paced.messaging.send_batch(NOBODY, batch)).outcomes
    assert [outcome.repeated is not None for outcome in again] == [True] * BURST + [False] * (20 - BURST)
    await say(paced, boris, chat_id)
    await say(paced, anna, other_id)


async def test_what_is_not_written_is_not_counted(paced: Services) -> None:
    anna, boris = await paced.newcomers("anna", "boris")
    chat_id = await group(paced, anna, boris)

    for _ in range(BURST * 2):
        with pytest.raises(BadText):
            await say(paced, anna, chat_id, "\x00")
    ref = new_id()
    for _ in range(BURST * 2):
        await say(paced, anna, chat_id, ref=ref)
    # A batch that a repeated reference has undone is written again, and counted once.
    for _ in range(BURST - 1):
        messages = [Outgoing(anna.user_id, chat_id, one, "Привет") for one in (ref, new_id())]
        outcomes = (await paced.messaging.send_batch(NOBODY, SendBatch(messages))).outcomes
        assert [outcome.code for outcome in outcomes] == ["", ""]
    with pytest.raises(TooManyMessages):
        await say(paced, anna, chat_id)


async def test_bots_and_webhooks_together_do_not_drown_a_chat(paced: Services) -> None:
    anna = await paced.newcomer("anna")
    bots = [await a_bot(paced, f"bot{number}") for number in range(2)]
    chat_id = await group(paced, anna, *bots)
    webhook = await paced.webhooks.make_webhook(anna, MakeWebhook(chat_id, "Насос"))
    secret = webhook.path.rpartition("/")[2]

    for place in range(BOTS_BURST - 1):
        await say(paced, bots[place % 2], chat_id)
    await paced.webhooks.post_by_webhook(NOBODY, PostByWebhook(secret, "Вода поднялась"))

    for bot in bots:
        with pytest.raises(TooManyMessages):
            await say(paced, bot, chat_id)
    with pytest.raises(TooManyMessages):
        await paced.webhooks.post_by_webhook(NOBODY, PostByWebhook(secret, "Вода упала"))
    await say(paced, anna, chat_id)


async def test_a_message_asks_the_database_no_more_for_its_pace_or_for_links_that_it_lacks(
    tmp_path: Path, migrated_sqlite_url: str
) -> None:
    async with wired_services(tmp_path, migrated_sqlite_url, pages=PublicPages(), limits_scale=1) as services:
        anna, boris = await services.newcomers("anna", "boris")
        chat_id = await group(services, anna, boris)
        await say(services, anna, chat_id)
        asked: list[str] = []
        assert isinstance(services.database, Sqlite)
        for connection in (services.database._writer, services.database._reader.connection()):
            connection.set_trace_callback(lambda sql: asked.append(" ".join(sql.split()[:3])))

        await say(services, anna, chat_id, "Привет, #озеро")

        # The place, the entry, its event, the chat and the sender's mark, in one transaction.
        own = [sql for sql in asked if sql.startswith(("SELECT", "INSERT", "UPDATE", "DELETE"))]
        # What somebody else looks for now and then.
        others = ("UPDATE outbox_consumers", "SELECT id, tx", "SELECT id, kind")
        own = [sql for sql in own if not sql.startswith(others)]
    assert len([sql for sql in own if "preview" not in sql]) <= 5, own
    assert not [sql for sql in own if sql.startswith(("INSERT", "UPDATE", "DELETE")) and "preview" in sql]
