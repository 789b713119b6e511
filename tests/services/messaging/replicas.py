"""What a client makes of a log by the rule of docs/realtime.md: the state with the highest version is the message."""

from collections.abc import Iterable

import msgspec

from kaif.interfaces.messaging import Entry

_changed = msgspec.structs.replace


class Replica:
    """Messages by their place, whatever pages and news came in whatever order."""

    def __init__(self) -> None:
        self.messages: dict[int, Entry] = {}

    def take(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            for state in (entry, entry.message):
                if state and state.kind == "message":
                    self._keep(state)
        # A quote goes with the message that it is from.
        for seq, message in self.messages.items():
            if message.quote and (target := self.messages.get(message.reply_to)) and target.deleted:
                self.messages[seq] = _changed(message, quote="")

    def _keep(self, state: Entry) -> None:
        known = self.messages.get(state.seq)
        if known is None or state.version >= known.version:
            self.messages[state.seq] = state
