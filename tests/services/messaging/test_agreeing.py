"""Whatever is done with messages, and in whatever pieces a client learns of it, it ends with what the server has."""

import asyncio
import random
import tempfile
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.harness import Services, wired_services
from tests.services.messaging.chats import direct, log_of, say
from tests.services.messaging.replicas import Replica

from kaif.interfaces.messaging import ChatId, Entry, ListEntries
from kaif.interfaces.messaging.actions import DeleteMessages, EditMessage, OfMessage, React
from kaif.interfaces.messaging.news import ENTRIES, Delivery
from kaif.kernel.actor import Actor
from kaif.kernel.errors import KaifError

# What is done (by which of the two, to which of the messages so far), and how often a client looks in between.
deeds = st.lists(
    st.tuples(
        st.sampled_from(["send", "answer", "edit", "delete", "react", "unreact", "pin", "unpin"]),
        st.integers(0, 1),
        st.integers(0, 30),
    ),
    min_size=3,
    max_size=25,
)


@given(deeds, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_live_and_returning_clients_end_in_the_same_state(
    done: list[tuple[str, int, int]], chance: random.Random
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_agree(Path(folder), done, chance))


async def _agree(folder: Path, done: list[tuple[str, int, int]], chance: random.Random) -> None:
    async with wired_services(folder, f"sqlite:{folder / 'kaif.db'}") as services:
        people = await services.newcomers("anna", "boris")
        chat_id = await direct(services, *people)
        live, shuffled, returning = Replica(), Replica(), Replica()
        news: list[Entry] = []

        def hear(payload: bytes) -> None:
            for delivery in msgspec.msgpack.decode(payload, type=list[Delivery]):
                news.extend(msgspec.json.decode(entry, type=Entry) for entry in delivery.entries)

        await services.cache.subscribe(ENTRIES, hear)
        old_pages: list[list[Entry]] = []
        for deed, who, number in done:
            await _do(services, people[who], chat_id, deed, number)
            if chance.random() < 0.3:
                # A page that was read now, and arrives whenever it does.
                after = chance.randint(0, 10)
                old_pages.append((await services.messaging.list_log(people[0], ListEntries(chat_id, after))).entries)
        live.take(news)
        pieces = [*[[entry] for entry in news], *old_pages]
        chance.shuffle(pieces)
        for piece in pieces:
            shuffled.take(piece)
        have = chance.randint(0, len(news))
        returning.take(news[:have])
        while page := (await services.messaging.list_log(people[0], ListEntries(chat_id, have + 1, limit=3))).entries:
            returning.take(page)
            have = page[-1].seq - 1
        now = {entry.seq: entry for entry in await _log(services, people[0], chat_id) if entry.kind == "message"}
        assert live.messages == now
        assert shuffled.messages == now
        assert returning.messages == now


async def _log(services: Services, actor: Actor, chat_id: ChatId) -> list[Entry]:
    """All of it, as it is for everyone."""
    return (await services.messaging.list_log(actor, ListEntries(chat_id, 0, limit=200))).entries


async def _do(services: Services, actor: Actor, chat_id: ChatId, deed: str, number: int) -> None:
    messages = [entry for entry in await log_of(services, actor, chat_id) if entry.kind == "message"]
    if deed == "send" or not messages:
        await say(services, actor, chat_id, f"слово {number}")
        return
    target = messages[number % len(messages)]
    of = OfMessage(chat_id, target.seq)
    try:
        match deed:
            case "answer":
                await say(services, actor, chat_id, "ответ", reply_to=target.seq, quote=target.text[:3])
            case "edit":
                await services.actions.edit_message(actor, EditMessage(chat_id, target.seq, f"**слово** {number}"))
            case "delete":
                await services.actions.delete_messages(actor, DeleteMessages(chat_id, [target.seq], True))
            case "react":
                await services.actions.add_reaction(actor, React(chat_id, target.seq, "👍❤"[number % 2]))
            case "unreact":
                await services.actions.remove_reaction(actor, React(chat_id, target.seq, "👍❤"[number % 2]))
            case "pin":
                await services.actions.pin_message(actor, of)
            case "unpin":
                await services.actions.unpin_message(actor, of)
    except KaifError:
        return  # What is not allowed changes nothing.
