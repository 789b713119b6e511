"""What messaging promises about pictures of groups and channels: those in the chat see the one that was chosen for it.

The picture itself is a file of media's (`interfaces.media`), which whoever sets it has uploaded; its id is the chat's
`avatar`. Where the chat has a public name, everyone who is signed in sees it.
"""

from typing import Protocol

import msgspec

from kaif.interfaces.auth import Nothing
from kaif.interfaces.media import GivenMediaId
from kaif.interfaces.messaging import Chat, GetChat, GivenChatId
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Invalid
from kaif.kernel.remote import repeatable


class SetChatPicture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId
    media_id: GivenMediaId


class NotAPicture(Invalid):
    code, detail = "not_a_picture", "This file is not a picture."


class ChatPictures(Protocol):
    """Needs the right `info`, as the title does: otherwise RightMissing is raised. Raises ChatNotFound, NotAGroup."""

    async def set_chat_picture(self, actor: Actor, request: SetChatPicture) -> Chat:
        """A file of the actor's own. Everybody in the chat learns of it; the one before is let go.

        Raises MediaNotFound (in `interfaces.media`), NotAPicture, AttachmentsLost (in `attached`), Unavailable.
        """
        ...

    @repeatable
    async def remove_chat_picture(self, actor: Actor, request: GetChat) -> Nothing:
        """Taking off what is not there changes nothing."""
        ...
