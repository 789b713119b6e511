"""A request's body while it still comes: read in pieces, and its sender slowed to whoever reads.

Bytes of which much comes are read by the kernel into the memory in which they are handed on: copying them, and asking
the kernel for memory that it has to clear first, costs more than all else that is done with them here.
"""

import asyncio
import contextlib
import mmap
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

from kaif.kernel.errors import Busy
from kaif.kernel.http.problems import TimedOut

Done = TypeVar("Done")

# Past this the sender waits.
HELD_BYTES_MAX = 512 * 1024
# A sender who says nothing for so long is gone.
STALLED_S = 30.0
# Of memory that nobody reads into at the moment, of either size.
IDLE_MAX = 2
# That somebody brings at once: each takes memory, however slow what it is written to. Clients bring a few, and what has
# broken off without a word counts until it is known for it.
BODIES_OF_ONE_MAX = 40
# That all bring at once to a process: in the worst case each takes two pieces, a gigabyte together. Once half of the
# places are taken, nobody gets more than a few.
BODIES_OF_ALL_MAX = 128
BODIES_OF_ONE_WHEN_SCARCE = 4
BUSY_MS = 5000
# A sender who brings less than this, while somebody waits for it all that time, holds memory and a place for nothing.
# The slowest of networks brings more.
SLOWEST_WITHIN_S = 60.0
SLOWEST_BYTES = 16 * 1024
# What comes slowly is handed on after so long, for it to be kept.
PIECE_WITHIN_S = 30.0


class BodyCut(Exception):
    """The rest will not come: the sender is gone, or this process is about to be."""


class Pace:
    """Whether a sender is worth the wait. Only the time counts in which somebody waits for nothing else."""

    def __init__(self) -> None:
        self._waited_s, self._came_bytes = 0.0, 0

    def must_be_kept(self) -> None:
        """Raises TimedOut. What had come was handed on before."""
        if self._waited_s >= SLOWEST_WITHIN_S:
            if self._came_bytes < SLOWEST_BYTES:
                raise TimedOut
            self._waited_s, self._came_bytes = 0.0, 0

    def note(self, waited_s: float, came_bytes: int) -> None:
        self._waited_s += waited_s
        self._came_bytes += came_bytes


