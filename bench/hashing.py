"""What the password hash reaches alone: `python -m bench.hashing SECONDS` prints verifications a second."""

import asyncio
import sys
import time

from kaif.services.auth.passwords.hashing import THREADS, Passwords

PASSWORD = "a password of some length"


async def _verify(seconds: float) -> float:
    passwords = Passwords()
    known = await passwords.hash(PASSWORD)
    started, done = time.perf_counter(), 0

    async def again() -> None:
        nonlocal done
        while time.perf_counter() < started + seconds:
            assert await passwords.verify(known, PASSWORD)
            done += 1

    # One more than there are threads, so that none waits for the event loop.
    await asyncio.gather(*[again() for _ in range(THREADS + 1)])
    elapsed_s = time.perf_counter() - started
    passwords.close()
    return done / elapsed_s


if __name__ == "__main__":
    print(asyncio.run(_verify(float(sys.argv[1]))))
