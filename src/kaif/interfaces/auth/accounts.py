"""What people do with their own accounts: prove an address, change a password, rename themselves, leave."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import (
    NO_NUL,
    AvatarColour,
    CaptchaAnswer,
    DisplayName,
    Email,
    Language,
    Nothing,
    Password,
    Person,
    User,
)
from kaif.interfaces.auth.own_data import Erasure
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.errors import Forbidden, Invalid
from kaif.kernel.events import Event
from kaif.kernel.remote import repeatable

# The links in letters are good for so long, once.
CONFIRMATION_DAYS = 7
NEW_EMAIL_HOURS = 24
RESET_MINUTES = 30
# Letters with a link to reset a password: one in this time for an account, however many ask for it.
RESET_EVERY_SECONDS = 60

LetterKind = Literal[
    "welcome",
    "welcome_invited",
    "invitation",
    "welcome_confirmed",
    "confirm",
    "confirm_asked",
    "new_email",
    "email_change_asked",
    "email_changed",
    "address_named",
    "reset",
    "reset_forced",
    "password_changed",
    "password_set_first",
    "second_factors_removed",
    "service_linked",
    "service_unlinked",
    "new_device",
    "passkey_added",
    "passkey_removed",
    "passkey_cloned",
    "second_factor_added",
    "second_factor_removed",
    "recovery_codes_renewed",
    "api_key_made",
    "api_key_taken",
    "bot_key_made",
    "avatar_taken",
    "wallet_linked",
    "wallet_unlinked",
]
# What was after the # of a letter's link.
LinkToken = Annotated[str, Meta(min_length=1, max_length=256, pattern=NO_NUL)]
GivenPassword = Annotated[str, Meta(min_length=1, max_length=1024)]


class ConfirmEmail(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: LinkToken


class ConfirmedEmail(msgspec.Struct, frozen=True):
    email: str


class OfLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: LinkToken


class Claimant(msgspec.Struct, frozen=True):
    """The account that wants to be known by the address; `is_actor` when it is the one who asks."""

    account: Person
    registered_at: datetime
    email: str
    is_actor: bool


class ChangeEmail(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The address of an account that has no password is changed without, soon after a sign-in."""

    email: Email
    password: Annotated[str, Meta(max_length=1024)] = ""


