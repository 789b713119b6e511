"""What a bot has heard of presses of its buttons, and what is still missing, without I/O.

Presses are numbered without gaps. A bounded number is held: past that the newest are let go and asked for again.
"""

from collections import deque
from collections.abc import Iterable

from kaif.client.values import Callback

CALLBACKS_MAX = 1000


class Missing:
    """Presses after a number are missing."""

    __slots__ = ("after",)

    def __init__(self, after: int) -> None:
        self.after = after


class Presses:
    def __init__(self, have: int | None = None, callbacks_max: int = CALLBACKS_MAX) -> None:
        """Without `have`, the newest press at the first hello is the start."""
        self.have = have or 0
        self._starts_now = have is None
        self._newest = self.have
        self._ready: deque[Callback] = deque()
        self._callbacks_max = callbacks_max

    @property
    def _end(self) -> int:
        return self._ready[-1].number if self._ready else self.have

    def hear_hello(self, newest: int) -> None:
        if self._starts_now:
            self.have, self._starts_now = newest, False
        self._newest = max(self._newest, newest)

    def hear(self, callback: Callback) -> None:
        if callback.number == self._end + 1 and len(self._ready) < self._callbacks_max:
            self._ready.append(callback)
        self._newest = max(self._newest, callback.number)

    def fill(self, missing: Missing, page: Iterable[Callback], newest: int) -> None:
        """What the server gave. What it passed over, or no longer keeps, is not to be had."""
        last = missing.after
        for callback in page:
            if callback.number > self._end:
                self._ready.append(callback)
            last = callback.number
        if last == missing.after and not self._ready:
            self.have = max(self.have, newest)

    @property
    def is_empty(self) -> bool:
        return not self._ready and self._newest <= self.have

    def next(self) -> Callback | Missing | None:
        if self._ready:
            callback = self._ready.popleft()
            self.have = callback.number
            return callback
        return Missing(self.have) if self._newest > self.have else None
