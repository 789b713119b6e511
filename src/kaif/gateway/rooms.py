"""In which order entries of a chat reach those who are in it here: what is early is held, what came before dropped.

In a group that hides its members an entry is not the same for all of them.
"""

import msgspec

from kaif.gateway import frames
from kaif.gateway.reader import Reader
from kaif.interfaces.messaging import ChatId, ChatKind, Entry
from kaif.interfaces.messaging.naming import NAMING, nameless
from kaif.kernel.actor import UserId

_encode = msgspec.json.Encoder().encode


class Apart:
    """An entry that is not shown alike to everybody in a group that hides its members."""

    __slots__ = ("_entry", "_named", "_seers", "_whom")

    def __init__(self, entry: Entry, seers: list[UserId]) -> None:
        self._entry, self._seers, self._named = entry, frozenset(seers), _encode(entry)
        self._whom = frozenset((entry.sender_id, *entry.user_ids))

    def seen_by(self, user_id: UserId, by_others: bytes) -> bytes:
        if user_id in self._seers:
            return self._named
        return _encode(nameless(self._entry, user_id)) if user_id in self._whom else by_others


class Room:
    """A chat that somebody here is in."""

    __slots__ = ("apart", "chat_id", "closed", "filling", "held", "kind", "newest", "next_seq", "readers", "suspended")

    def __init__(self, chat_id: ChatId, kind: ChatKind, next_seq: int) -> None:
        self.chat_id, self.kind, self.next_seq = chat_id, kind, next_seq
        self.newest = next_seq - 1
        # In the order in which they came.
        self.readers: dict[Reader, None] = {}
        self.held: dict[int, list[bytes]] = {}
        # By its place, what not everybody sees alike.
        self.apart: dict[int, Apart] = {}
        self.filling = False
        # A block stands between the two who are in it.
        self.closed = False
        # Moderators have closed it to everybody.
        self.suspended = False

    def accept(self, first_seq: int, entries: list[bytes]) -> None:
        """Deliver what is next, hold what is early, drop what came before."""
        self.take(first_seq, entries)
        self.go_on()

    def take(self, first_seq: int, entries: list[bytes]) -> None:
        """The same, but for what follows on it and is held: until `go_on` nobody hears of that."""
        self.newest = max(self.newest, first_seq + len(entries) - 1)
        if not entries:
            return
        if first_seq > self.next_seq:
            self.held[first_seq] = entries
            return
        self._pass_on(first_seq, entries)

    def go_on(self) -> None:
        for first_held in sorted(self.held):
            if first_held > self.next_seq:
                break
            self._pass_on(first_held, self.held.pop(first_held))

    def _pass_on(self, first_seq: int, entries: list[bytes]) -> None:
        new = entries[self.next_seq - first_seq :] if first_seq < self.next_seq else entries
        if new:
            self.next_seq += len(new)
            shared = [frames.text_frame(text) for text in frames.joined(new)]
            if self.apart and (apart := self._apart_until(self.next_seq)):
                self._write_apart(self.next_seq - len(new), new, shared, apart)
                return
            for frame in shared:
                self.write(frame)

    def show_apart(self, entries: list[Entry], seers: list[UserId]) -> list[bytes]:
        """As those see them who don't see who comes and goes; what others see is kept until it is passed on."""
        for entry in entries:
            if entry.kind in NAMING and entry.seq >= self.next_seq:
                self.apart[entry.seq] = Apart(entry, seers)
        return [_encode(nameless(entry)) for entry in entries]

    def _apart_until(self, seq: int) -> dict[int, Apart]:
        return {place: self.apart.pop(place) for place in sorted(self.apart) if place < seq}

    def _write_apart(self, first_seq: int, entries: list[bytes], shared: list[bytes], apart: dict[int, Apart]) -> None:
        for reader in tuple(self.readers):
            own = [
                apart[seq].seen_by(reader.actor.user_id, entry) if seq in apart else entry
                for seq, entry in enumerate(entries, first_seq)
            ]
            seen = shared if own == entries else [frames.text_frame(text) for text in frames.joined(own)]
            for frame in seen:
                reader.write(frame)

    def write(self, frame: bytes) -> None:
        # A copy: a reader that is too slow leaves while it is written to.
        for reader in tuple(self.readers):
            reader.write(frame)
