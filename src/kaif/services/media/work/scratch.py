"""Private folders for work on films, which libav wants as files; they go whatever happens.

What lies there is as it was sent, not sealed. A process that was killed leaves its folder behind, which the next one to
start takes away: a lock that the system gives up with the process tells whose folder is whose.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from kaif.kernel.errors import StorageFull

# What other programs on the machine need.
SPARED_BYTES = 1 << 30
_LOCK = "lock"
# https://bford.info/cachedir/: programs that make backups leave such folders out.
_TAG, _TAGGED = "CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55\n"


class Scratch:
    def __init__(self, root: Path, spared_bytes: int = SPARED_BYTES) -> None:
        # Workers stand in another folder than the server, which may have been given a path from its own.
        root = root.absolute()
        self._root, self._spared_bytes = root, spared_bytes
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _alone_in(root):
            self._sweep()
            self.own = Path(tempfile.mkdtemp(prefix="work-", dir=root))
            self._lock = _locked(self.own / _LOCK)
        (self.own / _TAG).write_bytes(_TAGGED)

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """Empty, and gone afterwards."""
        made = Path(tempfile.mkdtemp(dir=self.own))
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def must_have_room(self, size: int) -> None:
        """Raises StorageFull."""
        if shutil.disk_usage(self.own).free < size + self._spared_bytes:
            raise StorageFull(retry_after_ms=60_000)

    def close(self) -> None:
        shutil.rmtree(self.own, ignore_errors=True)
        self.let_go()

    def let_go(self) -> None:
        """As it is when a process was killed."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _sweep(self) -> None:
        for left in self._root.glob("work-*"):
            with contextlib.suppress(OSError):
                lock = _locked(left / _LOCK)
                if lock is not None:
                    shutil.rmtree(left, ignore_errors=True)
                    os.close(lock)


@contextlib.contextmanager
def _alone_in(root: Path) -> Iterator[None]:
    """Else a folder could be swept away before its owner has locked it."""
    folder = os.open(root, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _locked(path: Path) -> int | None:
    """None while another process has it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


async def read_whole(path: Path, bytes_max: int) -> bytes:
    """What a worker made. Raises OSError, also when it is larger than that."""
    return await asyncio.to_thread(_read_whole, path, bytes_max)


def _read_whole(path: Path, bytes_max: int) -> bytes:
    with opened(path) as file:
        content = file.read(bytes_max + 1)
    if len(content) > bytes_max:
        raise OSError(f"{path.name} is too large")
    return content


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """What a worker made, for reading: a file of its own, and nothing that a name leads to elsewhere.

    Raises OSError.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path.name} is no file")
        yield file
