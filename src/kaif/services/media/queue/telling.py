"""Tells an owner's devices how far work on their file is. News that is lost harms nothing: the file itself says it."""

import msgspec

from kaif.engines.cache import Cache
from kaif.interfaces.media import MediaId, State
from kaif.interfaces.media.progress import MediaEvent
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.news import SIGNALS, Signal
from kaif.kernel.actor import UserId
from kaif.kernel.errors import Unavailable


class OwnerNews:
    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    async def tell(self, owner_id: UserId, media_id: MediaId, state: State, progress: int) -> None:
        event = msgspec.json.encode(MediaEvent(media_id, state, progress))
        try:
            await self._cache.publish(SIGNALS, msgspec.msgpack.encode(Signal(ChatId(""), event, owner_id)))
        except Unavailable:
            return
