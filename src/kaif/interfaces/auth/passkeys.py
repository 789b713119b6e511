"""What auth promises of passkeys (WebAuthn level 3): a device that knows its owner opens a session by itself.

The structs that travel to and from browsers have the JSON forms of WebAuthn level 3: what
`PublicKeyCredential.parseCreationOptionsFromJSON` reads and what `credential.toJSON()` writes.
"""

from datetime import datetime
from typing import Annotated, Literal, NewType, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import Nothing, Tokens
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kaif.kernel.ids import PATTERN
from kaif.kernel.remote import repeatable

PASSKEYS_MAX = 20
CEREMONY_SECONDS = 5 * 60

PasskeyId = NewType("PasskeyId", str)
GivenPasskeyId = Annotated[PasskeyId, Meta(pattern=PATTERN)]
PasskeyName = Annotated[str, Meta(min_length=1, max_length=64)]

_BASE64URL = r"^[A-Za-z0-9_-]+$(?!\n)"
# A credential's id has at most 1023 bytes.
CredentialId = Annotated[str, Meta(min_length=1, max_length=1364, pattern=_BASE64URL)]
UserHandle = Annotated[str, Meta(max_length=128, pattern=_BASE64URL)]
# Keys, signatures and what stands around them are shorter; a chain of certificates we do not ask for.
Encoded = Annotated[str, Meta(min_length=1, max_length=8192, pattern=_BASE64URL)]


class Passkey(msgspec.Struct, frozen=True):
    """`synced` ones are kept by their maker on several devices. A `cloned` one is refused until it is removed."""

    id: PasskeyId
    name: str
    created_at: datetime
    last_used_at: datetime | None
    synced: bool
    cloned: bool


class PasskeyList(msgspec.Struct, frozen=True):
    """The oldest first."""

    passkeys: list[Passkey]


class RelyingPartyEntity(msgspec.Struct, frozen=True):
    id: str
    name: str


