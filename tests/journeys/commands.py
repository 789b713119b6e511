"""The command line, as an operator meets it."""

import asyncio
import ctypes
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.harness import CHEAPEST_PASSWORDS

WITHIN_S = 150

_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2


class Done(NamedTuple):
    code: int
    out: str
    err: str


async def kaif(*arguments: str | Path, settings: Mapping[str, str] | None = None, file_bytes_max: int = -1) -> Done:
    """Run a command to its end; `file_bytes_max` takes the place of a full disk for those who can't make one."""
    return await asyncio.to_thread(_run, [str(argument) for argument in arguments], settings or {}, file_bytes_max)


def _run(arguments: list[str], settings: Mapping[str, str], file_bytes_max: int) -> Done:
    ordinary = {name: value for name, value in os.environ.items() if not name.startswith("KAIF_")}
    prctl = ctypes.CDLL(None).prctl

    def prepare() -> None:
        # Permissions bind root too, once it has no power to override them.
        for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
            prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
        if file_bytes_max >= 0:
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes_max, hard))

    done = subprocess.run(
        [sys.executable, "-m", "kaif.app.cli", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=WITHIN_S,
        check=False,
        encoding="utf-8",
        env={**ordinary, **CHEAPEST_PASSWORDS, **settings},
        preexec_fn=prepare,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def assert_refused(done: Done, *words: str) -> None:
    """One sentence for the operator, and nothing else."""
    assert done.code not in (0, None), done
    assert done.err.startswith("kaif: ") and done.err.count("\n") == 1, done.err
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err, done.err
