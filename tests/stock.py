"""Stock clients of other languages, run as they are: each a program for Node that writes down what happens to it."""

import asyncio
import json
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from tests.servers import die_with_parent


class StockProcess:
    """`heard` is everything that happened to it, in order."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.heard: list[dict[str, Any]] = []
        self._reading = asyncio.create_task(self._read())

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path, settings: dict[str, Any]) -> AsyncIterator[Self]:
        """The program `client.js` of a folder, with what it is to do."""
        node = shutil.which("node")
        assert node, "Node is not installed. Run: apt-get install -y nodejs npm"
        installed = (folder / "node_modules" / ".installed").exists()
        assert installed, "The client is not installed. Run: scripts/install-test-servers"
        process = await asyncio.create_subprocess_exec(
            node,
            str(folder / "client.js"),
            json.dumps(settings),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 24,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
        client = cls(process)
        try:
            yield client
        finally:
            await client.close()

    async def _read(self) -> None:
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            self.heard.append(json.loads(line))

    def events(self, event: str) -> list[dict[str, Any]]:
        return [heard for heard in self.heard if heard["event"] == event]

    async def close(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading
