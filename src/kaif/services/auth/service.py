"""What one can do with accounts and sessions; each method is one transaction."""

import msgspec

from kaif.engines.cache import Cache
from kaif.engines.database import AlreadyExists, Database
from kaif.interfaces.auth import (
    ACCESS_TOKEN_SECONDS,
    EmailTaken,
    EndedSessions,
    FindPeople,
    GetPeople,
    GetPerson,
    InvalidCredentials,
    Jwks,
    LogIn,
    Nothing,
    People,
    Person,
    PersonChanged,
    PersonNotFound,
    Refresh,
    Register,
    Role,
    SessionEnded,
    SetUp,
    SetupCodeWrong,
    SetupRequired,
    SetupState,
    Tokens,
    User,
    UsernameTaken,
)
from kaif.kernel.actor import Actor, SessionId, UserId
from kaif.kernel.clock import SECOND_US, Clock
from kaif.kernel.errors import Unauthenticated
from kaif.kernel.ids import new_id
from kaif.services.auth import links, model, store
from kaif.services.auth.announcing import announce_ends
from kaif.services.auth.model import Account
from kaif.services.auth.passwords import Passwords
from kaif.services.auth.tokens import Signer


class AuthService:
    def __init__(
        self, database: Database, cache: Cache, passwords: Passwords, signer: Signer, clock: Clock, setup_code: str
    ) -> None:
        self._database, self._cache = database, cache
        self._passwords, self._signer, self._clock = passwords, signer, clock
        self._setup_code = setup_code
        self._accounts = store.accounts(database)

    async def get_setup(self, actor: Actor, request: Nothing) -> SetupState:
        return SetupState(needed=not await store.is_set_up(self._database))

    async def set_up(self, actor: Actor, request: SetUp) -> Tokens:
        if not model.same_code(request.code, self._setup_code) or await store.is_set_up(self._database):
            raise SetupCodeWrong
        return await self._create_account(request, "owner")

    async def register(self, actor: Actor, request: Register) -> Tokens:
        if not await store.is_set_up(self._database):
            raise SetupRequired
        return await self._create_account(request, "member")

    async def _create_account(self, wanted: Register, role: Role) -> Tokens:
        username, email = wanted.username.lower(), wanted.email.lower()
        display_name = model.display_name_of(wanted.display_name, wanted.username)
        await self._passwords.refuse_weak(wanted.password, [username, email, display_name])
        await self._refuse_taken(username, email)
        password_hash, now_us = await self._passwords.hash(wanted.password), self._clock()
        account = Account(
            UserId(new_id()), username, email, display_name, role, password_hash, now_us, language=wanted.language
        )
        try:
            async with self._database.transaction() as tx:
                if role == "owner":
                    await store.claim_setup(tx, account.id)
                await store.add_account(tx, account)
                await tx.publish(PersonChanged(person=account.person))
                link_id = await links.issue(tx, account.id, links.CONFIRM, email, now_us)
                await tx.publish(model.letter_due(account, "welcome", link_id or ""))
        except AlreadyExists:
            # Somebody was faster while the password was being hashed.
            await self._refuse_taken(username, email)
            raise SetupCodeWrong from None
        return await self._open_session(account)

    async def _refuse_taken(self, username: str, email: str) -> None:
        username_taken, email_taken = await store.taken(self._database, username, email)
        if username_taken:
            raise UsernameTaken(path="$.username")
        if email_taken:
            raise EmailTaken(path="$.email")

    async def log_in(self, actor: Actor, request: LogIn) -> Tokens:
        account = await store.find_by_login(self._database, request.login.strip().lower())
        right = await self._passwords.verify(account.password_hash if account else None, request.password)
        if account is None or not right:
            raise InvalidCredentials
        if self._passwords.outdated(account.password_hash):
            account = await self._rehash(account, request.password)
        return await self._open_session(account)

    async def _rehash(self, account: Account, password: str) -> Account:
        password_hash = await self._passwords.hash(password)
        async with self._database.transaction() as tx:
            if not await store.set_password_hash(tx, account.id, password_hash, account.password_hash):
                raise InvalidCredentials
        return msgspec.structs.replace(account, password_hash=password_hash)

    async def _open_session(self, account: Account) -> Tokens:
        session_id = SessionId(new_id())
        refresh_token, now_us = self._signer.new_refresh_token(session_id), self._clock()
        async with self._database.transaction() as tx:
            # Whoever changes a password ends the sessions that are there: none may slip in after that with the old one.
            now = await store.locked_account(tx, account.id)
            if now is None or now.password_hash != account.password_hash:
                raise InvalidCredentials
            await store.forget_expired(tx, now_us, now_us - ACCESS_TOKEN_SECONDS * SECOND_US)
            await store.add_session(
                tx, session_id, account.id, model.hash_of(refresh_token), now_us, now_us + model.SESSION_IDLE_US
            )
        return self._tokens(account, session_id, refresh_token, now_us)

    async def refresh(self, actor: Actor, request: Refresh) -> Tokens:
        session_id, now_us = model.session_of(request.refresh_token), self._clock()
        refresh_token = self._signer.new_refresh_token(session_id)
        async with self._database.transaction() as tx:
            user_id = await store.rotate_session(
                tx,
                session_id,
                model.hash_of(request.refresh_token),
                model.hash_of(refresh_token),
                now_us,
                now_us + model.SESSION_IDLE_US,
            )
            # A token that was good once and comes again is in two hands: neither keeps the session.
            was_good = user_id is None and self._signer.has_made(request.refresh_token)
            stolen = was_good and await store.end_session(tx, session_id, now_us)
        if stolen:
            await announce_ends(self._cache, [session_id])
        account = await self._accounts(user_id) if user_id else None
        if account is None:
            raise SessionEnded
        return self._tokens(account, session_id, refresh_token, now_us)

    async def log_out(self, actor: Actor, request: Refresh) -> Nothing:
        session_id = await self._session_to_end(actor, request)
        if session_id is None:
            return Nothing()
        async with self._database.transaction() as tx:
            ended = await store.end_session(tx, session_id, self._clock())
        if ended:
            await announce_ends(self._cache, [session_id])
        return Nothing()

    async def _session_to_end(self, actor: Actor, request: Refresh) -> SessionId | None:
        """The actor's, or the one whose current refresh token was given: a session's id alone ends nothing."""
        if actor.session_id:
            return actor.session_id
        return await store.find_session(self._database, model.hash_of(request.refresh_token))

    def _tokens(self, account: Account, session_id: SessionId, refresh_token: str, now_us: int) -> Tokens:
        access_token = self._signer.sign(account.id, session_id, account.role, now_us)
        return Tokens(account.user, access_token, refresh_token, ACCESS_TOKEN_SECONDS)

    async def get_me(self, actor: Actor, request: Nothing) -> User:
        account = await self._accounts(actor.user_id)
        if account is None:
            raise Unauthenticated
        return account.user

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
        return self._signer.public_keys

    async def get_ended_sessions(self, actor: Actor, request: Nothing) -> EndedSessions:
        since_us = self._clock() - ACCESS_TOKEN_SECONDS * SECOND_US
        return EndedSessions(await store.ended_since(self._database, since_us))
