"""What auth promises about people's own data: they can take all of it with them, and have proof that it was erased."""

from datetime import datetime
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import Nothing, RoleName, User
from kaif.interfaces.auth.api_keys import ApiKey
from kaif.interfaces.auth.audit import Audited
from kaif.interfaces.auth.bots import Bot
from kaif.interfaces.auth.factors import SecondFactorState
from kaif.interfaces.auth.identities import Identity
from kaif.interfaces.auth.openid import AllowedApplication
from kaif.interfaces.auth.passkeys import Passkey
from kaif.interfaces.auth.sessions import Session
from kaif.interfaces.auth.wallets import Wallet
from kaif.kernel.actor import Actor
from kaif.kernel.errors import NotFound
from kaif.kernel.ids import PATTERN
from kaif.kernel.remote import repeatable


class KnownDevice(msgspec.Struct, frozen=True):
    """A device and network that the account was signed in from, so that a new one is noticed."""

    device: str
    network: str
    seen_at: datetime


class OpenLink(msgspec.Struct, frozen=True):
    """A link in a letter that still works."""

    purpose: str
    email: str
    expires_at: datetime


class OwnInvitation(msgspec.Struct, frozen=True):
    """One that the person made. `email` and `role` are null for anybody, as a member; `email` also once whoever came by
    it has left."""

    id: str
    note: str
    email: str | None
    role: RoleName | None
    uses: int
    uses_max: int
    made_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class LastDigest(msgspec.Struct, frozen=True):
    """The newest letter about missed messages; `id` is null before the first one was sent, and `sending_until` unless
    one is under way."""

    id: str | None
    sending_until: datetime | None


class OwnAuthData(msgspec.Struct, frozen=True):
    """All that auth holds about a person, but for secrets and their hashes.

    `history` is what the audit log says of them, newest first, at most 10,000 entries.
    """

    account: User
    sessions: list[Session]
    known_devices: list[KnownDevice]
    second_factors: SecondFactorState
    passkeys: list[Passkey]
    api_keys: list[ApiKey]
    bots: list[Bot]
    wallets: list[Wallet]
    linked_services: list[Identity]
    open_links: list[OpenLink]
    invitations: list[OwnInvitation]
    last_digest: LastDigest | None
    allowed_applications: list[AllowedApplication]
    history: list[Audited]


class ErasedPart(msgspec.Struct, frozen=True):
    """What a service has erased: how many of which things. `erased_at` is null until it has."""

    holder: str
    erased_at: datetime | None
    erased: dict[str, int]


class Erasure(msgspec.Struct, frozen=True):
    """The receipt of an erasure. It says nothing of whose it was: who has its number shows that it was theirs."""

    id: str
    asked_at: datetime
    complete: bool
    parts: list[ErasedPart]


class GetErasure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    erasure_id: Annotated[str, Meta(pattern=PATTERN)]


class ErasureNotFound(NotFound):
    code, detail = "erasure_not_found", "There is no receipt with this number."


class OwnData(Protocol):
    @repeatable
    async def export_own_data(self, actor: Actor, request: Nothing) -> OwnAuthData:
        """All that auth holds about the actor. Raises StepUpRequired (in `factors`)."""
        ...

    @repeatable
    async def get_erasure(self, actor: Actor, request: GetErasure) -> Erasure:
        """How far an erasure is. Raises ErasureNotFound."""
        ...