class UserEntity(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    name: str
    display_name: str


class KeyParameters(msgspec.Struct, frozen=True):
    """`alg` is a COSE algorithm (RFC 9053)."""

    type: Literal["public-key"]
    alg: int


class CredentialDescriptor(msgspec.Struct, frozen=True):
    type: Literal["public-key"]
    id: str
    transports: list[str]


class AuthenticatorSelection(msgspec.Struct, frozen=True, rename="camel"):
    resident_key: Literal["required"]
    require_resident_key: bool
    user_verification: Literal["required"]


class CreationOptions(msgspec.Struct, frozen=True, rename="camel"):
    """What `navigator.credentials.create` is asked."""

    challenge: str
    rp: RelyingPartyEntity
    user: UserEntity
    pub_key_cred_params: list[KeyParameters]
    exclude_credentials: list[CredentialDescriptor]
    authenticator_selection: AuthenticatorSelection
    attestation: Literal["none"]
    timeout: int


class RequestOptions(msgspec.Struct, frozen=True, rename="camel"):
    """What `navigator.credentials.get` is asked; with no `allow_credentials` any passkey of this server will do."""

    challenge: str
    rp_id: str
    allow_credentials: list[CredentialDescriptor]
    user_verification: Literal["required"]
    timeout: int


# Browsers say more than the following structs read, so that unknown fields are let through.


class AttestationResponse(msgspec.Struct, frozen=True, rename="camel"):
    attestation_object: Encoded
    client_data_json: Encoded = msgspec.field(name="clientDataJSON")
    transports: Annotated[list[Annotated[str, Meta(max_length=32)]], Meta(max_length=16)] = []


class NewCredential(msgspec.Struct, frozen=True, rename="camel"):
    """What `navigator.credentials.create` gave."""

    id: CredentialId
    raw_id: CredentialId
    response: AttestationResponse
    type: Literal["public-key"]


class AssertionResponse(msgspec.Struct, frozen=True, rename="camel"):
    authenticator_data: Encoded
    signature: Encoded
    client_data_json: Encoded = msgspec.field(name="clientDataJSON")
    user_handle: UserHandle | None = None


class Assertion(msgspec.Struct, frozen=True, rename="camel"):
    """What `navigator.credentials.get` gave."""

    id: CredentialId
    raw_id: CredentialId
    response: AssertionResponse
    type: Literal["public-key"]


class AddPasskey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A name is `suggested` when the person has not chosen it: that of the passkey's provider is better, if known."""

    name: PasskeyName
    credential: NewCredential
    suggested: bool = False


class RenamePasskey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    passkey_id: GivenPasskeyId
    name: PasskeyName


class RemovePasskey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    passkey_id: GivenPasskeyId


class BeginSecondStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`challenge` comes with SecondFactorRequired."""

    challenge: Annotated[str, Meta(max_length=128)]


class SignInWithPasskey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    credential: Assertion


class PasskeysNeedAName(Conflict):
    code = "passkeys_need_a_name"
    detail = "Passkeys need a server that is reached by name over HTTPS, or at http://localhost."


class PasskeyCeremonyEnded(Forbidden):
    code, detail = "passkey_ceremony_ended", "This took too long or was answered before: begin again."


class PasskeyElsewhere(Forbidden):
    code, detail = "passkey_elsewhere", "The passkey was asked for by a page that is not at this server's address."


class PasskeyRefused(Forbidden):
    code, detail = "passkey_refused", "This passkey's answer proves nothing."


class PasskeyUnknown(Forbidden):
    code, detail = "passkey_unknown", "This passkey is not known here."


class PasskeyCloned(Forbidden):
    code, detail = "passkey_cloned", "There seems to be a copy of this passkey: it is not accepted any more."


class PasskeyAlreadyAdded(Conflict):
    code, detail = "passkey_already_added", "This passkey has been added before."


class TooManyPasskeys(Conflict):
    code, detail = "too_many_passkeys", f"An account has at most {PASSKEYS_MAX} passkeys."


class PasskeyNotFound(NotFound):
    code, detail = "passkey_not_found", "There is no such passkey."


class BadPasskeyName(Invalid):
    code, detail = "bad_passkey_name", "The name needs a letter or digit and no invisible characters."


class LastWayIn(Conflict):
    code, detail = "last_way_in", "This is the only way into the account: add another one first."


class Passkeys(Protocol):
    """Each challenge is 32 random bytes, good for 5 minutes, one answer, its purpose and its account.

    An answer counts only when the device has verified its user, and from a page at KAIF_PUBLIC_URL (at
    http://localhost where that is a loopback address). Otherwise PasskeyCeremonyEnded, PasskeyElsewhere or
    PasskeyRefused are raised, and for what should prove somebody PasskeyUnknown and PasskeyCloned: a signature
    counter that did not rise means a copy, after which neither the copy nor the original is accepted.
    """

    @repeatable
    async def get_passkeys(self, actor: Actor, request: Nothing) -> PasskeyList:
        """The actor's passkeys."""
        ...

    @repeatable
    async def begin_passkey(self, actor: Actor, request: Nothing) -> CreationOptions:
        """What the browser has to ask for a new passkey: kept by its device, and none of those there are.

        Raises StepUpRequired, PasskeysNeedAName, TooManyPasskeys.
        """
        ...

    async def add_passkey(self, actor: Actor, request: AddPasskey) -> Passkey:
        """Keep the passkey that was made.

        Raises StepUpRequired, BadPasskeyName, TooManyPasskeys, PasskeyAlreadyAdded (to whichever account), and
        when the answer does not count.
        """
        ...

    @repeatable
    async def rename_passkey(self, actor: Actor, request: RenamePasskey) -> Passkey:
        """Call it something else. Raises PasskeyNotFound, BadPasskeyName."""
        ...

    async def remove_passkey(self, actor: Actor, request: RemovePasskey) -> Nothing:
        """Accept the passkey no more. Raises StepUpRequired, PasskeyNotFound, LastWayIn."""
        ...

    @repeatable
    async def begin_passkey_sign_in(self, actor: Actor, request: Nothing) -> RequestOptions:
        """What the browser has to ask of someone who has not said who they are. Raises PasskeysNeedAName."""
        ...

    async def sign_in_with_passkey(self, actor: Actor, request: SignInWithPasskey) -> Tokens:
        """Open a session for the passkey's owner.

        The device and its own check of its user are two factors, so that nothing more is asked, even of an
        account that has a second factor. Raises AccountSuspended, and when the answer does not count.
        PasskeyUnknown tells a stranger nothing: ids of credentials can't be guessed.
        """
        ...

    @repeatable
    async def begin_passkey_second_step(self, actor: Actor, request: BeginSecondStep) -> RequestOptions:
        """What the browser has to ask for the second step of a sign-in; takes none of its tries.

        Raises ChallengeEnded (in `factors`), PasskeyNotFound when the account has no passkey.
        """
        ...

    @repeatable
    async def begin_passkey_step_up(self, actor: Actor, request: Nothing) -> RequestOptions:
        """What the browser has to ask before `step_up` takes a passkey. Raises PasskeyNotFound."""
        ...
