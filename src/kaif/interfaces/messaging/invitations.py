"""What the ways into a chat promise: links with limits, public names, and asking to be let in."""

from datetime import datetime
from typing import Annotated, Literal, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import GivenUserId, Nothing, Person
from kaif.interfaces.media import MediaId
from kaif.interfaces.messaging import ChatId, ChatKind, Cursor, GetChat, GivenChatId
from kaif.interfaces.messaging.administration import ChatName
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.errors import Conflict, NotFound
from kaif.kernel.ids import PATTERN
from kaif.kernel.remote import repeatable

Secret = Annotated[str, Meta(min_length=43, max_length=43, pattern=r"^[A-Za-z0-9_-]{43}$(?!\n)")]
GivenLinkId = Annotated[str, Meta(pattern=PATTERN)]
LinkState = Literal["good", "revoked", "used_up", "expired"]

LINKS_MAX = 100
REQUESTS_MAX = 10_000


class MakeLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """0 is without end. With `approval` whoever comes by it waits for an admin."""

    chat_id: GivenChatId
    note: Annotated[str, Meta(max_length=64)] = ""
    approval: bool = False
    uses_max: Annotated[int, Meta(ge=0, le=100_000)] = 0
    lifetime_s: Annotated[int, Meta(ge=0, le=366 * 86_400)] = 0


class Link(msgspec.Struct, frozen=True):
    id: str
    note: str
    made_by: UserId
    made_at: datetime
    approval: bool
    uses: int
    uses_max: int
    expires_at: datetime | None
    state: LinkState


class NewLink(msgspec.Struct, frozen=True):
    """`secret` is shown this once: the page of the link is /join/SECRET."""

    link: Link
    secret: str


class Links(msgspec.Struct, frozen=True):
    """Newest first; at most LINKS_MAX that are not revoked."""

    links: list[Link]


class RevokeLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId
    link_id: GivenLinkId


class Door(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By a link's secret, or by a public name."""

    secret: Secret | None = None
    name: ChatName | None = None


class Preview(msgspec.Struct, frozen=True):
    """What somebody outside learns of a chat; its id colours its picture."""

    chat_id: ChatId
    kind: ChatKind
    title: str
    description: str
    members_count: int
    approval: bool
    joined: bool
    asked: bool
    # Shown to outsiders where the chat has a public name.
    avatar: MediaId | None = None


class Joined(msgspec.Struct, frozen=True):
    """`asked`: an admin has to say yes first."""

    chat_id: ChatId
    asked: bool


class ListRequests(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId
    limit: Annotated[int, Meta(ge=1, le=200)] = 100
    cursor: Cursor = ""


class JoinRequest(msgspec.Struct, frozen=True):
    person: Person
    at: datetime


class JoinRequests(msgspec.Struct, frozen=True):
    requests: list[JoinRequest]
    next_cursor: str | None


class AnswerRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId
    user_id: GivenUserId
    let_in: bool


class InvitationGone(NotFound):
    code, detail = "chat_invitation_gone", "This invitation is not good, or no longer."


class RequestNotFound(NotFound):
    code, detail = "join_request_not_found", "Nobody of that name is waiting."


class TooManyLinks(Conflict):
    code, detail = "too_many_links", "The chat has as many links as it can have: revoke some first."


class TooManyRequests(Conflict):
    code, detail = "too_many_join_requests", "Too many people are waiting to be let in."


class ChatInvitations(Protocol):
    """Links need `invite` as an admin; members may invite only whom they name. Raises ChatNotFound, NotAGroup.

    The links of an admin end when they are dismissed, or leave.
    """

    async def make_link(self, actor: Actor, request: MakeLink) -> NewLink:
        """Raises RightMissing, TooManyLinks."""
        ...

    @repeatable
    async def list_links(self, actor: Actor, request: GetChat) -> Links:
        """Raises RightMissing."""
        ...

    @repeatable
    async def revoke_link(self, actor: Actor, request: RevokeLink) -> Nothing:
        """Nobody comes by it from now on, nor do those who wait because of it. Raises RightMissing."""
        ...

    @repeatable
    async def preview_chat(self, actor: Actor, request: Door) -> Preview:
        """For anybody who has the link or the name, signed in or not. Raises InvitationGone."""
        ...

    @repeatable
    async def join_chat(self, actor: Actor, request: Door) -> Joined:
        """Come in; who is in already takes no use of the link. Of those who come at once for the last use one gets it.

        Raises InvitationGone, MemberBanned, TooManyMembers, TooManyRequests, NotForBots.
        """
        ...

    @repeatable
    async def list_requests(self, actor: Actor, request: ListRequests) -> JoinRequests:
        """Those who wait. Raises RightMissing."""
        ...

    @repeatable
    async def answer_request(self, actor: Actor, request: AnswerRequest) -> Nothing:
        """Let somebody in who waits, or not. Raises RightMissing, RequestNotFound, MemberBanned, TooManyMembers."""
        ...
