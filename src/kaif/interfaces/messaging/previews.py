"""What previews of links promise: the server alone asks other sites, for what is sent or to be sent; no browser does.

The first link of a message that is neither in code nor under a spoiler is looked up, in the kinds of chats of which the
server reads the words. The chat hears of the preview by an entry `previewed`, which names nobody.
"""

from typing import Protocol

import msgspec

from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import Chat, ChatKind, GivenChatId, Text
from kaif.interfaces.messaging.actions import OfMessage
from kaif.interfaces.messaging.content import LinkPreview
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Forbidden
from kaif.kernel.remote import repeatable

# Kinds that are not named here, of whose words the server is to know nothing, never have any.
PREVIEWED: frozenset[ChatKind] = frozenset({"direct", "group", "channel", "saved"})


class PreviewsHere(msgspec.Struct, frozen=True):
    """Whether this server looks links up at all."""

    on: bool


class SwitchPreviews(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What has a preview already keeps it."""

    chat_id: GivenChatId
    on: bool


class LookAtLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is being written in the chat, in marks."""

    chat_id: GivenChatId
    text: Text


class FoundPreview(msgspec.Struct, frozen=True):
    """None where a message that says so would have none, or none at once."""

    preview: LinkPreview | None


class NotYourPreview(Forbidden):
    code, detail = "not_your_preview", "This is the preview of somebody else's message."


class LinkPreviews(Protocol):
    async def get_previews_here(self, actor: Actor, request: Nothing) -> PreviewsHere: ...

    @repeatable
    async def switch_previews(self, actor: Actor, request: SwitchPreviews) -> Chat:
        """Whether links of messages in this chat are looked up from now on.

        Needs `info` in groups and channels; in direct chats either of the two may. Raises ChatNotFound, RightMissing,
        PersonNotReachable.
        """
        ...

    @repeatable
    async def look_at_link(self, actor: Actor, request: LookAtLink) -> FoundPreview:
        """The preview that a message of this text would have here, before it is sent.

        Takes as long as the page does, seconds at the most. Raises ChatNotFound, BadText, Busy.
        """
        ...

    @repeatable
    async def remove_preview(self, actor: Actor, request: OfMessage) -> Nothing:
        """Take the preview off a message for good: one's own, and with `delete` in a chat those of others.

        Raises ChatNotFound, MessageNotFound, NotYourPreview.
        """
        ...
