"""A request's body while it still comes: read in pieces, and its sender slowed to whoever reads."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from kaif.kernel.http.problems import TimedOut

Done = TypeVar("Done")

# Past this the sender waits.
HELD_BYTES_MAX = 512 * 1024
# A sender who says nothing for so long is gone.
STALLED_S = 30.0


class BodyCut(Exception):
    """The rest will not come: the sender is gone, or this process is about to be."""


class Body:
    """`on_wanted` is called at the first read: a sender may be waiting for leave to send (RFC 9110, 10.1.1)."""

    def __init__(self, pause: Callable[[], None], resume: Callable[[], None], on_wanted: Callable[[], None]) -> None:
        self._pause, self._resume, self._on_wanted = pause, resume, on_wanted
        self._pieces: deque[bytes] = deque()
        self._held_bytes = 0
        self._is_wanted = self._is_paused = False
        self._cut = False
        self.is_whole = False
        self._news = asyncio.Event()

    # The connection's side

    def feed(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._held_bytes += len(piece)
        if self._held_bytes > HELD_BYTES_MAX and not self._is_paused:
            self._is_paused = True
            self._pause()
        self._news.set()

    def end(self) -> None:
        self.is_whole = True
        self._news.set()

    def cut(self) -> None:
        """What has come can still be read."""
        self._cut = not self.is_whole
        self._news.set()

    # The reader's side

    async def read(self, within_s: float = STALLED_S) -> bytes:
        """What has come since, nothing at the end. Raises BodyCut, and TimeoutError when nothing came in time."""
        if not self._is_wanted:
            self._is_wanted = True
            self._on_wanted()
        if not self._pieces and not self.is_whole and not self._cut:
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), within_s)
        if self._pieces:
            return self._take()
        if self._cut:
            raise BodyCut
        return b""

    def _take(self) -> bytes:
        content = self._pieces.popleft() if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._held_bytes = 0
        if self._is_paused:
            self._is_paused = False
            self._resume()
        return content


class Ahead:
    """What all bodies together may hold beyond the piece that each of them is always allowed."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_left = bytes_max


class Pieces:
    """A body in pieces of a size; a shorter one when the sender pauses, so that what has come is soon kept.

    A larger one, up to `ahead_bytes` more, when so much comes while somebody is busy with the one before, and there is
    room in `ahead`. To be closed.
    """

    def __init__(
        self, body: Body, piece_bytes: int, pause_s: float, ahead: Ahead | None = None, ahead_bytes: int = 0
    ) -> None:
        self._body, self._piece_bytes, self._pause_s = body, piece_bytes, pause_s
        self._ahead, self._ahead_bytes = ahead or Ahead(0), ahead_bytes
        self._reading: asyncio.Task[bytes] | None = None
        # Of `ahead`, what this one has taken.
        self._taken_ahead = 0
        self._rest: list[bytes] = []
        self._rest_bytes = 0
        self._is_over = False
        # Set after the last piece when the body was not whole.
        self.was_cut = False

    async def next(self) -> bytes:
        """Nothing at the end. Raises TimedOut."""
        waited_s = 0.0
        while self._rest_bytes < self._piece_bytes and not self._is_over:
            await asyncio.wait({self._read()})
            if self._has_paused():
                if self._rest:
                    break
                waited_s += self._pause_s
                if waited_s >= STALLED_S:
                    raise TimedOut
        return self._take()

    async def during(self, work: Coroutine[Any, Any, Done]) -> Done:
        """What comes of the work; the body goes on coming meanwhile."""
        working = asyncio.ensure_future(work)
        try:
            while not working.done() and not self._is_over and self._may_read_on():
                await asyncio.wait({working, self._read()}, return_when=asyncio.FIRST_COMPLETED)
                self._has_paused()
            return await working
        finally:
            working.cancel()

    def close(self) -> None:
        if self._reading and not self._reading.cancel() and not self._reading.cancelled():
            # Nobody needs to know any more.
            self._reading.exception()
        self._reading = None
        self._give_back()

    def _read(self) -> asyncio.Task[bytes]:
        self._reading = self._reading or asyncio.ensure_future(self._body.read(self._pause_s))
        return self._reading

    def _has_paused(self) -> bool:
        """Takes what was read, if anything was."""
        reading = self._reading
        if reading is None or not reading.done():
            return False
        self._reading = None
        try:
            piece = reading.result()
        except BodyCut:
            self.was_cut = self._is_over = True
        except TimeoutError:
            return True
        else:
            self._is_over = not piece
            self._rest.append(piece)
            self._rest_bytes += len(piece)
        return False

    def _may_read_on(self) -> bool:
        """Within one piece always, and beyond as long as there is room."""
        beyond = self._rest_bytes + HELD_BYTES_MAX * 2 - self._piece_bytes
        if beyond > self._ahead_bytes:
            return False
        wanted = max(beyond - self._taken_ahead, 0)
        if wanted > self._ahead.bytes_left:
            return False
        self._ahead.bytes_left -= wanted
        self._taken_ahead += wanted
        return True

    def _take(self) -> bytes:
        beyond = max(self._rest_bytes - self._piece_bytes - self._ahead_bytes, 0)
        left: list[bytes] = []
        if beyond:
            last = self._rest.pop()
            self._rest.append(last[:-beyond])
            left = [last[-beyond:]]
        # Joined once: what is joined again and again costs more than all else that is done with it.
        taken = b"".join(self._rest)
        self._rest, self._rest_bytes = left, beyond
        self._give_back()
        return taken

    def _give_back(self) -> None:
        self._ahead.bytes_left += self._taken_ahead
        self._taken_ahead = 0
