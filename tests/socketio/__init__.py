"""The stock Socket.IO client, run as it is, and told what to do."""

import asyncio
import itertools
import json
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.servers import die_with_parent
from tests.waiting import until

FOLDER = Path(__file__).parent


class StockClient:
    """`heard` is everything that happened to it, in order."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.heard: list[dict[str, Any]] = []
        self._numbers = itertools.count(1)
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            self.heard.append(json.loads(line))

    def events(self, event: str) -> list[dict[str, Any]]:
        return [heard for heard in self.heard if heard["event"] == event]

    async def hears(self, event: str, count: int = 1, timeout_s: float = 20) -> dict[str, Any]:
        """Wait for the event to have happened so often; returns the last of it."""
        await until(lambda: len(self.events(event)) >= count, timeout_s)
        return self.events(event)[-1]

    def emit(self, event: str, content: Any, ack: int | None = None) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"emit": event, "content": content, "ack": ack}).encode() + b"\n")

    async def ask(self, event: str, **content: Any) -> dict[str, Any]:
        """Emit with an acknowledgement, and wait for it."""
        ack = next(self._numbers)
        self.emit(event, content, ack)
        return await self.answer(ack)

    async def answer(self, ack: int) -> dict[str, Any]:
        def answers() -> list[dict[str, Any]]:
            return [heard["answer"] for heard in self.events("ack") if heard["ack"] == ack]

        await until(lambda: bool(answers()), 20)
        return answers()[0]

    def messages(self, chat_id: str) -> list[int]:
        """The places of all entries of a chat that it was given, in the order in which they came."""
        entries = [heard["content"][0] for heard in self.heard if heard["event"] in ("new_message", "entry")]
        return [entry["seq"] for entry in entries if entry["chat_id"] == chat_id]

    async def close(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading


@asynccontextmanager
async def stock_client(url: str, token: str, **options: Any) -> AsyncIterator[StockClient]:
    node = shutil.which("node")
    assert node, "Node is not installed. Run: apt-get install -y nodejs npm"
    installed = (FOLDER / "node_modules" / ".installed").exists()
    assert installed, "The client is not installed. Run: scripts/install-test-servers"
    settings = {"url": url, "auth": {"token": token}, **options}
    process = await asyncio.create_subprocess_exec(
        node,
        str(FOLDER / "client.js"),
        json.dumps(settings),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    client = StockClient(process)
    try:
        yield client
    finally:
        await client.close()
