"""Coming in and going, as one interface; and who people are, which is only read."""

from kaif.engines.database import Database
from kaif.interfaces.auth import (
    ACCESS_TOKEN_SECONDS,
    FindPeople,
    GetOpenSessions,
    GetPeople,
    GetPerson,
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
    SetUp,
    SetupState,
    Tokens,
    User,
    Withdrawn,
)
from kaif.kernel.actor import Actor
from kaif.kernel.clock import SECOND_US, Clock
from kaif.services.auth import model, store
from kaif.services.auth.accounts.registration import Registration
from kaif.services.auth.api_keys import store as stored_keys
from kaif.services.auth.factors import rule as factor_rule
from kaif.services.auth.factors.stepping_up import require_recent_authentication
from kaif.services.auth.passwords.sign_in import PasswordSignIn
from kaif.services.auth.roles import grants
from kaif.services.auth.sessions import store as stored_sessions
from kaif.services.auth.sessions.renewal import Renewal


class AuthService:
    def __init__(
        self,
        database: Database,
        registration: Registration,
        sign_in: PasswordSignIn,
        renewal: Renewal,
        keys: Jwks,
        clock: Clock,
    ) -> None:
        """`keys` are the public ones of whatever signs access tokens."""
        self._database, self._keys, self._clock = database, keys, clock
        self._registration, self._sign_in, self._renewal = registration, sign_in, renewal
        self._accounts = store.accounts(database)

    # Coming in, staying and going

    async def get_setup(self, actor: Actor, request: Nothing) -> SetupState:
        return SetupState(needed=not await store.is_set_up(self._database))

    async def set_up(self, actor: Actor, request: SetUp) -> Tokens:
        return await self._registration.set_up(actor, request)

    async def register(self, actor: Actor, request: Register) -> Tokens:
        return await self._registration.register(actor, request)

    async def log_in(self, actor: Actor, request: LogIn) -> Tokens:
        return await self._sign_in.log_in(actor, request)

    async def refresh(self, actor: Actor, request: Refresh) -> Tokens:
        return await self._renewal.refresh(actor, request)

    async def log_out(self, actor: Actor, request: Refresh) -> Nothing:
        return await self._renewal.log_out(actor, request)

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
        return self._keys

    async def get_withdrawn(self, actor: Actor, request: Nothing) -> Withdrawn:
        since_us = self._clock() - ACCESS_TOKEN_SECONDS * SECOND_US
        ended = await stored_sessions.ended_since(self._database, since_us)
        changes = await grants.changed_since(self._database, since_us)
        return Withdrawn(ended, changes + await factor_rule.changed_since(self._database, since_us))

    async def get_open_accounts(self, actor: Actor, request: GetPeople) -> OpenAccounts:
        return OpenAccounts(await store.open_accounts_among(self._database, request.ids))

    async def require_recent_sign_in(self, actor: Actor, request: Nothing) -> Nothing:
        await require_recent_authentication(self._database, actor, self._clock())
        return Nothing()

    async def get_open_sessions(self, actor: Actor, request: GetOpenSessions) -> OpenSessions:
        now_us = self._clock()
        sessions = await stored_sessions.open_among(self._database, request.session_ids, now_us)
        left = [id for id in request.session_ids if id not in sessions]
        return OpenSessions(sessions + await stored_keys.open_among(self._database, left, now_us) if left else sessions)
