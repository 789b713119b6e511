"""How topics of a group are made and looked after; each method is one transaction."""

from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import Auth, Nothing
from kaif.interfaces.messaging import Chat, ChatId, Entry, EntryKind
from kaif.interfaces.messaging.actions import NotAnEmoji
from kaif.interfaces.messaging.administration import BeyondYourRights, MemberNotFound
from kaif.interfaces.messaging.topics import (
    CHOSEN_MAX,
    GENERAL,
    RESTRICTED_MAX,
    TOPICS_MAX,
    BadTopicChange,
    BadTopicTitle,
    ChangeTopic,
    ChooseInTopic,
    Chosen,
    ListTopics,
    MakeTopic,
    MuteTopic,
    OfTopic,
    OnlyGroupsHaveTopics,
    Restricted,
    RestrictInTopic,
    SwitchTopics,
    TooManyChosen,
    TooManyRestricted,
    TooManyTopics,
    Topic,
    TopicNotFound,
    Topics,
    TopicsOff,
)
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import Clock, as_datetime, as_us
from kaif.kernel.text import clean_name
from kaif.services.messaging import chat_store, entry_store, member_store
from kaif.services.messaging.chats.membership import Membership, require
from kaif.services.messaging.chats.reading import Reading
from kaif.services.messaging.entry_rules import Place
from kaif.services.messaging.events import TopicDeleted
from kaif.services.messaging.messages import emojis
from kaif.services.messaging.model import MEMBER, TOPICS_OFF_AGAIN, TOPICS_ON
from kaif.services.messaging.rights import Right
from kaif.services.messaging.sending.announcing import Announcer, ChatEvent
from kaif.services.messaging.topics import standing_store
from kaif.services.messaging.topics import store as topic_store
from kaif.services.messaging.topics.reading import TopicReading
from kaif.services.messaging.topics.store import StoredTopic, TopicPlace


