"""What notifications promise: a device that asked for them is told what its person has not seen, and nothing else.

Told is who is in the chat, has not read the message, and did not write it; at most an hour after it was written.
What is pushed is encrypted for the browser alone (RFC 8291).
"""

from typing import Annotated, Literal, Protocol, get_args

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import GetChat, GivenChatId, Notify, Seq
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Invalid, Unavailable
from kaif.kernel.remote import repeatable

# Of one person: more devices than anybody has. The oldest one makes room.
SUBSCRIPTIONS_MAX = 20
# In larger groups only mentions and replies are told.
EVERYTHING_TOLD_MEMBERS_MAX = 200

Minutes = Annotated[int, Meta(ge=0, lt=24 * 60)]
# As calendars name them (RFC 5545, 3.3.10).
Weekday = Literal["mo", "tu", "we", "th", "fr", "sa", "su"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)


class PushKey(msgspec.Struct, frozen=True):
    """What a browser wants as `applicationServerKey`, in base64url; empty where the operator has no push."""

    public_key: str


class Subscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the browser's PushSubscription says, keys in base64url, and the language of what is shown."""

    endpoint: Annotated[str, Meta(min_length=1, max_length=2048)]
    p256dh: Annotated[str, Meta(max_length=100, pattern=r"^[A-Za-z0-9_-]+=*$(?!\n)")]
    auth: Annotated[str, Meta(max_length=32, pattern=r"^[A-Za-z0-9_-]+=*$(?!\n)")]
    language: Literal["ru", "en"] = "ru"


class NoteShown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId
    seq: Seq


class NotificationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without `preview` it is not shown what was written. In quiet hours, which are minutes after midnight and may go
    beyond it, nothing is told; where both are the same there are none. They begin on the `quiet_days`: those of a
    Friday evening last until Saturday morning. `time_zone` is a name of IANA's list."""

    preview: bool = True
    mentions_only: bool = False
    quiet_from: Minutes = 0
    quiet_until: Minutes = 0
    time_zone: Annotated[str, Meta(max_length=64)] = "UTC"
    quiet_days: Annotated[list[Weekday], Meta(max_length=len(WEEKDAYS))] = msgspec.field(
        default_factory=lambda: list(WEEKDAYS)
    )


class ChatNotifications(msgspec.Struct, frozen=True):
    notify: Notify


class ChooseNotifications(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId
    notify: Notify


class Unread(msgspec.Struct, frozen=True):
    """Messages, of all of one's chats and topics but those that are muted and those with `notify` none."""

    unread: int


class ForbiddenPushAddress(Invalid):
    code, detail = "forbidden_push_address", "This is not the address of a push service that can be used here."


class BadSubscription(Invalid):
    code, detail = "bad_subscription", "These are not the keys of a browser's subscription."


class UnknownTimeZone(Invalid):
    code, detail = "unknown_time_zone", "There is no such time zone."


class PushUnavailable(Unavailable):
    code, detail = "push_unavailable", "This server sends no notifications."


class Notifications(Protocol):
    @repeatable
    async def get_push_key(self, actor: Actor, request: Nothing) -> PushKey:
        """The key with which the server signs what it pushes (RFC 8292)."""
        ...

    @repeatable
    async def subscribe(self, actor: Actor, request: Subscribe) -> Nothing:
        """Tell this browser from now on, as long as the actor's session lasts; a former subscription of the session,
        and whoever used this browser before, end.

        Raises BadSubscription, ForbiddenPushAddress, PushUnavailable.
        """
        ...

    @repeatable
    async def unsubscribe(self, actor: Actor, request: Nothing) -> Nothing:
        """Tell this session's browser nothing more; no error when it was not told anything."""
        ...

    @repeatable
    async def note_shown(self, actor: Actor, request: NoteShown) -> Nothing:
        """The client, which was open, has shown this message by itself: the session's device is not told of it, nor of
        what stands before it in the chat. Raises ChatNotFound.
        """
        ...

    @repeatable
    async def count_unread(self, actor: Actor, request: Nothing) -> Unread:
        """The number at the icon of every device, by which pushes too are counted."""
        ...

    @repeatable
    async def get_settings(self, actor: Actor, request: Nothing) -> NotificationSettings: ...

    @repeatable
    async def keep_settings(self, actor: Actor, request: NotificationSettings) -> NotificationSettings:
        """For all of the actor's devices. Raises UnknownTimeZone."""
        ...

    @repeatable
    async def get_chat_notifications(self, actor: Actor, request: GetChat) -> ChatNotifications:
        """Raises ChatNotFound."""
        ...

    @repeatable
    async def choose_notifications(self, actor: Actor, request: ChooseNotifications) -> ChatNotifications:
        """What the actor is told of one chat, as long as they are in it. Raises ChatNotFound."""
        ...