class ForgetPassword(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    email: Email
    captcha: CaptchaAnswer = ""


class ResetPassword(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: LinkToken
    password: Password


class ChangePassword(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    current_password: GivenPassword
    password: Password


class ChangeDisplayName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    display_name: DisplayName


class ChangeAvatarColour(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Null for the one that goes by the id."""

    avatar_colour: AvatarColour | None


class ChangeLanguage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of the letters that the server writes."""

    language: Language


class DeleteAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account that has no password is deleted without, soon after a sign-in."""

    password: Annotated[str, Meta(max_length=1024)] = ""


class LetterDue(Event, frozen=True, kw_only=True):
    """Somebody is to get a letter. `link_id` is no secret: only the sealing key makes a usable token of it.

    `details` are what the letter tells beside the names that all letters know; an empty one is called unknown.
    """

    name: ClassVar[str] = "auth.letter_due.v1"
    kind: LetterKind
    user_id: UserId
    address: str
    language: Language
    link_id: str = ""
    details: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def key(self) -> str:
        return self.user_id


class LetterPostponed(LetterDue, frozen=True, kw_only=True):
    """The mail server works, but will not take this letter now; it waits where it delays no other."""

    name: ClassVar[str] = "auth.letter_postponed.v1"


class PasswordForgotten(Event, frozen=True, kw_only=True):
    """Somebody wants to reset the password of the account with this address, if there is one."""

    name: ClassVar[str] = "auth.password_forgotten.v1"
    email: str

    @property
    def key(self) -> str:
        return self.email


class LinkSpent(Forbidden):
    code, detail = "link_spent", "This link was used, replaced by a newer one, or is too old."


class ConfirmSignedIn(Forbidden):
    code = "confirm_signed_in"
    detail = "This account has a role here: sign in to it first, then open the link again."


class PasswordTooShort(Invalid):
    code = "password_too_short"
    detail = "The password needs at least 15 characters, or 8 for an account with a second factor."


class PasswordTooLong(Invalid):
    code, detail = "password_too_long", "The password is longer than 1024 bytes."


class PasswordBreached(Invalid):
    code, detail = "password_breached", "This password is among those that attackers try first."


class PasswordTooObvious(Invalid):
    code, detail = "password_too_obvious", "The password repeats itself, your name or address, or the server's name."


class Accounts(Protocol):
    """A new password raises PasswordTooShort, PasswordTooLong, PasswordBreached or PasswordTooObvious when it is weak.

    Lengths are of the normalised form (Unicode NFKC), as NIST SP 800-63B-4 has it. A letter never delays an answer:
    it leaves by the event bus, which is patient with a mail server that is down. Where a second factor is on, whatever
    takes the password wants the person to have been seen lately as well: it raises StepUpRequired (in `factors`).
    """

    async def confirm_email(self, actor: Actor, request: ConfirmEmail) -> ConfirmedEmail:
        """The address of the letter is the account's, and confirmed. Raises LinkSpent, and EmailTaken when
        somebody else has confirmed the address meanwhile.

        The letter alone does not confirm the address of an account that has a role: whoever opens it must be signed in
        to that account. Raises ConfirmSignedIn, which spends nothing."""
        ...

    @repeatable
    async def consider_email(self, actor: Actor, request: OfLink) -> Claimant:
        """Whom the link would confirm, which a stranger may have made. Raises LinkSpent."""
        ...

    async def disown_email(self, actor: Actor, request: OfLink) -> Nothing:
        """Whoever reads the mailbox did not make the account: the link confirms nothing any more. Raises LinkSpent."""
        ...

    async def resend_confirmation(self, actor: Actor, request: Nothing) -> Nothing:
        """Send the link again; earlier ones stop working. Nothing happens when the address is confirmed.

        Raises TooManyTries (in `factors`) after ten letters in an hour to addresses that are not confirmed.
        """
        ...

    async def change_email(self, actor: Actor, request: ChangeEmail) -> Nothing:
        """Send a link to the new address, and word of it to the old one; until it is opened nothing changes. If the
        address is somebody else's, they are told instead, and the actor is not.

        Raises WrongPassword, StepUpRequired (in `factors`), Busy; TooManyTries as `resend_confirmation`.
        """
        ...

    async def forget_password(self, actor: Actor, request: ForgetPassword) -> Nothing:
        """Send a link for a new password, replacing earlier ones; same answer and time when nobody has the address.

        It is for the account that has confirmed the address. Where none has, a letter goes for each of the five oldest
        accounts that name it, but not for those that have a role: they get one at a confirmed address alone.

        Raises CaptchaRequired (in `captcha`).
        """
        ...

    async def reset_password(self, actor: Actor, request: ResetPassword) -> Nothing:
        """Set the password and end all sessions; the owner is told by letter. Raises LinkSpent, Busy.

        Where nobody had confirmed the address before, somebody else may have made the account with it: everything else
        that opens it or acts for it ends too (passkeys, wallets, sign-in services, API keys, applications). The letter
        says so. Codes from an app are never taken away.
        """
        ...

    async def change_password(self, actor: Actor, request: ChangePassword) -> Nothing:
        """Set the password and end all other sessions; the owner is told by letter. Raises WrongPassword, Busy."""
        ...

    async def change_display_name(self, actor: Actor, request: ChangeDisplayName) -> User:
        """Others see the new name and find people by it. Raises BadDisplayName."""
        ...

    async def change_avatar_colour(self, actor: Actor, request: ChangeAvatarColour) -> User:
        """Others see the person in this colour."""
        ...

    async def change_language(self, actor: Actor, request: ChangeLanguage) -> User:
        """Letters are written in this language from now on."""
        ...

    async def delete_account(self, actor: Actor, request: DeleteAccount) -> Erasure:
        """End all sessions and erase what is held about the person; what was written stays, under a name that says so.

        The username and the address become free. Other services erase after the answer: its receipt tells by
        `get_erasure` (in `own_data`) when they have. Raises WrongPassword, StepUpRequired (in `factors`), LastOwner
        (in `roles`), Busy.
        """
        ...
