"""Which sockets are in which chats, and the order in which entries reach them.

News comes by the cache's channels, at most once and perhaps out of order. A room remembers the next
`seq` it owes its sockets: what comes too early is held, what came already is dropped, and what is
missing is fetched from messaging.
"""

import asyncio
import logging
from collections.abc import Iterable

import msgspec

from kaif.engines.cache import Cache
from kaif.gateway import frames
from kaif.gateway.presence import PresenceBoard
from kaif.gateway.reader import Reader
from kaif.gateway.rooms import Room
from kaif.interfaces.auth import EVERYBODY, Nothing
from kaif.interfaces.messaging import ChatId, ChatKind, Entry, EntryKind, ListEntries, Log, Messaging, Standing
from kaif.interfaces.messaging.news import ENTRIES, NEWS_LOST, REACH, SIGNALS, Delivery, Reach, Signal
from kaif.interfaces.messaging.people_news import PEOPLE, PersonNews
from kaif.kernel.actor import SessionId, UserId
from kaif.kernel.background import Background
from kaif.kernel.errors import KaifError, NotFound

# Entries of two processes may overtake each other on the way; only after this long is a gap a loss.
GAP_PATIENCE_S = 0.05
RETRY_S = 1.0
FILL_PAGE = 200
# News of two processes may overtake each other by moments, in which not more people leave chats than this.
GONE_MAX = 4096
GOING: frozenset[EntryKind] = frozenset(("left", "banned"))

log = logging.getLogger("kaif.hub")

_encode = msgspec.json.Encoder().encode
_entry = msgspec.json.Decoder(Entry)
_deliveries = msgspec.msgpack.Decoder(list[Delivery])
_signal = msgspec.msgpack.Decoder(Signal)
_reach = msgspec.msgpack.Decoder(Reach)
_person_news = msgspec.msgpack.Decoder(PersonNews)


