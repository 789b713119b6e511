"""Who is asking: tokens verified once and remembered, sessions forgotten the moment they end."""

import contextlib
import time
from collections.abc import Callable

from kaif.engines.cache import Cache
from kaif.interfaces.auth import ACCESS_TOKEN_SECONDS, SESSIONS_ENDED, Auth, Nothing, SessionEnded
from kaif.kernel.actor import NOBODY, Actor, SessionId
from kaif.kernel.background import Background
from kaif.kernel.errors import KaifError, Unauthenticated
from kaif.kernel.tokens import TokenExpired, Verifier

REMEMBERED_TOKENS_MAX = 100_000


class Identity:
    def __init__(self, auth: Auth, cache: Cache) -> None:
        self._auth, self._cache = auth, cache
        self._verifier: Verifier
        self._verified: dict[bytes, tuple[Actor, int]] = {}
        self._ended: dict[SessionId, float] = {}
        self._background = Background()
        # Whoever must know at once that a session ended: the sockets.
        self.on_end: Callable[[SessionId], None] = lambda _: None

    async def start(self) -> None:
        await self._cache.subscribe(SESSIONS_ENDED, self._hear_end, self._catch_up_soon)
        self._verifier = Verifier((await self._auth.get_keys(NOBODY, Nothing())).keys)
        await self._catch_up()

    def _hear_end(self, payload: bytes) -> None:
        self._end(SessionId(payload.decode()))

    def _catch_up_soon(self) -> None:
        self._background.run(self._catch_up())

    async def _catch_up(self) -> None:
        """Sessions that ended while no news came."""
        with contextlib.suppress(KaifError):
            for session_id in (await self._auth.get_ended_sessions(NOBODY, Nothing())).session_ids:
                self._end(session_id)

    def _end(self, session_id: SessionId) -> None:
        now = time.time()
        # After that long no token of theirs can be good.
        self._ended = {ended: until for ended, until in self._ended.items() if until > now}
        self._ended[session_id] = now + ACCESS_TOKEN_SECONDS
        self.on_end(session_id)

    def verify(self, token: bytes) -> tuple[Actor, int]:
        """Who, and until when (seconds since 1970). Raises Unauthenticated, TokenExpired, SessionEnded."""
        known = self._verified.get(token)
        if known is None:
            known = self._verifier.verify(token, time.time())
            if len(self._verified) >= REMEMBERED_TOKENS_MAX:
                self._verified.clear()
            self._verified[token] = known
        actor, expires_at_s = known
        if expires_at_s <= time.time():
            del self._verified[token]
            raise TokenExpired
        if actor.session_id in self._ended:
            raise SessionEnded
        return known

    async def close(self) -> None:
        await self._background.close()


def bearer_token(authorization: bytes) -> bytes:
    """The token of an Authorization header. Raises Unauthenticated for any other scheme."""
    scheme, _, token = authorization.partition(b" ")
    if scheme.lower() != b"bearer" or not token:
        raise Unauthenticated
    return token.strip()
