"""What messaging promises about pictures of groups and channels: those in the chat see the one that was chosen for it.

The picture itself is a file of media's (`interfaces.media`), which whoever sets it has uploaded; its id is the chat's
`avatar`. Where the chat has a public name, everyone who is signed in sees it.
"""

from typing import ClassVar, Protocol

import msgspec

from kaif.interfaces.auth import Nothing
from kaif.interfaces.media import GivenMediaId, MediaId
from kaif.interfaces.messaging import Chat, ChatId, GetChat, GivenChatId
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.errors import Invalid, NotFound
from kaif.kernel.events import Event
from kaif.kernel.remote import repeatable


class SetChatPicture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId
    media_id: GivenMediaId


class NotAPicture(Invalid):
    code, detail = "not_a_picture", "This file is not a picture."


class NoPicture(NotFound):
    code, detail = "no_picture", "This chat has no picture."


class ChatPictureTaken(Event, frozen=True, kw_only=True):
    """For the audit log: who took which picture of which chat down."""

    name: ClassVar[str] = "messaging.chat_picture_taken.v1"
    taking_id: str
    taken_by: UserId
    chat_id: ChatId
    media_id: MediaId

    @property
    def key(self) -> str:
        return self.chat_id


class ChatPictures(Protocol):
    """One's own chats' need the right `info`, as the title does: otherwise RightMissing is raised. Raises ChatNotFound,
    NotAGroup."""

    async def set_chat_picture(self, actor: Actor, request: SetChatPicture) -> Chat:
        """A file of the actor's own. Everybody in the chat learns of it; the one before is let go.

        Raises MediaNotFound (in `interfaces.media`), NotAPicture, AttachmentsLost (in `attached`), Unavailable.
        """
        ...

    @repeatable
    async def remove_chat_picture(self, actor: Actor, request: GetChat) -> Nothing:
        """Taking off what is not there changes nothing."""
        ...

    async def take_chat_picture(self, actor: Actor, request: GetChat) -> Nothing:
        """Take the picture of any chat down, for operators, as the chat's own deed, which names nobody; it is recorded.

        Needs HANDLE_REPORTS instead of a right in the chat. Raises MissingPermission, NoPicture.
        """
        ...
