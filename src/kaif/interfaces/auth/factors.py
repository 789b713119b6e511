"""What auth promises of second factors: a password alone opens nothing when there is one."""

from datetime import datetime
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import Nothing, Tokens
from kaif.interfaces.auth.passkeys import Assertion
from kaif.interfaces.auth.wallets import EthereumProof, TonProof
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Conflict, Forbidden, Invalid, Limited, Unauthenticated
from kaif.kernel.remote import repeatable

RECOVERY_CODES = 10
# After that long a dangerous act wants to see the person again.
AUTHENTICATION_FRESH_SECONDS = 15 * 60
CHALLENGE_SECONDS = 5 * 60
CHALLENGE_TRIES_MAX = 5

# Six digits of an app or a recovery code; spaces, dashes and the size of letters do not matter.
Code = Annotated[str, Meta(max_length=64)]


class SecondFactorState(msgspec.Struct, frozen=True):
    """`totp_since` is missing when no codes of an app are asked for."""

    totp_since: datetime | None
    recovery_codes_left: int


class TotpBegun(msgspec.Struct, frozen=True):
    """`secret` in base32 for people who type it, `uri` (otpauth://totp/…) for a QR code."""

    secret: str
    uri: str


class ConfirmTotp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: Code


class RecoveryCodes(msgspec.Struct, frozen=True):
    """Shown this once: only their hashes are kept."""

    codes: list[str]


class LogInWithSecondFactor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`challenge` comes with SecondFactorRequired; `credential`, from a passkey, stands in for `code`."""

    challenge: Annotated[str, Meta(max_length=128)]
    code: Code = ""
    credential: Assertion | None = None


class StepUp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`code` is needed when the account has a second factor; `credential`, from a passkey, stands in for both.

    `wallet`, to what `begin_wallet_step_up` (in `wallets`) asked, stands in for the password.
    `challenge`, from `prove_by_service` (in `identities`), stands in for the password.
    """

    password: Annotated[str, Meta(max_length=1024)] = ""
    code: Code = ""
    challenge: Annotated[str, Meta(max_length=128)] = ""
    credential: Assertion | None = None
    wallet: EthereumProof | TonProof | None = None


class SecondFactorRequired(Unauthenticated):
    """Details carry challenge, good for one sign-in, methods: "totp", "recovery_code", "passkey"; and username."""

    code, detail = "second_factor_required", "The password is right: give a code or a passkey as well."


class ChallengeEnded(Unauthenticated):
    code, detail = "challenge_ended", "This sign-in took too long or had too many tries: begin again."


class InvalidCode(Invalid):
    code, detail = "invalid_code", "This code is wrong, or has been used."


class TooManyTries(Limited):
    """Details carry retry_after_ms."""

    code, detail = "too_many_tries", "Too many tries for this account: wait."


class PasswordTooShortAlone(Conflict):
    code = "password_too_short_alone"
    detail = "Your password is too short to be all there is: choose a longer one first."


class StepUpRequired(Forbidden):
    """Details carry methods: what `step_up` wants, of "password", "totp", "recovery_code"; or "passkey" alone.

    "wallet" stands in for the password, which an account may not have, and so does "service" where it has none.
    """

    code, detail = "step_up_required", "Prove again that it is you."


class TotpAlreadyOn(Conflict):
    code, detail = "totp_already_on", "Codes from an app are already asked for."


class TotpNotBegun(Conflict):
    code, detail = "totp_not_begun", "There is nothing to confirm: begin again."


class SecondFactorOff(Conflict):
    code, detail = "second_factor_off", "This account has no second factor."


class SecondFactors(Protocol):
    @repeatable
    async def get_second_factors(self, actor: Actor, request: Nothing) -> SecondFactorState:
        """What the actor's account asks for beside the password."""
        ...

    @repeatable
    async def begin_totp(self, actor: Actor, request: Nothing) -> TotpBegun:
        """Make a secret for an app (RFC 6238: SHA-1, 30 s, 6 digits), in place of one that was begun before.

        It counts for nothing until it is confirmed. Raises StepUpRequired, TotpAlreadyOn.
        """
        ...

    async def confirm_totp(self, actor: Actor, request: ConfirmTotp) -> RecoveryCodes:
        """Ask for codes of that secret from now on, and give ten recovery codes.

        The actor's other sessions must step up before they do anything dangerous. Raises StepUpRequired,
        TotpNotBegun, TotpAlreadyOn, InvalidCode.
        """
        ...

    async def remove_totp(self, actor: Actor, request: Nothing) -> Nothing:
        """Ask for codes no more, and forget the recovery codes; removing twice is no error.

        Raises StepUpRequired unless the session was opened or stepped up lately, which took a code, and
        PasswordTooShortAlone when the password has fewer than 15 characters.
        """
        ...

    async def renew_recovery_codes(self, actor: Actor, request: Nothing) -> RecoveryCodes:
        """Give ten new recovery codes; the ones before are good no more. Raises StepUpRequired, SecondFactorOff."""
        ...

    async def log_in_with_second_factor(self, actor: Actor, request: LogInWithSecondFactor) -> Tokens:
        """Open the session for which `log_in` asked for a second factor.

        A code of the app is good once and within 30 s of its time, a recovery code once. A challenge is good
        for 5 minutes, 5 tries and one session. Raises ChallengeEnded, InvalidCode, TooManyTries: guesses of
        six digits are limited for the account as a whole. Recovery codes can't be guessed and are not, so
        that nobody who knows a password keeps its owner out. An answer of a passkey, to what
        `begin_passkey_second_step` (in `passkeys`) asked, is refused as it is there.
        """
        ...

    async def step_up(self, actor: Actor, request: StepUp) -> Nothing:
        """Renew the session's authentication by the password, and a code when the account has a second factor.

        A passkey alone renews it too: its answer to what `begin_passkey_step_up` (in `passkeys`) asked is refused
        as it is there. A wallet of the actor's, as in `wallets`, stands in for the password; its proof is spent
        even when the code is wrong. Raises WrongPassword, InvalidCode, TooManyTries, SessionEnded, Busy, and
        ServiceSignInEnded (in `identities`) for a service's proof of more than 5 minutes or 5 tries ago.
        """
        ...
