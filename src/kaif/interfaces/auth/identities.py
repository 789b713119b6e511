"""What auth promises of sign-in services: who somebody is elsewhere opens the account here that they linked to it.

A page asks to begin, sends its browser to the provider, and brings back what the provider answered (RFC 6749 with
PKCE, RFC 7636; OpenID Connect Core 1.0). What it was given when it began stays in that browser, so that nobody can
be made to finish what somebody else began.
"""

from datetime import datetime
from typing import Annotated, NewType, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import CaptchaAnswer, DisplayName, Email, GivenInvitation, Language, Nothing, Tokens, Username
from kaif.interfaces.auth.providers import GivenProviderId, ProviderId, ProviderKind
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Conflict, Forbidden, NotFound, Unavailable
from kaif.kernel.ids import PATTERN
from kaif.kernel.remote import repeatable

# As long as a person takes to sign in elsewhere, perhaps with a second factor there.
AUTHORIZATION_SECONDS = 10 * 60
# And to choose a username here.
REGISTRATION_SECONDS = 15 * 60

IdentityId = NewType("IdentityId", str)
GivenIdentityId = Annotated[IdentityId, Meta(pattern=PATTERN)]

_PRINTABLE = r"^[\x20-\x7e]*$(?!\n)"
_Ours = Annotated[str, Meta(min_length=1, max_length=128, pattern=_PRINTABLE)]
_Theirs = Annotated[str, Meta(max_length=4096, pattern=_PRINTABLE)]


class SignInService(msgspec.Struct, frozen=True):
    """For a button."""

    id: ProviderId
    kind: ProviderKind
    name: str


class SignInServices(msgspec.Struct, frozen=True):
    services: list[SignInService]


