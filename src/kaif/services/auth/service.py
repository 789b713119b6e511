"""What one can do with accounts and sessions; each method is one transaction."""

import msgspec

from kaif.engines.cache import Cache
from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import (
    ACCESS_TOKEN_SECONDS,
    FindPeople,
    GetOpenSessions,
    GetPeople,
    GetPerson,
    InvalidCredentials,
    Jwks,
    LogIn,
    Nothing,
    OpenAccounts,
    OpenSessions,
    People,
    Person,
    PersonNotFound,
    Refresh,
    Register,
    SessionEnded,
    SetUp,
    SetupState,
    Tokens,
    User,
    Withdrawn,
)
from kaif.kernel.actor import NOBODY, Actor, SessionId
from kaif.kernel.clock import SECOND_US, Clock
from kaif.services.auth import model, store
from kaif.services.auth.accounts.registration import Registration
from kaif.services.auth.audit.log import NO_ONE, AuditLog
from kaif.services.auth.defences.sign_in_guard import SignInGuard
from kaif.services.auth.factors import rule as factor_rule
from kaif.services.auth.model import Account
from kaif.services.auth.passwords.hashing import Passwords
from kaif.services.auth.roles import grants
from kaif.services.auth.sessions import store as stored_sessions
from kaif.services.auth.sessions.announcing import announce_ends
from kaif.services.auth.sessions.entrance import Entrance
from kaif.services.auth.sessions.issuing import TokenIssuer


class AuthService:
    def __init__(
        self,
        database: Database,
        cache: Cache,
        registration: Registration,
        passwords: Passwords,
        guard: SignInGuard,
        entrance: Entrance,
        issuer: TokenIssuer,
        audit: AuditLog,
        clock: Clock,
    ) -> None:
        self._database, self._cache, self._audit, self._clock = database, cache, audit, clock
        self._registration, self._passwords, self._guard = registration, passwords, guard
        self._entrance, self._issuer = entrance, issuer
        self._accounts = store.accounts(database)

    # Coming in

    async def get_setup(self, actor: Actor, request: Nothing) -> SetupState:
        return SetupState(needed=not await store.is_set_up(self._database))

    async def set_up(self, actor: Actor, request: SetUp) -> Tokens:
        return await self._registration.set_up(actor, request)

    async def register(self, actor: Actor, request: Register) -> Tokens:
        return await self._registration.register(actor, request)

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

        return await self._entrance.enter(actor, account, forgive)

    async def _record_failure(self, actor: Actor, account: Account | None) -> None:
        """Written whether or not there is the account, so that both take as long. The name that was given may be a
        password in the wrong field, so it is not kept."""
        async with self._database.transaction() as tx:
            await self._audit.record(tx, actor, "sign_in_failed", account.id if account else NO_ONE)

    async def _rehash(self, account: Account, password: str) -> Account:
        password_hash = await self._passwords.hash(password)
        async with self._database.transaction() as tx:
            if not await store.set_password_hash(tx, account.id, password_hash, account.password_hash):
                raise InvalidCredentials
        return msgspec.structs.replace(account, password_hash=password_hash)

    # Sessions

    async def refresh(self, actor: Actor, request: Refresh) -> Tokens:
        session_id, now_us = model.session_of(request.refresh_token), self._clock()
        refresh_token = self._issuer.refresh_tokens.after(request.refresh_token, session_id, request.attempt)
        async with self._database.transaction() as tx:
            user_id = await stored_sessions.rotate(
                tx,
                session_id,
                model.hash_of(request.refresh_token),
                model.hash_of(refresh_token),
                now_us,
                now_us + model.SESSION_IDLE_US,
                model.SESSION_LIFETIME_US,
            )
            if user_id is None and request.attempt:
                # By the one who spent it, as only they know the attempt: their answer was lost.
                since_us = now_us - model.REFRESH_REPEATED_US
                user_id = await stored_sessions.find_rotated(
                    tx, session_id, model.hash_of(refresh_token), since_us, now_us
                )
            # A token that was good once and comes again is in two hands: neither keeps the session.
            was_good = user_id is None and self._issuer.refresh_tokens.renewed_by(request.refresh_token) is not None
            stolen_from = None
            if was_good:
                spent_hash = model.hash_of(request.refresh_token)
                stolen_from = await stored_sessions.end_if_spent(tx, session_id, spent_hash, now_us)
            if stolen_from:
                await self._audit.record(tx, NOBODY, "session_stolen", stolen_from, session=session_id)
        if stolen_from:
            await announce_ends(self._cache, [session_id])
        if user_id is None:
            raise SessionEnded
        return await self._issuer.tokens(user_id, session_id, refresh_token, now_us)

    async def log_out(self, actor: Actor, request: Refresh) -> Nothing:
        session_id = await self._session_to_end(actor, request)
        if session_id is None:
            return Nothing()
        async with self._database.transaction() as tx:
            user_id = await stored_sessions.end(tx, session_id, self._clock())
            if user_id:
                await self._audit.record(tx, actor, "signed_out", user_id, session=session_id)
        if user_id:
            await announce_ends(self._cache, [session_id])
        return Nothing()

    async def _session_to_end(self, actor: Actor, request: Refresh) -> SessionId | None:
        """The actor's, or the one whose current refresh token was given: a session's id alone ends nothing."""
        if actor.session_id:
            return actor.session_id
        return await stored_sessions.find(self._database, model.hash_of(request.refresh_token))

    # Who people are

    async def get_me(self, actor: Actor, request: Nothing) -> User:
        account = model.present(await self._accounts(actor.user_id))
        return account.user(actor.permissions, must_enrol=actor.must_enrol)

    async def find_people(self, actor: Actor, request: FindPeople) -> People:
        prefix = request.query.strip().casefold()[: model.WORD_CHARS_MAX]
        if not prefix:
            return People(await store.newest_people(self._database, request.limit))
        return People(await store.people_with_word(self._database, prefix, request.limit))

    async def get_person(self, actor: Actor, request: GetPerson) -> Person:
        account = await self._accounts(request.user_id)
        if account is None:
            raise PersonNotFound
        return account.person

    async def get_people(self, actor: Actor, request: GetPeople) -> People:
        return People(await store.people(self._database, request.ids))

    async def get_keys(self, actor: Actor, request: Nothing) -> Jwks:
        return self._issuer.public_keys

    async def get_withdrawn(self, actor: Actor, request: Nothing) -> Withdrawn:
        since_us = self._clock() - ACCESS_TOKEN_SECONDS * SECOND_US
        ended = await stored_sessions.ended_since(self._database, since_us)
        changes = await grants.changed_since(self._database, since_us)
        return Withdrawn(ended, changes + await factor_rule.changed_since(self._database, since_us))

    async def get_open_accounts(self, actor: Actor, request: GetPeople) -> OpenAccounts:
        return OpenAccounts(await store.open_accounts_among(self._database, request.ids))

    async def get_open_sessions(self, actor: Actor, request: GetOpenSessions) -> OpenSessions:
        return OpenSessions(await stored_sessions.open_among(self._database, request.session_ids, self._clock()))
