"""Tells every gateway what is new: one publish for each batch, after the commit."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from kaif.engines.cache import Cache
from kaif.interfaces.messaging import ENTRIES, NEWS_LOST, SIGNALS, ChatId, Delivery, Entry, Signal
from kaif.kernel.actor import UserId
from kaif.kernel.background import Background
from kaif.kernel.errors import Unavailable
from kaif.services.messaging.model import Place

RETRY_S = 1.0

log = logging.getLogger("kaif.messaging")

_json = msgspec.json.Encoder().encode
_msgpack = msgspec.msgpack.Encoder().encode


class ReadEvent(msgspec.Struct, frozen=True, tag_field="type", tag="read"):
    chat_id: ChatId
    user_id: UserId
    seq: int


class Announcer:
    """News is at most once: a gateway that missed some sees the gap in `seq`, or asks after an interruption.

    An interruption of ours is none that gateways notice: they are told of it, and so they are when a process starts,
    because the one before it may have died between a commit and its news.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._background = Background()
        self._lost = self._telling = False

    def start(self) -> None:
        self._note_loss()

    async def close(self) -> None:
        await self._background.close()

    def _note_loss(self) -> None:
        self._lost = True
        if not self._telling:
            self._telling = True
            self._background.run(self._tell_of_loss())

    async def _tell_of_loss(self) -> None:
        """As soon as there is somebody to tell, and again for what was lost meanwhile."""
        try:
            while self._lost:
                self._lost = False
                try:
                    await self._cache.publish(ENTRIES, _msgpack(NEWS_LOST))
                except Unavailable:
                    self._lost = True
                    await asyncio.sleep(RETRY_S)
        finally:
            self._telling = False

    async def announce(self, entries: Sequence[Entry], places: Mapping[ChatId, Place]) -> None:
        by_chat: dict[ChatId, list[Entry]] = {}
        for entry in entries:
            by_chat.setdefault(entry.chat_id, []).append(entry)
        await self._publish_entries(
            Delivery(chat_id, places[chat_id].kind, new[0].seq, [_json(entry) for entry in new])
            for chat_id, new in by_chat.items()
        )

    async def announce_membership(self, entry: Entry, place: Place) -> None:
        joined = [] if entry.kind == "left" else entry.user_ids
        left = entry.user_ids if entry.kind == "left" else []
        await self._publish_entries([Delivery(entry.chat_id, place.kind, entry.seq, [_json(entry)], joined, left)])

    async def announce_read(self, chat_id: ChatId, user_id: UserId, seq: int) -> None:
        signal = Signal(chat_id, _json(ReadEvent(chat_id, user_id, seq)))
        await self._publish(SIGNALS, _msgpack(signal))

    async def tell(self, user_id: UserId, chat_id: ChatId, event: msgspec.Struct) -> None:
        """Something that concerns one person of a chat alone, for all of their devices."""
        await self._publish(SIGNALS, _msgpack(Signal(chat_id, _json(event), user_id)))

    async def _publish_entries(self, deliveries: Iterable[Delivery]) -> None:
        if new := list(deliveries):
            await self._publish(ENTRIES, _msgpack(new))

    async def _publish(self, channel: str, payload: bytes) -> None:
        try:
            await self._cache.publish(channel, payload)
        except Unavailable:
            log.warning("news on %s reached nobody: the cache is down; gateways will be told when it is back", channel)
            if channel == ENTRIES:
                self._note_loss()
