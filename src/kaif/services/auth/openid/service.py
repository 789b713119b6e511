"""What applications do with codes and tokens; each method is one transaction, and an ID token is signed after it."""

import hmac
from typing import NamedTuple

from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import Jwks, Nothing
from kaif.interfaces.auth.applications import Scope
from kaif.interfaces.auth.openid import (
    APPLICATION_TOKEN_SECONDS,
    ID_TOKEN_SECONDS,
    SCOPES,
    ClientProof,
    GetClaims,
    Introspection,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    InvalidToken,
    IssuedTokens,
    Metadata,
    OAuthError,
    TokenOfClient,
    TokenRequest,
    UnsupportedGrantType,
    UserClaims,
)
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import SECOND_US, Clock
from kaif.kernel.ids import ID_FORM
from kaif.services.auth import store
from kaif.services.auth.audit.log import AuditLog
from kaif.services.auth.model import SESSION_IDLE_US, SESSION_LIFETIME_US, Account, hash_of, new_secret
from kaif.services.auth.oauth.id_tokens import half_hash
from kaif.services.auth.oauth.pkce import proves
from kaif.services.auth.openid import applications_store
from kaif.services.auth.openid import store as openid_store
from kaif.services.auth.openid.applications_store import StoredApplication
from kaif.services.auth.openid.authorization_requests import as_scopes
from kaif.services.auth.openid.signing_keys import ALGORITHMS, SigningKeys
from kaif.services.auth.openid.store import Code, Grant
from kaif.services.auth.sessions.refresh_tokens import RefreshTokens
from kaif.services.auth.tokens import Signer

TOKEN_US = APPLICATION_TOKEN_SECONDS * SECOND_US


class Given(NamedTuple):
    """What a code or a refresh token was exchanged for."""

    user_id: UserId
    scopes: list[Scope]
    access_token: str
    refresh_token: str | None
    authenticated_at_us: int
    nonce: str


