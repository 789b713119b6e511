"""What has been heard of each chat and what is still missing: rules 1 and 2 of docs/realtime.md, without I/O.

It holds a bounded number of entries. Past that the newest are let go, only their place is remembered, and they are
asked for again when there is room: a slow reader costs requests, never memory, and never an entry.
"""

from collections import deque
from collections.abc import Iterable, Mapping

from kaif.client.values import Entry

ENTRIES_MAX = 1000


class Log:
    """One chat: `ready` follows `have` without a gap; entries up to `newest` are known to exist."""

    __slots__ = ("have", "newest", "ready")

    def __init__(self, have: int) -> None:
        self.have = self.newest = have
        self.ready: deque[Entry] = deque()

    @property
    def end(self) -> int:
        """Up to here nothing is missing."""
        return self.ready[-1].seq if self.ready else self.have


class Gap:
    """Entries of a chat after `after` are missing, up to `newest` as far as is known."""

    __slots__ = ("after", "chat_id", "newest")

    def __init__(self, chat_id: str, after: int, newest: int) -> None:
        self.chat_id, self.after, self.newest = chat_id, after, newest


class Inbox:
    def __init__(self, have: Mapping[str, int] | None = None, entries_max: int = ENTRIES_MAX) -> None:
        """Without `have`, the newest entries of the first hello are the start."""
        self._logs = {chat_id: Log(seq) for chat_id, seq in (have or {}).items()}
        self._starts_now = have is None
        self._entries_max = entries_max
        self.held = 0
        # Chats with something to give or to ask for, served in turn.
        self._due: dict[str, None] = {}
        self.user_id = ""

    @property
    def have(self) -> dict[str, int]:
        """For each chat the newest entry that was given out."""
        return {chat_id: log.have for chat_id, log in self._logs.items()}

    def hear_hello(self, user_id: str, chats: Mapping[str, int]) -> None:
        self.user_id = user_id
        for chat_id, newest in sorted(chats.items()):
            log = self._logs.get(chat_id)
            if log is None:
                log = self._logs[chat_id] = Log(newest if self._starts_now else 0)
            self._expect(chat_id, log, newest)
        self._starts_now = False

    def hear(self, entry: Entry) -> None:
        log = self._logs.get(entry.chat_id)
        if log is None:
            # Whoever is let into a chat while connected hears what follows; what was before is history.
            lets_in = entry.kind == "joined" and self.user_id in entry.user_ids
            log = self._logs[entry.chat_id] = Log(entry.seq - 1 if lets_in else 0)
        if entry.seq == log.end + 1 and self.held < self._entries_max:
            self._hold(log, entry)
        self._expect(entry.chat_id, log, entry.seq)

    def fill(self, gap: Gap, page: Iterable[Entry]) -> None:
        """What the server gave for a gap. What it passed over it does not show."""
        log = self._logs[gap.chat_id]
        for entry in page:
            if entry.seq > log.end:
                self._hold(log, entry)
        self._expect(gap.chat_id, log, log.end)

    def give_up(self, gap: Gap) -> None:
        """The chat can't be seen any more; unless more of it was heard since that was asked: one is back."""
        log = self._logs[gap.chat_id]
        if log.newest == gap.newest:
            log.newest = log.end

    def next(self) -> Entry | Gap | None:
        """The next entry to give out, the gap to close first, or None when there is nothing."""
        while self._due:
            chat_id = next(iter(self._due))
            del self._due[chat_id]
            log = self._logs[chat_id]
            if not log.ready and log.newest <= log.have:
                continue
            self._due[chat_id] = None
            if not log.ready:
                return Gap(chat_id, log.have, log.newest)
            entry = log.ready.popleft()
            self.held -= 1
            log.have = entry.seq
            return entry
        return None

    def _hold(self, log: Log, entry: Entry) -> None:
        log.ready.append(entry)
        self.held += 1

    def _expect(self, chat_id: str, log: Log, seq: int) -> None:
        log.newest = max(log.newest, seq)
        if log.newest > log.have:
            self._due[chat_id] = None
