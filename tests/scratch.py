"""Where the tests write: into memory where there is room, since every commit waits some milliseconds for a disk.

Our processes are killed in the tests, and the machine is not, so what the kernel holds is as safe here as there.
"""

import os
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
# Two workers hold an upload of 200 MB in three places, and a PostgreSQL each.
BYTES_MIN = 4 << 30


def write_to_memory() -> None:
    """For this process and all that it starts, unless TMPDIR says where to write."""
    if "TMPDIR" in os.environ or not _has_room(MEMORY):
        return
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def _has_room(folder: Path) -> bool:
    if not os.access(folder, os.W_OK):
        return False
    about = os.statvfs(folder)
    # A wheel is installed there, and started.
    return about.f_bavail * about.f_frsize >= BYTES_MIN and not about.f_flag & os.ST_NOEXEC
