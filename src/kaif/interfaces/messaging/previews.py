"""What previews of links promise: the server alone asks other sites, after a message is sent; nobody's browser does.

The first link of a message that is neither in code nor under a spoiler is looked up, in the kinds of chats of which the
server reads the words. The chat hears of the preview by an entry `previewed`, which names nobody.
"""

from typing import Protocol

import msgspec

from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import Chat, ChatKind, GivenChatId
from kaif.interfaces.messaging.actions import OfMessage
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
    async def remove_preview(self, actor: Actor, request: OfMessage) -> Nothing:
        """Take the preview off a message for good: one's own, and with `delete` in a chat those of others.

        Raises ChatNotFound, MessageNotFound, NotYourPreview.
        """
        ...
