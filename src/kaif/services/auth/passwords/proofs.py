"""Somebody who is signed in gives their password again."""

from kaif.engines.database import Database
from kaif.interfaces.auth import WrongPassword
from kaif.kernel.actor import Actor
from kaif.kernel.clock import Clock
from kaif.kernel.errors import KaifError
from kaif.services.auth.audit.log import AuditLog
from kaif.services.auth.factors import challenges
from kaif.services.auth.model import Account
from kaif.services.auth.passwords.hashing import Passwords


class PasswordProofs:
    def __init__(self, database: Database, passwords: Passwords, audit: AuditLog, clock: Clock) -> None:
        self._database, self._passwords, self._audit, self._clock = database, passwords, audit, clock

    async def refusal(self, account: Account, password: str) -> KaifError | None:
        """Why it does not prove them, if so: TooManyTries or WrongPassword. Raises Busy."""
        # Counted before the slow hash, so that guesses at the same time are all counted.
        async with self._database.transaction() as tx:
            wait_us = await challenges.count_guess(tx, account.id, "step_up", self._clock())
        if wait_us:
            return challenges.too_many_tries(wait_us)
        right = await self._passwords.verify(account.password_hash, password)
        return None if right else WrongPassword(path="$.password")

    async def require(self, actor: Actor, account: Account, password: str) -> None:
        """For what is proved by the password itself. Raises TooManyTries, WrongPassword, Busy."""
        refusal = await self.refusal(account, password)
        async with self._database.transaction() as tx:
            if refusal is None:
                await challenges.forget_guesses(tx, account.id, "step_up")
            else:
                await self._audit.record(tx, actor, "step_up_failed", account.id, by="password", code=refusal.code)
        if refusal:
            raise refusal
