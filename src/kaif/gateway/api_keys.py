"""API keys at the edge: each is exchanged once for a short access token, and from then on that token speaks for it.

What is remembered of a key is its SHA-256. A token counts until most of its life is over, or until news come that
make it old: the end of its key, or a change of what its owner may do. Keys that were refused are remembered too, so
that a program with an old key costs auth nothing.
"""

import asyncio
import functools
import hashlib
import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import NamedTuple, TypeVar

from kaif.gateway.addresses import limit_subject
from kaif.gateway.identity import Identity, bearer_token
from kaif.interfaces.auth import SIGN_IN
from kaif.interfaces.auth.api_keys import ApiKeyRefused, ApiKeys, ExchangeApiKey
from kaif.kernel.actor import Actor
from kaif.kernel.api_keys import PREFIX, is_well_formed
from kaif.kernel.errors import Unauthenticated, Unavailable
from kaif.kernel.limits import Limits
from kaif.kernel.tokens import Verified

Value = TypeVar("Value")

REMEMBERED_MAX = 10_000
REFUSED_FOR_S = 60
# The rest is left to sockets that open late, and to clocks that differ.
LIFE_USED = 0.9
# News may make a token old while it is on its way.
TRIES = 3


class Known(NamedTuple):
    """What a key was exchanged for; `asked_at_s` is before auth looked at it."""

    verified: Verified
    asked_at_s: float


class KeyRing:
    def __init__(
        self,
        keys: ApiKeys,
        identity: Identity,
        limits: Limits,
        clock: Callable[[], float] = time.time,
        remembered_max: int = REMEMBERED_MAX,
    ) -> None:
        """`clock` counts seconds since 1970, as that of `identity` does."""
        self._keys, self._identity, self._limits = keys, identity, limits
        self._clock, self._remembered_max = clock, remembered_max
        self._known: dict[bytes, Known] = {}
        # Until when each is refused without asking.
        self._refused: dict[bytes, float] = {}
        self._asking: dict[bytes, asyncio.Task[Verified]] = {}

    async def verify(self, key: bytes, address: str) -> Verified:
        """Raises ApiKeyRefused, AccountSuspended, Limited, Unavailable."""
        if not is_well_formed(key):
            raise ApiKeyRefused
        digest = hashlib.sha256(key).digest()
        known = self._known.get(digest)
        if known is not None and self._is_good(known):
            return known.verified
        if self._refused.get(digest, 0.0) > self._clock():
            raise ApiKeyRefused
        asking = self._asking.get(digest)
        if asking is None:
            self._limit(address)
            asking = self._asking[digest] = asyncio.get_running_loop().create_task(self._ask(digest, key, address))
            asking.add_done_callback(functools.partial(self._asked, digest))
        # Whoever asked first may go away: the others still wait.
        return await asyncio.shield(asking)

    def _asked(self, digest: bytes, asking: asyncio.Task[Verified]) -> None:
        del self._asking[digest]
        if not asking.cancelled():
            # Seen, should nobody have waited for it.
            asking.exception()

    def _is_good(self, known: Known) -> bool:
        verified, asked_at_s = known
        good_s = (verified.expires_at_s - asked_at_s) * LIFE_USED
        if self._clock() >= asked_at_s + good_s or self._identity.is_outdated(verified):
            return False
        return self._identity.ended_at_s(verified.actor.session_id) < asked_at_s

    def _limit(self, address: str) -> None:
        """Taken before auth is asked, so that guesses at the same time all count; given back to a key that is good."""
        self._limits.take(SIGN_IN, limit_subject(address)).require()

    async def _ask(self, digest: bytes, key: bytes, address: str) -> Verified:
        try:
            known = await self._exchange(key, address)
        except ApiKeyRefused:
            self._known.pop(digest, None)
            self._remember(self._refused, digest, self._clock() + REFUSED_FOR_S)
            raise
        except Unavailable:
            self._limits.give_back(SIGN_IN, limit_subject(address))
            raise
        self._limits.give_back(SIGN_IN, limit_subject(address))
        self._remember(self._known, digest, known)
        return known.verified

    async def _exchange(self, key: bytes, address: str) -> Known:
        for _ in range(TRIES):
            asked_at_s = self._clock()
            exchanged = await self._keys.exchange(Actor(address=address), ExchangeApiKey(key.decode("ascii")))
            known = Known(self._identity.read(exchanged.access_token.encode()), asked_at_s)
            if self._is_good(known):
                return known
        raise Unavailable(retry_after_ms=1000)

    def _remember(self, known: MutableMapping[bytes, Value], digest: bytes, value: Value) -> None:
        """As the newest; the oldest gives way."""
        known.pop(digest, None)
        if len(known) >= self._remembered_max:
            del known[next(iter(known))]
        known[digest] = value


def given_key(headers: Mapping[bytes, bytes]) -> bytes:
    """The API key of a request, which only its Authorization can hold; empty when there is none."""
    try:
        token = bearer_token(headers.get(b"authorization", b""))
    except Unauthenticated:
        return b""
    return token if token.startswith(PREFIX) else b""