class BeginAtService(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    provider_id: GivenProviderId


class Authorization(msgspec.Struct, frozen=True):
    """Where to send the browser. It keeps `secret` by `state`, and sends it with what comes back."""

    url: str
    state: str
    secret: str
    expires_in: int


class ServiceAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was in the query of the redirect, with the secret that belongs to its state."""

    state: _Ours
    secret: _Ours
    code: _Theirs = ""
    error: _Theirs = ""
    # RFC 9207.
    iss: _Theirs = ""
    # Of VK ID.
    device_id: _Theirs = ""


class RegisterByService(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`ticket` comes with RegistrationNeeded."""

    ticket: _Ours
    username: Username
    email: Email
    display_name: DisplayName | None = None
    language: Language = "en"
    captcha: CaptchaAnswer = ""
    invitation: GivenInvitation = ""


class Identity(msgspec.Struct, frozen=True):
    """Somebody's account elsewhere; `label` is what it is called there. `usable` when its service is enabled."""

    id: IdentityId
    provider_id: ProviderId
    kind: ProviderKind
    name: str
    label: str
    usable: bool
    linked_at: datetime
    last_used_at: datetime | None


class IdentityList(msgspec.Struct, frozen=True):
    """The oldest first."""

    identities: list[Identity]


class GivenIdentity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    identity_id: GivenIdentityId


class ServiceProof(msgspec.Struct, frozen=True):
    """For `step_up`, in place of the password; `methods` is what it wants beside it."""

    challenge: str
    methods: list[str]


class ServiceNotFound(NotFound):
    code, detail = "service_not_found", "People do not sign in here by this service."


class ServiceUnavailable(Unavailable):
    """Details carry retry_after_ms."""

    code, detail = "service_unavailable", "The sign-in service does not answer: try again shortly."


class ServiceSignInEnded(Forbidden):
    code = "service_sign_in_ended"
    detail = "This took too long, was finished before, or was begun in another browser: begin again."


class ServiceDenied(Forbidden):
    code, detail = "service_denied", "The sign-in service was told not to say who you are."


class ServiceRefused(Forbidden):
    """Details carry reason, the error code of the service (RFC 6749, 4.1.2.1 and 5.2)."""

    code, detail = "service_refused", "The sign-in service refused."


class ServiceAnswerInvalid(Forbidden):
    """Details carry reason, of what did not fit: "issuer", "signature", "nonce" and others."""

    code, detail = "service_answer_invalid", "What the sign-in service says proves nothing."


class RegistrationNeeded(Forbidden):
    """Nobody here has linked this. Details carry ticket, good for one account, and what the service tells of the
    person: service, username, display_name, email, email_verified; empty where it tells nothing."""

    code, detail = "registration_needed", "There is no account here yet that is linked to this one."


class RegistrationEnded(Forbidden):
    code, detail = "registration_ended", "This registration took too long or was finished before: begin again."


class LinkInSettings(Conflict):
    """However sure the service is of the address: who controls an address there is not yet who owns the account."""

    code = "link_in_settings"
    detail = "There is an account with this e-mail address: sign in to it and link the service in its settings."


class IdentityTaken(Conflict):
    code, detail = "identity_taken", "Another account here is linked to this one."


class ServiceAlreadyLinked(Conflict):
    code, detail = "service_already_linked", "Your account is linked to one at this service already."


class IdentityNotYours(Forbidden):
    code, detail = "identity_not_yours", "This is not the account that yours is linked to."


class IdentityNotFound(NotFound):
    code, detail = "identity_not_found", "There is no such linked account."


class Identities(Protocol):
    """Whatever takes a ServiceAnswer raises ServiceSignInEnded, ServiceDenied, ServiceRefused, ServiceAnswerInvalid
    and ServiceUnavailable. A state is good once, for ten minutes, in the browser and for the purpose that it was
    made for. Whatever begins raises ServiceNotFound and ServiceUnavailable.
    """

    @repeatable
    async def list_services(self, actor: Actor, request: Nothing) -> SignInServices:
        """Those that are enabled, the oldest first."""
        ...

    @repeatable
    async def begin_service_sign_in(self, actor: Actor, request: BeginAtService) -> Authorization:
        """Where to send the browser of someone who has not said who they are."""
        ...

    async def sign_in_by_service(self, actor: Actor, request: ServiceAnswer) -> Tokens:
        """Open a session for the account that is linked.

        Raises SecondFactorRequired (in `factors`) as `log_in` does, AccountSuspended, RegistrationNeeded, and
        LinkInSettings when nobody has linked this but somebody here has confirmed the address that the service says is
        verified: no address links anything.
        """
        ...

    async def register_by_service(self, actor: Actor, request: RegisterByService) -> Tokens:
        """Make an account that has no password and is linked, and its first session.

        The address is confirmed if it is the one of which the service says that it is verified; otherwise a letter
        follows. Raises RegistrationEnded, UsernameTaken, UsernameImitates, BadDisplayName, IdentityTaken, and
        EmailTaken for a verified address that somebody has confirmed here; after all but the first the ticket is still
        good.
        """
        ...

    @repeatable
    async def list_identities(self, actor: Actor, request: Nothing) -> IdentityList:
        """The actor's own."""
        ...

    @repeatable
    async def begin_link(self, actor: Actor, request: BeginAtService) -> Authorization:
        """Where to send the browser of someone who wants to link. Raises StepUpRequired, ServiceAlreadyLinked."""
        ...

    async def link_identity(self, actor: Actor, request: ServiceAnswer) -> Identity:
        """Whoever is that person elsewhere signs in to the actor's account from now on; its owner is told by letter.

        Raises StepUpRequired, IdentityTaken, ServiceAlreadyLinked.
        """
        ...

    async def unlink_identity(self, actor: Actor, request: GivenIdentity) -> Nothing:
        """The owner is told by letter. Raises StepUpRequired, IdentityNotFound, LastWayIn (in `passkeys`)."""
        ...

    @repeatable
    async def begin_service_step_up(self, actor: Actor, request: BeginAtService) -> Authorization:
        """Where to send the browser of someone whose account has no password, so that they can prove who they are.

        Raises IdentityNotFound when the account is not linked to this service.
        """
        ...

    async def prove_by_service(self, actor: Actor, request: ServiceAnswer) -> ServiceProof:
        """What `step_up` takes in place of the password, good for 5 minutes and 5 tries. Raises IdentityNotYours."""
        ...
