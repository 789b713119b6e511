"""What letters about missed messages promise: whoever wants them is told by letter of what waits unread, and only once.

Nobody gets one who has not asked for it. What is not told by notifications is not told here: muted chats, what is not
addressed to whoever wants mentions alone, and the words themselves without a preview.
"""

from typing import Annotated, Literal, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import Language, Nothing
from kaif.interfaces.messaging.notifications import Minutes
from kaif.kernel.actor import Actor
from kaif.kernel.remote import repeatable

Every = Literal["never", "hour", "day"]
# Nothing older is told: it is no news any more.
TOLD_WITHIN_DAYS = 7
CHATS_SHOWN_MAX = 10
LINES_SHOWN_MAX = 3


class DigestSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`hour`: once something has waited for an hour. `day`: each day `at` so many minutes after midnight."""

    every: Every = "never"
    at: Minutes = 9 * 60
    time_zone: Annotated[str, Meta(max_length=64)] = "UTC"
    language: Language = "ru"


class Digests(Protocol):
    @repeatable
    async def get_digest(self, actor: Actor, request: Nothing) -> DigestSettings:
        """What the actor has chosen."""
        ...

    @repeatable
    async def choose_digest(self, actor: Actor, request: DigestSettings) -> DigestSettings:
        """Of what is written from now on, and what there was while letters were wanted. Raises UnknownTimeZone."""
        ...
