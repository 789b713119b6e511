"""What one can do with accounts and sessions; each method is one transaction."""

import hmac

import msgspec

from kaif.engines.cache import Cache
from kaif.engines.database import AlreadyExists, Database, Transaction
from kaif.engines.places import Places
from kaif.interfaces.auth import (
    ACCESS_TOKEN_SECONDS,
    EmailTaken,
    FindPeople,
    GetOpenSessions,
    GetPeople,
    GetPerson,
    InvalidCredentials,
    Jwks,
    LogIn,
    NewAccount,
    Nothing,
    OpenAccounts,
    OpenSessions,
    PasswordResetRequired,
    People,
    Person,
    PersonChanged,
    PersonNotFound,
    Refresh,
    Register,
    SessionEnded,
    SetUp,
    SetupCodeWrong,
    SetupRequired,
    SetupState,
    Tokens,
    User,
    UsernameImitates,
    UsernameTaken,
    Withdrawn,
)
from kaif.interfaces.auth.accounts import LetterKind
from kaif.interfaces.auth.factors import CHALLENGE_SECONDS, SecondFactorRequired
from kaif.interfaces.auth.sessions import AccountSuspended
from kaif.kernel.actor import NOBODY, Actor, SessionId, UserId
from kaif.kernel.clock import SECOND_US, Clock
from kaif.kernel.ids import new_id
from kaif.services.auth import attempts, challenges, factor_rule, grants, links, model, store, stored_sessions, ways_in
from kaif.services.auth.admission import Admission, Admitted
from kaif.services.auth.announcing import announce_ends
from kaif.services.auth.audit import NO_ONE, AuditLog
from kaif.services.auth.captcha import Captcha
from kaif.services.auth.entering import Claim, Claimant
from kaif.services.auth.model import Account
from kaif.services.auth.passwords import Passwords
from kaif.services.auth.permissions import OWNER, permitted
from kaif.services.auth.refresh_tokens import RefreshTokens
from kaif.services.auth.sign_in_guard import Attempt, SignInGuard
from kaif.services.auth.tokens import Signer
from kaif.services.auth.whereabouts import place_in

# An account without a password has none that is right.
NO_PASSWORD = ""
# Letters of welcome to one address, until an hour has passed without one.
WELCOMES_MAX = 5


