"""How often something may be done, by the generic cell rate algorithm (GCRA): one number for each subject, no timers.

The number is the theoretical arrival time, the moment at which the subject's burst will be whole
again. Each process limits on its own, unless it is told what others let pass.
"""

import time
from collections.abc import Callable

import msgspec

from kaif.kernel.errors import Limited

# Past this many subjects the ones whose burst is whole again are forgotten.
SUBJECTS_MAX = 100_000


class Limit(msgspec.Struct, frozen=True):
    """For one account, or one address where nobody is signed in: a steady rate and a burst."""

    name: str
    per_minute: int
    burst: int


class Allowance(msgspec.Struct, frozen=True):
    """What is left after one request; `retry_after_s` is 0 when the request may pass."""

    retry_after_s: float
    burst: int
    remaining: int
    reset_s: float

    @property
    def retry_after_ms(self) -> int:
        return in_ms(self.retry_after_s)

    def require(self) -> None:
        """Raises Limited unless the request may pass."""
        if self.retry_after_s:
            raise Limited(retry_after_ms=self.retry_after_ms)

    @property
    def headers(self) -> bytes:
        return b"ratelimit-limit: %d\r\nratelimit-remaining: %d\r\nratelimit-reset: %d\r\n" % (
            self.burst,
            self.remaining,
            self.reset_s + 0.999,
        )


def in_ms(wait_s: float) -> int:
    """Rounded up, so that whoever waits so long has waited long enough."""
    return int(wait_s * 1000) + 1 if wait_s else 0


class Limits:
    def __init__(self, scale: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        """`scale` multiplies every rate and burst; `clock` counts seconds from any moment."""
        self._scale, self._clock = scale, clock
        self._arrivals: dict[tuple[str, str], float] = {}

    def take(self, limit: Limit, subject: str) -> Allowance:
        now, key = self._clock(), (limit.name, subject)
        interval_s, burst = self._rate_of(limit)
        wait_s = self._take(key, now, interval_s, burst)
        ahead_s = self._arrivals.get(key, now) - now
        remaining = 0 if wait_s else int(burst - ahead_s / interval_s + 1e-6)
        return Allowance(wait_s, burst, remaining, ahead_s)

    def wait_s(self, limit: Limit, subject: str) -> float:
        """Take one, without saying what is left: 0, or in how many seconds there will be one where none is now."""
        interval_s, burst = self._rate_of(limit)
        return self._take((limit.name, subject), self._clock(), interval_s, burst)

    def _rate_of(self, limit: Limit) -> tuple[float, int]:
        """Seconds from one to the next, and how many may come at once."""
        return 60.0 / (limit.per_minute * self._scale), int(limit.burst * self._scale) or 1

    def _take(self, key: tuple[str, str], now: float, interval_s: float, burst: int) -> float:
        arrival = self._arrivals.get(key, now)
        ahead_s = (arrival - now if arrival > now else 0.0) + interval_s
        over_s = ahead_s - interval_s * burst
        # A millionth of an interval forgives what floating point adds up to.
        if over_s > interval_s * 1e-6:
            return over_s
        if len(self._arrivals) >= SUBJECTS_MAX:
            self._forget(now)
        self._arrivals[key] = now + ahead_s
        return 0.0

    def give_back(self, limit: Limit, subject: str) -> None:
        """What was taken and did not have to count."""
        key = (limit.name, subject)
        if key in self._arrivals:
            self._arrivals[key] -= self._rate_of(limit)[0]

    def note(self, limit: Limit, subject: str, count: int) -> None:
        """So much another process has let pass, or has had back; there may not have been so much left."""
        now, key = self._clock(), (limit.name, subject)
        if len(self._arrivals) >= SUBJECTS_MAX:
            self._forget(now)
        self._arrivals[key] = max(self._arrivals.get(key, now), now) + count * self._rate_of(limit)[0]

    def _forget(self, now: float) -> None:
        in_debt = [(key, arrival) for key, arrival in self._arrivals.items() if arrival > now]
        # Under attack everyone may be in debt: then the older half makes room, so that neither memory
        # nor the time spent on forgetting grows.
        self._arrivals = dict(in_debt[-SUBJECTS_MAX // 2 :])
