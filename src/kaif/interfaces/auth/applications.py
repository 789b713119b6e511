"""What auth promises the operator: which applications may let people sign in with their account here."""

from datetime import datetime
from typing import Annotated, Literal, NewType, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import Nothing
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Conflict, Invalid, NotFound
from kaif.kernel.ids import PATTERN
from kaif.kernel.remote import repeatable

ApplicationId = NewType("ApplicationId", str)
GivenApplicationId = Annotated[ApplicationId, Meta(pattern=PATTERN)]

# "web" has a server that keeps a secret; "browser" is a page without one; "native" a program on people's devices.
ApplicationKind = Literal["web", "browser", "native"]
Scope = Literal["openid", "profile", "email", "offline_access"]
# ES256 unless the application can't verify it.
IdTokenAlgorithm = Literal["ES256", "RS256"]

APPLICATIONS_MAX = 500
REDIRECT_URIS_MAX = 20

ApplicationName = Annotated[str, Meta(min_length=1, max_length=64)]
RedirectUri = Annotated[str, Meta(min_length=1, max_length=512)]
RedirectUris = Annotated[list[RedirectUri], Meta(min_length=1, max_length=REDIRECT_URIS_MAX)]
Scopes = Annotated[list[Scope], Meta(min_length=1, max_length=10)]
Homepage = Annotated[str, Meta(max_length=512)]


class Application(msgspec.Struct, frozen=True):
    """As the operator sees it. `id` is its client_id.

    `scopes` are the most that it may ask for. `secret_renewed_at` is missing where there is no secret, `used_at` until
    somebody signs in with it; `people` is how many have given it access.
    """

    id: ApplicationId
    name: str
    kind: ApplicationKind
    redirect_uris: list[str]
    scopes: list[Scope]
    id_token_algorithm: IdTokenAlgorithm
    homepage: str
    created_at: datetime
    changed_at: datetime
    secret_renewed_at: datetime | None
    people: int
    used_at: datetime | None


class ApplicationList(msgspec.Struct, frozen=True):
    """By name."""

    applications: list[Application]


class ApplicationWithSecret(msgspec.Struct, frozen=True):
    """`secret` is shown this once: only its hash is kept. It is empty for kinds that have none."""

    application: Application
    secret: str


class AddApplication(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: ApplicationName
    kind: ApplicationKind
    redirect_uris: RedirectUris
    scopes: Scopes = msgspec.field(default_factory=lambda: ["openid", "profile", "email"])
    id_token_algorithm: IdTokenAlgorithm = "ES256"  # noqa: S105
    homepage: Homepage = ""


class ChangeApplication(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it is replaced; the kind stays what it is."""

    application_id: GivenApplicationId
    name: ApplicationName
    redirect_uris: RedirectUris
    scopes: Scopes
    id_token_algorithm: IdTokenAlgorithm
    homepage: Homepage


class RenewSecret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    application_id: GivenApplicationId


class RemoveApplication(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    application_id: GivenApplicationId


class SigningKey(msgspec.Struct, frozen=True):
    """A key of ID tokens: "next" is published and does not sign yet, "previous" signs no more."""

    kid: str
    algorithm: IdTokenAlgorithm
    state: Literal["next", "current", "previous"]
    created_at: datetime
    signs_from: datetime


class SigningKeyList(msgspec.Struct, frozen=True):
    """The newest first."""

    keys: list[SigningKey]


class RotateSigningKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`at_once` is for a key that is in wrong hands: what it signed can't be verified any more."""

    at_once: bool = False


class ApplicationNotFound(NotFound):
    code, detail = "application_not_found", "There is no such application."


class BadApplicationName(Invalid):
    code, detail = "bad_application_name", "The name needs a letter or digit and no invisible characters."


class BadHomepage(Invalid):
    code, detail = "bad_homepage", "The homepage is an address that begins with https://."


class BadRedirectUri(Invalid):
    """Details carry uri."""

    code, detail = (
        "bad_redirect_uri",
        (
            "A redirect URI is a whole https:// address without a fragment or wildcard; on this machine also http://. "
            "Programs may have a scheme of their own, such as org.example.app:/signed-in."
        ),
    )


class TooManyApplications(Conflict):
    code, detail = "too_many_applications", f"There are {APPLICATIONS_MAX} applications, which is the most."


class NoSecret(Conflict):
    code, detail = "no_secret", "An application of this kind has no secret."


class Applications(Protocol):
    """All of it needs MANAGE_APPLICATIONS, and whatever changes something an actor who was seen lately.

    Raises MissingPermission, and StepUpRequired (in `factors`).
    """

    @repeatable
    async def list_applications(self, actor: Actor, request: Nothing) -> ApplicationList:
        """At most 500."""
        ...

    async def add_application(self, actor: Actor, request: AddApplication) -> ApplicationWithSecret:
        """Let an application ask people to sign in.

        A redirect URI is compared with what an application gives letter by letter; only the port of a native one on
        http://127.0.0.1 or http://[::1] may differ (RFC 8252, 7.3). Raises BadApplicationName, BadRedirectUri,
        BadHomepage, TooManyApplications.
        """
        ...

    @repeatable
    async def change_application(self, actor: Actor, request: ChangeApplication) -> Application:
        """What it may no longer ask for, its tokens no longer give. Raises as adding does, and ApplicationNotFound."""
        ...

    async def renew_secret(self, actor: Actor, request: RenewSecret) -> ApplicationWithSecret:
        """The secret of before is good no more. Raises ApplicationNotFound, NoSecret."""
        ...

    @repeatable
    async def remove_application(self, actor: Actor, request: RemoveApplication) -> Nothing:
        """Nobody signs in with it any more, and its tokens are dead at once. Raises ApplicationNotFound."""
        ...

    @repeatable
    async def list_signing_keys(self, actor: Actor, request: Nothing) -> SigningKeyList:
        """The published keys of ID tokens."""
        ...

    async def rotate_signing_keys(self, actor: Actor, request: RotateSigningKeys) -> SigningKeyList:
        """Make new keys of ID tokens, before their time.

        They are published a day before they sign, unless it must be at once.
        """
        ...
