"""What media promises other services: a file that one of them refers to stays, and its audience sees it.

A service refers to a file before it shows it, and lets go after it has stopped to: what is shown is always there. It
names its reference itself, so that both may be repeated. Not for the world.
"""

from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import Nothing
from kaif.interfaces.media import GivenMediaId, Media
from kaif.kernel.actor import Actor
from kaif.kernel.remote import repeatable

Text = Annotated[str, Meta(min_length=1, max_length=128)]


class Refer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`holder` is the service. `audience` says who sees the file: `chat:ID` those in the chat, `messages` those to
    whom messaging shows it, `evidence` the same where that is in reports alone, `everyone` everyone who is signed in,
    and nothing only its owner. `voice` asks for a sound to be made into a voice message."""

    media_id: GivenMediaId
    holder: Text
    reference: Text
    audience: Annotated[str, Meta(max_length=128)] = ""
    voice: bool = False


class LetGo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    media_id: GivenMediaId
    holder: Text
    reference: Text


# As many as a draft keeps (`interfaces.messaging.attached`).
FILES_AT_ONCE_MAX = 100
# An audience: those to whom messaging shows the file in a message, which it is asked at each look.
IN_MESSAGES = "messages"
# Likewise, of a file that is in no message any more, and kept for those who decide about a report: no CDN may hold it.
AS_EVIDENCE = "evidence"


class HoldFiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Several files under one reference. With `like` they are those that the holder refers to by that name already,
    whoever owns them; without it they are the actor's own. `voice` is as in Refer."""

    media_ids: Annotated[list[GivenMediaId], Meta(min_length=1, max_length=FILES_AT_ONCE_MAX)]
    holder: Text
    reference: Text
    audience: Annotated[str, Meta(max_length=128)] = ""
    like: Annotated[str, Meta(max_length=128)] = ""
    voice: bool = False


class HeldFiles(msgspec.Struct, frozen=True):
    """In the order in which they were asked for."""

    files: list[Media]


class ReleaseFiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    media_ids: Annotated[list[GivenMediaId], Meta(min_length=1, max_length=FILES_AT_ONCE_MAX)]
    holder: Text
    reference: Text


class References(Protocol):
    @repeatable
    async def refer(self, actor: Actor, request: Refer) -> Media:
        """Hold a file of the actor's. Raises MediaNotFound."""
        ...

    @repeatable
    async def let_go(self, actor: Actor, request: LetGo) -> Nothing:
        """No longer; a file that nothing else holds is collected after a while."""
        ...

    @repeatable
    async def hold_files(self, actor: Actor, request: HoldFiles) -> HeldFiles:
        """Hold all of them, or none. Raises MediaNotFound."""
        ...

    @repeatable
    async def release_files(self, actor: Actor, request: ReleaseFiles) -> Nothing:
        """Let go of all of them; those that are not there are passed over."""
        ...
