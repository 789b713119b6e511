"""The way to a real server: HTTP by httpx, the socket by picows."""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
from picows import WSCloseCode, WSFrame, WSHandshakeError, WSListener, WSMsgType, WSTransport, ws_connect

from kaif.client.errors import Refused, Unreachable
from kaif.client.values import Tokens
from kaif.client.wire import Content, Hangup, Line

ANSWER_WITHIN_S = 20
# The server pings a silent client after half a minute; we find out sooner, and from our side.
PING_AFTER_S = 20
PONG_WITHIN_S = 15
# As docs/realtime.md bounds the server's.
FRAME_BYTES_MAX = 1 << 20
# Of a file on its way.
PIECE_BYTES = 1 << 20
# Frames that came and are not taken yet; past that nothing more is read from the network.
FRAMES_MAX = 256
NOBODY_SAID_WHY = 1006
# A server that does not read the farewell does without.
HANG_UP_WITHIN_S = 2

OnTokens = Callable[[Tokens], Awaitable[None]]


async def _forget(tokens: Tokens) -> None:
    """Nobody wants to keep them."""


class WebWire:
    """Identity by an API key, or by tokens that are refreshed when they run out."""

    def __init__(
        self,
        url: str,
        key: str = "",
        tokens: Tokens | None = None,
        on_tokens: OnTokens | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Raises ValueError unless there is exactly one of `key` and `tokens`, and a web address."""
        if bool(key) == (tokens is not None):
            raise ValueError("give either a key or tokens")
        if not url.startswith(("http://", "https://")):
            raise ValueError("the address of a server begins with https:// or http://")
        self._url, self._key, self._tokens = url.rstrip("/"), key, tokens
        self._on_tokens = on_tokens or _forget
        self._ssl_context = ssl_context
        self._http = httpx.AsyncClient(base_url=self._url, timeout=ANSWER_WITHIN_S, verify=ssl_context or True)
        self._renewing = asyncio.Lock()
        # The proof that was last shown, so that many refusals of one token lead to one refresh.
        self._shown = ""

    def _headers(self) -> dict[str, str]:
        self._shown = self._tokens.access_token if self._tokens else self._key
        return {"authorization": f"Bearer {self._shown}"}

    async def open(self) -> Line:
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                _, listener = await ws_connect(
                    WebLine,
                    self._url.replace("http", "ws", 1) + "/v1/socket",
                    ssl_context=self._ssl_context,
                    extra_headers=self._headers(),
                    websocket_handshake_timeout=ANSWER_WITHIN_S,
                    enable_auto_ping=True,
                    auto_ping_idle_timeout=PING_AFTER_S,
                    auto_ping_reply_timeout=PONG_WITHIN_S,
                    max_frame_size=FRAME_BYTES_MAX,
                    max_redirects=0,
                )
        except WSHandshakeError as error:
            if error.response is None:
                raise Unreachable(str(error)) from error
            headers = error.response.headers
            raise _refusal(int(error.response.status), error.raw_body or b"", headers.get("retry-after", "")) from error
        except (OSError, TimeoutError, EOFError) as error:
            raise Unreachable(str(error) or type(error).__name__) from error
        if not isinstance(listener, WebLine):
            # Hung up on in the middle of the handshake.
            raise Unreachable("the server hung up")
        return listener

    async def ask(self, method: str, path: str, query: Mapping[str, str | int], body: object = None) -> bytes:
        return await self._ask(method, path, query, body, self._headers())

    async def _ask(
        self, method: str, path: str, query: Mapping[str, str | int], body: object, headers: dict[str, str]
    ) -> bytes:
        content: bytes | AsyncIterator[bytes] | None = None
        if isinstance(body, Content):
            content, headers = _sent(body.content), {**headers, **_described(body)}
        elif body is not None:
            content, headers = msgspec.json.encode(body), {**headers, "content-type": "application/json"}
        try:
            answer = await self._http.request(method, path, params=dict(query), content=content, headers=headers)
        except httpx.HTTPError as error:
            raise Unreachable(str(error) or type(error).__name__) from error
        if not answer.is_success:
            raise _refusal(answer.status_code, answer.content, answer.headers.get("retry-after", ""))
        return answer.content

    async def renew(self) -> None:
        if self._tokens is None:
            return
        refused = self._shown
        async with self._renewing:
            if self._tokens.access_token != refused:
                return
            body = {"refresh_token": self._tokens.refresh_token}
            answer = await self._ask("POST", "/v1/auth/refresh", {}, body, {})
            self._tokens = msgspec.json.decode(answer, type=Tokens)
            await self._on_tokens(self._tokens)

    async def close(self) -> None:
        await self._http.aclose()


class WebLine(WSListener):
    """An open socket; text frames of one message are put together."""

    def __init__(self) -> None:
        super().__init__()
        self._frames: deque[bytes] = deque()
        self._parts = b""
        self._came = asyncio.Event()
        self._closed_with = 0
        self._paused = False
        self._gone = asyncio.Event()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._parts += frame.get_payload_as_bytes()
            if len(self._parts) > FRAME_BYTES_MAX:
                transport.disconnect()
            elif frame.fin:
                self._frames.append(self._parts)
                self._parts = b""
                self._came.set()
                if len(self._frames) >= FRAMES_MAX and not self._paused:
                    self._paused = True
                    transport.underlying_transport.pause_reading()
        elif frame.msg_type == WSMsgType.CLOSE:
            code = frame.get_close_code()
            self._closed_with = code.value if isinstance(code, WSCloseCode) else int(code or NOBODY_SAID_WHY)
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._closed_with = self._closed_with or NOBODY_SAID_WHY
        self._came.set()
        self._gone.set()

    async def receive(self) -> bytes:
        while not self._frames:
            if self._closed_with:
                raise Hangup(self._closed_with)
            self._came.clear()
            await self._came.wait()
        if self._paused and len(self._frames) <= FRAMES_MAX // 2:
            self._paused = False
            if not self._closed_with:
                self._transport.underlying_transport.resume_reading()
        return self._frames.popleft()

    def send(self, frame: bytes) -> None:
        if not self._closed_with:
            self._transport.send(WSMsgType.TEXT, frame)

    async def close(self) -> None:
        if not self._closed_with:
            self._transport.send_close()
            self._transport.disconnect()
        try:
            await asyncio.wait_for(self._gone.wait(), HANG_UP_WITHIN_S)
        except TimeoutError:
            self._transport.disconnect(False)


def _described(file: Content) -> dict[str, str]:
    size = len(file.content) if isinstance(file.content, bytes) else file.content.stat().st_size
    return {
        "content-type": "application/octet-stream",
        "content-disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
        "content-length": str(size),
    }


def _sent(content: bytes | Path) -> bytes | AsyncIterator[bytes]:
    return content if isinstance(content, bytes) else _pieces(content)


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece


def _refusal(status: int, body: bytes, retry_after: str) -> Refused:
    """The server's problem document (RFC 9457); whatever else answers in its place has only a status."""
    try:
        problem: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        problem = {}
    retry_after_s = float(retry_after) if retry_after.isdigit() else 0.0
    code, detail = str(problem.get("code", "http")), str(problem.get("detail", f"The server answered {status}."))
    return Refused(code, detail, status, retry_after_s)