class Body:
    """`on_wanted` is called at the first read: a sender may be waiting for leave to send (RFC 9110, 10.1.1).

    `on_placed` is called when the reader has said for the first time where the bytes are to go (`into`). From then on
    the connection may read them there by itself, `place` by `place`, for as long as it is not paused.
    """

    def __init__(
        self,
        pause: Callable[[], None],
        resume: Callable[[], None],
        on_wanted: Callable[[], None],
        on_placed: Callable[[], None] = lambda: None,
    ) -> None:
        self._pause, self._resume, self._on_wanted, self._on_placed = pause, resume, on_wanted, on_placed
        # What came when there was no place for it.
        self._pieces: deque[bytes] = deque()
        self._held_bytes = 0
        self._place: memoryview | None = None
        self._placed_bytes = self._enough_bytes = 0
        self._is_wanted = self._is_paused = self._is_direct = False
        self._cut = False
        self.is_whole = False
        self._news = asyncio.Event()
        self._came_at = 0.0
        self.pace = Pace()

    # The connection's side

    def feed(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._held_bytes += len(piece)
        self._came()

    def place(self) -> memoryview:
        """Where the next bytes belong. There is room in it while the connection is not paused."""
        assert self._place is not None
        return self._place[self._placed_bytes :]

    def placed(self, size: int) -> None:
        """So many bytes are in their place."""
        self._placed_bytes += size
        self._came()

    def direct(self) -> None:
        """From now on all is read into its place, and nothing while there is none. Until now reading was paused."""
        self._is_direct = self._is_paused = True
        self._keep_pace()

    def end(self) -> None:
        self.is_whole = True
        self._news.set()

    def cut(self) -> None:
        """What has come can still be read."""
        self._cut = not self.is_whole
        # Whoever sends fast would be read from to the end, however soon this process is to be gone.
        self._keep_pace()
        self._news.set()

    def _came(self) -> None:
        self._came_at = asyncio.get_running_loop().time()
        self._pour()
        self._keep_pace()
        if self._placed_bytes >= self._enough_bytes:
            self._news.set()

    def _pour(self) -> None:
        """What had no place goes where there is one now."""
        while self._pieces and self._place is not None and (room := len(self._place) - self._placed_bytes):
            piece = self._pieces.popleft()
            if len(piece) > room:
                self._pieces.appendleft(piece[room:])
                piece = piece[:room]
            self._place[self._placed_bytes : self._placed_bytes + len(piece)] = piece
            self._placed_bytes += len(piece)
            self._held_bytes -= len(piece)

    def _keep_pace(self) -> None:
        if self._cut:
            too_much = True
        elif self._is_direct:
            # What comes after the last byte is no more of ours.
            too_much = not self.is_whole and (self._place is None or self._placed_bytes == len(self._place))
        else:
            too_much = self._held_bytes > HELD_BYTES_MAX
        if too_much != self._is_paused:
            self._is_paused = too_much
            (self._pause if too_much else self._resume)()

    # The reader's side

    async def read(self, within_s: float = STALLED_S) -> bytes:
        """What has come since, nothing at the end. Raises BodyCut, TimeoutError when nothing came in time,
        and TimedOut when little has come for long."""
        self._want()
        self.pace.must_be_kept()
        since = asyncio.get_running_loop().time()
        if not self._pieces and not self.is_whole and not self._cut:
            self._enough_bytes = 0
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), within_s)
        if self._pieces:
            taken = self._take()
            self.pace.note(asyncio.get_running_loop().time() - since, len(taken))
            return taken
        if self._cut:
            raise BodyCut
        return b""

    def into(self, place: memoryview) -> None:
        """What comes from now on goes there, until `taken`."""
        self._want()
        self._place, self._placed_bytes = place, 0
        self._pour()
        if not self._is_direct:
            self._on_placed()
        self._keep_pace()

    async def filled(self, enough: int, within_s: float) -> bool:
        """When there is so much in its place, or all that there will ever be. False when nothing came for so long, or
        not enough for PIECE_WITHIN_S."""
        since = asyncio.get_running_loop().time()
        while self._placed_bytes < enough and not self.is_over:
            until = min(max(self._came_at, since) + within_s, since + PIECE_WITHIN_S)
            left_s = until - asyncio.get_running_loop().time()
            if left_s <= 0:
                return False
            self._enough_bytes = enough
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), left_s)
            except TimeoutError:
                continue
        return True

    def taken(self) -> int:
        """How much is in its place; nothing more comes there."""
        taken = self._placed_bytes
        self._place, self._placed_bytes = None, 0
        self._keep_pace()
        return taken

    @property
    def placed_bytes(self) -> int:
        return self._placed_bytes

    def has_paused(self, seconds: float) -> bool:
        """Whether nothing has come for so long."""
        return asyncio.get_running_loop().time() - self._came_at >= seconds

    @property
    def has_some(self) -> bool:
        """There is something in its place."""
        return self._placed_bytes > 0

    @property
    def is_over(self) -> bool:
        """Nothing comes any more but what is held."""
        return self.is_whole or self._cut

    @property
    def was_cut(self) -> bool:
        return self._cut and not self._pieces

    def _want(self) -> None:
        if not self._is_wanted:
            self._is_wanted = True
            self._on_wanted()

    def _take(self) -> bytes:
        content = self._pieces.popleft() if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._held_bytes = 0
        self._keep_pace()
        return content


