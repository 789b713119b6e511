"""A request's body while it still comes: read in pieces, and its sender slowed to whoever reads."""

import asyncio
from collections import deque
from collections.abc import Callable

from kaif.kernel.http.problems import TimedOut

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


class Pieces:
    """A body in pieces of a size; a shorter one when the sender pauses, so that what has come is soon kept."""

    def __init__(self, body: Body, piece_bytes: int, pause_s: float) -> None:
        self._body, self._piece_bytes, self._pause_s = body, piece_bytes, pause_s
        self._rest = bytearray()
        self._is_over = False
        # Set after the last piece when the body was not whole.
        self.was_cut = False

    async def next(self) -> bytes:
        """Nothing at the end. Raises TimedOut."""
        waited_s = 0.0
        while len(self._rest) < self._piece_bytes and not self._is_over:
            try:
                piece = await self._body.read(self._pause_s)
            except BodyCut:
                self.was_cut = self._is_over = True
            except TimeoutError:
                if self._rest:
                    break
                waited_s += self._pause_s
                if waited_s >= STALLED_S:
                    raise TimedOut from None
            else:
                self._is_over = not piece
                self._rest += piece
        taken = bytes(self._rest[: self._piece_bytes])
        del self._rest[: self._piece_bytes]
        return taken
