"""What messaging's database holds about one person, kind by kind: the newest first, or as they have put it in order."""

from typing import Any

import msgspec

from kaif.engines.database import Reads
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.bots import Command
from kaif.interfaces.messaging.notifications import Notify
from kaif.interfaces.messaging.own_data import (
    BlockedPerson,
    HiddenMessage,
    InChatSince,
    NotifiedDevice,
    OwnReaction,
    OwnTopic,
    OwnVote,
)
from kaif.kernel.actor import UserId
from kaif.kernel.clock import as_datetime
from kaif.services.messaging.chat_views import StoredPerson


class Standing(msgspec.Struct, frozen=True):
    """What somebody is in a chat, and what they want to be told of it."""

    chat_id: ChatId
    role: str
    notify: Notify


class StoredBlock(StoredPerson, frozen=True):
    at_us: int


async def _rows(reads: Reads, sql: str, user_id: UserId, limit: int) -> list[tuple[Any, ...]]:
    return await reads.fetch(tuple, f"{sql} LIMIT :limit", user_id=user_id, limit=limit)


async def standings_of(reads: Reads, user_id: UserId) -> list[Standing]:
    sql = "SELECT chat_id, role, notify FROM messaging_members WHERE user_id = :user_id"
    return await reads.fetch(Standing, sql, user_id=user_id)


async def devices(reads: Reads, user_id: UserId, limit: int) -> list[NotifiedDevice]:
    sql = "SELECT made_at_us, language FROM messaging_push_subscriptions WHERE user_id = :user_id ORDER BY id DESC"
    rows = await _rows(reads, sql, user_id, limit)
    return [NotifiedDevice(as_datetime(made_at_us), language) for made_at_us, language in rows]


async def blocked(reads: Reads, user_id: UserId, limit: int) -> list[BlockedPerson]:
    sql = """
        SELECT b.blocked_id, p.username, p.display_name, p.avatar_colour, p.kind, p.avatar, b.at_us
        FROM messaging_blocks b JOIN messaging_people p ON p.id = b.blocked_id
        WHERE b.user_id = :user_id ORDER BY b.at_us DESC, b.blocked_id
    """
    rows = await reads.fetch(StoredBlock, f"{sql} LIMIT :limit", user_id=user_id, limit=limit)
    return [BlockedPerson(row.person, as_datetime(row.at_us)) for row in rows]


async def topics(reads: Reads, user_id: UserId, limit: int) -> list[OwnTopic]:
    sql = """
        SELECT chat_id, topic_id, read_seq, muted_until_us, restricted, chosen FROM messaging_topic_members
        WHERE user_id = :user_id ORDER BY chat_id DESC, topic_id DESC
    """
    return [
        OwnTopic(
            chat_id, topic_id, read_seq, as_datetime(until_us) if until_us else None, bool(restricted), bool(chosen)
        )
        for chat_id, topic_id, read_seq, until_us, restricted, chosen in await _rows(reads, sql, user_id, limit)
    ]


async def votes(reads: Reads, user_id: UserId, limit: int) -> list[OwnVote]:
    sql = """
        SELECT chat_id, seq, option, at_us FROM messaging_votes
        WHERE user_id = :user_id ORDER BY at_us DESC, chat_id, seq, option
    """
    rows = await _rows(reads, sql, user_id, limit)
    return [OwnVote(chat_id, seq, option, as_datetime(at_us)) for chat_id, seq, option, at_us in rows]


async def reactions(reads: Reads, user_id: UserId, limit: int) -> list[OwnReaction]:
    sql = """
        SELECT chat_id, seq, emoji, at_us FROM messaging_reactions
        WHERE user_id = :user_id ORDER BY at_us DESC, chat_id, seq, emoji
    """
    rows = await _rows(reads, sql, user_id, limit)
    return [OwnReaction(chat_id, seq, emoji, as_datetime(at_us)) for chat_id, seq, emoji, at_us in rows]


async def hidden(reads: Reads, user_id: UserId, limit: int) -> list[HiddenMessage]:
    sql = "SELECT chat_id, seq FROM messaging_hidden WHERE user_id = :user_id ORDER BY chat_id DESC, seq DESC"
    return [HiddenMessage(chat_id, seq) for chat_id, seq in await _rows(reads, sql, user_id, limit)]


async def reported_seqs(reads: Reads, report_ids: list[str]) -> dict[str, list[int]]:
    """The messages that each report names."""
    rows: list[tuple[str, int]] = await reads.fetch(
        tuple,
        "SELECT report_id, seq FROM messaging_evidence WHERE report_id IN :ids AND reported = 1 ORDER BY seq",
        ids=report_ids,
    )
    seqs: dict[str, list[int]] = {}
    for report_id, seq in rows:
        seqs.setdefault(report_id, []).append(seq)
    return seqs


async def join_requests(reads: Reads, user_id: UserId, limit: int) -> list[InChatSince]:
    sql = "SELECT chat_id, at_us FROM messaging_join_requests WHERE user_id = :user_id ORDER BY at_us DESC, chat_id"
    return [InChatSince(chat_id, as_datetime(at_us)) for chat_id, at_us in await _rows(reads, sql, user_id, limit)]


async def bans(reads: Reads, user_id: UserId, limit: int) -> list[InChatSince]:
    sql = "SELECT chat_id, at_us FROM messaging_bans WHERE user_id = :user_id ORDER BY at_us DESC, chat_id"
    return [InChatSince(chat_id, as_datetime(at_us)) for chat_id, at_us in await _rows(reads, sql, user_id, limit)]


async def commands(reads: Reads, user_id: UserId, limit: int) -> list[Command]:
    """A bot's."""
    sql = "SELECT name, ru, en FROM messaging_commands WHERE bot_id = :user_id ORDER BY place"
    return [Command(name, ru, en) for name, ru, en in await _rows(reads, sql, user_id, limit)]
