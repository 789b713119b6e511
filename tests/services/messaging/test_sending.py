"""Sending: each message once, in one gapless order, or refused with its reason."""

import asyncio
import random
from pathlib import Path

import msgspec
import pytest
from tests.disks import SmallDisk
from tests.harness import Services, wired_services
from tests.services.messaging.chats import chat_of, direct, group, log_of, say

from kaif.interfaces.messaging import ChatId, Entry, ListEntries, MarkRead, Outgoing, SendBatch
from kaif.interfaces.messaging.errors import BadReply, BadText, ChatNotFound
from kaif.interfaces.messaging.news import ENTRIES, Delivery
from kaif.interfaces.messaging.topics import SwitchTopics
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.errors import Invalid, StorageFull


async def deliveries(services: Services) -> list[Delivery]:
    """What will be announced from now on."""
    heard: list[Delivery] = []
    decode = msgspec.msgpack.Decoder(list[Delivery]).decode
    await services.cache.subscribe(ENTRIES, lambda payload: heard.extend(decode(payload)))
    return heard


def outgoing(actor: Actor, chat_id: ChatId, ref: str, text: str = "Привет", reply_to: int | None = None) -> Outgoing:
    return Outgoing(actor.user_id, chat_id, ref, text, reply_to)


async def test_a_message_takes_the_next_place_in_the_log(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)

    entry = await say(services, anna, chat_id, "Привет!", "m-1")

    assert (entry.seq, entry.kind, entry.sender_id, entry.ref, entry.text) == (
        2, "message", anna.user_id, "m-1", "Привет!",
    )  # fmt: skip
    assert await log_of(services, boris, chat_id) == [*(await log_of(services, anna, chat_id))[:1], entry]


async def test_repeating_a_ref_gives_the_first_entry_whatever_the_text(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)

    first = await say(services, anna, chat_id, "первый", "m-1")
    again = await say(services, anna, chat_id, "второй", "m-1")
    others = await say(services, boris, chat_id, "мой", "m-1")

    assert again == first
    assert others.seq == first.seq + 1
    assert len(await log_of(services, anna, chat_id)) == 3


