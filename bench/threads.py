"""What the threads of a browser's processes do, by /proc: drawing, too, which no counter of a page tells of."""

import os
import re
from collections import defaultdict
from pathlib import Path

_PROC = Path("/proc")


def browser_pids() -> list[int]:
    """Of all Chromium that this process has started, by whatever lies between."""
    children: dict[int, list[int]] = defaultdict(list)
    for folder in _PROC.iterdir():
        if folder.name.isdigit() and (stat := _read(folder / "stat")):
            children[int(stat.rsplit(")", 1)[1].split()[1])].append(int(folder.name))
    found, waiting = [], [os.getpid()]
    while waiting:
        for pid in children[waiting.pop()]:
            waiting.append(pid)
            if "chrom" in _read(_PROC / str(pid) / "cmdline").split("\0")[0]:
                found.append(pid)
    return found


def spent_ms(pids: list[int]) -> dict[str, float]:
    """Processor time of each kind of thread until now: `renderer main`, `gpu-process VizCompositorTh`, …"""
    spent: dict[str, float] = defaultdict(float)
    for pid in pids:
        process = _kind(_read(_PROC / str(pid) / "cmdline"))
        for thread in (_PROC / str(pid) / "task").glob("*"):
            name = "main" if thread.name == str(pid) else _read(thread / "comm").strip().rstrip("0123456789/")
            nanoseconds = _read(thread / "schedstat").split()
            if nanoseconds:
                spent[f"{process} {name}"] += int(nanoseconds[0]) / 1e6
    return spent


def _kind(command: str) -> str:
    # A renderer's command line is rewritten as one text.
    return re.split(r"[\0 ]", command.partition("--type=")[2])[0] or "browser"


def _read(path: Path) -> str:
    """Nothing of a process that is over."""
    try:
        return path.read_text()
    except OSError:
        return ""
