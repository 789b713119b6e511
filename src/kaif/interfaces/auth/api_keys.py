"""What auth promises of API keys: a program acts for a person, within the scopes of its key, until that is revoked."""

from datetime import datetime
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import Nothing
from kaif.interfaces.auth.sessions import GivenSessionId
from kaif.kernel.actor import Actor, Scope, SessionId
from kaif.kernel.errors import Conflict, Invalid, NotFound, Unauthenticated
from kaif.kernel.remote import repeatable

API_KEYS_MAX = 20
API_KEY_DAYS = 90
API_KEY_DAYS_MAX = 365
# An expired key is shown for so long, so that its owner learns why a program stopped.
EXPIRED_SHOWN_DAYS = 30

READ_PROFILE = Scope("auth.read_profile")
READ_PEOPLE = Scope("auth.read_people")

ApiKeyName = Annotated[str, Meta(min_length=1, max_length=64)]


class ApiKey(msgspec.Struct, frozen=True):
    """A key without its secret, of which `ending` is all that is left: the last four characters.

    `last_used_at` is within ten minutes of its last use, `last_used_from` an address.
    """

    id: SessionId
    name: str
    ending: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    last_used_from: str


class ApiKeyList(msgspec.Struct, frozen=True):
    """The oldest first, with the scopes that a new key of the actor's may have."""

    keys: list[ApiKey]
    scopes: list[Scope]


class MakeApiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`days` is how long it will be good."""

    name: ApiKeyName
    scopes: Annotated[list[Annotated[Scope, Meta(max_length=64)]], Meta(min_length=1, max_length=100)]
    days: Annotated[int, Meta(ge=1, le=API_KEY_DAYS_MAX)] = API_KEY_DAYS


class NewApiKey(msgspec.Struct, frozen=True):
    """`secret` is the key itself, shown this once: only its hash is kept."""

    key: ApiKey
    secret: str


class RevokeApiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key_id: GivenSessionId


class ExchangeApiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    secret: Annotated[str, Meta(max_length=128)]


class ExchangedApiKey(msgspec.Struct, frozen=True):
    access_token: str


class ApiKeyRefused(Unauthenticated):
    code, detail = "api_key_refused", "This API key is wrong, expired or revoked."


class ApiKeyNotFound(NotFound):
    code, detail = "api_key_not_found", "There is no such API key."


class BadApiKeyName(Invalid):
    code, detail = "bad_api_key_name", "The name needs a letter or digit and no invisible characters."


class UnknownScope(Invalid):
    """Details carry scope."""

    code, detail = "unknown_scope", "There is no such scope."


class TooManyApiKeys(Conflict):
    code, detail = "too_many_api_keys", f"An account has at most {API_KEYS_MAX} API keys."


class ApiKeys(Protocol):
    @repeatable
    async def list_api_keys(self, actor: Actor, request: Nothing) -> ApiKeyList:
        """The actor's keys; those that have expired, for thirty days."""
        ...

    async def make_api_key(self, actor: Actor, request: MakeApiKey) -> NewApiKey:
        """Make a key that does what its scopes name, of what the actor may do at the time of its use.

        The owner is told by letter. Raises StepUpRequired, BadApiKeyName, UnknownScope, TooManyApiKeys, and
        BeyondYourOwn (in `roles`) for a scope that is a permission which the actor lacks.
        """
        ...

    @repeatable
    async def revoke_api_key(self, actor: Actor, request: RevokeApiKey) -> Nothing:
        """End the key, for its sockets too. Raises ApiKeyNotFound."""
        ...

    @repeatable
    async def exchange(self, actor: Actor, request: ExchangeApiKey) -> ExchangedApiKey:
        """For gateways: an access token that speaks for the key's owner within its scopes.

        The key's id is its session's. Raises ApiKeyRefused, AccountSuspended (in `sessions`), and
        PasswordResetRequired until the person has set the new password that an operator wants.
        """
        ...
