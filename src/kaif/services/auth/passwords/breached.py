"""A list of breached passwords on disk, as Have I Been Pwned gives it out: sorted lines of a SHA-1 and a count.

The whole list has some 40 GB, so it is never loaded: a lookup is a binary search of about forty reads.
"""

import hashlib
import re
from pathlib import Path
from typing import BinaryIO

_LINE = re.compile(rb"[0-9A-F]{40}(:\d+)?\r?\n?")
LINE_BYTES_MAX = 64


class BreachedPasswords:
    def __init__(self, path: Path) -> None:
        """Raises OSError when it can't be read, and ValueError when it is not such a list."""
        self._path = path
        with path.open("rb") as file:
            if not _LINE.fullmatch(file.readline(LINE_BYTES_MAX)):
                raise ValueError("no line of it is a SHA-1 in capital letters, as in the lists of Have I Been Pwned")

    def holds(self, password: str) -> bool:
        """Reads the disk."""
        wanted = _sha1(password)
        with self._path.open("rb") as file:
            low, high = 0, file.seek(0, 2)
            # The line that is looked for begins in [low, high).
            while low < high:
                middle = (low + high) // 2
                line, begin = _line_from(file, middle)
                if not line:
                    high = middle
                elif line[:40] < wanted:
                    low = begin + len(line)
                elif line[:40] > wanted:
                    high = middle
                else:
                    return True
        return False


def _line_from(file: BinaryIO, at: int) -> tuple[bytes, int]:
    """The first line that begins there or later, and where; nothing at the end."""
    if at:
        # From one byte before, so that a line that begins just there is not passed over.
        file.seek(at - 1)
        file.readline(LINE_BYTES_MAX)
    else:
        file.seek(0)
    begin = file.tell()
    return file.readline(LINE_BYTES_MAX), begin


def _sha1(password: str) -> bytes:
    return hashlib.sha1(password.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest().upper().encode()
