"""Who is asking: tokens verified once and remembered, sessions forgotten the moment they end."""

import contextlib
import time
from collections.abc import Callable

import msgspec

from kaif.engines.cache import Cache
from kaif.interfaces.auth import (
    ACCESS_TOKEN_SECONDS,
    EVERYBODY,
    PERMISSIONS_CHANGED,
    SESSIONS_ENDED,
    Auth,
    Nothing,
    PermissionChange,
    SessionEnded,
)
from kaif.interfaces.auth.required_factors import SecondFactorRequiredHere
from kaif.kernel.actor import NOBODY, Actor, SessionId, UserId
from kaif.kernel.api_keys import PREFIX
from kaif.kernel.background import Background
from kaif.kernel.clock import SECOND_US
from kaif.kernel.errors import KaifError, Unauthenticated
from kaif.kernel.tokens import TokenExpired, Verified, Verifier

REMEMBERED_TOKENS_MAX = 100_000

_change = msgspec.msgpack.Decoder(PermissionChange)


class ApiKeyGiven(Unauthenticated):
    """What was given is no token but an API key, which only takes longer to tell: `KeyRing` does."""


class Identity:
    def __init__(self, auth: Auth, cache: Cache) -> None:
        self._auth, self._cache = auth, cache
        self._verifier: Verifier
        self._verified: dict[bytes, Verified] = {}
        self._ended: dict[SessionId, float] = {}
        # Whose permissions changed while a token of theirs could still be good, and when.
        self._permitted_at_us: dict[UserId, int] = {}
        self._background = Background()
        # Whoever must know at once that a session ended: the sockets.
        self.on_end: Callable[[SessionId], None] = lambda _: None
        # And whoever must know whose tokens are outdated, or that everybody's are.
        self.on_change: Callable[[UserId], None] = lambda _: None

    async def start(self) -> None:
        await self._cache.subscribe(SESSIONS_ENDED, self._hear_end, self._catch_up_soon)
        await self._cache.subscribe(PERMISSIONS_CHANGED, self._hear_change)
        self._verifier = Verifier((await self._auth.get_keys(NOBODY, Nothing())).keys)
        await self._catch_up()

    def _hear_end(self, payload: bytes) -> None:
        self._end(SessionId(payload.decode()))

    def _hear_change(self, payload: bytes) -> None:
        self._take_change(_change.decode(payload))

    def _take_change(self, change: PermissionChange) -> None:
        oldest_us = change.at_us - ACCESS_TOKEN_SECONDS * SECOND_US
        self._permitted_at_us = {user: at_us for user, at_us in self._permitted_at_us.items() if at_us > oldest_us}
        # What is heard and what is asked for may overtake each other: an older change takes nothing back.
        known_us = self._permitted_at_us.get(change.user_id, 0)
        self._permitted_at_us[change.user_id] = max(known_us, change.at_us)
        self.on_change(change.user_id)

    def _catch_up_soon(self) -> None:
        self._background.run(self._catch_up())

    async def _catch_up(self) -> None:
        """What was taken back while no news came."""
        with contextlib.suppress(KaifError):
            withdrawn = await self._auth.get_withdrawn(NOBODY, Nothing())
            for session_id in withdrawn.session_ids:
                self._end(session_id)
            for change in withdrawn.permissions:
                self._take_change(change)

    def _end(self, session_id: SessionId) -> None:
        now = time.time()
        # After that long no token of theirs can be good.
        self._ended = {ended: until for ended, until in self._ended.items() if until > now}
        self._ended[session_id] = now + ACCESS_TOKEN_SECONDS
        self.on_end(session_id)

    def verify(self, token: bytes) -> Verified:
        """Raises Unauthenticated, ApiKeyGiven, TokenExpired, SessionEnded."""
        known = self._verified.get(token)
        if known is None:
            known = self._read_persons(token)
            if len(self._verified) >= REMEMBERED_TOKENS_MAX:
                self._verified.clear()
            self._verified[token] = known
        outdated = self.is_outdated(known) or known.permitted_at_us < self._permitted_at_us.get(EVERYBODY, 0)
        if outdated or known.expires_at_s <= time.time():
            del self._verified[token]
            raise TokenExpired
        if known.actor.session_id in self._ended:
            raise SessionEnded
        return known

    def _read_persons(self, token: bytes) -> Verified:
        if token.startswith(PREFIX):
            raise ApiKeyGiven
        verified = self.read(token)
        # What a key was exchanged for never leaves the gateway: whoever brings it has not got it from us.
        if verified.actor.scopes is not None:
            raise Unauthenticated
        return verified

    def read(self, token: bytes) -> Verified:
        """What it says, if it is ours and has not run out. Raises Unauthenticated, TokenExpired."""
        return self._verifier.verify(token, time.time())

    def is_outdated(self, verified: Verified) -> bool:
        """Whether its owner's permissions have changed since; what is everybody's does not concern API keys."""
        return verified.permitted_at_us < self._permitted_at_us.get(verified.actor.user_id, 0)

    def ended_at_s(self, session_id: SessionId) -> float:
        """When we heard of its end (seconds since 1970); 0 when we have not."""
        return self._ended.get(session_id, ACCESS_TOKEN_SECONDS) - ACCESS_TOKEN_SECONDS

    async def close(self) -> None:
        await self._background.close()


def bearer_token(authorization: bytes) -> bytes:
    """The token of an Authorization header. Raises Unauthenticated for any other scheme."""
    scheme, _, token = authorization.partition(b" ")
    if scheme.lower() != b"bearer" or not token:
        raise Unauthenticated
    return token.strip()


def require_factor(actor: Actor) -> None:
    """Raises SecondFactorRequiredHere."""
    if actor.must_enrol:
        raise SecondFactorRequiredHere
