"""A few processes that read pictures on the server's behalf, and die in its stead."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path

import msgspec

import kaif
from kaif.interfaces.media.images import ImageTooDemanding, Picture, Rendition, Variant
from kaif.kernel.errors import Invalid, KaifError, Unavailable
from kaif.services.media.images import jobs
from kaif.services.media.images.jobs import Job, Nonsense, Result
from kaif.services.media.images.limits import MB, Limits, check_file
from kaif.services.media.images.turns import Priority, Turns

log = logging.getLogger("kaif.media")

START_S = 30.0


class Bounds(msgspec.Struct, frozen=True):
    """Of one worker. The memory is what it may have of its own; a worker's libraries take 40 MB beside it."""

    memory_bytes: int = 352 * MB
    # Of the processor; a machine that is busy otherwise makes no picture slow.
    cpu_s: int = 20
    # Of the clock, for a worker that waits for something.
    wall_s: float = 120.0
    # Then another one takes its place: what decoders leave behind adds up.
    jobs_max: int = 500


class Workers:
    """`count` of them, started when they are needed. Whoever stops waiting ends the work.

    By default one more than there are cores: it is there for what is urgent while the others are busy for long.
    """

    def __init__(
        self, count: int = 0, bounds: Bounds | None = None, limits: Limits | None = None, waiting_max: int = 200
    ) -> None:
        self._bounds, self._limits = bounds or Bounds(), limits or Limits()
        self._turns = Turns(count or (os.cpu_count() or 1) + 1, waiting_max)
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()

    async def inspect(self, content: bytes, priority: Priority = "urgent") -> Picture:
        """Raises NotAnImage, ImageDamaged, ImageFileTooLarge, TooManyPixels, TooManyFrames, ImageTooDemanding; Busy."""
        picture = await self._done(Job(self._limits, self._bounds.cpu_s), content, priority)
        assert isinstance(picture, Picture)
        return picture

    async def render(
        self, content: bytes, variants: Sequence[Variant], priority: Priority = "urgent"
    ) -> list[Rendition]:
        """In the order in which they are asked for. Raises CropOutside, and what `inspect` raises."""
        assert 0 < len(variants) <= jobs.VARIANTS_MAX
        renditions = await self._done(Job(self._limits, self._bounds.cpu_s, list(variants)), content, priority)
        assert isinstance(renditions, list)
        return renditions

    async def close(self) -> None:
        await asyncio.gather(*[worker.end() for worker in list(self._all)])

    async def _done(self, job: Job, content: bytes, priority: Priority) -> Picture | list[Rendition]:
        # What needs no worker to be refused takes nobody's turn.
        check_file(content, self._limits)
        async with self._turns.one(priority):
            try:
                result = await self._asked(job, content)
            except _Died:
                # Somebody else may have ended it; the second time it is the picture's doing.
                try:
                    result = await self._asked(job, content)
                except _Died as error:
                    raise ImageTooDemanding from error
        match result:
            case Invalid():
                raise result
            case KaifError():
                log.error("a picture could not be made: %s", result)
                raise KaifError
        return result

    async def _asked(self, job: Job, content: bytes) -> Result:
        worker = self._idle.pop() if self._idle else await self._started()
        try:
            async with asyncio.timeout(self._bounds.wall_s):
                result = await worker.ask(job, content)
        except TimeoutError as error:
            await self._end(worker)
            raise ImageTooDemanding from error
        except (Nonsense, OSError, asyncio.IncompleteReadError) as error:
            took_too_long = await self._end(worker) == -signal.SIGXCPU
            raise ImageTooDemanding if took_too_long else _Died from error
        except BaseException:
            # Nobody waits for it any more, so it must not go on.
            await self._end(worker)
            raise
        if worker.jobs >= self._bounds.jobs_max:
            await self._end(worker)
        else:
            self._idle.append(worker)
        return result

    async def _started(self) -> "_Worker":
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-B", "-m", "kaif.services.media.images.worker", str(self._bounds.memory_bytes),
            stdin=PIPE, stdout=PIPE, stderr=DEVNULL, cwd="/", env=_ENVIRONMENT, start_new_session=True,
        )  # fmt: skip
        worker = _Worker(process)
        self._all.add(worker)
        try:
            async with asyncio.timeout(START_S):
                await worker.ready()
        except (OSError, asyncio.IncompleteReadError, Nonsense) as error:
            log.error("a worker for pictures does not start: python -m kaif.services.media.images.worker says why")
            await self._end(worker)
            raise Unavailable from error
        except BaseException:
            await self._end(worker)
            raise
        return worker

    async def _end(self, worker: "_Worker") -> int:
        self._all.discard(worker)
        return await worker.end()


# Nothing of the server's: what is secret there stays there. One thread each, since there are several workers; all in
# memory, since nothing may be written.
_ENVIRONMENT = {
    "PATH": os.defpath,
    "PYTHONPATH": str(Path(kaif.__file__).parents[1]),
    "VIPS_CONCURRENCY": "1",
    "VIPS_DISC_THRESHOLD": "1t",
    "MALLOC_ARENA_MAX": "2",
}


class _Died(Exception):
    """Before it had answered."""


class _Worker:
    def __init__(self, process: Process) -> None:
        assert process.stdin and process.stdout
        self._process, self._requests, self._answers = process, process.stdin, process.stdout
        self.jobs = 0

    async def ready(self) -> None:
        if await self._answers.readexactly(len(jobs.READY)) != jobs.READY:
            raise Nonsense

    async def ask(self, job: Job, content: bytes) -> Result:
        """Raises Nonsense, OSError, IncompleteReadError."""
        self.jobs += 1
        self._requests.writelines(jobs.framed(job, content))
        await self._requests.drain()
        prefix = await self._answers.readexactly(jobs.PREFIX_BYTES)
        header, length = jobs.lengths(prefix, jobs.ANSWER_BYTES_MAX)
        packed = await self._answers.readexactly(header)
        return jobs.result(job, packed, await self._answers.readexactly(length))

    async def end(self) -> int:
        """At once; the signal that had ended it before, or ours."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._requests.close()
        return await self._process.wait()
