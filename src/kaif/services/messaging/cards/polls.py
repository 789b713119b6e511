"""Asks, votes and closes; each method is one transaction.

A vote holds its poll's lock and not the chat's, so that a crowd that votes keeps nobody from writing.
"""

from collections.abc import Collection, Sequence

from kaif.engines.database import Database, Reads, Transaction
from kaif.interfaces.messaging import ChatId, Entry, Outgoing
from kaif.interfaces.messaging.actions import MessageNotFound, NotYourMessage, OfMessage
from kaif.interfaces.messaging.cards import NewPoll, Poll
from kaif.interfaces.messaging.errors import ChatNotFound, MembersHidden, PersonNotReachable
from kaif.interfaces.messaging.polls import (
    OPEN_S_MIN,
    AnswerStays,
    BadPoll,
    BadVote,
    ListVoters,
    NotAPoll,
    PollClosed,
    PollMustBeAnonymous,
    SendPoll,
    Vote,
    Voted,
    VoteEvent,
    Voters,
    VotersHidden,
)
from kaif.interfaces.messaging.suspension import ChatSuspended
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import Clock, as_datetime
from kaif.kernel.text import clean_text
from kaif.services.messaging import chat_store, chat_views, entry_rules, entry_store, member_store
from kaif.services.messaging.cards import poll_store, tallying
from kaif.services.messaging.cards.poll_store import StoredPoll
from kaif.services.messaging.cards.tallying import Tally
from kaif.services.messaging.discussions.commenting import Commenting
from kaif.services.messaging.entry_rules import Body, StoredEntry
from kaif.services.messaging.messages import viewing
from kaif.services.messaging.messages.changing import begin
from kaif.services.messaging.rights import Member, Right, rights_of
from kaif.services.messaging.sending.announcing import Announcer


class PollsService:
    def __init__(
        self, database: Database, announcer: Announcer, commenting: Commenting, tally: Tally, clock: Clock
    ) -> None:
        self._database, self._announcer, self._commenting = database, announcer, commenting
        self._tally, self._clock = tally, clock

    # Asking

    async def send_poll(self, actor: Actor, request: SendPoll) -> Entry:
        poll = _new_poll(request)
        member = await _member(self._database, actor, request.chat_id)
        if member.kind == "channel" and not request.post and not request.anonymous:
            raise PollMustBeAnonymous(path="$.anonymous")
        message = Outgoing(
            actor.user_id,
            request.chat_id,
            request.ref,
            _line(request.question, "$.question"),
            request.reply_to,
            silent=request.silent,
            topic_id=request.topic_id,
            card=poll,
        )
        return await self._commenting.send(message, request.post)

    # Voting

    async def vote(self, actor: Actor, request: Vote) -> Entry:
        chosen = set(request.chosen)
        async with self._database.transaction() as tx:
            member = await _member(tx, actor, request.chat_id)
            if member.suspended:
                raise ChatSuspended
            row, body = await _message(tx, request.chat_id, request.seq)
            poll, card = await self._taking_votes(tx, row, body)
            _must_fit(card, request.chosen)
            before = (await poll_store.votes_by(tx, actor.user_id, row.chat_id, [row.seq])).get(row.seq, set())
            if chosen != before:
                if card.quiz and before:
                    raise AnswerStays
                await self._count(tx, actor.user_id, poll, before, chosen)
        entry = await self._shown_to(actor, request.chat_id, request.seq)
        if chosen != before:
            self._tally.wake()
            await self._announcer.tell(actor.user_id, request.chat_id, VoteEvent(request.chat_id, entry))
        return entry

    async def _taking_votes(self, tx: Transaction, row: StoredEntry, body: Body) -> tuple[StoredPoll, Poll]:
        """The poll, locked. Raises NotAPoll, PollClosed, PersonNotReachable, MessageNotFound."""
        card = _poll(body)
        if card.closed:
            raise PollClosed
        poll = await poll_store.lock(tx, row.chat_id, row.seq)
        if poll is None:
            # It was deleted while we waited for it.
            raise MessageNotFound
        if not poll.takes_votes(self._clock()):
            raise PollClosed
        if await chat_store.is_closed(tx, row.chat_id):
            raise PersonNotReachable
        return poll, card

    async def _count(
        self, tx: Transaction, user_id: UserId, poll: StoredPoll, before: Collection[int], chosen: Collection[int]
    ) -> None:
        now_us = self._clock()
        counts = [count - (at in before) + (at in chosen) for at, count in enumerate(poll.counts)]
        voters = poll.voters - bool(before) + bool(chosen)
        members = await member_store.count_members(tx, poll.chat_id)
        await poll_store.replace_vote(tx, poll, user_id, chosen, now_us)
        await poll_store.keep_counts(tx, poll, counts, voters, tallying.tell_at_us(poll, members, now_us))

    async def _shown_to(self, actor: Actor, chat_id: ChatId, seq: int) -> Entry:
        row, _ = await _message(self._database, chat_id, seq)
        (entry,) = await viewing.shown_to(self._database, actor.user_id, chat_id, [row])
        return entry

    # Closing

    async def close_poll(self, actor: Actor, request: OfMessage) -> Entry:
        async with self._database.transaction() as tx:
            change = await begin(tx, actor, request.chat_id, self._clock())
            row, body = await change.message(request.seq)
            card = _poll(body)
            if row.sender_id != actor.user_id and Right.DELETE not in change.rights:
                raise NotYourMessage
            poll = await poll_store.lock(tx, row.chat_id, row.seq)
            if poll and not card.closed:
                change.must_reach()
                await tallying.close_poll(change, row, body, poll, self._clock())
            entries = await change.write()
        if entries:
            await self._announcer.announce(entries, {change.place.chat_id: change.place})
        return await self._shown_to(actor, request.chat_id, request.seq)

    # Who voted

    async def list_voters(self, actor: Actor, request: ListVoters) -> Voters:
        member = await _member(self._database, actor, request.chat_id)
        if member.kind == "channel" and Right.STAFF not in rights_of(member, self._clock()):
            raise MembersHidden
        _, body = await _message(self._database, request.chat_id, request.seq)
        card = _poll(body)
        if card.anonymous:
            raise VotersHidden
        if request.option >= len(card.options):
            raise BadVote(path="$.option")
        before = chat_views.parse_person_cursor(request.cursor) if request.cursor else (2**62, "")
        # One more, to know whether there is another page.
        rows = await poll_store.voters_of(
            self._database, request.chat_id, request.seq, request.option, before, request.limit + 1
        )
        page = rows[: request.limit]
        return Voters(
            [Voted(row.person, as_datetime(row.at_us)) for row in page],
            f"{page[-1].at_us}-{page[-1].user_id}" if len(rows) > request.limit else None,
        )


