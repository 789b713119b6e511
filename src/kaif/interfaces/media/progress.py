"""How far work on a film or voice message is, for those who wait for it."""

from typing import ClassVar

import msgspec

from kaif.interfaces.media import MediaId, State
from kaif.kernel.events import Event


class MediaEvent(msgspec.Struct, frozen=True, tag_field="type", tag="media"):
    """What sockets hear, in percent of what is needed before it plays everywhere. With `ready` there is something to
    play; heard again, something better."""

    media_id: MediaId
    state: State
    progress: int


class MediaProgressed(Event, frozen=True, kw_only=True):
    """It is on the next tenth of its way."""

    name: ClassVar[str] = "media.progressed.v1"
    media_id: MediaId
    progress: int

    @property
    def key(self) -> str:
        return self.media_id
