"""Tells every gateway what is new: one publish for each batch, after the commit."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from kaif.engines.cache import Cache
from kaif.interfaces.auth import Person
from kaif.interfaces.messaging import ChatId, Entry
from kaif.interfaces.messaging.mentions import MentionedEvent
from kaif.interfaces.messaging.news import ENTRIES, NEWS_LOST, REACH, SIGNALS, Delivery, Reach, Signal
from kaif.interfaces.messaging.people_news import PEOPLE, PersonEvent, PersonNews
from kaif.kernel.actor import UserId
from kaif.kernel.background import Background
from kaif.kernel.errors import Unavailable
from kaif.services.messaging.entry_rules import Place
from kaif.services.messaging.messages.mention_store import Mention

RETRY_S = 1.0

log = logging.getLogger("kaif.messaging")

_json = msgspec.json.Encoder().encode
_msgpack = msgspec.msgpack.Encoder().encode


class ReadEvent(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="read"):
    chat_id: ChatId
    user_id: UserId
    seq: int
    # Of that topic alone.
    topic_id: int | None = None


class ChatEvent(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="chat"):
    """Something about the chat is different for whoever hears this: it is to be fetched anew, or has gone."""

    chat_id: ChatId
    gone: bool = False


class ScheduledEvent(msgspec.Struct, frozen=True, tag_field="type", tag="scheduled"):
    """To the author's devices: what waits in this chat is different; `failed` when a message could not be sent."""

    chat_id: ChatId
    failed: bool = False


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

    async def announce_change(
        self, place: Place, entry: Entry | None, joined: Sequence[UserId] = (), left: Sequence[UserId] = ()
    ) -> None:
        """What has changed about a chat; where its log does not say it, those concerned are told by themselves."""
        first_seq, entries = (entry.seq, [_json(entry)]) if entry else (place.seq + 1, [])
        news = Delivery(place.chat_id, place.kind, first_seq, entries, [*joined], [*left], place.seers)
        await self._publish_entries([news])
        if entry is None:
            for user_id in joined:
                await self.tell(user_id, place.chat_id, ChatEvent(place.chat_id))
            for user_id in left:
                await self.tell(user_id, place.chat_id, ChatEvent(place.chat_id, gone=True))

    async def announce_rights(self, place: Place, entry: Entry | None, *concerned: UserId) -> None:
        """What these people may do has changed."""
        await self.announce_change(place, entry)
        if entry is None:
            for user_id in concerned:
                await self.tell(user_id, place.chat_id, ChatEvent(place.chat_id))

    async def tell(self, user_id: UserId, chat_id: ChatId, event: msgspec.Struct) -> None:
        """Something that concerns one person alone, for all of their devices."""
        await self._publish(SIGNALS, _msgpack(Signal(chat_id, _json(event), user_id)))

    async def announce_mentions(self, mentions: Iterable[Mention], *, gone: bool = False) -> None:
        """To each of them, after the entries."""
        seqs: dict[tuple[UserId, ChatId, int], list[int]] = {}
        for one in mentions:
            seqs.setdefault((one.user_id, one.chat_id, one.topic_id), []).append(one.seq)
        for (user_id, chat_id, topic_id), places in seqs.items():
            await self.tell(user_id, chat_id, MentionedEvent(chat_id, places, topic_id, gone))

    async def signal(self, chat_id: ChatId, event: msgspec.Struct) -> None:
        """To everyone in the chat, beside its log."""
        await self._publish(SIGNALS, _msgpack(Signal(chat_id, _json(event))))

    async def announce_reach(self, chat_ids: Sequence[ChatId]) -> None:
        """In these chats it has changed who sees whom."""
        if chat_ids:
            await self._publish(REACH, _msgpack(Reach([*chat_ids])))

    async def announce_person(self, person: Person, chat_ids: Sequence[ChatId]) -> None:
        """Who they are from now on, to those in these chats and to their own devices."""
        await self._publish(PEOPLE, _msgpack(PersonNews(person.id, _json(PersonEvent(person)), [*chat_ids])))

    async def announce_end(self, chat_id: ChatId) -> None:
        """The chat has been deleted."""
        await self._publish(SIGNALS, _msgpack(Signal(chat_id, _json(ChatEvent(chat_id, gone=True)), closes=True)))

    async def announce_read(
        self, chat_id: ChatId, user_id: UserId, seq: int, *, to_everyone: bool, topic_id: int | None = None
    ) -> None:
        """To the reader's own devices at least."""
        event = ReadEvent(chat_id, user_id, seq, topic_id)
        if to_everyone:
            await self.signal(chat_id, event)
        else:
            await self.tell(user_id, chat_id, event)

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
