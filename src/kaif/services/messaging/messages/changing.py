"""Changes messages that stand in a log.

An action holds the chat's lock, changes the message's own row, and appends an entry that names it: whoever reads
the entry gets the message as it is by then. Nothing of a message is copied, so nothing outlives its deletion.
"""

from collections.abc import Sequence

import msgspec

from kaif.engines.database import Transaction
from kaif.interfaces.messaging import ChatId, Entry, EntryKind
from kaif.interfaces.messaging.actions import MessageNotFound
from kaif.interfaces.messaging.errors import ChatNotFound, PersonNotReachable
from kaif.interfaces.messaging.suspension import ChatSuspended
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import as_datetime
from kaif.services.messaging import chat_store, entry_rules, entry_store, member_store
from kaif.services.messaging.attachments import store as attachment_store
from kaif.services.messaging.discussions import thread_store
from kaif.services.messaging.entry_rules import Body, Place, StoredEntry
from kaif.services.messaging.messages import store as message_store
from kaif.services.messaging.messages import viewing
from kaif.services.messaging.messages.mention_store import Mention
from kaif.services.messaging.previews import picture_store
from kaif.services.messaging.rights import Right, rights_of

_changed = msgspec.structs.replace


class Change:
    """An action under way: the chat's lock is held, the actor is in the chat, and entries are gathered."""

    def __init__(self, tx: Transaction, place: Place, rights: Right, actor: Actor, now_us: int) -> None:
        self.tx, self.place, self.rights, self._actor, self.now_us = tx, place, rights, actor, now_us
        place.come_to(now_us)
        self._rows: dict[int, StoredEntry] = {}
        self._new: list[Entry] = []
        # Posts of channels on which there are fewer comments than there were.
        self.uncommented: list[tuple[ChatId, int]] = []
        # Whom a message mentions that it did not, and whom it no longer does.
        self.mentioned: list[Mention] = []
        self.unmentioned: list[Mention] = []

    async def messages(self, seqs: Sequence[int]) -> list[StoredEntry]:
        """Raises MessageNotFound for what is no message; one that was deleted is still one."""
        rows = {row.seq: row for row in await entry_store.entries_at(self.tx, self.place.chat_id, set(seqs))}
        if len(rows) < len(set(seqs)) or any(row.kind != "message" for row in rows.values()):
            raise MessageNotFound
        return [rows[seq] for seq in dict.fromkeys(seqs)]

    async def message(self, seq: int) -> tuple[StoredEntry, Body]:
        """Raises MessageNotFound, also when it was deleted."""
        (row,) = await self.messages([seq])
        body = entry_rules.body_of(row)
        if body.deleted:
            raise MessageNotFound
        return row, body

    def must_reach(self) -> None:
        """What is done in a chat that a block, or a moderator, has closed would be said there all the same.

        Raises PersonNotReachable, ChatSuspended.
        """
        if self.place.closed:
            raise PersonNotReachable
        if self.place.suspended:
            raise ChatSuspended

    def say(self, kind: EntryKind, *, topic_id: int, title: str, to_topic_id: int, count: int) -> int:
        """A line that changes no message; its place."""
        self.place.seq += 1
        at, said_by = as_datetime(self.place.written_at_us), self._actor.user_id
        more = {"title": title, "topic_id": topic_id, "to_topic_id": to_topic_id, "count": count}
        self._new.append(_changed(Entry(self.place.chat_id, self.place.seq, kind, said_by, at), **more))
        return self.place.seq

    async def act(self, kind: EntryKind, row: StoredEntry, body: Body, emoji: str = "") -> None:
        """The message becomes this, and the log says so."""
        self.place.seq += 1
        body = _changed(body, version=self.place.seq)
        await message_store.change_body(self.tx, row, body)
        await picture_store.follow(self.tx, row, entry_rules.body_of(row), body, self.now_us)
        self._rows[row.seq] = _changed(row, body=entry_rules.encoded(body))
        self._new.append(
            Entry(
                row.chat_id,
                self.place.seq,
                kind,
                # Who reads a channel sees nobody else who does, nor which of its admins did what.
                UserId(row.chat_id) if self.place.kind == "channel" else self._actor.user_id,
                as_datetime(self.place.written_at_us),
                target=row.seq,
                emoji=emoji,
            )
        )

    async def write(self) -> list[Entry]:
        """The new entries, each with its message."""
        if not self._new:
            return []
        senders, counts = [self._actor.user_id] * len(self._new), [self.place.messages] * len(self._new)
        await entry_store.append(self.tx, {self.place.chat_id: self.place}, self._new, senders, counts)
        await message_store.advance_by_actions(self.tx, self.place)
        rows = list(self._rows.values())
        messages = {entry.seq: entry for entry in await viewing.shown(self.tx, self.place.chat_id, rows)}
        return [_changed(entry, message=messages[entry.target]) if entry.target else entry for entry in self._new]


async def erased(change: Change, rows: Sequence[StoredEntry]) -> list[Entry]:
    """Delete these messages for everyone, with all that hangs on them; the entries that say so."""
    there = [row for row in rows if not entry_rules.body_of(row).deleted]
    for row in there:
        await change.act("deleted", row, entry_rules.without_words(entry_rules.body_of(row)))
    await message_store.erase_traces(change.tx, change.place.chat_id, [row.seq for row in there])
    if showing := [row.seq for row in there if entry_rules.body_of(row).attachments]:
        await attachment_store.take_off(change.tx, change.place.chat_id, showing, change.now_us)
    if change.place.threads:
        change.uncommented += await thread_store.remove(change.tx, change.place.chat_id, [row.seq for row in there])
    return await change.write()


def of_chat(tx: Transaction, place: Place, now_us: int) -> Change:
    """The chat's own deed, which names nobody; the chat is locked."""
    return Change(tx, place, Right(0), Actor(UserId(place.chat_id)), now_us)


async def begin(tx: Transaction, actor: Actor, chat_id: ChatId, now_us: int) -> Change:
    """A deed of somebody's: take the chat's lock, and find what they may do. Raises ChatNotFound."""
    places = await chat_store.lock_places(tx, [chat_id])
    member = await member_store.find_member(tx, chat_id, actor.user_id)
    if not places or member is None:
        raise ChatNotFound
    return Change(tx, places[chat_id], rights_of(member, now_us), actor, now_us)
