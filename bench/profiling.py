"""Says where our own server spends its time under a suite's load, by sampling it with py-spy."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.contenders import Server
from bench.loads import Duration, Figures
from bench.processes import BenchError

SAMPLES_PER_S = 200
SHOWN = 30


def profile(measure: Callable[[], Figures], server: Server, duration: Duration, folder: Path, console: Console) -> None:
    """Sample the server while the load runs; print figures and the functions that cost most."""
    stacks = folder / "stacks.txt"
    with ThreadPoolExecutor(1) as executor:
        measuring = executor.submit(measure)
        _sample(server.process.pid, duration, stacks)
        figures = measuring.result()
    console.print({name: round(value, 3) for name, value in figures.items()})
    console.print(_table(stacks.read_text()))


def _sample(pid: int, duration: Duration, stacks: Path) -> None:
    program = shutil.which("py-spy", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        raise BenchError("py-spy is missing: .venv/bin/pip install py-spy")
    seconds = max(1, round(duration.warmup_s + duration.measure_s))
    options = ["--pid", str(pid), "--rate", str(SAMPLES_PER_S), "--duration", str(seconds), "--nonblocking"]
    command = [program, "record", "--format", "raw", "--output", str(stacks), *options]
    done = subprocess.run(command, capture_output=True, text=True)
    if not stacks.exists():
        raise BenchError(f"py-spy failed:\n{done.stderr}")


def _table(stacks: str) -> Table:
    """Functions by the time spent in themselves, and in themselves with all that they called."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for line in stacks.splitlines():
        frames, _, count = line.rpartition(" ")
        functions = [_function(frame) for frame in frames.split(";")]
        own[functions[-1]] += int(count)
        whole.update(dict.fromkeys(functions, int(count)))
    total = own.total() or 1
    table = Table("own", "whole", "function")
    for function, samples in own.most_common(SHOWN):
        table.add_row(f"{samples / total:.1%}", f"{whole[function] / total:.1%}", function)
    return table


def _function(frame: str) -> str:
    """A frame without its line, so that a function's lines count together."""
    return frame.rpartition(":")[0] + ")" if ":" in frame else frame
