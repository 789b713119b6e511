"""What looking after a group or channel promises: its settings, its admins, whom it restricts and whom it bans."""

from datetime import datetime
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import GivenUserId, Nothing, Person
from kaif.interfaces.messaging import Chat, ChatMember, Cursor, GetChat, GivenChatId, RightNames, Title
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kaif.kernel.remote import repeatable

Description = Annotated[str, Meta(max_length=500)]
# A public one, or empty for none.
ChatName = Annotated[str, Meta(max_length=32, pattern=r"^([a-z][a-z0-9_]{3,31})?$(?!\n)")]
SlowModeSeconds = Annotated[int, Meta(ge=0, le=86_400)]

ADMINS_MAX = 50


class ChangeChat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is null stays as it is."""

    chat_id: GivenChatId
    title: Title | None = None
    description: Description | None = None
    name: ChatName | None = None
    default_rights: RightNames | None = None
    slow_mode_s: SlowModeSeconds | None = None
    members_hidden: bool | None = None
    signed: bool | None = None


class Appoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId
    user_id: GivenUserId
    rights: RightNames


class OfMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId
    user_id: GivenUserId


class Restrict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Take these rights, until a time or until they are given back; an empty list gives all back."""

    chat_id: GivenChatId
    user_id: GivenUserId
    taken: RightNames
    until: Annotated[datetime, Meta(tz=True)] | None = None


class ListBans(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId
    limit: Annotated[int, Meta(ge=1, le=200)] = 100
    cursor: Cursor = ""


class Ban(msgspec.Struct, frozen=True):
    person: Person
    banned_by: UserId
    at: datetime


class Bans(msgspec.Struct, frozen=True):
    """In no order that means anything."""

    bans: list[Ban]
    next_cursor: str | None


class MemberNotFound(NotFound):
    code, detail = "member_not_found", "This person is not in the chat."


class NameTaken(Conflict):
    code, detail = "name_taken", "This name belongs to another chat or person."


class BadDescription(Invalid):
    code, detail = "bad_description", "The description holds characters that cannot be shown."


class TooManyAdmins(Conflict):
    code, detail = "too_many_admins", "The chat has as many admins as it can have."


class BeyondYourRights(Forbidden):
    code, detail = "beyond_your_rights", "You can't give rights that you lack, or act on an admin of somebody else's."


class BadUntil(Invalid):
    code, detail = "bad_until", "The restriction must end in the future."


class Administration(Protocol):
    """Of groups and channels. Raises ChatNotFound, NotAGroup; RightMissing with the right that it needs.

    Nobody acts on the owner, and on an admin only the owner does: otherwise BeyondYourRights is raised.
    """

    @repeatable
    async def change_chat(self, actor: Actor, request: ChangeChat) -> Chat:
        """Title and description need `info`; what members may do and slow mode `ban`; the rest the owner.

        Raises BadTitle, BadDescription, NameTaken, OwnersOnly.
        """
        ...

    @repeatable
    async def get_member(self, actor: Actor, request: OfMember) -> ChatMember:
        """Somebody in the chat. Raises MemberNotFound; MembersHidden as `list_members` does, but not of oneself."""
        ...

    @repeatable
    async def appoint_admin(self, actor: Actor, request: Appoint) -> ChatMember:
        """Make somebody an admin, or change what they may do. Needs `admins`, and every right that is given.

        Raises MemberNotFound, BeyondYourRights, TooManyAdmins.
        """
        ...

    @repeatable
    async def dismiss_admin(self, actor: Actor, request: OfMember) -> Nothing:
        """Only the owner does, and every admin for themselves. Raises MemberNotFound, BeyondYourRights."""
        ...

    @repeatable
    async def restrict_member(self, actor: Actor, request: Restrict) -> ChatMember:
        """Needs `ban`. Raises MemberNotFound, BeyondYourRights, BadUntil."""
        ...

    @repeatable
    async def ban_person(self, actor: Actor, request: OfMember) -> Nothing:
        """Remove somebody, who can't come back by any way until they are unbanned. Needs `ban`.

        Raises BeyondYourRights, UnknownMember.
        """
        ...

    @repeatable
    async def unban_person(self, actor: Actor, request: OfMember) -> Nothing:
        """Let somebody come back, by whatever way is open to them. Needs `ban`."""
        ...

    @repeatable
    async def list_bans(self, actor: Actor, request: ListBans) -> Bans:
        """Needs `ban`."""
        ...

    @repeatable
    async def transfer_chat(self, actor: Actor, request: OfMember) -> Chat:
        """Make somebody else the owner; who was it stays an admin. Raises OwnersOnly, MemberNotFound, NotForBots."""
        ...

    @repeatable
    async def delete_chat(self, actor: Actor, request: GetChat) -> Nothing:
        """For everybody and for good. Raises OwnersOnly."""
        ...
