"""Entries as they are shown: with what stands apart from their rows, for everyone or for one person."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from kaif.engines.database import Reads
from kaif.interfaces.messaging import ChatId, Entry
from kaif.interfaces.messaging.cards import Card, Poll
from kaif.interfaces.messaging.content import Reaction
from kaif.interfaces.messaging.naming import NAMING, nameless
from kaif.kernel.actor import UserId
from kaif.services.messaging import card_rules, entry_rules, entry_store
from kaif.services.messaging.cards import poll_store
from kaif.services.messaging.cards.poll_store import StoredPoll
from kaif.services.messaging.chats import naming_store
from kaif.services.messaging.entry_rules import StoredEntry
from kaif.services.messaging.messages import store as message_store

_changed = msgspec.structs.replace


async def shown(reads: Reads, chat_id: ChatId, rows: Sequence[StoredEntry]) -> list[Entry]:
    """Entries of one chat, the same for everyone in it. An action carries its target as it is now."""
    entries = await _quoting(reads, chat_id, rows)
    targets = {entry.target for entry in entries if entry.target}
    if not targets:
        return entries
    here = {entry.seq: entry for entry in entries}
    absent = await entry_store.entries_at(reads, chat_id, targets - here.keys())
    messages = here | {entry.seq: entry for entry in await _quoting(reads, chat_id, absent)}
    return [_changed(entry, message=messages[entry.target]) if entry.target else entry for entry in entries]


async def _quoting(reads: Reads, chat_id: ChatId, rows: Sequence[StoredEntry]) -> list[Entry]:
    bodies = [entry_rules.body_of(row) for row in rows]
    quoting = [row.seq for row, body in zip(rows, bodies, strict=True) if body.quoted]
    quotes = await message_store.quotes_at(reads, chat_id, quoting) if quoting else {}
    voting = [row.seq for row, body in zip(rows, bodies, strict=True) if _takes_votes(body.card)]
    polls = await poll_store.polls_at(reads, chat_id, voting) if voting else {}
    entries = [
        entry_rules.entry_with(row, body, quotes.get(row.seq, "")) for row, body in zip(rows, bodies, strict=True)
    ]
    return [_counted(entry, polls) for entry in entries] if polls else entries


def _takes_votes(card: Card | None) -> bool:
    """How a closed poll stands its own row says."""
    return isinstance(card, Poll) and not card.closed


def _counted(entry: Entry, polls: Mapping[int, StoredPoll]) -> Entry:
    poll = polls.get(entry.seq)
    if poll is None or not isinstance(entry.card, Poll):
        return entry
    return _changed(entry, card=card_rules.counted(entry.card, poll.counts, poll.voters))


async def shown_to(reads: Reads, user_id: UserId, chat_id: ChatId, rows: Sequence[StoredEntry]) -> list[Entry]:
    """As one person sees them: what is their own is marked, and what they have deleted for themselves is gone."""
    entries = await named_to(reads, user_id, chat_id, await shown(reads, chat_id, rows))
    messages = {message.seq: message for entry in entries for message in (entry, entry.message) if message}
    hidden = await message_store.hidden_at(reads, user_id, chat_id, messages)
    with_reactions = [seq for seq, message in messages.items() if message.reactions]
    mine = await message_store.reactions_by(reads, user_id, chat_id, with_reactions) if with_reactions else set()
    votes = await _votes(reads, user_id, chat_id, messages)
    posted = await _posted_by(reads, user_id, chat_id, rows, messages)
    if not hidden and not mine and not votes and not posted:
        return entries

    def seen(entry: Entry) -> Entry:
        if entry.seq in hidden:
            return without_content(entry)
        if entry.message:
            entry = _changed(entry, message=seen(entry.message))
        if entry.seq in votes:
            entry = _changed(entry, card=votes[entry.seq])
        if entry.seq in posted:
            entry = _changed(entry, mine=True)
        return _changed(entry, reactions=_marked(entry, mine)) if entry.reactions else entry

    return [seen(entry) for entry in entries]


async def _posted_by(
    reads: Reads, user_id: UserId, chat_id: ChatId, rows: Sequence[StoredEntry], messages: Mapping[int, Entry]
) -> set[int]:
    """Which of the messages that are the chat's own word the person wrote."""
    said = {seq for seq, message in messages.items() if str(message.sender_id) == chat_id}
    absent = await entry_store.entries_at(reads, chat_id, said - {row.seq for row in rows})
    authors = {row.seq: row.sender_id for row in (*rows, *absent)}
    return {seq for seq in said if messages[seq].kind == "message" and authors[seq] == user_id}


async def named_to(reads: Reads, user_id: UserId, chat_id: ChatId, entries: list[Entry]) -> list[Entry]:
    """Without the names of those whom the person is not to see come and go."""
    naming = any(entry.kind in NAMING for entry in entries)
    if not naming or not await naming_store.are_hidden_from(reads, chat_id, user_id):
        return entries
    return [nameless(entry, user_id) for entry in entries]


async def _votes(reads: Reads, user_id: UserId, chat_id: ChatId, messages: Mapping[int, Entry]) -> dict[int, Poll]:
    """The polls in which the person has voted, as they see them."""
    polls = {seq: message.card for seq, message in messages.items() if isinstance(message.card, Poll)}
    votes = await poll_store.votes_by(reads, user_id, chat_id, polls) if polls else {}
    answers = await poll_store.polls_at(reads, chat_id, votes) if votes else {}
    return {
        seq: card_rules.seen_by_voter(polls[seq], votes[seq], answer.answer, answer.explanation)
        for seq, answer in answers.items()
    }


def _marked(entry: Entry, mine: Iterable[tuple[int, str]]) -> list[Reaction]:
    return [Reaction(one.emoji, one.count, (entry.seq, one.emoji) in mine) for one in entry.reactions]


def without_content(entry: Entry) -> Entry:
    """A message that a person has deleted for themselves: only its place is left."""
    return Entry(
        entry.chat_id,
        entry.seq,
        entry.kind,
        entry.sender_id,
        entry.at,
        entry.ref,
        hidden=True,
        version=entry.version,
        topic_id=entry.topic_id,
    )
