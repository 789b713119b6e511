"""Real processes of ours: one that is the whole system, and what all of them are started and stopped by."""

import asyncio
import json
import os
import random
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tests import nursery
from tests.waiting import until

START_WITHIN_S = 30
STOP_WITHIN_S = 5
# Tests sign in by the thousand.
CHEAPEST_PASSWORDS = {"KAIF_PASSWORD_MEMORY": "19M", "KAIF_PASSWORD_PASSES": "2"}


class Child:
    """A process of ours, what it printed, and what it complained of."""

    def __init__(self, folder: Path, name: str, arguments: list[str], settings: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._out, self._err = folder / f"{name}.out", folder / f"{name}.err"
        self.arguments = arguments
        self._env = {**_ordinary_environment(), **settings}
        # How wrong its machine's clock is, and how much faster time goes by there for what waits by a clock.
        self.clock_ahead_s = 0.0
        self.clock_pace = 1.0
        self._process: nursery.Process | None = None

    async def start(self) -> None:
        """Returns when it says that it listens."""
        said_before = len(self.said())
        process = self._process = nursery.spawn(
            self.arguments, self._env, self._out, self._err, self.clock_ahead_s, self.clock_pace
        )
        await until(
            lambda: "Kaif Ozero" in self.said()[said_before:] or process.poll() is not None, timeout_s=START_WITHIN_S
        )
        assert process.poll() is None, f"it did not start: {self.complaints()}"

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def said(self) -> str:
        return self._out.read_text(encoding="utf-8") if self._out.exists() else ""

    def complaints(self) -> str:
        return self._err.read_text(encoding="utf-8") if self._err.exists() else ""

    async def stop(self) -> None:
        """Ask it to; it must drain and be gone in time, without a complaint of its own."""
        assert self._process
        process, self._process = self._process, None
        process.terminate()
        try:
            code = await asyncio.to_thread(process.wait, STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"it did not stop within {STOP_WITHIN_S} s: {self.complaints()}") from None
        assert code == 0, f"it stopped with {code}: {self.complaints()}"

    def kill(self) -> None:
        """As a power cut would."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def close(self) -> None:
        """Stop it unless the test has done so already."""
        if self._process:
            await self.stop()


def _ordinary_environment() -> dict[str, str]:
    """Links are looked up where a test is about that, for what they lead to is as it pleases."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("KAIF_")}
    return {**ours, **CHEAPEST_PASSWORDS, "KAIF_LINK_PREVIEWS": "off"}


class Server:
    """`kaif up` on a data folder of its own; it keeps its port when it is started again."""

    def __init__(self, folder: Path, host: str = "", **settings: str) -> None:
        self.data = folder / "data"
        self.setup_code = "set-up-code"
        self.host, self.port = free_address(host)
        self._child = Child(
            folder,
            "up",
            ["up", "--data", str(self.data), "--host", self.host, "--port", str(self.port)],
            {"KAIF_SETUP_CODE": self.setup_code, "KAIF_LIMITS_SCALE": "1000", **settings},
        )

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        return self._child.pid

    def hurry(self, pace: float) -> None:
        """From its next start on so many of its seconds pass in one of ours."""
        self._child.clock_pace = pace

    def run_ahead(self, seconds: float) -> None:
        """Its machine's clock, from its next start on."""
        self._child.clock_ahead_s = seconds

    def said(self) -> str:
        return self._child.said()

    def complaints(self) -> str:
        return self._child.complaints()

    def access_log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.data / "logs" / "access.jsonl").read_bytes().splitlines()]

    async def start(self) -> None:
        await self._child.start()

    async def stop(self) -> None:
        await self._child.stop()

    def kill(self) -> None:
        self._child.kill()

    async def restart(self) -> None:
        """Start again on the same data after `stop` or `kill`."""
        await self._child.start()

    async def close(self) -> None:
        await self._child.close()


class Runs(Protocol):
    async def start(self) -> None: ...
    async def close(self) -> None: ...
    def kill(self) -> None: ...


Running = TypeVar("Running", bound=Runs)


@asynccontextmanager
async def running(place: Running) -> AsyncIterator[Running]:
    """It must stop in time and without a complaint; after a failure it is killed."""
    try:
        await place.start()
        yield place
    except BaseException:
        place.kill()
        raise
    await place.close()


@asynccontextmanager
async def running_server(folder: Path, host: str = "", **settings: str) -> AsyncIterator[Server]:
    """A `kaif up` whose limits are loose unless KAIF_LIMITS_SCALE says otherwise."""
    async with running(Server(folder, host, **settings)) as server:
        yield server


def free_address(host: str = "") -> tuple[str, int]:
    """A loopback address that nobody else is likely to use unless one is given, and a free port of it."""
    host = host or f"127.{random.randint(1, 250)}.{random.randint(0, 250)}.{random.randint(1, 250)}"
    with socket.socket() as probe:
        probe.bind((host, 0))
        return host, int(probe.getsockname()[1])
