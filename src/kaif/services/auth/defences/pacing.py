"""How long whoever guesses passwords has to wait: longer with each failure, until an hour has passed without one."""

from typing import NamedTuple

from kaif.kernel.clock import MINUTE_US, SECOND_US

# A failure counts until so long after the last one.
MEMORY_US = 60 * MINUTE_US
# Doublings past this many would only make large numbers.
_DOUBLINGS_MAX = 20


class Pace(NamedTuple):
    """So many failures cost nothing; the next ones a second, two, four, and so on."""

    free: int
    wait_us_max: int

    def wait_us(self, failures: int, last_us: int, now_us: int) -> int:
        """Before the next try; 0 when it may be made at once."""
        over = failures - self.free
        if over < 0:
            return 0
        wait_us = min(SECOND_US << min(over, _DOUBLINGS_MAX), self.wait_us_max)
        return max(0, last_us + wait_us - now_us)


# Somebody at one name or address from one network: people who mistype need fewer.
PAIR = Pace(10, 15 * MINUTE_US)
# The other two say nothing of who is at fault, so they never keep anybody out for long. One name or address from all
# over the world: NIST SP 800-63B-4, 3.2.2, allows an account 100 failures in a row, and it has one of each.
LOGIN = Pace(50, MINUTE_US)
# One network at so many accounts: somebody tries a list of leaked passwords.
NETWORK = Pace(30, MINUTE_US)
