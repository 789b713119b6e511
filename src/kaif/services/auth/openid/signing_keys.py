"""Keys that sign ID tokens: sealed at rest, published from before they sign until it counts no more."""

import asyncio
import json
from typing import Any

from cryptography.exceptions import InvalidTag
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeyParameters, KeySet, RSAKey

from kaif.engines.database import AlreadyExists, Database, Transaction
from kaif.interfaces.auth.applications import IdTokenAlgorithm, SigningKey
from kaif.interfaces.auth.openid import ID_TOKEN_SECONDS
from kaif.kernel.clock import DAY_US, MINUTE_US, SECOND_US, Clock, as_datetime
from kaif.kernel.sealing import Sealer
from kaif.services.auth.openid import signing_keys_store
from kaif.services.auth.openid.signing_keys_store import StoredKey

ALGORITHMS: tuple[IdTokenAlgorithm, ...] = ("ES256", "RS256")
SIGNS_US = 90 * DAY_US
# Applications look for new keys when they meet one that they don't know, but some only once a day.
PUBLISHED_BEFORE_US = DAY_US
# Beyond the life of what it signed, for clocks that are behind and hints that are old.
PUBLISHED_AFTER_US = ID_TOKEN_SECONDS * SECOND_US + 60 * MINUTE_US


class SigningKeys:
    def __init__(self, database: Database, sealer: Sealer, clock: Clock) -> None:
        self._database, self._sealer, self._clock = database, sealer, clock
        # Reading a key of RSA costs more than a signature by it; at most two are in use.
        self._opened: dict[str, ECKey | RSAKey] = {}

    async def public_keys(self) -> list[dict[str, str]]:
        """Those that may have signed what still counts, and the next ones."""
        await self._current("ES256")
        now_us, keys = self._clock(), await signing_keys_store.all_keys(self._database)
        if any(key.algorithm == "RS256" for key in keys):
            await self._current("RS256")
            keys = await signing_keys_store.all_keys(self._database)
        return [json.loads(key.public_key) for key in keys if _is_published(key, keys, now_us)]

    async def prepare(self, algorithm: IdTokenAlgorithm) -> None:
        """See to it that there is a key, so that it is published before an application needs it."""
        await self._current(algorithm)

    async def sign(self, algorithm: IdTokenAlgorithm, claims: dict[str, Any]) -> str:
        """A JWT of these claims."""
        stored = await self._current(algorithm)
        header = {"alg": algorithm, "typ": "JWT", "kid": stored.kid}
        return jwt.encode(header, claims, self._open(stored), algorithms=[algorithm])

    async def claims_of(self, id_token: str) -> dict[str, Any] | None:
        """What we said in it, if we did: it may be of some time ago. The caller looks at whom it was for."""
        keys = KeySet.import_key_set({"keys": await self.public_keys()})  # type: ignore[typeddict-item]
        try:
            # The key is ours by its kid, and says by which algorithm it signs: "none" or HS256 are never taken.
            return jwt.decode(id_token, keys, algorithms=list(ALGORITHMS)).claims
        except (JoseError, ValueError):
            return None

    async def listed(self) -> list[SigningKey]:
        """The published ones, the newest first."""
        now_us, keys = self._clock(), await signing_keys_store.all_keys(self._database)
        return [_shown(key, keys, now_us) for key in reversed(keys) if _is_published(key, keys, now_us)]

    async def new_keys(self) -> dict[IdTokenAlgorithm, ECKey | RSAKey]:
        """A new one for each algorithm that is in use, made away from the event loop."""
        used = {key.algorithm for key in await signing_keys_store.all_keys(self._database)} or {"ES256"}
        return {algorithm: await asyncio.to_thread(_make, algorithm) for algorithm in ALGORITHMS if algorithm in used}

    async def rotate(self, tx: Transaction, made: dict[IdTokenAlgorithm, ECKey | RSAKey], *, at_once: bool) -> None:
        """Put new keys behind those that there are, or in their place when it must be at once."""
        now_us, known = self._clock(), await signing_keys_store.all_keys(tx)
        for algorithm, key in made.items():
            before = [each for each in known if each.algorithm == algorithm]
            if at_once:
                await signing_keys_store.forget(tx, [each.kid for each in before])
            else:
                # One that waits for its turn would go on after the new one.
                await signing_keys_store.forget(tx, [each.kid for each in before if each.signs_from_us > now_us])
            signs_from_us = now_us if at_once or not before else now_us + PUBLISHED_BEFORE_US
            number = max((each.number for each in before), default=0) + 1
            await signing_keys_store.add(tx, self._sealed(algorithm, number, key, now_us, signs_from_us))

    async def _current(self, algorithm: IdTokenAlgorithm) -> StoredKey:
        """The key that signs now, after making the one that must be published by now."""
        for _ in range(3):
            now_us = self._clock()
            keys = [key for key in await signing_keys_store.all_keys(self._database) if key.algorithm == algorithm]
            signing = [key for key in keys if key.signs_from_us <= now_us]
            usable = bool(signing) and self._can_open(signing[-1])
            if usable and keys[-1].signs_from_us + SIGNS_US - PUBLISHED_BEFORE_US > now_us:
                return signing[-1]
            signs_from_us = now_us
            if usable:
                signs_from_us = max(keys[-1].signs_from_us + SIGNS_US, now_us + PUBLISHED_BEFORE_US)
            await self._make_next(algorithm, keys, now_us, signs_from_us)
        raise AssertionError("a key was made and is not there")

    async def _make_next(
        self, algorithm: IdTokenAlgorithm, known: list[StoredKey], now_us: int, signs_from_us: int
    ) -> None:
        key = await asyncio.to_thread(_make, algorithm)
        number = known[-1].number + 1 if known else 1
        try:
            async with self._database.transaction() as tx:
                await signing_keys_store.forget(tx, [old.kid for old in known if not _is_published(old, known, now_us)])
                await signing_keys_store.add(tx, self._sealed(algorithm, number, key, now_us, signs_from_us))
        except AlreadyExists:
            # Another process was faster: its key is as good.
            return

    def _sealed(
        self, algorithm: IdTokenAlgorithm, number: int, key: ECKey | RSAKey, now_us: int, signs_from_us: int
    ) -> StoredKey:
        assert key.kid, "a key is named when it is made"
        public = json.dumps(key.as_dict(private=False))
        sealed = self._sealer.seal(json.dumps(key.as_dict(private=True)), key.kid)
        return StoredKey(algorithm, number, key.kid, public, sealed, now_us, signs_from_us)

    def _open(self, stored: StoredKey) -> ECKey | RSAKey:
        """Raises InvalidTag when it was sealed under another signing key of the server's."""
        opened = self._opened.get(stored.kid)
        if opened is None:
            document = json.loads(self._sealer.unseal(stored.sealed_key, stored.kid))
            opened = (ECKey if stored.algorithm == "ES256" else RSAKey).import_key(document)
            self._opened = {kid: key for kid, key in self._opened.items() if key.key_type != opened.key_type}
            self._opened[stored.kid] = opened
        return opened

    def _can_open(self, stored: StoredKey) -> bool:
        try:
            self._open(stored)
        except InvalidTag:
            return False
        return True


