"""A few processes that read what strangers sent on the server's behalf, and die in its stead."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

import kaif
from kaif.kernel.errors import Invalid, KaifError, Unavailable
from kaif.services.media.images.limits import MB
from kaif.services.media.work import jobs
from kaif.services.media.work.jobs import Job, Nonsense, Result, Underway
from kaif.services.media.work.turns import Priority, Turns

log = logging.getLogger("kaif.media")

START_S = 30.0
_PROGRAM = "kaif.services.media.work.worker"

# What they have the libraries for.
Kind = Literal["pictures", "films"]
# Told how many seconds of a film are done.
Progress = Callable[[float], None]
# What a job is about, or how it is read once its turn has come: those that wait must not hold it in memory.
Content: TypeAlias = bytes | Callable[[], Awaitable[bytes]]


class Bounds(msgspec.Struct, frozen=True):
    """Of one worker. The memory is what it may have of its own; a worker's libraries take 40 MB beside it."""

    memory_bytes: int = 364 * MB
    # Of each file that it writes, whatever a job allows.
    file_bytes: int = 0
    # Of the processor; a machine that is busy otherwise makes no picture slow.
    cpu_s: int = 20
    # Of the clock, for a worker that waits for something.
    wall_s: float = 120.0
    # Then another one takes its place: what decoders leave behind adds up.
    jobs_max: int = 500
    # How far it stands back for others on the machine.
    niceness: int = 0


class WorkerFailed(KaifError):
    """At something that nobody had thought of; the log says at what."""

    detail = "A worker failed at this file."


class Pool:
    """`count` of them, started when they are needed. Whoever stops waiting ends the work."""

    def __init__(self, kind: Kind, count: int, bounds: Bounds, too_demanding: type[Invalid], waiting_max: int) -> None:
        self._kind: Kind = kind
        self.bounds = bounds
        self._too_demanding = too_demanding
        self._turns = Turns(count, waiting_max)
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()

    async def done(
        self,
        job: Job,
        content: Content = b"",
        priority: Priority = "urgent",
        progress: Progress = lambda seconds: None,
        wall_s: float = 0,
        whose: str = "",
    ) -> Result:
        """Raises what the worker refused, what was too demanding, WorkerFailed, Busy, Unavailable; and what reading
        raises."""
        wall_s = wall_s or self.bounds.wall_s
        async with self._turns.one(priority, whose):
            content = content if isinstance(content, bytes) else await content()
            try:
                result = await self._asked(self._rested() or await self._started(), job, content, progress, wall_s)
            except _Died:
                # Somebody else may have ended it, perhaps while it rested; the second time it is the file's doing.
                try:
                    result = await self._asked(await self._started(), job, content, progress, wall_s)
                except _Died as error:
                    raise self._too_demanding from error
        match result:
            case Invalid():
                raise result
            case Unavailable():
                log.error("a worker finds no room for %s, or not its files", type(job.task).__name__)
                raise result
            case KaifError():
                log.error("a worker failed at %s: %s", type(job.task).__name__, result)
                raise WorkerFailed
        return result

    async def close(self) -> None:
        await asyncio.gather(*[worker.end() for worker in list(self._all)])

    def _rested(self) -> "_Worker | None":
        """One that waits for work and lives, as far as is known."""
        while self._idle:
            worker = self._idle.pop()
            if worker.lives:
                return worker
            self._all.discard(worker)
        return None

    async def _asked(self, worker: "_Worker", job: Job, content: bytes, progress: Progress, wall_s: float) -> Result:
        try:
            async with asyncio.timeout(wall_s):
                result = await worker.ask(job, content, progress)
        except TimeoutError as error:
            await self._end(worker)
            raise self._too_demanding from error
        except (Nonsense, OSError, asyncio.IncompleteReadError) as error:
            took_too_long = await self._end(worker) == -signal.SIGXCPU
            raise self._too_demanding if took_too_long else _Died from error
        except BaseException:
            # Nobody waits for it any more, so it must not go on.
            await self._end(worker)
            raise
        if worker.jobs >= self.bounds.jobs_max:
            await self._end(worker)
        else:
            self._idle.append(worker)
        return result

    async def _started(self) -> "_Worker":
        arguments = [self._kind, str(self.bounds.memory_bytes), str(self.bounds.file_bytes), str(self.bounds.niceness)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-B", "-m", _PROGRAM, *arguments,
            stdin=PIPE, stdout=PIPE, stderr=DEVNULL, cwd="/", env=_ENVIRONMENTS[self._kind], start_new_session=True,
        )  # fmt: skip
        worker = _Worker(process)
        self._all.add(worker)
        try:
            async with asyncio.timeout(START_S):
                await worker.ready()
        except (OSError, asyncio.IncompleteReadError, Nonsense) as error:
            log.error("a worker does not start: python -m %s %s says why", _PROGRAM, " ".join(arguments))
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
_FOR_ALL = {
    "PATH": os.defpath,
    "PYTHONPATH": str(Path(kaif.__file__).parents[1]),
    "VIPS_CONCURRENCY": "1",
    # It writes no files. Its sizes end with gigabytes: of terabytes it takes the number alone.
    "VIPS_DISC_THRESHOLD": "1024g",
}
# Pictures take little and come fast: one of 12 megapixels fills 17,000 pages of memory, which takes a fifteenth of its
# time, or a few hundred larger pages (where the system has them for programs that ask).
# One arena: the largest picture leaves a few megabytes of what a worker may have, and a second arena is as much again.
_FOR_PICTURES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1", "MALLOC_ARENA_MAX": "1"}
_FOR_FILMS = {
    "MALLOC_ARENA_MAX": "2",
    # x264 aligns its frames to 2 MB: mapped one by one, each would count with a gap that nothing can use. Frames of 4K
    # stay above, and go back to the system at once.
    "MALLOC_MMAP_THRESHOLD_": str(16 * MB),
    "MALLOC_TRIM_THRESHOLD_": str(MB),
}
_ENVIRONMENTS: dict[Kind, dict[str, str]] = {"pictures": _FOR_ALL | _FOR_PICTURES, "films": _FOR_ALL | _FOR_FILMS}


class _Died(Exception):
    """Before it had answered."""


class _Worker:
    def __init__(self, process: Process) -> None:
        assert process.stdin and process.stdout
        self._process, self._requests, self._answers = process, process.stdin, process.stdout
        self.jobs = 0

    @property
    def lives(self) -> bool:
        return self._process.returncode is None and not self._requests.is_closing()

    async def ready(self) -> None:
        if await self._answers.readexactly(len(jobs.READY)) != jobs.READY:
            raise Nonsense

    async def ask(self, job: Job, content: bytes, progress: Progress) -> Result:
        """Raises Nonsense, OSError, IncompleteReadError."""
        self.jobs += 1
        self._requests.writelines(jobs.framed(job, content))
        await self._requests.drain()
        while True:
            prefix = await self._answers.readexactly(jobs.PREFIX_BYTES)
            header, length = jobs.lengths(prefix, jobs.ANSWER_BYTES_MAX)
            packed = await self._answers.readexactly(header)
            result = jobs.result(job, packed, await self._answers.readexactly(length))
            if not isinstance(result, Underway):
                return result
            progress(result.seconds)

    async def end(self) -> int:
        """At once; the signal that had ended it before, or ours."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._requests.close()
        return await self._process.wait()
