"""The edge of every request: who, how often, which endpoint; then headers, metrics and a line in the log."""

import asyncio
import itertools
import os
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import msgspec

from kaif.gateway import cookies
from kaif.gateway.access_log import AccessLog
from kaif.gateway.addresses import limit_subject
from kaif.gateway.answers import INERT, JSON, NO_STORE, Answer, lines
from kaif.gateway.api_keys import KeyRing, given_key
from kaif.gateway.bytes_routes import BytesEndpoint
from kaif.gateway.cdn import FOR_CDN, ROUTE_OF_CDN, CdnHost
from kaif.gateway.identity import ApiKeyGiven, Identity, bearer_token, require_factor
from kaif.gateway.metrics import Metrics
from kaif.gateway.requests import Request
from kaif.gateway.sockets import Sockets
from kaif.gateway.static import StaticFiles
from kaif.interfaces.auth import Tokens
from kaif.kernel.actor import NOBODY, Actor, Permission, require_permission
from kaif.kernel.errors import InsufficientScope, NotFound, Unauthenticated
from kaif.kernel.http import Endpoint, Route, Table, problem_of
from kaif.kernel.http.problems import MethodNotAllowed, UnsupportedMediaType, unreadable
from kaif.kernel.limits import Limit, Limits

Page = Callable[[Request], Awaitable[Answer]]

# Where to look for routes that take streams: most requests are spared the search.
STREAMING_METHODS = (b"POST", b"PATCH")
STREAMING_PATHS = (b"/v1/media/",)

PAGES = Limit("pages", per_minute=1200, burst=400)