class OpenIdService:
    def __init__(
        self, database: Database, signer: Signer, keys: SigningKeys, audit: AuditLog, clock: Clock, issuer: str
    ) -> None:
        self._database, self._keys, self._audit, self._clock, self._issuer = database, keys, audit, clock, issuer
        self._refresh_tokens = RefreshTokens(signer.key_for("refresh tokens of applications"))
        self._accounts = store.accounts(database)

    async def get_metadata(self, actor: Actor, request: Nothing) -> Metadata:
        at = f"{self._issuer}/oauth"
        with_secret = ["client_secret_basic", "client_secret_post"]
        return Metadata(
            issuer=self._issuer,
            authorization_endpoint=f"{at}/authorize",
            token_endpoint=f"{at}/token",
            userinfo_endpoint=f"{at}/userinfo",
            jwks_uri=f"{at}/jwks.json",
            revocation_endpoint=f"{at}/revoke",
            introspection_endpoint=f"{at}/introspect",
            scopes_supported=list(SCOPES),
            claims_supported=[
                "sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash",
                "name", "preferred_username", "locale", "email", "email_verified",
            ],
            response_types_supported=["code"],
            response_modes_supported=["query"],
            grant_types_supported=["authorization_code", "refresh_token"],
            subject_types_supported=["public"],
            id_token_signing_alg_values_supported=list(ALGORITHMS),
            token_endpoint_auth_methods_supported=[*with_secret, "none"],
            revocation_endpoint_auth_methods_supported=[*with_secret, "none"],
            introspection_endpoint_auth_methods_supported=with_secret,
            code_challenge_methods_supported=["S256"],
            prompt_values_supported=["none", "login", "consent", "select_account"],
            authorization_response_iss_parameter_supported=True,
            claims_parameter_supported=False,
            request_parameter_supported=False,
            request_uri_parameter_supported=False,
        )  # fmt: skip

    async def get_id_token_keys(self, actor: Actor, request: Nothing) -> Jwks:
        return Jwks(await self._keys.public_keys())

    # Tokens

    async def issue_tokens(self, actor: Actor, request: TokenRequest) -> IssuedTokens:
        application = await self._proved(request.client)
        match request.grant_type:
            case "authorization_code":
                return await self._redeem(actor, application, request)
            case "refresh_token":
                return await self._refresh(actor, application, request)
            case "":
                raise InvalidRequest("grant_type is missing.")
            case _:
                raise UnsupportedGrantType

    async def _proved(self, client: ClientProof) -> StoredApplication:
        """The application that the caller is. Raises InvalidClient."""
        known = ID_FORM.match(client.client_id)
        application = await applications_store.find(self._database, client.client_id) if known else None
        if application is None:
            raise InvalidClient
        given_hash = hash_of(client.client_secret) if client.client_secret else ""
        if not hmac.compare_digest(given_hash, application.secret_hash):
            raise InvalidClient
        return application

    async def _redeem(self, actor: Actor, application: StoredApplication, request: TokenRequest) -> IssuedTokens:
        for name in ("code", "redirect_uri", "code_verifier"):
            if not getattr(request, name):
                raise InvalidRequest(f"{name} is missing.")
        async with self._database.transaction() as tx:
            given = await self._spend(tx, actor, application, request)
        # What a refused attempt has changed must be kept: so it is raised after the transaction.
        if isinstance(given, OAuthError):
            raise given
        return await self._answer(application, given)

    async def _spend(
        self, tx: Transaction, actor: Actor, application: StoredApplication, request: TokenRequest
    ) -> Given | OAuthError:
        code_hash, now_us = hash_of(request.code), self._clock()
        code = await openid_store.find_code(tx, code_hash)
        if code is None or code.application_id != application.id:
            return InvalidGrant()
        is_alive = await openid_store.is_alive(tx, code.user_id)
        if not await openid_store.spend_code(tx, code_hash, now_us):
            await self._notice_reuse(tx, actor, code)
            return InvalidGrant()
        # From here on the code is spent, whatever comes: whoever guesses does so once.
        fits = code.redirect_uri == request.redirect_uri and proves(request.code_verifier, code.code_challenge)
        if not (is_alive and fits):
            return InvalidGrant()
        return await self._begin_grant(tx, application, code, now_us)

    async def _notice_reuse(self, tx: Transaction, actor: Actor, code: Code) -> None:
        """Two have had the code, and we can't tell which of them should: neither keeps what it gave."""
        if await openid_store.end_grant(tx, code.grant_id):
            named = await applications_store.naming(tx, code.application_id)
            await self._audit.record(tx, actor, "application_code_reused", code.user_id, **named)

    async def _begin_grant(
        self, tx: Transaction, application: StoredApplication, code: Code, now_us: int
    ) -> Given | OAuthError:
        scopes = _still_allowed(code.scopes, application)
        if "openid" not in scopes:
            return InvalidGrant()
        refresh_token = self._refresh_tokens.new(code.grant_id) if "offline_access" in scopes else None
        grant = Grant(
            id=code.grant_id,
            application_id=code.application_id,
            user_id=code.user_id,
            scopes=code.scopes,
            refresh_hash=hash_of(refresh_token) if refresh_token else "",
            authenticated_at_us=code.authenticated_at_us,
            created_at_us=now_us,
            refreshed_at_us=now_us,
            expires_at_us=now_us + (SESSION_IDLE_US if refresh_token else TOKEN_US),
        )
        await openid_store.add_grant(tx, grant)
        access_token = await self._new_token(tx, grant, scopes, now_us)
        return Given(code.user_id, scopes, access_token, refresh_token, code.authenticated_at_us, code.nonce)

    async def _new_token(self, tx: Transaction, grant: Grant, scopes: list[Scope], now_us: int) -> str:
        access_token, until_us = new_secret(), now_us + TOKEN_US
        await openid_store.add_token(
            tx, hash_of(access_token), grant.id, grant.user_id, " ".join(scopes), now_us, until_us
        )
        return access_token

    async def _refresh(self, actor: Actor, application: StoredApplication, request: TokenRequest) -> IssuedTokens:
        if not request.refresh_token:
            raise InvalidRequest("refresh_token is missing.")
        grant_id = self._refresh_tokens.renewed_by(request.refresh_token)
        if grant_id is None:
            raise InvalidGrant
        async with self._database.transaction() as tx:
            given = await self._exchange(tx, actor, application, grant_id, request)
        if isinstance(given, OAuthError):
            raise given
        return await self._answer(application, given)

    async def _exchange(
        self, tx: Transaction, actor: Actor, application: StoredApplication, grant_id: str, request: TokenRequest
    ) -> Given | OAuthError:
        now_us = self._clock()
        grant = await openid_store.find_grant(tx, grant_id)
        if grant is None or grant.application_id != application.id or grant.expires_at_us <= now_us:
            return InvalidGrant()
        scopes = _still_allowed(grant.scopes, application)
        # Checked before the token is spent, so that a mistake does not cost it.
        wanted = as_scopes(request.scope) if request.scope else scopes
        if not set(request.scope.split()) <= set(scopes) or "openid" not in wanted:
            return InvalidScope()
        if not await openid_store.is_alive(tx, grant.user_id) or "offline_access" not in scopes:
            return InvalidGrant()
        refresh_token = self._refresh_tokens.new(grant_id)
        if not await openid_store.rotate_grant(
            tx,
            grant_id,
            hash_of(request.refresh_token),
            hash_of(refresh_token),
            now_us,
            now_us + SESSION_IDLE_US,
            SESSION_LIFETIME_US,
        ):
            await self._notice_theft(tx, actor, grant)
            return InvalidGrant()
        await applications_store.note_use(tx, grant.user_id, application.id, now_us)
        access_token = await self._new_token(tx, grant, wanted, now_us)
        return Given(grant.user_id, wanted, access_token, refresh_token, grant.authenticated_at_us, "")

    async def _notice_theft(self, tx: Transaction, actor: Actor, grant: Grant) -> None:
        """It was good once, as its seal says: so it is in two hands, and neither keeps anything."""
        if await openid_store.end_grant(tx, grant.id):
            named = await applications_store.naming(tx, grant.application_id)
            await self._audit.record(tx, actor, "application_token_stolen", grant.user_id, **named)

    async def _answer(self, application: StoredApplication, given: Given) -> IssuedTokens:
        now_s = self._clock() // SECOND_US
        claims = {
            "iss": self._issuer,
            "sub": given.user_id,
            "aud": application.id,
            "exp": now_s + ID_TOKEN_SECONDS,
            "iat": now_s,
            "auth_time": given.authenticated_at_us // SECOND_US,
            "at_hash": half_hash(application.id_token_algorithm, given.access_token),
        }
        if given.nonce:
            claims["nonce"] = given.nonce
        return IssuedTokens(
            access_token=given.access_token,
            token_type="Bearer",  # noqa: S106
            expires_in=APPLICATION_TOKEN_SECONDS,
            scope=" ".join(given.scopes),
            id_token=await self._keys.sign(application.id_token_algorithm, claims),
            refresh_token=given.refresh_token,
        )

    # What tokens are good for

    async def get_claims(self, actor: Actor, request: GetClaims) -> UserClaims:
        token = await openid_store.find_token(self._database, hash_of(request.access_token), self._clock())
        account = await self._accounts(token.user_id) if token else None
        if token is None or account is None:
            raise InvalidToken
        return _claims(account, set(as_scopes(token.scopes)) & set(as_scopes(token.application_scopes)))

    async def revoke_token(self, actor: Actor, request: TokenOfClient) -> Nothing:
        application = await self._proved(request.client)
        if not request.token:
            raise InvalidRequest("token is missing.")
        grant_id = self._refresh_tokens.renewed_by(request.token)
        async with self._database.transaction() as tx:
            if grant_id is None:
                await openid_store.revoke_token(tx, hash_of(request.token), application.id)
                return Nothing()
            grant = await openid_store.find_grant(tx, grant_id)
            # Of another application's token nothing is told, and nothing happens to it.
            if grant and grant.application_id == application.id:
                await openid_store.end_grant(tx, grant_id)
        return Nothing()

    async def introspect_token(self, actor: Actor, request: TokenOfClient) -> Introspection:
        application = await self._proved(request.client)
        if not application.secret_hash:
            # Anyone could ask in the name of such an application.
            raise InvalidClient
        if not request.token:
            raise InvalidRequest("token is missing.")
        grant_id = self._refresh_tokens.renewed_by(request.token)
        if grant_id is not None:
            return await self._introspect_refresh_token(application, grant_id, request.token)
        token = await openid_store.find_token(self._database, hash_of(request.token), self._clock())
        if token is None or token.application_id != application.id:
            return Introspection(active=False)
        scopes = _still_allowed(token.scopes, application)
        return self._active(application, token.user_id, scopes, token.created_at_us, token.expires_at_us, "Bearer")

    async def _introspect_refresh_token(
        self, application: StoredApplication, grant_id: str, refresh_token: str
    ) -> Introspection:
        grant = await openid_store.find_live_grant(self._database, grant_id)
        if grant is None or grant.application_id != application.id or grant.expires_at_us <= self._clock():
            return Introspection(active=False)
        scopes = _still_allowed(grant.scopes, application)
        is_current = hmac.compare_digest(hash_of(refresh_token), grant.refresh_hash)
        if not is_current or "offline_access" not in scopes:
            return Introspection(active=False)
        return self._active(application, grant.user_id, scopes, grant.refreshed_at_us, grant.expires_at_us)

    def _active(
        self,
        application: StoredApplication,
        user_id: UserId,
        scopes: list[Scope],
        since_us: int,
        until_us: int,
        token_type: str | None = None,
    ) -> Introspection:
        return Introspection(
            active=True,
            scope=" ".join(scopes),
            client_id=application.id,
            token_type=token_type,
            exp=until_us // SECOND_US,
            iat=since_us // SECOND_US,
            sub=user_id,
            iss=self._issuer,
            aud=self._issuer,
        )


def _still_allowed(scopes: str, application: StoredApplication) -> list[Scope]:
    """Those that the application may still ask for."""
    return [scope for scope in as_scopes(scopes) if scope in application.allowed_scopes]


def _claims(account: Account, scopes: set[Scope]) -> UserClaims:
    profile = "profile" in scopes
    # An address that is not confirmed may be somebody else's, and not every application looks at `email_verified`.
    email = "email" in scopes and account.email_confirmed_at_us is not None
    return UserClaims(
        sub=account.id,
        name=account.display_name if profile else None,
        preferred_username=account.username if profile else None,
        locale=account.language if profile else None,
        email=account.email if email else None,
        email_verified=True if email else None,
    )
