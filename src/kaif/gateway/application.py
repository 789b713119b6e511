"""The edge of every request: who, how often, which endpoint; then headers, metrics and a line in the log."""

import asyncio
import contextlib
import itertools
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from kaif.gateway import cookies
from kaif.gateway.access_log import AccessLog
from kaif.gateway.addresses import Network, client_address, limit_subject
from kaif.gateway.answers import INERT, JSON, NO_STORE, SECURITY, Answer, Headers
from kaif.gateway.identity import Identity, bearer_token
from kaif.gateway.limits import Limits
from kaif.gateway.metrics import Metrics
from kaif.gateway.static import StaticFiles
from kaif.interfaces.auth import Tokens
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.errors import Forbidden, Limited, NotFound, Unauthenticated
from kaif.kernel.http import Endpoint, Table, problem_of
from kaif.kernel.http.problems import MethodNotAllowed, TimedOut, TooLarge, UnsupportedMediaType
from kaif.kernel.limits import Limit

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Page = Callable[["Request"], Awaitable[Answer]]

BODY_BYTES_MAX = 64 * 1024
BODY_WITHIN_S = 10
DISCARDED_BYTES_MAX = 16 << 20

PAGES = Limit("pages", per_minute=1200, burst=400)

_WANTED = {
    b"authorization",
    b"cookie",
    b"content-length",
    b"content-type",
    b"origin",
    b"host",
    b"kaif-session",
    b"x-forwarded-for",
    b"if-none-match",
    b"accept-encoding",
}


class Request:
    """One request on its way through the edge."""

    __slots__ = ("actor", "address", "headers", "id", "limit_headers", "method", "path", "query", "route")

    def __init__(self, scope: dict[str, Any], request_id: str, trusted_proxies: list[Network]) -> None:
        self.id = request_id
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.headers: dict[bytes, bytes] = {name: value for name, value in scope["headers"] if name in _WANTED}
        client = scope["client"]
        self.address: str = client[0] if client else ""
        if trusted_proxies:
            self.address = client_address(self.address, self.headers.get(b"x-forwarded-for", b""), trusted_proxies)
        self.actor: Actor = NOBODY
        self.route = "unmatched"
        self.limit_headers: Headers = []

    @property
    def wants_cookies(self) -> bool:
        return self.headers.get(b"kaif-session") == b"cookie"


