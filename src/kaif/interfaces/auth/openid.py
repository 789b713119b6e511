"""What auth promises as an OpenID Connect provider: to people, who decide, and to applications, which ask.

The code flow of OpenID Connect Core 1.0 with PKCE (RFC 7636) for every application, as RFC 9700 has it.
"""

from datetime import datetime
from typing import Annotated, Literal, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import VISIBLE, GivenUserId, Jwks, Nothing
from kaif.interfaces.auth.applications import ApplicationId, GivenApplicationId, Scope
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.errors import Conflict, Invalid, NotFound, Unauthenticated
from kaif.kernel.remote import repeatable

SCOPES: tuple[Scope, ...] = ("openid", "profile", "email", "offline_access")

CODE_SECONDS = 60
APPLICATION_TOKEN_SECONDS = 600
ID_TOKEN_SECONDS = 600
# A person may read and sign in for so long before an application's wish to see them anew begins anew.
AUTHORIZATION_SECONDS = 30 * 60

# What stood after the ? of /oauth/authorize: percent-encoded, so that nothing else can be in it.
Query = Annotated[str, Meta(max_length=8192, pattern=VISIBLE)]
Begun = Annotated[str, Meta(max_length=128)]

# What a person has to do next: sign in, prove that it is them, decide, or nothing but go back.
Step = Literal["sign_in", "prove", "consent", "return"]


