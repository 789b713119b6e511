"""The event that logs have grown: every entry is in exactly one range, and nothing is told that did not happen."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from tests.harness import Services
from tests.services.messaging.chats import direct, group, log_of, say
from tests.waiting import until

from kaif.engines.bus.outbox import OutboxBus, Timing
from kaif.interfaces.messaging import AddMembers, ChatId, Outgoing, RemoveMember, SendBatch
from kaif.interfaces.messaging.actions import DeleteMessages, EditMessage, React
from kaif.interfaces.messaging.appended import EntriesAppended
from kaif.interfaces.messaging.errors import BadText
from kaif.kernel.actor import NOBODY


class Heard:
    def __init__(self) -> None:
        self.events: list[EntriesAppended] = []

    async def hear(self, event: EntriesAppended) -> None:
        self.events.append(event)

    def places(self, chat_id: ChatId) -> list[int]:
        ranges = [each for event in self.events for each in event.ranges if each.chat_id == chat_id]
        return [seq for each in ranges for seq in range(each.first_seq, each.last_seq + 1)]


@asynccontextmanager
async def listening(services: Services) -> AsyncIterator[Heard]:
    heard, bus = Heard(), OutboxBus(services.database, Timing(poll_max_ms=50))
    bus.subscribe("test", EntriesAppended, heard.hear)
    await bus.start()
    yield heard
    await bus.close()


async def test_every_entry_of_every_kind_is_in_exactly_one_range(services: Services) -> None:
    anna, boris, vera = await services.newcomers("anna", "boris", "vera")
    async with listening(services) as heard:
        chat_id = await group(services, anna, boris)
        await say(services, anna, chat_id)
        await services.messaging.add_members(anna, AddMembers(chat_id, [vera.user_id]))
        await asyncio.gather(*(say(services, person, chat_id) for person in [anna, boris, vera] * 20))
        await services.messaging.remove_member(vera, RemoveMember(chat_id, vera.user_id))
        log = await log_of(services, anna, chat_id)

        await until(lambda: len(heard.places(chat_id)) >= len(log))

    assert sorted(heard.places(chat_id)) == [entry.seq for entry in log]


async def test_what_an_edit_and_a_deletion_have_changed_is_named_and_a_reaction_changes_no_text(
    embedded: Services,
) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    async with listening(embedded) as heard:
        chat_id = await direct(embedded, anna, boris)
        edited, deleted, liked = [await say(embedded, anna, chat_id) for _ in range(3)]
        await embedded.actions.add_reaction(boris, React(chat_id, liked.seq, "👍"))
        await embedded.actions.edit_message(anna, EditMessage(chat_id, edited.seq, "иначе"))
        await embedded.actions.delete_messages(anna, DeleteMessages(chat_id, [deleted.seq], for_everyone=True))
        log = await log_of(embedded, anna, chat_id)

        await until(lambda: len(heard.places(chat_id)) >= len(log))

    changed = [seq for event in heard.events for each in event.ranges for seq in each.changed]
    assert changed == [edited.seq, deleted.seq]


async def test_a_batch_is_one_event_with_a_range_for_each_chat_and_no_word_of_what_was_said(services: Services) -> None:
    anna, boris, vera = await services.newcomers("anna", "boris", "vera")
    one, other = await direct(services, anna, boris), await direct(services, anna, vera)
    sends = [Outgoing(anna.user_id, one, f"1-{n}", "секрет") for n in range(3)]
    sends.append(Outgoing(anna.user_id, other, "2", "секрет"))
    async with listening(services) as heard:
        await services.messaging.send_batch(NOBODY, SendBatch(sends))
        await until(lambda: heard.places(one) == [1, 2, 3, 4] and heard.places(other) == [1, 2])

    batch = heard.events[-1]
    assert sorted((r.chat_id, r.first_seq, r.last_seq) for r in batch.ranges) == sorted([(one, 2, 4), (other, 2, 2)])
    assert "секрет" not in msgspec.json.encode(batch).decode()


async def test_what_was_refused_or_repeated_is_not_told(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    async with listening(services) as heard:
        await say(services, anna, chat_id, ref="m-1")
        await say(services, anna, chat_id, ref="m-1")
        with pytest.raises(BadText):
            await say(services, anna, chat_id, text=" ")
        await say(services, anna, chat_id, ref="m-2")
        await until(lambda: len(heard.places(chat_id)) >= 3)

    assert heard.places(chat_id) == [1, 2, 3]