class Gateway:
    """The ASGI application."""

    def __init__(
        self,
        table: Table,
        pages: dict[str, Page],
        identity: Identity,
        limits: Limits,
        static: StaticFiles,
        metrics: Metrics,
        access_log: AccessLog,
        trusted_proxies: list[Network],
    ) -> None:
        self._table, self._pages, self._static = table, pages, static
        self._identity, self._limits = identity, limits
        self._requests, self._access_log = metrics.requests, access_log
        self._trusted_proxies = trusted_proxies
        self._ids = map(f"{os.urandom(6).hex()}-{{:x}}".format, itertools.count(1))

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request = Request(scope, next(self._ids), self._trusted_proxies)
        try:
            answer = await self._answer(request, receive)
        except Exception as error:
            answer = self._problem(request, error)
        headers = [
            *SECURITY,
            *request.limit_headers,
            *answer.headers,
            (b"x-request-id", request.id.encode()),
            (b"content-length", b"%d" % len(answer.body)),
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        body = answer.body if request.method != "HEAD" else b""
        await send({"type": "http.response.body", "body": body, "more_body": answer.status == TooLarge.status})
        if answer.status == TooLarge.status:
            await _discard(receive)
            await send({"type": "http.response.body", "body": b""})
        seconds = time.perf_counter() - started
        self._requests.observe(request.method, request.route, answer.status, seconds)
        self._access_log.add(
            request.id, request.method, request.route, answer.status, seconds, request.actor.user_id, request.address
        )

    def _problem(self, request: Request, error: Exception) -> Answer:
        problem = problem_of(error, request.id)
        headers = [*problem.headers, NO_STORE, INERT]
        if isinstance(error, TooLarge | TimedOut):
            # What is still on its way is not worth reading.
            headers.append((b"connection", b"close"))
        return Answer(problem.status, headers, problem.body)

    async def _answer(self, request: Request, receive: Receive) -> Answer:
        found = self._table.find(request.path)
        if found is None:
            return await self._page(request)
        methods, values = found
        endpoint = methods.get("GET" if request.method == "HEAD" else request.method)
        if endpoint is None:
            request.route = next(iter(methods.values())).route.path
            raise MethodNotAllowed(allow=", ".join(sorted({*methods, *(["HEAD"] if "GET" in methods else [])})))
        route = endpoint.route
        request.route = route.path
        self._identify(request, public=route.public)
        self._limit(request, route.limit, public=route.public)
        body = await self._body(request, receive) if route.takes_body else b""
        path = dict(zip(route.path_params, values, strict=True)) if values else {}
        return await self._call(request, endpoint, path, body)

    async def _call(self, request: Request, endpoint: Endpoint, path: dict[str, str], body: bytes) -> Answer:
        wanted = endpoint.decode(path, request.query, body)
        if request.wants_cookies:
            wanted = cookies.with_refresh_token(wanted, request.headers.get(b"cookie", b""))
        result = await endpoint.call(request.actor, wanted)
        headers = [JSON, NO_STORE, INERT]
        if request.wants_cookies and isinstance(result, Tokens):
            result, kept = cookies.keep(result)
            headers += kept
        if endpoint.answers_nothing:
            forgotten = cookies.forget() if request.wants_cookies and request.route.endswith("/logout") else []
            return Answer(endpoint.route.status, [NO_STORE, *forgotten], b"")
        return Answer(endpoint.route.status, headers, endpoint.encode(result))

    def _identify(self, request: Request, *, public: bool) -> None:
        """Set the actor. A public route takes nobody, and a token that has run out for nobody."""
        try:
            request.actor = self._actor(request)
        except Unauthenticated:
            if not public:
                raise
        if not public and not request.actor.user_id:
            raise Unauthenticated

    def _actor(self, request: Request) -> Actor:
        if authorization := request.headers.get(b"authorization"):
            return self._identity.verify(bearer_token(authorization))[0]
        if request.wants_cookies and request.method not in ("GET", "HEAD"):
            cookies.require_own_origin(request.headers.get(b"origin", b""), request.headers.get(b"host", b""))
        cookie = request.headers.get(b"cookie")
        if cookie and (token := cookies.read(cookie, cookies.ACCESS)):
            if request.method not in ("GET", "HEAD") and not request.wants_cookies:
                raise cookies.ForeignOrigin
            return self._identity.verify(token)[0]
        return NOBODY

    def _limit(self, request: Request, limit: Limit, *, public: bool) -> None:
        subject = limit_subject(request.address) if public or not request.actor.user_id else request.actor.user_id
        allowance = self._limits.take(limit, subject)
        request.limit_headers = allowance.headers
        if allowance.retry_after_s:
            raise Limited(retry_after_ms=int(allowance.retry_after_s * 1000) + 1)

    async def _body(self, request: Request, receive: Receive) -> bytes:
        length = request.headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > BODY_BYTES_MAX:
            raise TooLarge
        if request.headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != b"application/json":
            raise UnsupportedMediaType
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                return await _read(receive)
        except TimeoutError:
            raise TimedOut from None

    async def _page(self, request: Request) -> Answer:
        if page := self._pages.get(request.path):
            request.route = request.path
            return await page(request)
        if request.method not in ("GET", "HEAD") or request.path.startswith(("/v1/", "/.well-known/")):
            raise NotFound
        self._limit(request, PAGES, public=True)
        headers = request.headers
        answer = self._static.answer(
            request.path, headers.get(b"if-none-match", b""), headers.get(b"accept-encoding", b"")
        )
        if answer is None:
            raise NotFound
        request.route = "client"
        return answer

    def require_role(self, request: Request, role: str) -> None:
        """For pages of the operator's. Raises Unauthenticated, Forbidden."""
        self._identify(request, public=False)
        if request.actor.role != role:
            raise Forbidden


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise TimedOut
        part: bytes = message.get("body", b"")
        body += part
        if len(body) > BODY_BYTES_MAX:
            raise TooLarge
        if not message.get("more_body", False):
            return body


async def _discard(receive: Receive) -> None:
    """Hanging up on a client that still sends would take the answer from it, so read on for a while."""
    left_bytes = DISCARDED_BYTES_MAX
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(BODY_WITHIN_S):
            while left_bytes > 0:
                message = await receive()
                left_bytes -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


def json_answer(content: object, status: int = 200) -> Answer:
    return Answer(status, [JSON, NO_STORE, INERT], msgspec.json.encode(content))