class ConsiderAuthorization(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`begun` is that of the first answer, from the second time on."""

    query: Query
    begun: Begun = ""


class AllowAuthorization(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`user_id` is the account that the person was shown."""

    query: Query
    begun: Begun
    user_id: GivenUserId


class RefuseAuthorization(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    query: Query


class Asking(msgspec.Struct, frozen=True):
    """Who asks. `returns_to` is the host that people are sent to, empty for a program on the device."""

    id: ApplicationId
    name: str
    homepage: str
    returns_to: str
    scopes: list[Scope]


class Account(msgspec.Struct, frozen=True):
    """Whom the browser is signed in as. An application never learns an address that is not confirmed."""

    id: UserId
    username: str
    display_name: str
    email: str
    email_confirmed: bool


class Considered(msgspec.Struct, frozen=True):
    """`redirect_to` is for "return", `methods` (as StepUpRequired has them) for "prove"."""

    step: Step
    begun: str
    asking: Asking
    account: Account | None = None
    methods: list[str] = []
    login_hint: str = ""
    redirect_to: str = ""


class Returned(msgspec.Struct, frozen=True):
    """The application's address with its answer."""

    redirect_to: str


class AllowedApplication(msgspec.Struct, frozen=True):
    """An application that a person has given access. `used_at` is when it last got something with it."""

    id: ApplicationId
    name: str
    homepage: str
    scopes: list[Scope]
    allowed_at: datetime
    used_at: datetime


class AllowedApplications(msgspec.Struct, frozen=True):
    """The last used first."""

    applications: list[AllowedApplication]


class EndAccess(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    application_id: GivenApplicationId


class AuthorizationMalformed(Invalid):
    code, detail = "authorization_malformed", "This is no request that an application may send people here with."


class ApplicationUnknown(NotFound):
    code, detail = "application_unknown", "The application that sent you here is not known to this server."


class RedirectUriRefused(Invalid):
    code, detail = "redirect_uri_refused", "The application wants you sent to an address that is not one of its own."


class AccountSwitched(Conflict):
    code, detail = "account_switched", "Somebody else is signed in now: look again."


class AccessNotFound(NotFound):
    code, detail = "access_not_found", "This application has no access to your account."


class Authorizations(Protocol):
    """A person and an application that wants to know them.

    The request travels with each call, so that nothing is kept of what nobody has allowed. One that names no
    application, or none of its redirect URIs, is refused here and sends nobody anywhere: AuthorizationMalformed,
    ApplicationUnknown, RedirectUriRefused. Whatever else is wrong with it goes back to the application.
    """

    async def consider_authorization(self, actor: Actor, request: ConsiderAuthorization) -> Considered:
        """What is to be done next; a code when nothing is, because the person allowed as much before.

        Programs on a device can be imitated there, so their people are asked each time (RFC 8252, 8.6).
        """
        ...

    async def allow_authorization(self, actor: Actor, request: AllowAuthorization) -> Returned:
        """Give the application access and a code, good once and for a minute.

        Raises AccountSwitched, StepUpRequired (in `factors`), SessionEnded.
        """
        ...

    @repeatable
    async def refuse_authorization(self, actor: Actor, request: RefuseAuthorization) -> Returned:
        """Tell the application no."""
        ...

    @repeatable
    async def list_allowed_applications(self, actor: Actor, request: Nothing) -> AllowedApplications:
        """Those with access to the actor's account."""
        ...

    @repeatable
    async def end_access(self, actor: Actor, request: EndAccess) -> Nothing:
        """Forget that the application was allowed; its tokens are dead at once. Raises AccessNotFound."""
        ...


# Applications' side. The gateway speaks HTTP's forms for it: see gateway/openid.py.

_Text = Annotated[str, Meta(max_length=2048)]


class ClientProof(msgspec.Struct, frozen=True):
    """How an application says that it is itself: by its secret, or by nothing where it has none."""

    client_id: _Text = ""
    client_secret: _Text = ""


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True):
    client: ClientProof
    grant_type: _Text = ""
    code: _Text = ""
    redirect_uri: _Text = ""
    code_verifier: _Text = ""
    refresh_token: _Text = ""
    scope: _Text = ""


class IssuedTokens(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str
    id_token: str
    refresh_token: str | None = None


class GetClaims(msgspec.Struct, frozen=True):
    access_token: _Text


class UserClaims(msgspec.Struct, frozen=True, omit_defaults=True):
    """OpenID Connect Core 1.0, 5.1: what the scopes of the token give."""

    sub: UserId
    name: str | None = None
    preferred_username: str | None = None
    locale: str | None = None
    email: str | None = None
    email_verified: bool | None = None


class TokenOfClient(msgspec.Struct, frozen=True, kw_only=True):
    client: ClientProof
    token: _Text = ""


class Introspection(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 7662, 2.2."""

    active: bool
    scope: str | None = None
    client_id: str | None = None
    token_type: str | None = None
    exp: int | None = None
    iat: int | None = None
    sub: str | None = None
    iss: str | None = None
    aud: str | None = None


class Metadata(msgspec.Struct, frozen=True):
    """OpenID Connect Discovery 1.0, 3, and RFC 8414, 2."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    jwks_uri: str
    revocation_endpoint: str
    introspection_endpoint: str
    scopes_supported: list[str]
    claims_supported: list[str]
    response_types_supported: list[str]
    response_modes_supported: list[str]
    grant_types_supported: list[str]
    subject_types_supported: list[str]
    id_token_signing_alg_values_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    revocation_endpoint_auth_methods_supported: list[str]
    introspection_endpoint_auth_methods_supported: list[str]
    code_challenge_methods_supported: list[str]
    prompt_values_supported: list[str]
    authorization_response_iss_parameter_supported: bool
    claims_parameter_supported: bool
    request_parameter_supported: bool
    request_uri_parameter_supported: bool


class OAuthError(Invalid):
    """RFC 6749, 5.2: the code is the `error` of the answer."""

    code, status = "oauth_error", 400


class InvalidRequest(OAuthError):
    code, detail = "invalid_request", "A parameter is missing, repeated or malformed."


class InvalidClient(OAuthError):
    code, status, detail = "invalid_client", 401, "The application did not prove that it is itself."


class InvalidGrant(OAuthError):
    code, detail = "invalid_grant", "The code or refresh token is not good, or not for this."


class UnsupportedGrantType(OAuthError):
    code, detail = "unsupported_grant_type", "Only authorization_code and refresh_token are taken."


class InvalidScope(OAuthError):
    code, detail = "invalid_scope", "That is more than was allowed."


class InvalidToken(Unauthenticated):
    """RFC 6750, 3.1."""

    code, detail = "invalid_token", "The access token is not good, or not any more."


class OpenId(Protocol):
    """Raises InvalidClient wherever an application has to prove itself and does not."""

    @repeatable
    async def get_metadata(self, actor: Actor, request: Nothing) -> Metadata:
        """Where everything is, and what is taken."""
        ...

    @repeatable
    async def get_id_token_keys(self, actor: Actor, request: Nothing) -> Jwks:
        """The public keys of ID tokens: the next ones, those that sign, and those that lately did."""
        ...

    async def issue_tokens(self, actor: Actor, request: TokenRequest) -> IssuedTokens:
        """For a code, or for a refresh token, which is good once.

        A code belongs to its application, redirect URI and verifier. When one that was spent comes again, or a
        refresh token that was exchanged, it is in two hands, and all that it gave is dead at once. Refresh tokens live
        for 30 days without use and 180 in all. Raises InvalidRequest, UnsupportedGrantType, InvalidGrant, InvalidScope.
        """
        ...

    @repeatable
    async def get_claims(self, actor: Actor, request: GetClaims) -> UserClaims:
        """Who gave the access token, as far as its scopes go.

        Raises InvalidToken; at once when access was ended or the account is suspended or gone.
        """
        ...

    @repeatable
    async def revoke_token(self, actor: Actor, request: TokenOfClient) -> Nothing:
        """RFC 7009: an access token alone, a refresh token with all that came of it. No error for any other text.

        Raises InvalidRequest.
        """
        ...

    @repeatable
    async def introspect_token(self, actor: Actor, request: TokenOfClient) -> Introspection:
        """RFC 7662: of the application's own tokens, for those that have a secret. Raises InvalidRequest."""
        ...
