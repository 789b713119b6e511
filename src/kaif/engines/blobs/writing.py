"""Files on the disk when they are there at all.

Large ones go past the kernel's memory of files (O_DIRECT) where the file system lets them: a file is seldom read right
after it was written, and writing it by way of that memory, to have it brought to the disk at once, costs the processor
ten times as much.
"""

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import secrets
from pathlib import Path

# A page: what O_DIRECT wants places and sizes to be multiples of. Smaller files gain nothing.
BLOCK_BYTES = 4096
DIRECT_BYTES_MIN = 256 * 1024
HUGE_PAGE_BYTES = 2 << 20
_DIRECT = getattr(os, "O_DIRECT", 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def memory_to_write(size: int) -> memoryview:
    """Memory from which a large file is written fastest: in huge pages where the system has them.

    A disk is told of every page by itself, and a virtual one holds no more than a megabyte of small ones at once: it
    is written to at half the speed or less.
    """
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return memoryview(mmap.mmap(-1, size))
    # Of shared memory, which is Python's default, there are mostly no huge pages.
    mapped = mmap.mmap(-1, size + HUGE_PAGE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    mapped.madvise(mmap.MADV_HUGEPAGE)
    start = -_address(mapped) % HUGE_PAGE_BYTES
    return memoryview(mapped)[start : start + size]


def _address(memory: mmap.mmap) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def write_file(path: Path, content: bytes | bytearray | memoryview, *folders: Path) -> None:
    """On the disk when this returns, in place of what was there, and so are its entries in these folders.

    What can't be written leaves nothing new; what can't be brought to the disk after that may be there or not. Memory
    that begins with a page is written from where it is.
    """
    view = memoryview(content)
    # So are names of what is not finished spelled by obstore, which lists none of them.
    unfinished = path.with_name(f"{path.name}#{secrets.randbelow(1 << 63)}")
    descriptor = _opened(unfinished, direct=len(view) >= DIRECT_BYTES_MIN)
    try:
        try:
            _write(descriptor, view)
            unfinished.rename(path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                unfinished.unlink()
            raise
        # After the name, so that the file system brings both to the disk together.
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_to_disk(*folders)


def sync_to_disk(*paths: Path) -> None:
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _opened(path: Path, *, direct: bool) -> int:
    flags = _NEW | _DIRECT if direct else _NEW
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o666)
    except OSError as error:
        # Some file systems know no such way, and a few of those leave an empty file when they say so.
        if not direct or error.errno != errno.EINVAL:
            raise
        path.unlink(missing_ok=True)
        return _opened(path, direct=False)


def _write(descriptor: int, view: memoryview) -> None:
    is_direct = bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & _DIRECT)
    while view:
        if is_direct and len(view) < BLOCK_BYTES:
            is_direct = _leave_direct(descriptor)
        try:
            written = os.write(descriptor, view[: len(view) // BLOCK_BYTES * BLOCK_BYTES] if is_direct else view)
        except OSError as error:
            # Memory or a place that does not suit it.
            if not is_direct or error.errno != errno.EINVAL:
                raise
            is_direct = _leave_direct(descriptor)
        else:
            view = view[written:]


def _leave_direct(descriptor: int) -> bool:
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) & ~_DIRECT)
    return False