class Gateway:
    """What a connection serves: see `connection.Edge`."""

    def __init__(
        self,
        table: Table[Endpoint | BytesEndpoint],
        pages: dict[str, Page],
        identity: Identity,
        key_ring: KeyRing,
        limits: Limits,
        static: StaticFiles,
        metrics: Metrics,
        access_log: AccessLog,
        sockets: Sockets,
        cdn: CdnHost | None = None,
    ) -> None:
        self._cdn = cdn
        self._table, self._pages, self._static = table, pages, static
        self._identity, self._key_ring, self._limits = identity, key_ring, limits
        self._requests, self._access_log = metrics.requests, access_log
        self._sockets = sockets
        self._ids = map(f"{os.urandom(6).hex()}-{{:x}}".format, itertools.count(1))

    async def handle(self, request: Request) -> Answer:
        started = time.perf_counter()
        request.id = next(self._ids)
        request.come_from(request.address, self._sockets.trusted_proxies)
        try:
            answer = await self._answer(request)
        except Exception as error:
            answer = self._problem(request, error)
        self._record(request, answer.status, time.perf_counter() - started)
        return answer

    def takes_stream(self, method: bytes, target: bytes) -> bool:
        if method not in STREAMING_METHODS or not target.startswith(STREAMING_PATHS):
            return False
        found = self._table.find(target.decode("latin-1"))
        endpoint = found[0].get(method.decode()) if found else None
        return isinstance(endpoint, BytesEndpoint) and endpoint.streams

    def refuse(self, request: Request, status: HTTPStatus) -> Answer:
        request.id = next(self._ids)
        self._record(request, status, 0.0)
        return self._problem(request, unreadable(status))

    def upgrade(self, transport: asyncio.Transport, head: bytes, headers: dict[bytes, bytes]) -> None:
        if self._cdn and self._cdn.is_meant(headers):
            # No proxy that we know passes such a request on to what holds files alone.
            transport.close()
            return
        self._sockets.upgrade(transport, head, headers)

    def _record(self, request: Request, status: int, seconds: float) -> None:
        self._requests.observe(request.method, request.route, status, seconds)
        self._access_log.add(
            request.id, request.method, request.route, status, seconds, request.actor.user_id, request.address
        )

    def _problem(self, request: Request, error: Exception) -> Answer:
        problem = problem_of(error, request.id)
        return Answer(problem.status, lines(*problem.headers) + NO_STORE + INERT, problem.body)

    async def _answer(self, request: Request) -> Answer:
        if self._cdn and self._cdn.is_meant(request.headers):
            return await self._answer_cdn(self._cdn, request)
        found = self._table.find(request.path)
        if found is None:
            return await self._page(request)
        methods, values = found
        endpoint = methods.get(request.method) or (methods.get("GET") if request.method == "HEAD" else None)
        if endpoint is None:
            request.route = next(iter(methods.values())).route.path
            raise MethodNotAllowed(allow=", ".join(sorted({*methods, *(["HEAD"] if "GET" in methods else [])})))
        route = endpoint.route
        request.route = route.path
        try:
            self._identify(request, public=route.public)
        except ApiKeyGiven:
            await self._identify_by_key(request, route)
        self._limit(request, route.limit, public=route.public)
        if not (route.public or route.before_enrolment):
            require_factor(request.actor)
        if route.needs:
            require_permission(request.actor, route.needs)
        if route.wants_origin:
            # A copy: the actor itself is remembered with the token.
            request.actor = msgspec.structs.replace(request.actor, address=request.address, agent=request.agent)
        path = dict(zip(route.path_params, values, strict=True)) if values else {}
        if isinstance(endpoint, BytesEndpoint):
            return await endpoint.handle(request, path)
        if route.takes_body and request.content_type != b"application/json":
            raise UnsupportedMediaType
        return await self._call(request, endpoint, path)

    async def _answer_cdn(self, cdn: CdnHost, request: Request) -> Answer:
        """Whoever asks there is nobody, whatever else they bring."""
        request.route = ROUTE_OF_CDN
        self._limit(request, FOR_CDN, public=True)
        return await cdn.answer(request)

    async def _call(self, request: Request, endpoint: Endpoint, path: dict[str, str]) -> Answer:
        wanted = endpoint.decode(path, request.query, request.body)
        if not request.wants_cookies:
            result = await endpoint.call(request.actor, wanted)
            return _answer_of(endpoint, result)
        result = await endpoint.call(
            request.actor, cookies.with_refresh_token(wanted, request.headers.get(b"cookie", b""))
        )
        if isinstance(result, Tokens):
            stripped, kept = cookies.keep(result)
            return _answer_of(endpoint, stripped, kept)
        return _answer_of(endpoint, result, cookies.FORGET if request.route in cookies.LEAVING else b"")

    def _identify(self, request: Request, *, public: bool) -> None:
        """Set the actor. A public route takes nobody, and a token that has run out for nobody."""
        try:
            request.actor = self._actor(request)
        except Unauthenticated:
            if not public:
                raise
        if not public and not request.actor.user_id:
            raise Unauthenticated

    async def _identify_by_key(self, request: Request, route: Route) -> None:
        """Raises ApiKeyRefused, AccountSuspended, InsufficientScope, Limited."""
        request.actor = (await self._key_ring.verify(given_key(request.headers), request.address)).actor
        if route.scope not in (request.actor.scopes or ()):
            self._limit(request, route.limit, public=False)
            raise InsufficientScope(**({"scope": route.scope} if route.scope else {}))

    def _actor(self, request: Request) -> Actor:
        if authorization := request.headers.get(b"authorization"):
            return self._identity.verify(bearer_token(authorization)).actor
        if request.wants_cookies and request.method not in ("GET", "HEAD"):
            origin, host = request.headers.get(b"origin", b""), request.headers.get(b"host", b"")
            cookies.require_own_origin(origin, host, self._sockets.schemes)
        cookie = request.headers.get(b"cookie")
        if cookie and (token := cookies.read(cookie, cookies.ACCESS)):
            if request.method not in ("GET", "HEAD") and not request.wants_cookies:
                raise cookies.ForeignOrigin
            return self._identity.verify(token).actor
        return NOBODY

    def _limit(self, request: Request, limit: Limit, *, public: bool) -> None:
        subject = limit_subject(request.address) if public or not request.actor.user_id else request.actor.user_id
        allowance = self._limits.take(limit, subject)
        request.more_headers = allowance.headers
        allowance.require()

    async def _page(self, request: Request) -> Answer:
        self._limit(request, PAGES, public=True)
        if page := self._pages.get(request.path):
            request.route = request.path
            return await page(request)
        if request.method not in ("GET", "HEAD") or request.path.startswith(("/v1/", "/.well-known/")):
            raise NotFound
        headers = request.headers
        answer = self._static.answer(
            request.path, headers.get(b"if-none-match", b""), headers.get(b"accept-encoding", b"")
        )
        if answer is None:
            raise NotFound
        request.route = "client"
        return answer

    def require(self, request: Request, permission: Permission) -> None:
        """For pages of the operator's. Raises Unauthenticated, SecondFactorRequiredHere, MissingPermission."""
        self._identify(request, public=False)
        require_factor(request.actor)
        require_permission(request.actor, permission)


def _answer_of(endpoint: Endpoint, result: object, headers: bytes = b"") -> Answer:
    if endpoint.answers_nothing:
        return Answer(endpoint.route.status, NO_STORE + headers, b"")
    return Answer(endpoint.route.status, JSON + headers, endpoint.encode(result))


def json_answer(content: object, status: int = 200) -> Answer:
    return Answer(status, JSON, msgspec.json.encode(content))
