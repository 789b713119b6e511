"""What messaging promises about people's own data: all that it holds about them, but for the logs (`history`)."""

from datetime import datetime
from typing import Protocol

import msgspec

from kaif.interfaces.auth import Nothing, Person
from kaif.interfaces.messaging import Chat, ChatId, Notify
from kaif.interfaces.messaging.bots import Command
from kaif.interfaces.messaging.digests import DigestSettings
from kaif.interfaces.messaging.invitations import Link
from kaif.interfaces.messaging.notifications import NotificationSettings
from kaif.interfaces.messaging.order import Draft, Folder
from kaif.interfaces.messaging.privacy import PrivacySettings
from kaif.interfaces.messaging.reminders import Reminder
from kaif.interfaces.messaging.reports import Outcome, Reason
from kaif.interfaces.messaging.scheduled import Scheduled
from kaif.interfaces.messaging.webhooks import Webhook
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.remote import repeatable

# Of each kind, the newest: an answer stays of a size that can be sent at once.
EACH_MAX = 10_000


class Membership(msgspec.Struct, frozen=True):
    """A chat that the person is in, as they see it, what they are there, and what they want to be told of it."""

    chat: Chat
    role: str
    notify: Notify


class NotifiedDevice(msgspec.Struct, frozen=True):
    """A device that is told what happens; where it is reached is a secret of its own."""

    since: datetime
    language: str


class BlockedPerson(msgspec.Struct, frozen=True):
    person: Person
    at: datetime


class OwnTopic(msgspec.Struct, frozen=True):
    """What differs from the rest of the chat in one of its topics."""

    chat_id: ChatId
    topic_id: int
    read_seq: int
    muted_until: datetime | None
    restricted: bool
    # One of those who write there, where only they do.
    chosen: bool = False


class OwnVote(msgspec.Struct, frozen=True):
    """In the poll at that place; `option` counts from 0."""

    chat_id: ChatId
    seq: int
    option: int
    at: datetime


class OwnReaction(msgspec.Struct, frozen=True):
    chat_id: ChatId
    seq: int
    emoji: str
    at: datetime


class HiddenMessage(msgspec.Struct, frozen=True):
    """Deleted for oneself alone."""

    chat_id: ChatId
    seq: int


class FiledReport(msgspec.Struct, frozen=True):
    """What the person has reported: of whom, in which chat, and which messages of it; empty where there is none."""

    id: str
    reason: Reason
    text: str
    at: datetime
    state: Outcome
    user_id: UserId
    chat_id: ChatId
    seqs: list[int]


class OwnLink(msgspec.Struct, frozen=True):
    """An invitation link that the person has made."""

    chat_id: ChatId
    link: Link


class InChatSince(msgspec.Struct, frozen=True):
    chat_id: ChatId
    at: datetime


class PressedButton(msgspec.Struct, frozen=True):
    """That the person has pressed a bot's button, as it is kept for the bot."""

    chat_id: ChatId
    seq: int
    data: str
    at: datetime


class ViewedPosts(msgspec.Struct, frozen=True):
    """Posts of a channel that were shown to the person, so that each of them counts them once."""

    chat_id: ChatId
    seqs: list[int]


class OwnMessagingData(msgspec.Struct, frozen=True):
    """All that messaging holds about a person but for the logs, which `export_history` gives in parts.

    `commands` are a bot's. `asked_to_join` are chats whose admins have not answered, `banned_from` those that the
    person is kept out of. `cut` names the lists that hold more than the EACH_MAX entries that are here.
    """

    exported_at: datetime
    username: str
    display_name: str
    memberships: list[Membership]
    notifications: NotificationSettings
    notified_devices: list[NotifiedDevice]
    letters: DigestSettings
    privacy: PrivacySettings
    blocked: list[BlockedPerson]
    folders: list[Folder]
    drafts: list[Draft]
    topics: list[OwnTopic]
    votes: list[OwnVote]
    reactions: list[OwnReaction]
    hidden: list[HiddenMessage]
    reports: list[FiledReport]
    links: list[OwnLink]
    asked_to_join: list[InChatSince]
    banned_from: list[InChatSince]
    pressed: list[PressedButton]
    viewed: list[ViewedPosts]
    last_seen_at: datetime | None
    commands: list[Command]
    webhooks: list[Webhook]
    scheduled: list[Scheduled]
    reminders: list[Reminder]
    cut: list[str]


class OwnMessaging(Protocol):
    @repeatable
    async def export_own_messaging_data(self, actor: Actor, request: Nothing) -> OwnMessagingData:
        """What is held about the actor."""
        ...