class AuthService:
    def __init__(
        self,
        database: Database,
        cache: Cache,
        passwords: Passwords,
        signer: Signer,
        captcha: Captcha,
        places: Places,
        audit: AuditLog,
        admission: Admission,
        clock: Clock,
        setup_code: str,
    ) -> None:
        self._database, self._cache = database, cache
        self._passwords, self._signer, self._audit, self._clock = passwords, signer, audit, clock
        self._captcha, self._places, self._admission, self._setup_code = captcha, places, admission, setup_code
        self._guard = SignInGuard(database, signer.key_for("attempts"), captcha, audit, clock)
        self._refresh_tokens = RefreshTokens(signer.key_for("refresh tokens"))
        self._welcome_key = signer.key_for("welcomes")
        self._accounts = store.accounts(database)

    async def get_setup(self, actor: Actor, request: Nothing) -> SetupState:
        return SetupState(needed=not await store.is_set_up(self._database))

    async def set_up(self, actor: Actor, request: SetUp) -> Tokens:
        if not model.same_code(request.code, self._setup_code) or await store.is_set_up(self._database):
            raise SetupCodeWrong
        return await self._create_account(actor, request, is_first=True)

    async def register(self, actor: Actor, request: Register) -> Tokens:
        return await self._register(actor, request)

    async def register_on_claim(self, actor: Actor, wanted: Claimant, claim: Claim) -> Tokens:
        """For somebody who has proved who they are, but has no account here."""
        return await self._register(actor, wanted, claim)

    async def _register(self, actor: Actor, wanted: Register | Claimant, claim: Claim | None = None) -> Tokens:
        if not await store.is_set_up(self._database):
            raise SetupRequired
        # Before anything is told of the names that are taken, or hashed.
        await self._admission.refuse_uninvited(wanted.invitation, wanted.email.lower())
        await self._captcha.require(wanted.captcha)
        return await self._create_account(actor, wanted, wanted.invitation, claim=claim)

    async def _create_account(
        self,
        actor: Actor,
        wanted: NewAccount | Claimant,
        invitation: str = "",
        *,
        claim: Claim | None = None,
        is_first: bool = False,
    ) -> Tokens:
        """The one place where accounts are made: by a password, or on a claim."""
        account = await self._new_account(wanted)
        try:
            async with self._database.transaction() as tx:
                if is_first:
                    await store.claim_setup(tx, account.id)
                    admitted = Admitted(OWNER)
                else:
                    admitted = await self._admission.admit(tx, invitation, account.email)
                account = _admitted_as(account, admitted, claim)
                await self._add_account(tx, actor, account, admitted, claim)
        except AlreadyExists:
            # Somebody was faster while the password was being hashed, or the address that this account would have
            # confirmed is somebody's: whoever hears that has proved to read it.
            await self._refuse_taken(account.username)
            if account.email_confirmed_at_us and await store.owner_of_address(self._database, account.email):
                raise EmailTaken(path="$.email") from None
            raise (claim.taken if claim else SetupCodeWrong) from None
        return await self.open_session(actor, account, is_first=True)

    async def _new_account(self, wanted: NewAccount | Claimant) -> Account:
        """As it is wanted, with a name that was free just now, and a password that is not weak.

        Nobody is looked up by the address: whether it is somebody's shows neither here nor in the time that this takes.
        """
        username, email, password_hash = wanted.username.lower(), wanted.email.lower(), NO_PASSWORD
        display_name = model.display_name_of(wanted.display_name, wanted.username)
        if isinstance(wanted, NewAccount):
            await self._passwords.refuse_weak(wanted.password, [username, email, display_name])
        await self._refuse_taken(username)
        if isinstance(wanted, NewAccount):
            password_hash = await self._passwords.hash(wanted.password)
        user_id, now_us = UserId(new_id()), self._clock()
        return Account(user_id, username, email, display_name, password_hash, now_us, language=wanted.language)

    async def _add_account(
        self, tx: Transaction, actor: Actor, account: Account, admitted: Admitted, claim: Claim | None
    ) -> None:
        if claim:
            await claim.link(tx, account.id)
        await store.add_account(tx, account)
        await tx.publish(PersonChanged(person=account.person))
        # What vouches for the address, if anything does: the service by which somebody came, or their invitation.
        by_service = claim is not None and claim.email_confirmed
        await self._welcome(tx, account, "welcome_confirmed" if by_service else "welcome_invited")
        person = msgspec.structs.replace(actor, user_id=account.id)
        by = {**(claim.by if claim else {}), **admitted.by}
        await self._audit.record(tx, person, "account_created", account.id, roles=account.roles, **by)

    async def _welcome(self, tx: Transaction, account: Account, confirmed: LetterKind) -> None:
        """With a link that confirms the address, unless it is confirmed already."""
        if account.email_confirmed_at_us is not None:
            await tx.publish(model.letter_due(account, confirmed))
            return
        # The address may be a stranger's: however many accounts are made with it, its mailbox is not filled. Who gets
        # no letter can still ask for one.
        subject = self._welcomed(account.email)
        sent = (await attempts.lock(tx, [subject], account.created_at_us))[subject][0]
        if sent >= WELCOMES_MAX:
            return
        await attempts.count(tx, [subject], account.created_at_us)
        link_id = await links.issue(tx, account.id, links.CONFIRM, account.email, account.created_at_us)
        await tx.publish(model.letter_due(account, "welcome", link_id or ""))

    def _welcomed(self, email: str) -> str:
        """Sealed: what is counted outlives the account that named the address."""
        return f"welcome:{hmac.digest(self._welcome_key, email.encode(), 'sha256').hex()}"

    async def _refuse_taken(self, username: str) -> None:
        if await store.is_username_taken(self._database, username):
            raise UsernameTaken(path="$.username")
        if await store.is_username_imitated(self._database, username):
            raise UsernameImitates(path="$.username")

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
        return await self.enter(actor, account, attempt)

    async def enter(self, actor: Actor, account: Account, attempt: Attempt | None = None) -> Tokens:
        """For someone who has proved who they are by one factor, at that attempt, if it was by their password.

        Raises SecondFactorRequired where that is not all.
        """
        if methods := await ways_in.steps_after_one(self._database, account.id):
            challenge = await self._new_challenge(account, attempt)
            raise SecondFactorRequired(challenge=challenge, methods=methods, username=account.username)
        return await self.open_session(actor, account, attempt=attempt)

    async def _new_challenge(self, account: Account, attempt: Attempt | None) -> str:
        challenge, now_us = model.new_secret(), self._clock()
        expires_at_us = now_us + CHALLENGE_SECONDS * SECOND_US
        async with self._database.transaction() as tx:
            # As for a session: whoever changes the password ends the challenges that are there.
            now = await store.locked_account(tx, account.id)
            if now is None or now.password_hash != account.password_hash:
                raise InvalidCredentials
            await challenges.add(tx, model.hash_of(challenge), account.id, now_us, expires_at_us)
            if attempt:
                await self._guard.forgive(tx, attempt)
        return challenge

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

    async def open_session(
        self, actor: Actor, account: Account, *, is_first: bool = False, attempt: Attempt | None = None
    ) -> Tokens:
        """For someone who has proved who they are, at that attempt, if it was by their password alone."""
        refresh_token, now_us = self._refresh_tokens.new(new_id()), self._clock()
        session = model.new_session(actor, account.id, refresh_token, now_us)
        async with self._database.transaction() as tx:
            # First of all, as a suspension does: whichever of the two comes second sees what the other did.
            if not await store.lock_account(tx, account.id):
                raise AccountSuspended
            # Whoever changes a password ends the sessions that are there: none may slip in after that with the old one.
            now = await store.locked_account(tx, account.id)
            if now is None or now.password_hash != account.password_hash:
                raise InvalidCredentials
            if now.reset_required_at_us is not None:
                raise PasswordResetRequired
            await stored_sessions.forget_expired(tx, now_us, now_us - ACCESS_TOKEN_SECONDS * SECOND_US)
            unseen = await stored_sessions.remember_device(tx, session)
            # Whoever has just made the account knows where they did it.
            was_new = unseen and not is_first
            await stored_sessions.add(tx, session, device_was_new=was_new)
            displaced = await stored_sessions.end_beyond(tx, session, model.SESSIONS_MAX)
            # An address that nobody has proved may be a stranger's, who has no part in this.
            if was_new and now.email_confirmed_at_us:
                place = place_in(self._places, session.address, now.language)
                await tx.publish(model.letter_due(now, "new_device", details=session.details(place)))
            if attempt:
                await self._guard.forgive(tx, attempt)
            person = msgspec.structs.replace(actor, user_id=account.id, session_id=session.id)
            details = {"session": session.id, "device": session.device, "new_device": was_new}
            await self._audit.record(tx, person, "signed_in", account.id, **details)
            if displaced:
                await self._audit.record(tx, person, "sessions_displaced", account.id, count=len(displaced))
        await announce_ends(self._cache, displaced)
        return await self._tokens(account, session.id, refresh_token, now_us)

    async def refresh(self, actor: Actor, request: Refresh) -> Tokens:
        session_id, now_us = model.session_of(request.refresh_token), self._clock()
        refresh_token = self._refresh_tokens.after(request.refresh_token, session_id, request.attempt)
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
            was_good = user_id is None and self._refresh_tokens.renewed_by(request.refresh_token) is not None
            stolen_from = await stored_sessions.end(tx, session_id, now_us) if was_good else None
            if stolen_from:
                await self._audit.record(tx, NOBODY, "session_stolen", stolen_from, session=session_id)
        if stolen_from:
            await announce_ends(self._cache, [session_id])
        account = await self._accounts(user_id) if user_id else None
        if account is None:
            raise SessionEnded
        return await self._tokens(account, session_id, refresh_token, now_us)

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

    async def _tokens(self, account: Account, session_id: SessionId, refresh_token: str, now_us: int) -> Tokens:
        # What the token says is as old as this: whatever changes after it is announced, and outdates the token.
        standing = await factor_rule.standing(self._database, account.id)
        roles = standing.roles.split()
        permissions = permitted(roles, await grants.own_roles(self._database) if roles else {})
        required = standing.requires(permissions)
        must_enrol = required and not await factor_rule.has_factor(self._database, account.id)
        actor = Actor(account.id, session_id, permissions, must_enrol=must_enrol)
        access_token = self._signer.sign(actor, standing.since_us, now_us)
        account = msgspec.structs.replace(account, roles=standing.roles)
        user = account.user(permissions, must_enrol=must_enrol)
        return Tokens(user, access_token, refresh_token, ACCESS_TOKEN_SECONDS)

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
        return self._signer.public_keys

    async def get_withdrawn(self, actor: Actor, request: Nothing) -> Withdrawn:
        since_us = self._clock() - ACCESS_TOKEN_SECONDS * SECOND_US
        ended = await stored_sessions.ended_since(self._database, since_us)
        changes = await grants.changed_since(self._database, since_us)
        return Withdrawn(ended, changes + await factor_rule.changed_since(self._database, since_us))

    async def get_open_accounts(self, actor: Actor, request: GetPeople) -> OpenAccounts:
        return OpenAccounts(await store.open_accounts_among(self._database, request.ids))

    async def get_open_sessions(self, actor: Actor, request: GetOpenSessions) -> OpenSessions:
        return OpenSessions(await stored_sessions.open_among(self._database, request.session_ids, self._clock()))


def _admitted_as(account: Account, admitted: Admitted, claim: Claim | None) -> Account:
    confirmed = admitted.email_confirmed or (claim is not None and claim.email_confirmed)
    confirmed_at_us = account.created_at_us if confirmed else None
    return msgspec.structs.replace(account, roles=admitted.role, email_confirmed_at_us=confirmed_at_us)