class Hub:
    def __init__(self, messaging: Messaging, cache: Cache, presence: PresenceBoard) -> None:
        self._messaging, self._cache, self._presence = messaging, cache, presence
        self._rooms: dict[ChatId, Room] = {}
        self._readers: dict[UserId, set[Reader]] = {}
        # While someone enters: how far chats without a room have come, who came to or left what, and where it changed
        # who sees whom.
        self._entering = 0
        self._passed: dict[ChatId, int] = {}
        self._joined: set[tuple[ChatId, UserId]] = set()
        self._left: set[tuple[ChatId, UserId]] = set()
        self._reached: set[ChatId] = set()
        # Who left what, the latest last: news that lets them in may be older than that.
        self._gone: dict[tuple[ChatId, UserId], None] = {}
        # Who looks anew whom they see; True when that has changed again meanwhile.
        self._looking: dict[Reader, bool] = {}
        self._background = Background()

    async def start(self) -> None:
        await self._presence.start(self._hear_presence)
        await self._cache.subscribe(ENTRIES, self._hear_entries, self._greet_everyone)
        await self._cache.subscribe(SIGNALS, self._hear_signal)
        await self._cache.subscribe(REACH, self._hear_reach)
        await self._cache.subscribe(PEOPLE, self._hear_person)

    async def close(self) -> None:
        await self._background.close()
        await self._presence.close()

    @property
    def readers_count(self) -> int:
        return sum(map(len, self._readers.values()))

    # Coming and going

    def connect(self, reader: Reader) -> None:
        readers = self._readers.setdefault(reader.actor.user_id, set())
        readers.add(reader)
        if len(readers) == 1:
            self._background.run(self._presence.arrive(reader.actor.user_id))
        self._background.run(self._enter(reader))

    def disconnect(self, reader: Reader) -> None:
        readers = self._readers.get(reader.actor.user_id)
        if readers is None or reader not in readers:
            return
        readers.discard(reader)
        if not readers:
            del self._readers[reader.actor.user_id]
            self._presence.leave_soon(reader.actor.user_id, is_back=self._readers.__contains__)
        for room in list(reader.rooms):
            self._leave(reader, room)
        self._presence.watch_only(reader, set())

    async def _enter(self, reader: Reader) -> None:
        """Join the reader's chats and say hello; on trouble have it come again."""
        self._entering += 1
        try:
            standings = await self._messaging.get_standings(reader.actor, Nothing())
            self._join_all(reader, standings.chats)
            if any(room.chat_id in self._reached for room in reader.rooms):
                self._look_soon(reader)
            online = await self._presence.online(reader, reader.watched)
        except KaifError as error:
            log.warning("a socket could not be greeted: %s", error.code)
            reader.close(frames.CloseCode.RESUME)
            return
        finally:
            self._entering -= 1
            if not self._entering:
                self._passed.clear()
                self._joined.clear()
                self._left.clear()
                self._reached.clear()
        newest = {room.chat_id: room.next_seq - 1 for room in reader.rooms}
        reader.greet(frames.encode(frames.Hello(reader.actor.user_id, newest, sorted(online), standings.callbacks)))

    def _join_all(self, reader: Reader, standings: Iterable[Standing]) -> None:
        user_id = reader.actor.user_id
        if reader not in self._readers.get(user_id, ()):
            return
        # What was asked for may be older than the news that let someone in meanwhile.
        there = {standing.chat_id for standing in standings}
        there |= {chat_id for chat_id, joined_id in self._joined if joined_id == user_id}
        for room in [room for room in reader.rooms if room.chat_id not in there]:
            self._leave(reader, room)
        standings = [standing for standing in standings if (standing.chat_id, user_id) not in self._left]
        for standing in standings:
            room = self._join(reader, standing.chat_id, standing.kind, standing.seq + 1)
            room.newest = max(room.newest, standing.seq, self._passed.get(standing.chat_id, 0))
            room.closed, room.suspended = standing.closed, standing.suspended
            self._fill_if_behind(room)
        # News of who sees whom may have been lost as well.
        self._presence.watch_only(reader, peers_of(standings))

    def _join(self, reader: Reader, chat_id: ChatId, kind: ChatKind, next_seq: int) -> Room:
        room = self._rooms.get(chat_id)
        if room is None:
            room = self._rooms[chat_id] = Room(chat_id, kind, next_seq)
        room.readers[reader] = None
        reader.rooms.add(room)
        return room

    def _leave(self, reader: Reader, room: Room) -> None:
        reader.rooms.discard(room)
        room.readers.pop(reader, None)
        if not room.readers:
            self._rooms.pop(room.chat_id, None)

    def _greet_everyone(self) -> None:
        """News may have been missed: every reader learns anew what is newest."""
        for reader in [reader for readers in self._readers.values() for reader in readers]:
            self._background.run(self._enter(reader))

    def end_session(self, session_id: SessionId) -> None:
        for readers in list(self._readers.values()):
            for reader in list(readers):
                if reader.actor.session_id == session_id:
                    reader.close(frames.CloseCode.UNAUTHENTICATED)

    def expire(self, user_id: UserId) -> None:
        """What tokens of theirs said, or of everybody's, is no longer so. Programs' keys are as they were."""
        those = list(self._readers.values()) if user_id == EVERYBODY else [self._readers.get(user_id, set())]
        for readers in those:
            for reader in readers:
                if reader.actor.scopes is None:
                    reader.expire()

    # What is said

    def _hear_entries(self, payload: bytes) -> None:
        deliveries = _deliveries.decode(payload)
        if deliveries == NEWS_LOST:
            self._greet_everyone()
        for delivery in deliveries:
            self._deliver(delivery)

    def _deliver(self, delivery: Delivery) -> None:
        chat_id = delivery.chat_id
        for user_id in delivery.joined:
            self._left.discard((chat_id, user_id))
            for reader in self._readers.get(user_id, ()):
                self._let_in(reader, delivery)
        room = self._rooms.get(chat_id)
        last_seq = delivery.first_seq + len(delivery.entries) - 1
        if room is not None:
            if last_seq > room.newest:
                room.suspended = delivery.suspended
            entries = delivery.entries
            if delivery.seers is not None:
                named = [_entry.decode(entry) for entry in entries]
                entries = room.show_apart(named, delivery.seers)
            room.take(delivery.first_seq, entries)
        if self._entering:
            if room is None:
                self._passed[chat_id] = last_seq
            self._joined.update({(chat_id, user_id) for user_id in delivery.joined} - self._gone.keys())
            self._joined.difference_update((chat_id, user_id) for user_id in delivery.left)
            self._left.update((chat_id, user_id) for user_id in delivery.left)
        for user_id in delivery.left:
            self._let_out(user_id, chat_id, room, last_seq)
        if room is not None:
            # What was said after they had gone they do not hear.
            room.go_on()
            self._fill_if_behind(room)

    def _let_in(self, reader: Reader, delivery: Delivery) -> None:
        if (delivery.chat_id, reader.actor.user_id) in self._gone:
            self._background.run(self._enter(reader))
            return
        self._join(reader, delivery.chat_id, delivery.kind, delivery.first_seq)
        if delivery.kind == "direct":
            self._look_soon(reader)

    def _let_out(self, user_id: UserId, chat_id: ChatId, room: Room | None, last_seq: int) -> None:
        self._gone.pop((chat_id, user_id), None)
        self._gone[chat_id, user_id] = None
        if len(self._gone) > GONE_MAX:
            del self._gone[next(iter(self._gone))]
        if room is None:
            return
        if room.next_seq == last_seq + 1 and room.newest == last_seq:
            for reader in self._readers.get(user_id, ()):
                self._leave(reader, room)
        else:
            self._look_whether_in(user_id, room)

    def _look_whether_in(self, user_id: UserId, room: Room) -> None:
        """They were taken out, and news has not come in order: they may be back by now.

        And they may wait to hear what became of what they wrote before, of which nothing comes to them any more: at
        the hello they ask.
        """
        for reader in self._readers.get(user_id, ()):
            if room in reader.rooms:
                self._leave(reader, room)
                self._background.run(self._enter(reader))

    def _hear_reach(self, payload: bytes) -> None:
        chat_ids = _reach.decode(payload).chat_ids
        if self._entering:
            self._reached.update(chat_ids)
        rooms = [room for chat_id in chat_ids if (room := self._rooms.get(chat_id))]
        for reader in {reader for room in rooms for reader in room.readers}:
            self._look_soon(reader)

    def _look_soon(self, reader: Reader) -> None:
        """Whom a reader sees has changed."""
        if reader in self._looking:
            self._looking[reader] = True
        else:
            self._looking[reader] = False
            self._background.run(self._look_until_settled(reader))

    async def _look_until_settled(self, reader: Reader) -> None:
        """One after the other: an answer that is older must not be the last word."""
        try:
            await self._look(reader)
            while self._looking[reader]:
                self._looking[reader] = False
                await self._look(reader)
        finally:
            del self._looking[reader]

    async def _look(self, reader: Reader) -> None:
        try:
            standings = (await self._messaging.get_standings(reader.actor, Nothing())).chats
        except KaifError as error:
            # It must not go on seeing somebody who hides: it comes again, and looks anew.
            log.warning("a socket could not look anew: %s", error.code)
            reader.close(frames.CloseCode.RESUME)
            return
        if reader not in self._readers.get(reader.actor.user_id, ()):
            return
        for standing in standings:
            if room := self._rooms.get(standing.chat_id):
                room.closed, room.suspended = standing.closed, standing.suspended
        before, peers = set(reader.watched), peers_of(standings)
        self._presence.watch_only(reader, peers)
        for peer_id in before - peers:
            self._hear_presence(peer_id, False, [reader])
        for peer_id in await self._presence.online(reader, peers - before):
            self._hear_presence(peer_id, True, [reader])

    def newest_seq(self, chat_id: ChatId) -> int:
        """Up to which entry readers here have been told of, or are about to be; 0 where there are none."""
        room = self._rooms.get(chat_id)
        return max(room.newest, room.next_seq - 1) if room else 0

    def expect(self, chat_id: ChatId, seq: int) -> None:
        """An entry is known to be durable: should its news not come, it is fetched."""
        room = self._rooms.get(chat_id)
        if room is not None and seq >= room.next_seq:
            room.newest = max(room.newest, seq)
            self._fill_if_behind(room)

    def _fill_if_behind(self, room: Room) -> None:
        if room.newest >= room.next_seq and not room.filling:
            room.filling = True
            self._background.run(self._fill(room))

    async def _fill(self, room: Room) -> None:
        """Fetch the gap, as any of its readers may: who came first is asked for it."""
        wait_s = GAP_PATIENCE_S
        try:
            while True:
                await asyncio.sleep(wait_s)
                if room.newest < room.next_seq or not room.readers:
                    return
                wait_s = await self._fill_page(room)
        finally:
            room.filling = False

    async def _fill_page(self, room: Room) -> float:
        """One page; how long to wait before the next."""
        reader = next(iter(room.readers))
        wanted = ListEntries(room.chat_id, after=room.next_seq - 1, limit=FILL_PAGE)
        try:
            page = await self._messaging.list_log(reader.actor, wanted)
        except NotFound:
            self._look_whether_in(reader.actor.user_id, room)
            return 0
        except KaifError:
            return RETRY_S
        if not page.entries:
            return RETRY_S
        missing_seq = room.next_seq
        self._take_page(room, page)
        # A page that does not continue what there is would be asked for again and again.
        return 0 if room.next_seq > missing_seq else RETRY_S

    def _take_page(self, room: Room, page: Log) -> None:
        start, entries = 0, page.entries
        shown = [_encode(one) for one in entries] if page.seers is None else room.show_apart(entries, page.seers)
        for end, entry in enumerate(entries, 1):
            # News would have said who goes; so does the log, but for who has come back since.
            if entry.kind in GOING and entry.seq >= room.next_seq:
                room.take(entries[start].seq, shown[start:end])
                for user_id in entry.user_ids:
                    self._look_whether_in(user_id, room)
                start = end
        if start < len(entries):
            room.take(entries[start].seq, shown[start:])
        room.go_on()

    def _hear_signal(self, payload: bytes) -> None:
        signal = _signal.decode(payload)
        if signal.user_id:
            for reader in tuple(self._readers.get(signal.user_id, ())):
                reader.write(frames.text_frame(signal.event))
        elif room := self._rooms.get(signal.chat_id):
            room.write(frames.text_frame(signal.event))
            if signal.closes:
                for reader in tuple(room.readers):
                    self._leave(reader, room)

    def _hear_person(self, payload: bytes) -> None:
        news = _person_news.decode(payload)
        rooms = [room for chat_id in news.chat_ids if (room := self._rooms.get(chat_id)) and not room.closed]
        frame = frames.text_frame(news.event)
        # However many chats they share, each device hears of it once.
        for reader in {reader for room in rooms for reader in room.readers} | self._readers.get(news.user_id, set()):
            reader.write(frame)

    def _hear_presence(self, user_id: UserId, online: bool, watchers: Iterable[Reader]) -> None:
        frame = frames.text_frame(frames.encode(frames.Presence(user_id, online)))
        for reader in list(watchers):
            reader.write(frame)

    def say_typing(self, reader: Reader, chat_id: ChatId, topic_id: int | None = None) -> None:
        room = self._rooms.get(chat_id)
        if room is not None and room in reader.rooms and not (room.closed or room.suspended):
            signal = Signal(chat_id, frames.encode(frames.TypingOf(chat_id, reader.actor.user_id, topic_id)))
            self._background.run(self._publish(msgspec.msgpack.encode(signal)))

    async def _publish(self, payload: bytes) -> None:
        try:
            await self._cache.publish(SIGNALS, payload)
        except KaifError:
            return  # A signal that is lost harms nothing.


def peers_of(standings: Iterable[Standing]) -> set[UserId]:
    """Whom one sees come and go."""
    return {standing.peer_id for standing in standings if standing.peer_id}
