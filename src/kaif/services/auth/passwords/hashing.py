"""Password hashing that leaves the processor to everyone else, of passwords that are not the first to be guessed.

argon2 is slow on purpose. It runs in a few threads of the lowest priority, behind a bounded queue:
logins wait, other requests do not, and a flood of logins is turned away instead of piling up.
"""

import asyncio
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import argon2

from kaif.interfaces.auth.accounts import PasswordBreached
from kaif.kernel.errors import Busy
from kaif.kernel.threads import be_nice
from kaif.services.auth.passwords import guessing
from kaif.services.auth.passwords.breached import BreachedPasswords

T = TypeVar("T")

THREADS = 2
# About three seconds of work for two threads: whoever comes later would have given up anyway.
WAITING_MAX = 40


@dataclass(frozen=True)
class HashCost:
    """What one guess costs: `passes` over `memory_kib` of memory, by one thread.

    The default is RFC 9106's for where memory is scarce (section 4, the second one).
    """

    memory_kib: int = 64 * 1024
    passes: int = 3

    @property
    def work_kib(self) -> int:
        """What is walked through in all; the time that a guess takes goes by it."""
        return self.memory_kib * self.passes

    def hasher(self) -> argon2.PasswordHasher:
        return argon2.PasswordHasher(self.passes, self.memory_kib, parallelism=1)


# OWASP's minimum: less is no protection. More keeps people waiting and protects no better.
LEAST_COST, GREATEST_COST = HashCost(19 * 1024, 2), HashCost(1024 * 1024, 20)
# Argon2 works with no less (RFC 9106, 3.1).
SCARCELY_ANY_KIB = 8


class Passwords:
    """argon2id of the normalised password (Unicode NFKC).

    NIST SP 800-63B-4, 3.1.1.2: what is typed on another keyboard may be other code points of the same letters.
    """

    def __init__(self, breached: BreachedPasswords | None = None, cost: HashCost = HashCost()) -> None:
        self._breached = breached
        self._cost, self._hasher = cost, cost.hasher()
        self._threads = ThreadPoolExecutor(THREADS, "passwords", initializer=be_nice)
        self._waiting = 0
        self._nobody = _hash_of_nobody(cost)

    async def refuse_weak(self, password: str, about: Sequence[str], *, alone: bool = True) -> None:
        """`about` is what others know of the person; `alone` when there is no second factor beside the password.

        Raises PasswordTooShort, PasswordTooLong, PasswordBreached, PasswordTooObvious.
        """
        password = normalised(password)
        guessing.refuse_guessable(password, about, alone=alone)
        # The list lies on a disk, which may be slow.
        breached = self._breached is not None and await asyncio.to_thread(self._breached.holds, password)
        if breached:
            raise PasswordBreached(path="$.password")

    async def hash(self, password: str) -> str:
        """Raises Busy when too many wait."""
        return await self._run(lambda: self._hasher.hash(_bytes(normalised(password))))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Takes as long for nobody (None, or no hash) as for somebody. Raises Busy when too many wait."""

        def compare() -> bool:
            # Hashes from before passwords were normalised are of what was typed.
            forms = dict.fromkeys([normalised(password), password])
            return any(self._is_of(password_hash or self._nobody, form) for form in forms)

        return await self._run(compare) and bool(password_hash)

    def _is_of(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, _bytes(password))
        except argon2.exceptions.VerificationError:
            self._make_up_for(password_hash)
            return False

    def _make_up_for(self, password_hash: str) -> None:
        """A wrong password takes as long beside a hash from before the cost was raised, so that nobody learns of it."""
        kept = argon2.extract_parameters(password_hash)
        missing_kib = self._cost.work_kib - kept.memory_cost * kept.time_cost
        if missing_kib > 0:
            HashCost(max(missing_kib // self._cost.passes, SCARCELY_ANY_KIB), self._cost.passes).hasher().hash("")

    def outdated(self, password_hash: str) -> bool:
        return self._hasher.check_needs_rehash(password_hash)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= WAITING_MAX:
            raise Busy(retry_after_ms=2000)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


@cache
def _hash_of_nobody(cost: HashCost) -> str:
    """Made at the start, and once for the process: whoever asks first must not wait longer than the others."""
    return cost.hasher().hash("a password that nobody has")


def normalised(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


def _bytes(password: str) -> bytes:
    # JSON can smuggle in half a character; it is as good a secret as any.
    return password.encode("utf-8", "surrogatepass")
