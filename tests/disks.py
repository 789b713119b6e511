"""A disk that is soon full, and can be given space again."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DISK_BYTES = 6 * 1024 * 1024


class SmallDisk:
    """A tmpfs, or for those who may not mount one, a limit on the size of a file."""

    def __init__(self, folder: Path, mounted: bool) -> None:
        self.folder = folder
        self._mounted = mounted

    def make_space(self) -> None:
        if self._mounted:
            _mount(self.folder, "remount,size=64m")
        else:
            _limit_files(resource.RLIM_INFINITY)


@contextmanager
def mounted_small_disk(folder: Path) -> Iterator[SmallDisk]:
    mounted = os.geteuid() == 0 and _mount(folder, f"size={DISK_BYTES}")
    if not mounted:
        _limit_files(DISK_BYTES)
    try:
        yield SmallDisk(folder, mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", folder], check=True)
        else:
            _limit_files(resource.RLIM_INFINITY)


def _mount(folder: Path, options: str) -> bool:
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False)
    return done.returncode == 0


def _limit_files(size: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
