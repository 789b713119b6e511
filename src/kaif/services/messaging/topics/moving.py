"""Moves messages to another topic: each is changed where it stands in the log, and the two topics are counted anew."""

from collections.abc import Mapping, Sequence

import msgspec

from kaif.engines.database import Database
from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import Entry, Outgoing
from kaif.interfaces.messaging.actions import MessageNotFound, NotYourMessage
from kaif.interfaces.messaging.errors import MayNotSend
from kaif.interfaces.messaging.moving import MOVE_WITHIN_S, MOVED_PAST_MAX, MoveMessages, MoveTooLate, TooFarBack
from kaif.interfaces.messaging.topics import GENERAL, TopicsOff
from kaif.kernel.actor import Actor
from kaif.kernel.clock import SECOND_US, Clock
from kaif.services.messaging import clock_store, entry_rules, member_store, people_store
from kaif.services.messaging.entry_rules import Body, StoredEntry
from kaif.services.messaging.messages.changing import Change, begin
from kaif.services.messaging.model import TOPICS_ON
from kaif.services.messaging.rights import Right
from kaif.services.messaging.sending.announcing import Announcer
from kaif.services.messaging.sending.pacing import Pace, Taken
from kaif.services.messaging.topics import moving_store
from kaif.services.messaging.topics import store as topic_store
from kaif.services.messaging.topics.sending import BatchTopics


class MovingService:
    def __init__(self, database: Database, announcer: Announcer, pace: Pace, clock: Clock) -> None:
        self._database, self._announcer, self._pace, self._clock = database, announcer, pace, clock

    async def move_messages(self, actor: Actor, request: MoveMessages) -> Nothing:
        paces: list[tuple[Taken, int]] = []
        try:
            async with self._database.transaction() as tx:
                change = await begin(tx, actor, request.chat_id, self._clock())
                entries = await self._moved(change, actor, request, paces)
        except BaseException:
            # Undone, it has taken nothing of a pace.
            for taken, count in paces:
                self._pace.give_back(taken, count)
            raise
        if entries:
            await self._announcer.announce(entries, {request.chat_id: change.place})
        return Nothing()

    async def _moved(
        self, change: Change, actor: Actor, request: MoveMessages, paces: list[tuple[Taken, int]]
    ) -> list[Entry]:
        if change.place.topics != TOPICS_ON:
            raise TopicsOff
        change.must_reach()
        rows = await change.messages(sorted(set(request.seqs)))
        bodies = {row.seq: entry_rules.body_of(row) for row in rows}
        if any(body.deleted for body in bodies.values()):
            raise MessageNotFound
        await _must_be_theirs(change, actor, rows)
        await _must_be_open(change, actor, {request.topic_id, *(body.topic_id for body in bodies.values())})
        moved = [row for row in rows if bodies[row.seq].topic_id != request.topic_id]
        if not moved:
            return []
        await _must_be_near(change, {request.topic_id, *(bodies[row.seq].topic_id for row in moved)}, moved[0].seq)
        paces.append((await self._keep_pace(change, actor, len(moved)), len(moved)))
        return await _move(change, moved, bodies, request.topic_id)

    async def _keep_pace(self, change: Change, actor: Actor, count: int) -> Taken:
        """Where messages go they are news, as if they were written there: they keep the same pace.

        Raises SlowMode, TooManyMessages.
        """
        place = change.place
        pair = place.chat_id, actor.user_id
        if place.slow_mode_s and Right.STAFF not in change.rights:
            entry_rules.must_not_hurry(place, (await member_store.last_sent_us(change.tx, [pair]))[pair], change.now_us)
            await topic_store.touch_senders(change.tx, [pair], change.now_us)
        (mover,) = await people_store.known_people(change.tx, [actor.user_id])
        return self._pace.take(*pair, is_bot=mover.kind == "bot", count=count)


async def _move(change: Change, rows: Sequence[StoredEntry], bodies: Mapping[int, Body], topic_id: int) -> list[Entry]:
    """`rows` are in order. What each message is by now comes first, then a line for each topic that it left."""
    tx, chat_id = change.tx, change.place.chat_id
    left: dict[int, list[int]] = {}
    for row in rows:
        left.setdefault(bodies[row.seq].topic_id, []).append(row.seq)
        await change.act("moved", row, msgspec.structs.replace(bodies[row.seq], topic_id=topic_id))
    for source, seqs in left.items():
        if source == GENERAL:
            first_seq = await topic_store.first_seq(tx, chat_id, GENERAL)
            if seqs[0] <= first_seq:
                await moving_store.begin_general_before(tx, chat_id, seqs[0], first_seq)
        await moving_store.take_out(tx, chat_id, source, seqs)
    await moving_store.put_in(tx, chat_id, topic_id, [row.seq for row in rows])
    await moving_store.move_mentions(tx, chat_id, [row.seq for row in rows], topic_id)
    title = (await topic_store.titles_of(tx, chat_id, [topic_id]))[topic_id]
    for source, seqs in left.items():
        line = change.say("topic_moved", topic_id=source, title=title, to_topic_id=topic_id, count=len(seqs))
        await moving_store.add_line(tx, chat_id, source, line)
    await moving_store.settle(tx, chat_id, {topic_id, *left})
    return await change.write()


async def _must_be_theirs(change: Change, actor: Actor, rows: Sequence[StoredEntry]) -> None:
    """Raises NotYourMessage, MoveTooLate, MayNotSend."""
    if Right.TOPICS in change.rights:
        return
    if any(row.sender_id != actor.user_id for row in rows):
        raise NotYourMessage
    jumps = await clock_store.jumps_of(change.tx, change.place.chat_id, rows[0].seq)
    written_us = min(clock_store.written_by_us(row, jumps, change.now_us) for row in rows)
    if change.now_us > written_us + MOVE_WITHIN_S * SECOND_US:
        raise MoveTooLate
    if Right.SEND not in change.rights:
        raise MayNotSend


async def _must_be_open(change: Change, actor: Actor, topic_ids: set[int]) -> None:
    """One moves nothing into a topic where one may not write, nor out of it.

    Raises TopicNotFound, TopicClosed, RestrictedInTopic.
    """
    place = change.place
    asked = [Outgoing(actor.user_id, place.chat_id, "", "", topic_id=topic_id) for topic_id in sorted(topic_ids)]
    topics = BatchTopics({place.chat_id: place}, absent=False)
    await topics.read(change.tx, asked)
    for one in asked:
        topics.must_be_allowed(one, int(change.rights), place, comments=False)


async def _must_be_near(change: Change, topic_ids: set[int], seq: int) -> None:
    """Raises TooFarBack."""
    tx, chat_id = change.tx, change.place.chat_id
    following = await moving_store.count_from(tx, chat_id, topic_ids, seq, MOVED_PAST_MAX + 1)
    if GENERAL in topic_ids:
        following += max(await topic_store.first_seq(tx, chat_id, GENERAL) - seq, 0)
    if following > MOVED_PAST_MAX:
        raise TooFarBack