def _make(algorithm: IdTokenAlgorithm) -> ECKey | RSAKey:
    parameters: KeyParameters = {"use": "sig", "alg": algorithm}
    if algorithm == "ES256":
        return ECKey.generate_key("P-256", parameters, auto_kid=True)
    return RSAKey.generate_key(2048, parameters, auto_kid=True)


def _signs_until_us(key: StoredKey, keys: list[StoredKey]) -> int | None:
    """Until the next of its algorithm begins; None when there is no next one."""
    later = [each.signs_from_us for each in keys if each.algorithm == key.algorithm and each.number > key.number]
    return min(later, default=None)


def _is_published(key: StoredKey, keys: list[StoredKey], now_us: int) -> bool:
    until_us = _signs_until_us(key, keys)
    return until_us is None or now_us < until_us + PUBLISHED_AFTER_US


def _shown(key: StoredKey, keys: list[StoredKey], now_us: int) -> SigningKey:
    until_us = _signs_until_us(key, keys)
    is_next, is_previous = key.signs_from_us > now_us, until_us is not None and until_us <= now_us
    return SigningKey(
        kid=key.kid,
        algorithm=key.algorithm,
        state="next" if is_next else "previous" if is_previous else "current",
        created_at=as_datetime(key.created_at_us),
        signs_from=as_datetime(key.signs_from_us),
    )
