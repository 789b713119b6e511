"""Describes the machine and the versions that a result belongs to; no path and no host name."""

import json
import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

from bench.engines import Engines
from bench.node import PEERS


def describe(directory: Path, engines: Engines) -> dict[str, str]:
    """What a reader needs to judge the figures."""
    return {
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "data on": _file_system(directory),
        "Kaif Ozero": _kaif(),
        "Python": platform.python_version(),
        "Node": _first_line(["node", "--version"]),
        "PostgreSQL": _number(engines.postgres_version),
        "Redis": _number(engines.redis_version),
        "wrk": _number(_first_line(["wrk", "--version"])),
        "peers": ", ".join(f"{name} {version}" for name, version in _peers().items()),
    }


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _file_system(directory: Path) -> str:
    done = subprocess.run(["df", "--output=fstype", directory], capture_output=True, text=True, check=True)
    return done.stdout.split()[-1]


def _kaif() -> str:
    commit = _first_line(["git", "rev-parse", "--short", "HEAD"])
    try:
        version = metadata.version("kaif")
    except metadata.PackageNotFoundError:
        version = "not installed"
    return f"{version} ({commit})" if commit else version


def _peers() -> dict[str, str]:
    dependencies: dict[str, str] = json.loads((PEERS / "package.json").read_text())["dependencies"]
    return dependencies


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent)
    except FileNotFoundError:
        return "not installed"
    return (done.stdout.splitlines() or [""])[0]


def _number(version: str) -> str:
    found = re.search(r"\d+(\.\d+)+", version)
    return found[0] if found else version
