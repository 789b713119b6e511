"""A person, and an application that wants to know them; each method is one transaction."""

from typing import NamedTuple

from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import Nothing, SessionEnded
from kaif.interfaces.auth.applications import ApplicationId, Scope
from kaif.interfaces.auth.factors import StepUpRequired
from kaif.interfaces.auth.openid import (
    AUTHORIZATION_SECONDS,
    CODE_SECONDS,
    AccessNotFound,
    Account,
    AccountSwitched,
    AllowAuthorization,
    AllowedApplications,
    ApplicationUnknown,
    Asking,
    ConsiderAuthorization,
    Considered,
    EndAccess,
    RedirectUriRefused,
    RefuseAuthorization,
    Returned,
    Step,
)
from kaif.interfaces.auth.required_factors import SecondFactorRequiredHere
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import SECOND_US, Clock
from kaif.kernel.ids import ID_FORM, new_id
from kaif.services.auth import model, store, ways_in
from kaif.services.auth.audit.log import AuditLog
from kaif.services.auth.openid import applications_store, redirects
from kaif.services.auth.openid import store as openid_store
from kaif.services.auth.openid.applications_store import StoredApplication
from kaif.services.auth.openid.authorization_requests import AuthorizationRequest, Refusal, parameters_of, read
from kaif.services.auth.openid.signing_keys import SigningKeys
from kaif.services.auth.openid.stamps import Stamps
from kaif.services.auth.openid.store import Code
from kaif.services.auth.sessions import store as stored_sessions
from kaif.services.auth.tokens import Signer


class Asked(NamedTuple):
    """A request of a known application, to be answered at one of its redirect URIs."""

    application: StoredApplication
    redirect_uri: str
    state: str
    wanted: AuthorizationRequest | Refusal


class Present(NamedTuple):
    """Who is signed in, and when they last proved it."""

    account: Account
    authenticated_at_us: int