async def test_what_was_written_without_a_network_reads_nothing_for_its_writer(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    seen = (await say(services, boris, chat_id)).seq
    await services.messaging.mark_read(anna, MarkRead(chat_id, seen))
    late = [Outgoing(anna.user_id, chat_id, f"late-{number}", "Я в туннеле", late=True) for number in range(5)]

    async def sent(*batch: Outgoing) -> tuple[int, int]:
        """Up to where Anna has read, and how many of the messages beyond she has not."""
        await services.messaging.send_batch(NOBODY, SendBatch(list(batch)))
        chat = await chat_of(services, anna, chat_id)
        return chat.read_seq, chat.unread

    assert await sent(*late[:2]) == (seen + 2, 0), "nothing stood in between"
    await say(services, boris, chat_id, "Ты где?")
    assert await sent(late[2]) == (seen + 2, 2)
    assert await sent(late[3], outgoing(anna, chat_id, "now"), late[4]) == (seen + 7, 0), "whoever writes now has read"


async def test_in_a_topic_too_what_was_written_without_a_network_reads_nothing(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    await services.topics.switch_topics(anna, SwitchTopics(chat_id, True))
    await say(services, boris, chat_id, "Ты где?")

    async def sent(late: bool) -> int:
        message = Outgoing(anna.user_id, chat_id, f"{late}", "Я в туннеле", late=late)
        await services.messaging.send_batch(NOBODY, SendBatch([message]))
        return (await chat_of(services, anna, chat_id)).unread

    assert [await sent(True), await sent(False)] == [2, 0]


async def test_a_ref_belongs_to_its_chat(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chats = [await group(services, anna, boris) for _ in range(2)]

    for chat_id in chats:
        assert (await say(services, anna, chat_id, ref="same")).seq == 2


async def test_five_hundred_sends_at_once_leave_no_gap_and_nothing_twice(services: Services) -> None:
    people = await services.newcomers(*[f"person{number}" for number in range(13)])
    members, strangers = people[:10], people[10:]
    chats = [await group(services, *members) for _ in range(2)]
    # Each message comes twice, and each stranger tries as well.
    sends = [(person, chat, f"m{n}") for person in members for chat in chats for n in range(12)] * 2
    sends += [(person, chat, "m0") for person in strangers for chat in chats]
    random.Random(7).shuffle(sends)

    done = await asyncio.gather(
        *[say(services, person, chat, ref=ref) for person, chat, ref in sends], return_exceptions=True
    )

    places: dict[tuple[str, ChatId, str], set[int]] = {}
    for (person, chat, ref), outcome in zip(sends, done, strict=True):
        if person in strangers:
            assert isinstance(outcome, ChatNotFound)
            continue
        assert isinstance(outcome, Entry)
        places.setdefault((person.user_id, chat, ref), set()).add(outcome.seq)
    assert all(len(seqs) == 1 for seqs in places.values())
    for chat in chats:
        log = await log_of(services, members[0], chat)
        assert [entry.seq for entry in log] == list(range(1, 122))
        assert {places[entry.sender_id, chat, entry.ref].pop() for entry in log[1:]} == set(range(2, 122))


async def test_two_processes_share_one_gapless_order(migrated_postgres_url: str, tmp_path: Path) -> None:
    async with (
        wired_services(tmp_path / "one", migrated_postgres_url) as one,
        wired_services(tmp_path / "two", migrated_postgres_url) as two,
    ):
        anna, boris = await one.newcomers("anna", "boris")
        chat_id = await direct(one, anna, boris)

        # Both are given each message, as when a gateway repeats a call on another process.
        sends = [say(process, person, chat_id, ref=f"m{n}") for n in range(100) for process in (one, two)
                 for person in (anna, boris)]  # fmt: skip
        await asyncio.gather(*sends)

        assert [entry.seq for entry in await log_of(two, anna, chat_id)] == list(range(1, 202))


async def test_what_is_acknowledged_is_already_committed(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)

    async def send_and_look(number: int) -> bool:
        entry = await say(services, anna, chat_id, ref=f"m{number}")
        rows: list[tuple[str]] = await services.database.fetch(
            tuple, "SELECT ref FROM messaging_entries WHERE seq = :seq", seq=entry.seq
        )
        return rows == [(f"m{number}",)]

    assert all(await asyncio.gather(*[send_and_look(number) for number in range(50)]))


async def test_entries_are_announced_after_their_commit_in_order_and_once(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    heard = await deliveries(services)

    await asyncio.gather(*[say(services, anna, chat_id, ref=f"m{number}") for number in range(100)])

    announced = [msgspec.json.decode(entry)["seq"] for delivery in heard for entry in delivery.entries]
    assert announced == list(range(2, 102))
    assert [delivery.first_seq for delivery in heard] == [
        msgspec.json.decode(delivery.entries[0])["seq"] for delivery in heard
    ]


async def test_one_refused_message_of_a_batch_harms_no_other(services: Services) -> None:
    anna, boris, stranger = await services.newcomers("anna", "boris", "clara")
    chat_id = await direct(services, anna, boris)
    batch = [
        outgoing(anna, chat_id, "good-1"),
        outgoing(stranger, chat_id, "not-in-it"),
        outgoing(anna, ChatId("nowhere"), "no-chat"),
        outgoing(anna, chat_id, "empty", " \n "),
        outgoing(anna, chat_id, "reply", reply_to=1000),
        outgoing(anna, chat_id, "good-1", "again"),
        outgoing(boris, chat_id, "good-2"),
    ]

    outcomes = (await services.messaging.send_batch(NOBODY, SendBatch(batch))).outcomes

    codes = [outcome.code for outcome in outcomes]
    assert codes == ["", "chat_not_found", "chat_not_found", "bad_text", "bad_reply", "", ""]
    assert [outcome.seq for outcome in outcomes] == [2, 0, 0, 0, 0, 2, 3]
    assert [outcome.repeated is not None for outcome in outcomes] == [False] * 5 + [True, False]
    assert [entry.ref for entry in await log_of(services, anna, chat_id)] == ["", "good-1", "good-2"]


@pytest.mark.parametrize("chat_id", ["", "x" * 70_000, "' OR 1=1", "чат", "null"])
async def test_a_chat_id_that_cannot_be_harms_no_other_message(services: Services, chat_id: str) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    good = await direct(services, anna, boris)

    sends = [say(services, anna, ChatId(chat_id)), *[say(services, anna, good) for _ in range(5)]]
    done = await asyncio.gather(*sends, return_exceptions=True)

    assert isinstance(done[0], ChatNotFound)
    assert all(isinstance(outcome, Entry) for outcome in done[1:])


async def test_messages_of_one_batch_keep_their_order(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)

    batch = SendBatch([outgoing(anna, chat_id, f"m{number}") for number in range(300)])
    outcomes = (await services.messaging.send_batch(NOBODY, batch)).outcomes

    assert [outcome.seq for outcome in outcomes] == list(range(2, 302))
    assert [entry.ref for entry in (await log_of(services, anna, chat_id))[1:]] == [f"m{n}" for n in range(300)]


@pytest.mark.parametrize("text", ["", "  \n", "a\x00b", "a\x1b[31m", "a\u2028b", "x" * 4097])
async def test_a_text_that_cannot_be_shown_is_refused(embedded: Services, text: str) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    chat_id = await direct(embedded, anna, boris)

    with pytest.raises(BadText):
        await say(embedded, anna, chat_id, text)

    assert len(await log_of(embedded, anna, chat_id)) == 1


async def test_a_text_is_stored_as_written_but_for_its_edges(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)

    entry = await say(services, anna, chat_id, "  Ёж 🦔 \\ \"' </script>\r\n\tשלום \n ")

    assert entry.text == "Ёж 🦔 \\ \"' </script>\n\tשלום"
    assert (await log_of(services, boris, chat_id))[-1].text == entry.text
    assert (await say(services, anna, chat_id, "x" * 4096)).seq == 3


async def test_a_reply_names_an_entry_that_is_there(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    first = await say(services, anna, chat_id)

    reply = await say(services, boris, chat_id, reply_to=first.seq)

    assert reply.reply_to == first.seq
    with pytest.raises(BadReply):
        await say(services, boris, chat_id, reply_to=reply.seq + 1)


async def test_history_is_read_forwards_backwards_and_from_its_end(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    for _ in range(9):
        await say(services, anna, chat_id)

    async def seqs(after: int | None = None, before: int | None = None, limit: int = 3) -> list[int]:
        wanted = ListEntries(chat_id, after, before, limit)
        return [entry.seq for entry in (await services.messaging.list_entries(boris, wanted)).entries]

    assert await seqs() == [8, 9, 10]
    assert await seqs(after=0) == [1, 2, 3]
    assert await seqs(after=9) == [10]
    assert await seqs(after=10) == await seqs(after=2**53) == await seqs(before=1) == []
    assert await seqs(before=8) == [5, 6, 7]
    assert await seqs(before=3) == [1, 2]
    with pytest.raises(Invalid):
        await seqs(after=1, before=5)


async def test_sends_during_a_full_disk_are_refused_and_later_ones_work(
    small_disk: SmallDisk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    url = f"sqlite:{small_disk.folder / 'kaif.db'}"
    async with wired_services(tmp_path_factory.mktemp("settings"), url) as services:
        anna, boris = await services.newcomers("anna", "boris")
        chat_id = await direct(services, anna, boris)
        acknowledged = []

        with pytest.raises(StorageFull) as full:
            while True:
                acknowledged.append(await say(services, anna, chat_id, "ж" * 4096))

        assert full.value.details == {"retry_after_ms": 5000}
        assert (await log_of(services, boris, chat_id))[1:] == acknowledged

        small_disk.make_space()
        acknowledged.append(await say(services, anna, chat_id))
        assert (await log_of(services, boris, chat_id))[1:] == acknowledged
        assert (await chat_of(services, boris, chat_id)).unread == len(acknowledged)