async def _member(reads: Reads, actor: Actor, chat_id: ChatId) -> Member:
    member = await member_store.find_member(reads, chat_id, actor.user_id)
    if member is None:
        raise ChatNotFound
    return member


async def _message(reads: Reads, chat_id: ChatId, seq: int) -> tuple[StoredEntry, Body]:
    """Raises MessageNotFound."""
    row = await entry_store.find_entry(reads, chat_id, seq)
    if row is None or row.kind != "message":
        raise MessageNotFound
    body = entry_rules.body_of(row)
    if body.deleted:
        raise MessageNotFound
    return row, body


def _poll(body: Body) -> Poll:
    if not isinstance(body.card, Poll):
        raise NotAPoll
    return body.card


def _must_fit(card: Poll, chosen: Sequence[int]) -> None:
    """Raises BadVote."""
    known = all(option < len(card.options) for option in chosen)
    if not known or len(set(chosen)) < len(chosen) or (len(chosen) > 1 and not card.multiple):
        raise BadVote(path="$.chosen")


def _new_poll(request: SendPoll) -> NewPoll:
    """Raises BadPoll."""
    options = [_line(option, "$.options") for option in request.options]
    if len({option.casefold() for option in options}) < len(options):
        raise BadPoll(path="$.options")
    if request.correct is None:
        if request.explanation.strip():
            raise BadPoll(path="$.explanation")
    elif request.correct >= len(options) or request.multiple:
        raise BadPoll(path="$.correct")
    if 0 < request.open_s < OPEN_S_MIN:
        raise BadPoll(path="$.open_s")
    explanation = _line(request.explanation, "$.explanation") if request.explanation.strip() else ""
    return NewPoll(options, request.anonymous, request.multiple, request.correct, explanation, request.open_s)


def _line(text: str, path: str) -> str:
    """On one line. Raises BadPoll."""
    cleaned = clean_text(text)
    if cleaned is None:
        raise BadPoll(path=path)
    return " ".join(cleaned.split())
