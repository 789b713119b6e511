"""Signing in with a password; what comes after it is the entrance's."""

import msgspec

from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import InvalidCredentials, LogIn, Tokens
from kaif.kernel.actor import Actor
from kaif.services.auth import store
from kaif.services.auth.audit.log import NO_ONE, AuditLog
from kaif.services.auth.defences.sign_in_guard import SignInGuard
from kaif.services.auth.model import Account
from kaif.services.auth.passwords.hashing import Passwords
from kaif.services.auth.sessions.entering import Enter


class PasswordSignIn:
    def __init__(
        self, database: Database, passwords: Passwords, guard: SignInGuard, audit: AuditLog, enter: Enter
    ) -> None:
        self._database, self._passwords, self._guard = database, passwords, guard
        self._audit, self._enter = audit, enter

    async def log_in(self, actor: Actor, request: LogIn) -> Tokens:
        login = request.login.strip().lower()
        account = await store.find_by_login(self._database, login)
        attempt = await self._guard.admit(actor, login, account, request.captcha)
        right = await self._passwords.verify(account.password_hash if account else None, request.password)
        if account is None or not right:
            await self._record_failure(actor, account)
            raise InvalidCredentials
        if self._passwords.outdated(account.password_hash):
            account = await self._rehash(account, request.password)

        async def forgive(tx: Transaction) -> None:
            await self._guard.forgive(tx, attempt)

        return await self._enter(actor, account, forgive)

    async def _record_failure(self, actor: Actor, account: Account | None) -> None:
        """Written whether or not there is the account, so that both take as long. The name that was given may be a
        password in the wrong field, so it is not kept."""
        async with self._database.transaction() as tx:
            await self._audit.record(tx, actor, "sign_in_failed", account.id if account else NO_ONE)

    async def _rehash(self, account: Account, password: str) -> Account:
        """The account as its next step finds it. Raises InvalidCredentials when the password was changed meanwhile."""
        password_hash = await self._passwords.hash(password)
        async with self._database.transaction() as tx:
            if await store.set_password_hash(tx, account.id, password_hash, account.password_hash):
                return msgspec.structs.replace(account, password_hash=password_hash)
        # Another sign-in with the same password may have been faster.
        now = await store.find_account(self._database, account.id)
        if now is None or not await self._passwords.verify(now.password_hash, password):
            raise InvalidCredentials
        return now
