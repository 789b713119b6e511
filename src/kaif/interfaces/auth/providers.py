"""What the operator decides of sign-in services: whose word of who somebody is this server takes."""

from datetime import datetime
from typing import Annotated, Literal, NewType, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import VISIBLE, Nothing
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Conflict, Invalid, NotFound
from kaif.kernel.ids import PATTERN
from kaif.kernel.remote import repeatable

# Each is a button on the page where people sign in, and a few lines in the memory of every process.
PROVIDERS_MAX = 20

ProviderId = NewType("ProviderId", str)
GivenProviderId = Annotated[ProviderId, Meta(pattern=PATTERN)]
# "oidc" is any OpenID Connect issuer; the others are known by name.
ProviderKind = Literal["oidc", "google", "github", "vk"]

ProviderName = Annotated[str, Meta(max_length=40)]
IssuerUrl = Annotated[str, Meta(max_length=512, pattern=VISIBLE)]
ClientId = Annotated[str, Meta(min_length=1, max_length=256, pattern=VISIBLE)]
ClientSecret = Annotated[str, Meta(max_length=512, pattern=VISIBLE)]


class Provider(msgspec.Struct, frozen=True):
    """A sign-in service. Its client secret is never told again; `linked` counts the accounts that it opens."""

    id: ProviderId
    kind: ProviderKind
    name: str
    issuer: str
    client_id: str
    has_secret: bool
    enabled: bool
    linked: int
    created_at: datetime


class Preset(msgspec.Struct, frozen=True):
    """What a kind stands for unless something else is given; an issuer of "oidc" has to be."""

    kind: ProviderKind
    name: str
    issuer: str


class ProviderList(msgspec.Struct, frozen=True):
    """The oldest first. `redirect_uri` is what to register with each of them, letter by letter."""

    providers: list[Provider]
    presets: list[Preset]
    redirect_uri: str


class AddProvider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An empty name or issuer is the kind's own. A public client, which only PKCE protects, has no secret."""

    kind: ProviderKind
    client_id: ClientId
    client_secret: ClientSecret = ""
    name: ProviderName = ""
    issuer: IssuerUrl = ""
    enabled: bool = True


class ChangeProvider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays. The kind and the issuer always do: linked accounts are theirs."""

    provider_id: GivenProviderId
    name: ProviderName | None = None
    client_id: ClientId | None = None
    client_secret: ClientSecret | None = None
    enabled: bool | None = None


class GivenProvider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    provider_id: GivenProviderId


class ProviderNotFound(NotFound):
    code, detail = "provider_not_found", "There is no such sign-in service."


class ProviderAlreadyAdded(Conflict):
    code, detail = "provider_already_added", "This sign-in service has been added before."


class TooManyProviders(Conflict):
    code, detail = "too_many_providers", f"A server has at most {PROVIDERS_MAX} sign-in services."


class BadIssuer(Invalid):
    code = "bad_issuer"
    detail = "The address must begin with https:// (http:// on this machine alone) and have no query or fragment."


class BadProviderName(Invalid):
    code, detail = "bad_provider_name", "The name needs a letter or digit and no invisible characters."


class IssuerUnfit(Invalid):
    """Details carry reason: "unreachable", "discovery", "issuer", "endpoint", "code_flow", "pkce", "algorithms"."""

    code, detail = "issuer_unfit", "At this address nobody answers as an OpenID Connect issuer that can be used."


class Providers(Protocol):
    """All of it needs MANAGE_PROVIDERS, and changes a fresh sign-in.

    Raises MissingPermission, and StepUpRequired (in `factors`).
    """

    @repeatable
    async def list_providers(self, actor: Actor, request: Nothing) -> ProviderList:
        """All of them, also those that are switched off; there are at most 20."""
        ...

    async def add_provider(self, actor: Actor, request: AddProvider) -> Provider:
        """Take the service's word from now on, if it is enabled.

        An OpenID Connect issuer is asked for its metadata first (OpenID Connect Discovery 1.0). Raises BadIssuer,
        IssuerUnfit, BadProviderName, TooManyProviders, and ProviderAlreadyAdded for an issuer and client id that
        are there.
        """
        ...

    @repeatable
    async def change_provider(self, actor: Actor, request: ChangeProvider) -> Provider:
        """A provider that is not enabled signs nobody in. Raises ProviderNotFound, BadProviderName,
        ProviderAlreadyAdded."""
        ...

    @repeatable
    async def check_provider(self, actor: Actor, request: GivenProvider) -> Nothing:
        """Ask an OpenID Connect issuer for its metadata anew. Raises ProviderNotFound, IssuerUnfit."""
        ...

    async def remove_provider(self, actor: Actor, request: GivenProvider) -> Nothing:
        """Forget it and all that is linked to it. Raises ProviderNotFound.

        Who came in by it alone sets a password by a letter to their address.
        """
        ...
