"""Puzzles that a browser solves in a second or two and a flood would pay for (ALTCHA 2, proof of work)."""

import asyncio
import hashlib
import time

import altcha

from kaif.engines.cache import Cache
from kaif.interfaces.auth import Nothing
from kaif.interfaces.auth.captcha import CaptchaRequired, Puzzle
from kaif.kernel.actor import Actor

GOOD_S = 600
# One key in 256 fits, and each takes a browser about three milliseconds.
ALGORITHM, ROUNDS, PREFIX = "PBKDF2/SHA-256", 10_000, "00"


class Captcha:
    """`wanted` when the operator wants them; then every answer is good once."""

    def __init__(self, *, wanted: bool, key: bytes, cache: Cache) -> None:
        self._wanted, self._key, self._cache = wanted, key, cache

    async def get_captcha(self, actor: Actor, request: Nothing) -> Puzzle:
        if not self._wanted:
            return Puzzle(None)
        challenge = altcha.create_challenge(
            ALGORITHM, ROUNDS, key_prefix=PREFIX, expires_at=int(time.time()) + GOOD_S, hmac_secret=self._key
        )
        return Puzzle(challenge.to_dict())

    async def require(self, answer: str) -> None:
        """Spend the answer. Raises CaptchaRequired unless it is a good one, or none is wanted here."""
        if self._wanted and not await self._spend(answer):
            raise CaptchaRequired

    async def lifts_suspicion(self, answer: str) -> bool:
        """Spend the answer of somebody who would have to wait. False where no puzzles are wanted.

        Raises CaptchaRequired when they are, and this is no good answer.
        """
        await self.require(answer)
        return self._wanted

    async def _spend(self, answer: str) -> bool:
        # The key is derived again, which is slow on purpose.
        if not answer or not (await asyncio.to_thread(altcha.verify_solution, answer, self._key)).verified:
            return False
        # Of one puzzle there may be many answers: what counts is what we have signed.
        signature = altcha.Payload.from_base64(answer).challenge.signature or ""
        spent = hashlib.sha256(signature.encode()).hexdigest()
        return await self._cache.count(f"auth.captcha:{spent}", GOOD_S * 1000) == 1
