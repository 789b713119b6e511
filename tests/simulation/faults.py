"""Mistakes that break the promise, each planted at one seam."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from tests.simulation.hosts import Parts

from kaif.client.inbox import Gap, Inbox
from kaif.client.values import Entry
from kaif.engines.database import AlreadyExists
from kaif.engines.database.sqlite import Sqlite, SqliteTransaction, _translated
from kaif.gateway.hub import Hub
from kaif.gateway.rooms import Room
from kaif.interfaces.messaging import ChatId, ListEntries, Outgoing
from kaif.kernel.actor import Actor
from kaif.kernel.errors import KaifError
from kaif.services.messaging import chat_store
from kaif.services.messaging.entry_rules import Place, StoredEntry
from kaif.services.messaging.sending.batches import Batch
from kaif.services.messaging.sending.sender import Sender
from kaif.services.messaging.service import MessagingService


class AcknowledgesBeforeCommit(Sqlite):
    """Says that a transaction is done before the disk has."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqliteTransaction]:
        async with self._turn:
            with _translated():
                group = self._join_group()
                try:
                    yield SqliteTransaction(self._writer, group)
                except AlreadyExists:
                    self._undo(group)
                    raise
                except BaseException:
                    self._undo(group)
                    raise
                self._leave_group(group)


class CountsOutsideTheTransaction(Sender):
    """Remembers where the logs end, instead of asking where what it remembers is undone with the rest."""

    _ends: dict[ChatId, Place]

    async def _write(self, messages: list[Outgoing], *, look_up: bool) -> Batch:
        ends = self.__dict__.setdefault("_ends", {})
        async with self._database.transaction() as tx:
            places = await chat_store.lock_places(tx, {message.chat_id for message in messages})
            for chat_id, place in places.items():
                places[chat_id] = ends.setdefault(chat_id, place)
            batch = Batch(places, self._clock(), self._pace)
            await batch.read_rights(tx, messages, self._writers)
            if look_up:
                await batch.read_repeated(tx, messages)
            for message in messages:
                batch.place(message)
            await batch.write(tx)
        return batch


class ResumesOneTooLate(Inbox):
    """Asks for what comes after the first missing entry."""

    def next(self) -> Entry | Gap | None:
        found = super().next()
        return Gap(found.chat_id, found.after + 1, found.newest) if isinstance(found, Gap) else found


class BelievesHelloOneTooLittle(Inbox):
    def hear_hello(self, user_id: str, chats: dict[str, int]) -> None:  # type: ignore[override]
        super().hear_hello(user_id, {chat_id: newest - 1 for chat_id, newest in chats.items()})


class TakesWhateverComes(Inbox):
    """Gives an entry out as it comes, without a look at its place."""

    def hear(self, entry: Entry) -> None:
        super().hear(entry)
        log = self._logs[entry.chat_id]
        if entry.seq <= log.have:
            self._hold(log, entry)
            self._due[entry.chat_id] = None


class FillsOneTooLate(Hub):
    async def _fill_page(self, room: Room) -> float:
        reader = next(iter(room.readers))
        wanted = ListEntries(room.chat_id, after=room.next_seq, limit=200)
        try:
            page = await self._messaging.list_entries(reader.actor, wanted)
        except KaifError:
            return 1.0
        if not page.entries:
            return 1.0
        room.next_seq = page.entries[0].seq
        room.accept(room.next_seq, [msgspec.json.encode(entry) for entry in page.entries])
        return 0.0


class AsksNothingAfterwards(Hub):
    """Takes it that nothing was said while the cache could not be reached."""

    def _greet_everyone(self) -> None: ...


class OrdersByClocks(MessagingService):
    """Gives out pages in the order of time, which is that of the log while nobody sets a clock."""

    async def _rows(self, actor: Actor, request: ListEntries) -> list[StoredEntry]:
        return sorted(await super()._rows(actor, request), key=lambda row: row.at_us)


def take_references_twice(database: Sqlite) -> None:
    database._writer.execute("DROP INDEX messaging_entries_ref")


FAULTS = {
    "acknowledgement before the commit": Parts(database=AcknowledgesBeforeCommit),
    "places given outside the transaction": Parts(sender=CountsOutsideTheTransaction),
    "a client that resumes off by one": Parts(inbox=ResumesOneTooLate),
    "a client that believes hello off by one": Parts(inbox=BelievesHelloOneTooLittle),
    "a client that takes entries twice": Parts(inbox=TakesWhateverComes),
    "a hub that fills gaps off by one": Parts(hub=FillsOneTooLate),
    "a gateway that loses the resume when a partition heals": Parts(hub=AsksNothingAfterwards),
    "a clock set back that reorders": Parts(messaging=OrdersByClocks),
    "a reference accepted twice": Parts(spoil=take_references_twice),
}