class AuthorizationsService:
    def __init__(
        self, database: Database, signer: Signer, keys: SigningKeys, audit: AuditLog, clock: Clock, issuer: str
    ) -> None:
        self._database, self._keys, self._audit, self._clock, self._issuer = database, keys, audit, clock, issuer
        self._stamps = Stamps(signer.key_for("authorization requests"), AUTHORIZATION_SECONDS * SECOND_US)
        self._accounts = store.accounts(database)

    # Deciding

    async def consider_authorization(self, actor: Actor, request: ConsiderAuthorization) -> Considered:
        asked, now_us = await self._asked(request.query), self._clock()
        begun, begun_at_us = request.begun, self._stamps.begun_at_us(request.begun, request.query, now_us)
        if begun_at_us is None:
            begun, begun_at_us = self._stamps.new(request.query, now_us), now_us
        if isinstance(asked.wanted, Refusal):
            return self._considered(asked, begun, redirect_to=self._refused(asked, asked.wanted))
        if actor.must_enrol and not asked.wanted.wants_silence:
            raise SecondFactorRequiredHere
        present = await self._present(actor)
        if present is None or not await self._is_meant(asked, asked.wanted, present):
            return self._asked_for(asked, asked.wanted, begun, "login_required", present)
        if not _is_fresh(asked.wanted, present, begun_at_us, now_us):
            methods = await ways_in.proofs(self._database, present.account.id)
            return self._asked_for(asked, asked.wanted, begun, "login_required", present, methods)
        if await self._needs_consent(asked.application, asked.wanted, present):
            return self._asked_for(asked, asked.wanted, begun, "consent_required", present)
        return await self._go_on(actor, asked, asked.wanted, begun, present)

    async def _go_on(
        self, actor: Actor, asked: Asked, wanted: AuthorizationRequest, begun: str, present: Present
    ) -> Considered:
        """The person has allowed as much before: with a code, unless that has just ceased to be so."""
        async with self._database.transaction() as tx:
            allowed = await self._lock(tx, actor, asked, present)
            code = ""
            if allowed is not None and set(wanted.scopes) <= set(allowed):
                code = await self._new_code(tx, asked, wanted, present)
                await self._audit.record(
                    tx,
                    actor,
                    "application_signed_in",
                    actor.user_id,
                    application=asked.application.id,
                    name=asked.application.name,
                )
        if not code:
            return self._asked_for(asked, wanted, begun, "login_required" if allowed is None else "consent_required")
        return self._considered(asked, begun, redirect_to=self._answer(asked, code=code))

    async def allow_authorization(self, actor: Actor, request: AllowAuthorization) -> Returned:
        asked, now_us = await self._asked(request.query), self._clock()
        if isinstance(asked.wanted, Refusal):
            return Returned(self._refused(asked, asked.wanted))
        if actor.user_id != request.user_id:
            raise AccountSwitched
        present = await self._present(actor)
        if present is None or not await self._is_meant(asked, asked.wanted, present):
            raise AccountSwitched
        begun_at_us = self._stamps.begun_at_us(request.begun, request.query, now_us)
        if not _is_fresh(asked.wanted, present, now_us if begun_at_us is None else begun_at_us, now_us):
            raise StepUpRequired(methods=await ways_in.proofs(self._database, actor.user_id))
        async with self._database.transaction() as tx:
            allowed = await self._lock(tx, actor, asked, present)
            if allowed is None:
                raise SessionEnded
            scopes = [scope for scope in asked.application.allowed_scopes if scope in {*allowed, *asked.wanted.scopes}]
            await applications_store.allow(tx, actor.user_id, asked.application.id, scopes, now_us)
            code = await self._new_code(tx, asked, asked.wanted, present)
            await self._audit.record(
                tx,
                actor,
                "application_allowed",
                actor.user_id,
                application=asked.application.id,
                name=asked.application.name,
                scopes=" ".join(asked.wanted.scopes),
            )
        return Returned(self._answer(asked, code=code))

    async def refuse_authorization(self, actor: Actor, request: RefuseAuthorization) -> Returned:
        asked = await self._asked(request.query)
        if isinstance(asked.wanted, Refusal):
            return Returned(self._refused(asked, asked.wanted))
        return Returned(self._refused(asked, Refusal("access_denied", "the person refused")))

    async def _asked(self, query: str) -> Asked:
        """Raises AuthorizationMalformed, ApplicationUnknown, RedirectUriRefused: then nobody is sent anywhere."""
        parameters = parameters_of(query)
        client_id, redirect_uri = parameters.values["client_id"], parameters.values["redirect_uri"]
        application = await applications_store.find(self._database, client_id) if ID_FORM.match(client_id) else None
        if application is None:
            raise ApplicationUnknown
        if not redirects.is_registered(application.kind, application.redirect_uris.split(), redirect_uri):
            raise RedirectUriRefused
        state = parameters.values.get("state", "")
        return Asked(application, redirect_uri, state, read(parameters, application.allowed_scopes))

    async def _present(self, actor: Actor) -> Present | None:
        """None when nobody is, or the session has ended, or is good for nothing yet."""
        known = actor.user_id and not actor.must_enrol
        account = await self._accounts(actor.user_id) if known else None
        if account is None or account.deleted_at_us is not None:
            return None
        authenticated_at_us = await stored_sessions.find_authentication(self._database, actor.user_id, actor.session_id)
        if authenticated_at_us is None:
            return None
        confirmed = account.email_confirmed_at_us is not None
        shown = Account(account.id, account.username, account.display_name, account.email, confirmed)
        return Present(shown, authenticated_at_us)

    async def _is_meant(self, asked: Asked, wanted: AuthorizationRequest, present: Present) -> bool:
        """Whether it is this person whom the application knows from an earlier ID token of ours."""
        if not wanted.id_token_hint:
            return True
        claims = await self._keys.claims_of(wanted.id_token_hint)
        if claims is None or (claims.get("iss"), claims.get("aud")) != (self._issuer, asked.application.id):
            # Perhaps its key is gone: the person can tell by themselves whether it is them, nobody else can.
            return not wanted.wants_silence
        return bool(claims.get("sub") == present.account.id)

    async def _needs_consent(
        self, application: StoredApplication, wanted: AuthorizationRequest, present: Present
    ) -> bool:
        # Another program on the person's device could ask in this one's name: the person has to see it.
        if wanted.wants_consent or application.kind == "native":
            return True
        if not wanted.wants_silence and wanted.login_hint and not _names(wanted.login_hint, present.account):
            # Perhaps they want to be somebody else here. Silently this is not told: it would tell their address.
            return True
        allowed = await applications_store.allowed(self._database, present.account.id, application.id)
        return not set(wanted.scopes) <= set(allowed)

    async def _lock(self, tx: Transaction, actor: Actor, asked: Asked, present: Present) -> list[Scope] | None:
        """What the person has allowed so far; None when they are no longer signed in. Both hold until the commit."""
        if not await openid_store.is_alive(tx, actor.user_id):
            return None
        if await stored_sessions.find_authentication(tx, actor.user_id, actor.session_id) is None:
            return None
        if await applications_store.locked(tx, asked.application.id) is None:
            raise ApplicationUnknown
        return await applications_store.allowed(tx, present.account.id, asked.application.id)

    async def _new_code(self, tx: Transaction, asked: Asked, wanted: AuthorizationRequest, present: Present) -> str:
        code, now_us = model.new_secret(), self._clock()
        stored = Code(
            code_hash=model.hash_of(code),
            grant_id=new_id(),
            application_id=asked.application.id,
            user_id=present.account.id,
            redirect_uri=asked.redirect_uri,
            scopes=" ".join(wanted.scopes),
            nonce=wanted.nonce,
            code_challenge=wanted.code_challenge,
            authenticated_at_us=present.authenticated_at_us,
            expires_at_us=now_us + CODE_SECONDS * SECOND_US,
        )
        await openid_store.add_code(tx, stored, now_us)
        await applications_store.note_use(tx, present.account.id, asked.application.id, now_us)
        return code

    # Answers

    def _asked_for(
        self,
        asked: Asked,
        wanted: AuthorizationRequest,
        begun: str,
        error: str,
        present: Present | None = None,
        methods: list[str] | None = None,
    ) -> Considered:
        """What the person has to do; or the error, when the application wants them left alone."""
        if wanted.wants_silence:
            refusal = Refusal(error, "the person would have to be asked")
            return self._considered(asked, begun, redirect_to=self._refused(asked, refusal))
        step: Step = "consent" if error == "consent_required" else "prove" if methods else "sign_in"
        return Considered(
            step=step,
            begun=begun,
            asking=_asking(asked, wanted.scopes),
            account=present.account if present else None,
            methods=methods or [],
            login_hint=wanted.login_hint,
        )

    def _considered(self, asked: Asked, begun: str, *, redirect_to: str) -> Considered:
        return Considered(step="return", begun=begun, asking=_asking(asked, []), redirect_to=redirect_to)

    def _answer(self, asked: Asked, **parameters: str) -> str:
        """With `iss`, by which the application tells us from other providers (RFC 9207)."""
        said = {**parameters, "state": asked.state, "iss": self._issuer}
        return redirects.with_parameters(asked.redirect_uri, said)

    def _refused(self, asked: Asked, refusal: Refusal) -> str:
        return self._answer(asked, error=refusal.error, error_description=refusal.description)

    # What was allowed

    async def list_allowed_applications(self, actor: Actor, request: Nothing) -> AllowedApplications:
        found = await applications_store.of_person(self._database, actor.user_id)
        return AllowedApplications([consent.allowed_application for consent in found])

    async def end_access(self, actor: Actor, request: EndAccess) -> Nothing:
        async with self._database.transaction() as tx:
            await store.locked_account(tx, actor.user_id)
            ended = await self._end_access(tx, actor.user_id, request.application_id)
            if ended:
                named = await applications_store.naming(tx, request.application_id)
                await self._audit.record(tx, actor, "application_access_ended", actor.user_id, **named)
        if not ended:
            raise AccessNotFound
        return Nothing()

    async def _end_access(self, tx: Transaction, user_id: UserId, application_id: ApplicationId) -> bool:
        ended = await applications_store.end_consent(tx, user_id, application_id)
        await openid_store.end_access(tx, user_id, application_id)
        return ended


def _asking(asked: Asked, scopes: list[Scope]) -> Asking:
    application = asked.application
    returns_to = redirects.host_of(application.kind, asked.redirect_uri)
    return Asking(application.id, application.name, application.homepage, returns_to, scopes)


def _is_fresh(wanted: AuthorizationRequest, present: Present, begun_at_us: int, now_us: int) -> bool:
    """Whether the person proved who they are as lately as the application wants."""
    if present.authenticated_at_us >= begun_at_us:
        return True
    if wanted.wants_authentication:
        return False
    return wanted.max_age_s is None or now_us - present.authenticated_at_us <= wanted.max_age_s * SECOND_US


def _names(hint: str, account: Account) -> bool:
    return hint.strip().lower() in (account.username, account.email)
