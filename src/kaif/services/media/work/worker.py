"""The process that decodes what strangers sent: `python -m kaif.services.media.work.worker KIND MEMORY FILE NICENESS`.

KIND is `pictures` or `films`. It reads jobs from its standard input and answers on its standard output, until that
ends. It has nothing to be stolen: no secret in its environment, no file open but those two, and, where the system
allows it, no network. It may hold MEMORY bytes of its own and write no file of more than FILE bytes, and each job may
take only so much of the processor; the system ends it beyond that.
"""

import contextlib
import ctypes
import errno
import gc
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import BinaryIO

import msgspec

from kaif.kernel.errors import Invalid
from kaif.services.media.work import jobs
from kaif.services.media.work.jobs import Failed, Inspect, Inspected, Job, NoRoom, OutOfReach, Refused, Render, Task

Tell = Callable[[msgspec.Struct], None]

FILES_MAX = 64
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_OUT_OF_REACH = (errno.ENOENT, errno.EACCES, errno.EROFS)
_PR_SET_PDEATHSIG, _PR_SET_THP_DISABLE = 1, 41
_CLONE_NEWNET, _CLONE_NEWUSER = 0x40000000, 0x10000000


def main() -> None:
    requests, answers = _take_over_pipes()
    kind, memory_bytes, file_bytes, niceness = sys.argv[1:]
    _bound(int(memory_bytes), int(file_bytes))
    os.nice(int(niceness))
    is_sparing = kind == "films"
    if is_sparing:
        _take_small_pages()
    done = _maker_of(kind)

    def tell(header: msgspec.Struct) -> None:
        _write(answers, jobs.framed(header))

    _write(answers, [jobs.READY])
    while request := _read(requests):
        job, content = request
        if is_sparing:
            _give_back_memory()
        _allow(job)
        try:
            answer = done(job.task, content, tell)
        except MemoryError:
            # What it has taken would be missed by the next one.
            os._exit(1)
        except Exception as error:
            answer = jobs.framed(answer_to(error))
        del request, content
        _write(answers, answer)


def _maker_of(kind: str) -> Callable[[Task, bytes, Tell], list[bytes]]:
    """Whatever libraries bring along runs within the bounds already; those of the other kind are spared."""
    if kind == "films":
        from kaif.services.media.work import filming

        return lambda task, content, tell: jobs.framed(filming.done(task, tell))
    from kaif.services.media.images import inspecting, rendering

    def done(task: Task, content: bytes, tell: Tell) -> list[bytes]:
        if isinstance(task, Inspect):
            return jobs.framed(Inspected(inspecting.inspect(content, task.limits)))
        assert isinstance(task, Render)
        return jobs.framed(*jobs.drawn(rendering.render(content, task.variants, task.limits)))

    return done


def answer_to(error: Exception) -> Refused | NoRoom | OutOfReach | Failed:
    """What is the disk's fault looks to libav as if the film were at fault."""
    met = {one.errno for one in (error, error.__cause__) if isinstance(one, OSError)}
    if met.intersection(_DISK_FULL):
        return NoRoom()
    if met.intersection(_OUT_OF_REACH):
        return OutOfReach()
    return jobs.refused(error) if isinstance(error, Invalid) else Failed(repr(error)[:1000])


def _take_over_pipes() -> tuple[BinaryIO, BinaryIO]:
    """A library that prints must not be taken for an answer."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return requests, answers


def _bound(memory_bytes: int, file_bytes: int) -> None:
    # What it writes is not sealed.
    os.umask(0o077)
    if sys.platform == "linux":
        # Refused inside some containers; they bound the network themselves.
        libc = ctypes.CDLL(None)
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
        # After that, which would undo it: nobody waits for work when its server was killed.
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # Data, not address space: programs and their libraries are shared with everyone.
    _lower(resource.RLIMIT_DATA, memory_bytes)
    _lower(resource.RLIMIT_NOFILE, FILES_MAX)
    # Of pictures it writes none.
    _lower(resource.RLIMIT_FSIZE, file_bytes)
    # What it was reading must not stay behind on disk.
    _lower(resource.RLIMIT_CORE, 0)


def _lower(what: int, to: int) -> None:
    _, hard = resource.getrlimit(what)
    to = to if hard == resource.RLIM_INFINITY else min(to, hard)
    resource.setrlimit(what, (to, to))


def _take_small_pages() -> None:
    """Pages of 2 MB would be whole in memory of which a part is used."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_THP_DISABLE, 1, 0, 0, 0)


def _give_back_memory() -> None:
    """What the job before has left: decoders that their own containers refer to, and what the allocator has kept."""
    gc.collect()
    if sys.platform == "linux":
        # Of glibc alone.
        with contextlib.suppress(AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


def _allow(job: Job) -> None:
    """The processor is counted from now; at the end the system sends SIGXCPU, which nothing here catches."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + job.cpu_s + 1, hard))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (min(job.file_bytes, hard), hard))


def _read(requests: BinaryIO) -> tuple[Job, bytes] | None:
    prefix = requests.read(jobs.PREFIX_BYTES)
    if len(prefix) < jobs.PREFIX_BYTES:
        return None
    header, content = jobs.lengths(prefix, 1 << 32)
    return msgspec.msgpack.decode(requests.read(header), type=Job), requests.read(content)


def _write(answers: BinaryIO, parts: list[bytes]) -> None:
    for part in parts:
        answers.write(part)
    answers.flush()


if __name__ == "__main__":
    main()