class GroupTopicsService:
    def __init__(self, database: Database, auth: Auth, announcer: Announcer, clock: Clock) -> None:
        self._database, self._announcer, self._clock = database, announcer, clock
        self._membership = Membership(auth, clock)
        self._reading = Reading(database, clock)
        self._topics = TopicReading(database, announcer, clock)

    async def switch_topics(self, actor: Actor, request: SwitchTopics) -> Chat:
        entry = None
        async with self._database.transaction() as tx:
            place, rights = await self._membership.lock(tx, request.chat_id, actor.user_id)
            if place.kind != "group":
                raise OnlyGroupsHaveTopics
            require(rights, Right.TOPICS)
            if (place.topics == TOPICS_ON) != request.on:
                entry = await self._switch(tx, actor, place, on=request.on)
        if entry:
            await self._announcer.announce_change(place, entry)
        return await self._reading.get_chat(request.chat_id, actor.user_id)

    async def _switch(self, tx: Transaction, actor: Actor, place: Place, *, on: bool) -> Entry | None:
        entry = await self._membership.record(tx, place, "changed", actor.user_id)
        if not place.topics:
            # All that has been said so far is of the topic without a name, which is counted from here.
            general = self._new(place, GENERAL, "", "", 0, actor.user_id)
            await topic_store.add_topic(tx, general, f"general:{place.chat_id}")
        place.topics = TOPICS_ON if on else TOPICS_OFF_AGAIN
        await topic_store.switch(tx, place.chat_id, place.topics)
        return entry

    def _new(self, place: Place, topic_id: int, title: str, icon: str, colour: int, creator: UserId) -> StoredTopic:
        messages = place.messages if topic_id == GENERAL else 0
        return StoredTopic(
            place.chat_id,
            topic_id,
            title,
            icon,
            colour,
            creator,
            self._clock(),
            messages=messages,
            last_seq=place.seq,
        )

    async def list_topics(self, actor: Actor, request: ListTopics) -> Topics:
        chat = await self._topics.get_chat(request.chat_id, actor.user_id)
        rows = await topic_store.topics_seen(self._database, request.chat_id, actor.user_id)
        return Topics(await self._topics.described(actor.user_id, chat, rows))

    async def make_topic(self, actor: Actor, request: MakeTopic) -> Topic:
        title, icon = _cleaned_title(request.title), _cleaned_icon(request.icon)
        once = f"{request.chat_id}:{actor.user_id}:{request.ref}"
        entry = None
        async with self._database.transaction() as tx:
            place = await self._lock(tx, actor, request.chat_id)
            topic_id = await topic_store.find_made_once(tx, once)
            if topic_id is None:
                # The one without a name is not made by anybody.
                if await topic_store.count_topics(tx, place.chat_id) > TOPICS_MAX:
                    raise TooManyTopics
                entry = await self._record(tx, actor, place, "topic_made", place.seq + 1, title)
                topic_id = entry.seq
                topic = self._new(place, topic_id, title, icon, request.colour, actor.user_id)
                await topic_store.add_topic(tx, topic, once)
        if entry:
            await self._announcer.announce([entry], {place.chat_id: place})
        return await self._topics.get_topic(actor, request.chat_id, topic_id)

    async def change_topic(self, actor: Actor, request: ChangeTopic) -> Topic:
        changes = self._changes(request)
        entry = None
        async with self._database.transaction() as tx:
            place = await self._lock(tx, actor, request.chat_id)
            before = await topic_store.find_seen(tx, place.chat_id, request.topic_id, actor.user_id)
            if before is None:
                raise TopicNotFound
            # What is pinned already keeps its place among the pinned.
            if request.pinned is not None and request.pinned == bool(before.pinned_at_us):
                del changes["pinned_at_us"]
            new = {column: value for column, value in changes.items() if value != getattr(before, column)}
            if new:
                await topic_store.change_topic(tx, place.chat_id, request.topic_id, new)
                title = str(new.get("title", before.title))
                entry = await self._record(tx, actor, place, _kind_of(new), request.topic_id, title)
                if entry.kind != "topic_changed":
                    topic = TopicPlace(place.chat_id, before.id, 0, 0, before.messages, entry.seq)
                    await topic_store.add_entries(tx, [(place.chat_id, before.id, entry.seq, before.messages)])
                    await topic_store.advance(tx, [topic])
        if entry:
            await self._announcer.announce([entry], {place.chat_id: place})
        return await self._topics.get_topic(actor, request.chat_id, request.topic_id)

    def _changes(self, request: ChangeTopic) -> dict[str, str | int]:
        """By columns. Raises BadTopicTitle, BadTopicChange, NotAnEmoji."""
        is_general = request.topic_id == GENERAL
        looks = (request.title, request.icon, request.colour)
        if (is_general and any(look is not None for look in looks)) or (not is_general and request.hidden is not None):
            raise BadTopicChange
        pinned_at_us = None if request.pinned is None else self._clock() if request.pinned else 0
        given: dict[str, str | int | None] = {
            "title": None if request.title is None else _cleaned_title(request.title),
            "icon": None if request.icon is None else _cleaned_icon(request.icon),
            "colour": request.colour,
            "closed": None if request.closed is None else int(request.closed),
            "hidden": None if request.hidden is None else int(request.hidden),
            "pinned_at_us": pinned_at_us,
            "chosen_only": None if request.chosen_only is None else int(request.chosen_only),
        }
        return {column: value for column, value in given.items() if value is not None}

    async def delete_topic(self, actor: Actor, request: OfTopic) -> Nothing:
        async with self._database.transaction() as tx:
            place, rights = await self._membership.lock(tx, request.chat_id, actor.user_id)
            require(rights, Right.TOPICS | Right.DELETE)
            _must_have_topics(place)
            if request.topic_id == GENERAL:
                raise BadTopicChange
            topic = await topic_store.find_seen(tx, place.chat_id, request.topic_id, actor.user_id)
            if topic is None:
                raise TopicNotFound
            await topic_store.remove_topic(tx, place.chat_id, request.topic_id)
            # It is told where everybody reads; its own log is gone.
            entry = await self._record(tx, actor, place, "topic_deleted", GENERAL, topic.title)
            await topic_store.add_to_general(tx, place.chat_id, place.seq)
            # Perhaps a hundred thousand messages: they go in portions, after everybody has stopped seeing them.
            await tx.publish(TopicDeleted(chat_id=place.chat_id, topic_id=request.topic_id))
        await self._announcer.announce([entry], {place.chat_id: place})
        return Nothing()

    async def mute_topic(self, actor: Actor, request: MuteTopic) -> Topic:
        await self._topics.get_topic(actor, request.chat_id, request.topic_id)
        until_us = max(as_us(request.until), 0)
        async with self._database.transaction() as tx:
            await standing_store.mute(tx, request.chat_id, request.topic_id, actor.user_id, until_us)
        await self._announcer.tell(actor.user_id, request.chat_id, ChatEvent(request.chat_id))
        return await self._topics.get_topic(actor, request.chat_id, request.topic_id)

    async def restrict_in_topic(self, actor: Actor, request: RestrictInTopic) -> Nothing:
        async with self._database.transaction() as tx:
            place, rights = await self._membership.lock(tx, request.chat_id, actor.user_id)
            require(rights, Right.BAN)
            _must_have_topics(place)
            await self._must_be_there(tx, request)
            target = await member_store.find_member(tx, place.chat_id, request.user_id)
            if target is None:
                raise MemberNotFound
            if target.role != MEMBER:
                raise BeyondYourRights
            await standing_store.restrict(tx, place.chat_id, request.topic_id, request.user_id, request.restricted)
            people = await standing_store.restricted_in(tx, place.chat_id, request.topic_id, RESTRICTED_MAX + 1)
            if len(people) > RESTRICTED_MAX:
                raise TooManyRestricted
        await self._announcer.tell(request.user_id, request.chat_id, ChatEvent(request.chat_id))
        return Nothing()

    async def choose_in_topic(self, actor: Actor, request: ChooseInTopic) -> Nothing:
        async with self._database.transaction() as tx:
            place = await self._lock(tx, actor, request.chat_id)
            await self._must_be_there(tx, request)
            if request.may_write and await member_store.find_member(tx, place.chat_id, request.user_id) is None:
                raise MemberNotFound
            await standing_store.choose(tx, place.chat_id, request.topic_id, request.user_id, request.may_write)
            people = await standing_store.chosen_in(tx, place.chat_id, request.topic_id, CHOSEN_MAX + 1)
            if len(people) > CHOSEN_MAX:
                raise TooManyChosen
        await self._announcer.tell(request.user_id, request.chat_id, ChatEvent(request.chat_id))
        return Nothing()

    async def list_chosen(self, actor: Actor, request: OfTopic) -> Chosen:
        require(await self._membership.get_rights(self._database, request.chat_id, actor.user_id), Right.TOPICS)
        await self._topics.get_topic(actor, request.chat_id, request.topic_id)
        return Chosen(await standing_store.chosen_in(self._database, request.chat_id, request.topic_id, CHOSEN_MAX))

    async def list_restricted(self, actor: Actor, request: OfTopic) -> Restricted:
        require(await self._membership.get_rights(self._database, request.chat_id, actor.user_id), Right.BAN)
        await self._topics.get_topic(actor, request.chat_id, request.topic_id)
        people = await standing_store.restricted_in(self._database, request.chat_id, request.topic_id, RESTRICTED_MAX)
        return Restricted(people)

    async def _lock(self, tx: Transaction, actor: Actor, chat_id: ChatId) -> Place:
        """The chat, which has topics that this member looks after. Raises ChatNotFound, TopicsOff, RightMissing."""
        place, rights = await self._membership.lock(tx, chat_id, actor.user_id)
        require(rights, Right.TOPICS)
        _must_have_topics(place)
        return place

    async def _must_be_there(self, tx: Transaction, request: OfTopic) -> None:
        if not await topic_store.places_of(tx, {(request.chat_id, request.topic_id)}):
            raise TopicNotFound

    async def _record(
        self, tx: Transaction, actor: Actor, place: Place, kind: EntryKind, topic_id: int, title: str
    ) -> Entry:
        place.seq += 1
        if kind != "topic_changed":
            place.shown_seq = place.seq
        place.come_to(self._clock())
        at = as_datetime(place.written_at_us)
        entry = Entry(place.chat_id, place.seq, kind, actor.user_id, at, title=title, topic_id=topic_id)
        await entry_store.append(tx, {place.chat_id: place}, [entry], [actor.user_id], [place.messages])
        await chat_store.advance(tx, [place])
        return entry


def _kind_of(changes: dict[str, str | int]) -> EntryKind:
    if "closed" in changes:
        return "topic_closed" if changes["closed"] else "topic_reopened"
    return "topic_changed"


def _must_have_topics(place: Place) -> None:
    if place.topics != TOPICS_ON:
        raise TopicsOff


def _cleaned_title(title: str) -> str:
    cleaned = clean_name(title)
    if cleaned is None:
        raise BadTopicTitle(path="$.title")
    return cleaned


def _cleaned_icon(icon: str) -> str:
    if not icon:
        return ""
    try:
        return emojis.normalised(icon)
    except NotAnEmoji:
        raise NotAnEmoji(path="$.icon") from None