class Buffers:
    """Memory for the pieces of bodies: each has room for a piece, and as many as there is room for in all for more.

    Used again, since what is new has to be cleared first. What nobody has written to takes no memory.
    """

    def __init__(self, piece_bytes: int, ahead_bytes: int = 0, ahead_bytes_of_all: int = 0) -> None:
        """`ahead_bytes` is what a large one has beyond a piece, `ahead_bytes_of_all` what all of those may have."""
        self.piece_bytes = piece_bytes
        self._sizes = (piece_bytes, piece_bytes + ahead_bytes)
        self._idle: tuple[list[memoryview], list[memoryview]] = ([], [])
        self.large_left = ahead_bytes_of_all // ahead_bytes if ahead_bytes else 0
        self._bringing: Counter[str] = Counter()
        self._bringing_all = 0

    @contextlib.contextmanager
    def for_one(self, whose: str) -> Iterator[None]:
        """Around all that is done with a body. Raises Busy."""
        is_scarce = self._bringing_all >= BODIES_OF_ALL_MAX // 2
        most = BODIES_OF_ONE_WHEN_SCARCE if is_scarce else BODIES_OF_ONE_MAX
        if self._bringing[whose] >= most or self._bringing_all >= BODIES_OF_ALL_MAX:
            raise Busy(retry_after_ms=BUSY_MS)
        self._bringing[whose] += 1
        self._bringing_all += 1
        try:
            yield
        finally:
            self._bringing_all -= 1
            self._bringing[whose] -= 1
            if not self._bringing[whose]:
                del self._bringing[whose]

    def take(self) -> memoryview:
        large = self.large_left > 0
        self.large_left -= large
        return self._idle[large].pop() if self._idle[large] else memoryview(mmap.mmap(-1, self._sizes[large]))

    def give_back(self, buffer: memoryview) -> None:
        self.write_off(buffer)
        idle = self._idle[self._is_large(buffer)]
        if len(idle) < IDLE_MAX:
            idle.append(buffer)

    def write_off(self, buffer: memoryview) -> None:
        """Somebody may still read it: it goes when nobody does."""
        self.large_left += self._is_large(buffer)

    def _is_large(self, buffer: memoryview) -> bool:
        return len(buffer) > self.piece_bytes


class Pieces:
    """A body in pieces of a size; a shorter one when the sender pauses, so that what has come is soon kept.

    A larger one when so much comes while somebody is busy with the one before, and there is memory for it. So a body
    takes two of the buffers at most. To be closed.
    """

    def __init__(self, body: Body, buffers: Buffers, pause_s: float, *, whole: bool = False) -> None:
        """`whole` is of a body that is one piece, however slowly it comes."""
        self._body, self._buffers, self._pause_s, self._whole = body, buffers, pause_s, whole
        self._filling: memoryview | None = None
        self._lent: memoryview | None = None

    @property
    def was_cut(self) -> bool:
        """After the last piece: the body was not whole."""
        return self._body.was_cut

    async def next(self) -> memoryview:
        """Nothing at the end; it may be read until the next one is asked for. Raises TimedOut."""
        if self._lent is not None:
            self._buffers.give_back(self._lent)
            self._lent = None
        filling = self._fill()
        waited_s = 0.0
        while True:
            self._body.pace.must_be_kept()
            since, before = asyncio.get_running_loop().time(), self._body.placed_bytes
            is_full = await self._body.filled(self._buffers.piece_bytes, self._pause_s)
            passed_s = asyncio.get_running_loop().time() - since
            self._body.pace.note(passed_s, self._body.placed_bytes - before)
            if is_full:
                break
            if self._body.has_some:
                if not self._whole or self._body.has_paused(self._pause_s):
                    break
                continue
            waited_s += passed_s
            if waited_s >= STALLED_S:
                raise TimedOut
        self._lent, self._filling = filling, None
        return filling[: self._body.taken()]

    async def during(self, work: Coroutine[Any, Any, Done]) -> Done:
        """What comes of the work, which reads the piece; the body goes on coming meanwhile."""
        self._fill()
        try:
            return await work
        except BaseException:
            # Threads that were at it may still be.
            if self._lent is not None:
                self._buffers.write_off(self._lent)
                self._lent = None
            raise

    def close(self) -> None:
        self._body.taken()
        for buffer in (self._filling, self._lent):
            if buffer is not None:
                self._buffers.give_back(buffer)
        self._filling = self._lent = None

    def _fill(self) -> memoryview:
        if self._filling is None:
            self._filling = self._buffers.take()
            self._body.into(self._filling)
        return self._filling
