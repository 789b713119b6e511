"""A push service of our own with the browsers behind it, and wired services that tell them."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tests.harness import Services

from kaif.app.notifying import notifications
from kaif.app.settings import read_settings
from kaif.engines.database import AlreadyExists
from kaif.engines.push.encryption import CURVE, content_keys, point_of
from kaif.interfaces.messaging.notifications import Notifications, Subscribe
from kaif.kernel.actor import Actor
from kaif.kernel.base64url import base64url
from kaif.kernel.clock import Clock, now_us
from kaif.kernel.ids import new_id
from kaif.services.auth.model import NewSession
from kaif.services.auth.sessions import store as stored_sessions
from kaif.services.messaging.notifications.notifying import Timing

AT_ONCE = Timing(gather_us=0, connected_us=0, backoff_us=20_000)
KEY = "a key of pushes with more than 32 characters"


class Browser:
    """Where one browser listens; what it was shown, opened with the keys that only it has."""

    def __init__(self, origin: str, name: str) -> None:
        self._key, self._auth = ec.generate_private_key(CURVE), os.urandom(16)
        self.endpoint = f"{origin}/push/{name}"
        self.shown: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []

    def subscription(self, language: Any = "ru") -> Subscribe:
        point = base64url(point_of(self._key.public_key()))
        return Subscribe(self.endpoint, point, base64url(self._auth), language)

    def open(self, body: bytes) -> None:
        salt, sender = body[:16], body[21 : 21 + body[20]]
        shared = self._key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, sender))
        key, nonce = content_keys(shared, self._auth, salt, point_of(self._key.public_key()), sender)
        self.shown.append(json.loads(AESGCM(key).decrypt(nonce, body[21 + body[20] :], None)[:-1]))

    @property
    def texts(self) -> list[str]:
        return [shown["text"] for shown in self.shown]


class PushService:
    def __init__(self) -> None:
        self.answers: list[str] = []
        self.asked = 0
        self._browsers: dict[str, Browser] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def close(self) -> None:
        assert self._server
        self._server.close()
        await self._server.wait_closed()

    def browser(self, name: str) -> Browser:
        assert self._server
        origin = f"http://localhost:{self._server.sockets[0].getsockname()[1]}"
        return self._browsers.setdefault(f"/push/{name}", Browser(origin, name))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else "201 Created"
        if answer.startswith("2"):
            browser = self._browsers[head[0].split()[1]]
            browser.headers.append(headers)
            browser.open(body)
        writer.write(f"HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def push_service() -> AsyncIterator[PushService]:
    service = PushService()
    await service.start()
    try:
        yield service
    finally:
        await service.close()


@asynccontextmanager
async def notifying(
    folder: Path, services: Services, timing: Timing = AT_ONCE, clock: Clock = now_us, **environment: str
) -> AsyncIterator[Notifications]:
    given = {"KAIF_PUSH_KEY": KEY, "KAIF_PUSH_ADDRESSES": "any", **environment}
    settings = read_settings(folder, "127.0.0.1", 0, given)
    async with notifications(settings, services.database, services.cache, services.auth, clock, timing) as wired:
        notified: Notifications = wired[Notifications]
        yield notified


async def have_session(services: Services, actor: Actor) -> None:
    """Open, unless it is."""
    session = NewSession(actor.session_id, actor.user_id, new_id(), "Firefox, Linux", "laptop", "127.0.0.1", now_us())
    with contextlib.suppress(AlreadyExists):
        async with services.database.transaction() as tx:
            await stored_sessions.add(tx, session, device_was_new=False)


async def listen(
    services: Services, notified: Notifications, service: PushService, actor: Actor, name: str = ""
) -> Browser:
    """The browser of the actor's session, which asked for notifications."""
    await have_session(services, actor)
    browser = service.browser(name or actor.user_id)
    await notified.subscribe(actor, browser.subscription())
    return browser
