"""Password hashing that leaves the processor to everyone else.

argon2 is slow on purpose. It runs in a few threads of the lowest priority, behind a bounded queue:
logins wait, other requests do not, and a flood of logins is turned away instead of piling up.
"""

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import argon2

from kaif.kernel.errors import Busy

T = TypeVar("T")

THREADS = 2
# About three seconds of work for two threads: whoever comes later would have given up anyway.
WAITING_MAX = 100


class Passwords:
    """argon2id with m=19 MiB, t=2, p=1 (OWASP's minimum)."""

    def __init__(self) -> None:
        self._hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._threads = ThreadPoolExecutor(THREADS, "passwords", initializer=_be_nice)
        self._waiting = 0
        self._nobody = self._hasher.hash("a password that nobody has")

    async def hash(self, password: str) -> str:
        """Raises Busy when too many wait."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Takes as long for nobody (None) as for somebody. Raises Busy when too many wait."""

        def compare() -> bool:
            try:
                return self._hasher.verify(password_hash or self._nobody, password)
            except argon2.exceptions.VerificationError:
                return False

        return await self._run(compare) and password_hash is not None

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


def _be_nice() -> None:
    # On Linux the priority belongs to the thread.
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
