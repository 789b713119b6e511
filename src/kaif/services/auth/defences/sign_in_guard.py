"""Guessed passwords: whoever fails often waits, and a network that tries many accounts is noticed.

Failures count against a name or an address in a network; against it, wherever they come from; and, once for each,
against the network. The last two can be run up by a stranger, so they never delay a sign-in from a network
that the account is known in, nor anyone for more than a minute.
"""

import hmac
import itertools

import msgspec

from kaif.engines.database import Database, Transaction
from kaif.kernel.actor import Actor
from kaif.kernel.clock import Clock
from kaif.services.auth.audit.log import NO_ONE, AuditLog
from kaif.services.auth.defences import attempts
from kaif.services.auth.defences.attempts import Failures
from kaif.services.auth.defences.captcha import Captcha
from kaif.services.auth.defences.pacing import LOGIN, NETWORK, PAIR
from kaif.services.auth.devices import network_of
from kaif.services.auth.factors.challenges import too_many_tries
from kaif.services.auth.model import Account
from kaif.services.auth.sessions import store as stored_sessions

FORGET_EVERY = 100


class Attempt(msgspec.Struct, frozen=True):
    """What a sign-in counts against; `foreign` when the account is not known in its network."""

    pair: str
    login: str
    network: str
    foreign: bool

    @property
    def subjects(self) -> list[str]:
        return [self.pair, self.login, self.network] if self.foreign else [self.pair]


class SignInGuard:
    def __init__(self, database: Database, key: bytes, captcha: Captcha, audit: AuditLog, clock: Clock) -> None:
        self._database, self._key, self._audit, self._clock = database, key, audit, clock
        self._captcha = captcha
        self._turns = itertools.count(1)

    async def admit(self, actor: Actor, login: str, account: Account | None, captcha: str) -> Attempt:
        """Count a try before it is made, so that tries at the same time all count.

        Raises TooManyTries, or CaptchaRequired where a puzzle spares the wait that strangers have caused.
        """
        await self._forget_lapsed()
        network = network_of(actor.address)
        # Asked for nobody as well: both take as long.
        known = await stored_sessions.is_known(self._database, account.id if account else NO_ONE, network)
        # By what was typed: were an account's name and address counted as one, who has to wait at the one would learn
        # by the other whose it is.
        attempt = self._attempt(login, network, foreign=not known)
        own_us, strangers_us = await self._try(actor, attempt, self._clock(), vouched=False)
        if strangers_us and not own_us and await self._captcha.lifts_suspicion(captcha):
            own_us, strangers_us = await self._try(actor, attempt, self._clock(), vouched=True)
        if wait_us := max(own_us, strangers_us):
            raise too_many_tries(wait_us)
        return attempt

    async def _try(self, actor: Actor, attempt: Attempt, now_us: int, *, vouched: bool) -> tuple[int, int]:
        """Count it, unless it has to wait: for failures like it, or for those of strangers."""
        async with self._database.transaction() as tx:
            if not attempt.foreign and await attempts.count_first(tx, attempt.pair, now_us):
                return 0, 0
            failures = await attempts.lock(tx, attempt.subjects, now_us)
            own_us = PAIR.wait_us(*failures[attempt.pair], now_us)
            strangers_us = _strangers_wait_us(attempt, failures, now_us) if attempt.foreign and not vouched else 0
            if not own_us and not strangers_us:
                await self._count(tx, actor, attempt, failures, now_us)
        return own_us, strangers_us

    def _attempt(self, login: str, network: str, *, foreign: bool) -> Attempt:
        # Sealed, for what somebody types as their name may be a password.
        sealed = hmac.digest(self._key, login.encode("utf-8", "surrogatepass"), "sha256").hex()
        return Attempt(f"{sealed}@{network}", sealed, f"@{network}", foreign)

    async def _count(self, tx: Transaction, actor: Actor, attempt: Attempt, failures: Failures, now_us: int) -> None:
        is_first = failures[attempt.pair][0] == 0
        await attempts.count(tx, [one for one in attempt.subjects if is_first or one != attempt.network], now_us)
        if attempt.foreign and is_first and failures[attempt.network][0] + 1 == NETWORK.free:
            await self._audit.record(tx, actor, "stuffing_suspected", NO_ONE, network=attempt.network[1:])

    async def forgive(self, tx: Transaction, attempt: Attempt) -> None:
        """The password was right: what it counted, and what was mistyped before it, counts no more."""
        if not attempt.foreign:
            await attempts.forget(tx, attempt.pair)
            return
        failures = await attempts.lock(tx, attempt.subjects, self._clock())
        await attempts.forget(tx, attempt.pair)
        if tries := failures[attempt.pair][0]:
            await attempts.take_back(tx, attempt.login, tries)
            await attempts.take_back(tx, attempt.network, 1)

    async def _forget_lapsed(self) -> None:
        if next(self._turns) % FORGET_EVERY == 0:
            async with self._database.transaction() as tx:
                await attempts.forget_lapsed(tx, self._clock())


def _strangers_wait_us(attempt: Attempt, failures: Failures, now_us: int) -> int:
    at_login = LOGIN.wait_us(*failures[attempt.login], now_us)
    return max(at_login, NETWORK.wait_us(*failures[attempt.network], now_us))
