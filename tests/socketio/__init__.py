"""The stock Socket.IO client, run as it is, and told what to do."""

import asyncio
import itertools
import json
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from tests.stock import StockProcess
from tests.waiting import until

FOLDER = Path(__file__).parent


class StockClient(StockProcess):
    """One connection."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        super().__init__(process)
        self._numbers = itertools.count(1)

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


def stock_client(url: str, token: str, **options: Any) -> AbstractAsyncContextManager[StockClient]:
    return StockClient.running(FOLDER, {"url": url, "auth": {"token": token}, **options})
