"""What auth promises operators of other people's accounts: to find them, see how they stand, and help or stop them."""

from datetime import datetime
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import NO_NUL, GivenUserId, Language, Nothing, Person, PersonKind, RoleName
from kaif.interfaces.auth.api_keys import ApiKey
from kaif.interfaces.auth.audit import AuditPage
from kaif.interfaces.auth.sessions import GivenSessionId, Session
from kaif.kernel.actor import Actor, Permission, UserId
from kaif.kernel.errors import Conflict
from kaif.kernel.remote import repeatable

RECENT_ENTRIES = 20


class AccountSummary(msgspec.Struct, frozen=True):
    """A line of the directory. Bots have no `email`."""

    id: UserId
    username: str
    display_name: str
    kind: PersonKind
    email: str
    email_confirmed: bool
    roles: list[str]
    suspended: bool
    created_at: datetime
    avatar: str | None = None


class FindAccounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Newest first, those made before the one called `before`; of those who have not left.

    `query` is the beginning of each word of a name, of a username or of an address, or a whole id. `role` is one that
    they hold beside that of a member.
    """

    query: Annotated[str, Meta(max_length=254, pattern=NO_NUL)] = ""
    suspended: bool | None = None
    email_confirmed: bool | None = None
    role: RoleName | None = None
    before: GivenUserId | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class AccountPage(msgspec.Struct, frozen=True):
    accounts: list[AccountSummary]
    next_before: UserId | None


class OfAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user_id: GivenUserId


class PasskeySeen(msgspec.Struct, frozen=True):
    """Of somebody else's passkey: that it is there, and nothing that identifies it elsewhere."""

    name: str
    created_at: datetime
    last_used_at: datetime | None


class AccountSecurity(msgspec.Struct, frozen=True):
    """`totp_since` is missing when no codes of an app are asked for; `has_password` is false while none is right."""

    sessions: list[Session]
    has_password: bool
    password_changed_at: datetime
    reset_required_since: datetime | None
    totp_since: datetime | None
    recovery_codes_left: int
    passkeys: list[PasskeySeen]
    api_keys: list[ApiKey]
    last_sign_in_at: datetime | None


class AccountDetails(msgspec.Struct, frozen=True):
    """`security` is missing for whom the actor has no authority over, `audit` for who may not read the log.

    `bot_owner` answers for a bot.
    """

    account: AccountSummary
    bot_owner: Person | None
    permissions: list[Permission]
    language: Language
    suspended_since: datetime | None
    left_at: datetime | None
    security: AccountSecurity | None
    audit: AuditPage | None


class TakeApiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user_id: GivenUserId
    key_id: GivenSessionId


class NothingToConfirm(Conflict):
    code, detail = "nothing_to_confirm", "The address of this account is confirmed."


class AccountIsBot(Conflict):
    code, detail = "account_is_bot", "This is a bot: it has no password and no address."


class AddressUnconfirmed(Conflict):
    code = "address_unconfirmed"
    detail = "This account has a role and an address that nobody has confirmed: no new password is sent there."


class NoSecondFactors(Conflict):
    code, detail = "no_second_factors", "This account has no second factor and no passkey."


class Directory(Protocol):
    """All of it needs MANAGE_PEOPLE. What is done to an account takes every permission that it has as well: nobody
    does anything to somebody who may do more than they. Raises MissingPermission, BeyondYourOwn (in `roles`),
    PersonNotFound, also for who has left, and Forbidden when the actor has been suspended meanwhile. None of it is
    for one's own account: OwnAccount (in `sessions`). What is about passwords and addresses is not for bots:
    AccountIsBot.
    """

    @repeatable
    async def find_accounts(self, actor: Actor, request: FindAccounts) -> AccountPage:
        """A page of the directory; `next_before` is null on the last one."""
        ...

    @repeatable
    async def get_account(self, actor: Actor, request: OfAccount) -> AccountDetails:
        """How an account stands; one's own and those of people who have left can be seen too."""
        ...

    @repeatable
    async def take_sessions(self, actor: Actor, request: OfAccount) -> Nothing:
        """End all sessions of an account; it may sign in again. Raises StepUpRequired (in `factors`)."""
        ...

    @repeatable
    async def take_api_key(self, actor: Actor, request: TakeApiKey) -> Nothing:
        """Revoke a key of somebody's, for its sockets too, and write to them if their address is confirmed.

        Raises StepUpRequired (in `factors`), ApiKeyNotFound (in `api_keys`).
        """
        ...

    async def force_reset(self, actor: Actor, request: OfAccount) -> Nothing:
        """Make the password useless, end all sessions, and send a link for a new password.

        Until there is one nothing opens the account, no passkey either; second factors stay what they were if the
        address had been confirmed (see `reset_password` in `accounts`). Raises StepUpRequired (in `factors`), and
        AddressUnconfirmed for an account that has a role.
        """
        ...

    async def send_confirmation(self, actor: Actor, request: OfAccount) -> Nothing:
        """Send the link that confirms the address again; earlier ones stop working. Raises NothingToConfirm."""
        ...

    async def take_second_factors(self, actor: Actor, request: OfAccount) -> Nothing:
        """For who has lost them: forget the app, the recovery codes and the passkeys, and write to the person if their
        address is confirmed.

        A password too short to stand alone is reset as well, as `force_reset` does.

        Raises StepUpRequired (in `factors`), NoSecondFactors, AddressUnconfirmed as `force_reset`.
        """
        ...
