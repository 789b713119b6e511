"""A server of a bot's that does as it is told, and wired services that call it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.harness import Services
from tests.services.messaging.notified import KEY, have_session

from kaif.app.delivering import outgoing_webhooks
from kaif.app.settings import read_settings
from kaif.interfaces.auth.bots import MakeBot
from kaif.interfaces.messaging.outgoing_webhooks import OutgoingWebhooks
from kaif.kernel.actor import Actor, SessionId
from kaif.kernel.clock import Clock, now_us
from kaif.kernel.ids import new_id
from kaif.services.messaging.notifications.deliveries import Timing

# Answers are waited for longer than a busy machine takes: what has been taken, and not in time, would come again.
SOON = Timing(within_s=5, pause_us=20_000)


class BotServer:
    """What it has taken is in `taken`; `answers` are given before it takes anything, each once.

    An answer is a status line, with far too much behind it where it ends in "Long"; or "hang"; or "close", in the
    middle of an answer.
    """

    def __init__(self) -> None:
        self.answers: list[str] = []
        self.taken: list[dict[str, Any]] = []
        self.signed: list[tuple[dict[str, str], bytes]] = []
        self.asked: list[str] = []
        # Held back while it is not set; how many requests are being answered, and how many were at most.
        self.open = asyncio.Event()
        self.open.set()
        self.now = self.most = 0
        # How long each answer takes.
        self.takes_s = 0.0
        self._server: asyncio.Server | None = None

    @property
    def origin(self) -> str:
        assert self._server
        return f"http://localhost:{self._server.sockets[0].getsockname()[1]}"

    @property
    def url(self) -> str:
        return f"{self.origin}/bot"

    def of(self, chat_id: str) -> list[dict[str, Any]]:
        return [one for one in self.taken if one["chat_id"] == chat_id]

    def seqs_of(self, chat_id: str) -> list[int]:
        return [one["seq"] for one in self.of(chat_id) if one["type"] == "entry"]

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def close(self) -> None:
        assert self._server
        # Whoever is held back goes, too.
        self.open.set()
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        finally:
            self.now -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.asked.append(head[0].split()[1])
        await self.open.wait()
        await asyncio.sleep(self.takes_s)
        answer = self.answers.pop(0) if self.answers else "204 No Content"
        if answer == "hang":
            await reader.read()
            return
        if answer == "close":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of it")
            await writer.drain()
            return
        too_long = answer.endswith("Long")
        if answer.startswith("2") and not too_long:
            self.taken.append(json.loads(body))
            self.signed.append((headers, body))
        length = 100_000 if too_long else 0
        where = f"location: {self.origin}/within\r\n" if answer.startswith("3") else ""
        writer.write(f"HTTP/1.1 {answer}\r\n{where}content-length: {length}\r\n\r\n".encode() + b"x" * length)
        await writer.drain()


@asynccontextmanager
async def bot_server() -> AsyncIterator[BotServer]:
    server = BotServer()
    await server.start()
    try:
        yield server
    finally:
        await server.close()


@asynccontextmanager
async def calling(
    folder: Path, services: Services, clock: Clock = now_us, timing: Timing = SOON, **environment: str
) -> AsyncIterator[OutgoingWebhooks]:
    """As a process of messaging does it, with less patience."""
    given = {"KAIF_PUSH_KEY": KEY, "KAIF_WEBHOOK_ADDRESSES": "any", **environment}
    settings = read_settings(folder, "127.0.0.1", 0, given)
    async with outgoing_webhooks(settings, services.database, services.auth, services.bots, clock, timing) as wired:
        called: OutgoingWebhooks = wired[OutgoingWebhooks]
        yield called


async def own_bot(services: Services, owner: Actor, name: str = "lakebot") -> Actor:
    """One with a key, for which somebody answers who has just signed in."""
    await have_session(services, owner)
    made = await services.bots.make_bot(owner, MakeBot(name))
    return Actor(made.bot.person.id, SessionId(new_id()), scopes=frozenset())
