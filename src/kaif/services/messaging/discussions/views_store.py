"""What messaging asks its database about who has seen which posts, and how many have."""

from collections.abc import Collection, Mapping

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.messaging import ChatId
from kaif.kernel.actor import UserId
from kaif.services.messaging.model import erased_name

# As many as a signed 64-bit number holds in all databases without ever being negative.
BLOCK = 60

# A chat, a person in it, and which block of its posts.
Block = tuple[ChatId, UserId, int]


class SeenPosts(msgspec.Struct, frozen=True):
    """A row of messaging_views."""

    chat_id: ChatId
    block: int
    bits: int


def bits_of(seqs: Collection[int]) -> dict[int, int]:
    """By blocks."""
    blocks: dict[int, int] = {}
    for seq in seqs:
        blocks[seq // BLOCK] = blocks.get(seq // BLOCK, 0) | 1 << seq % BLOCK
    return blocks


def seqs_of(block: int, bits: int) -> list[int]:
    return [block * BLOCK + place for place in range(BLOCK) if bits >> place & 1]


async def posts_among(reads: Reads, chat_id: ChatId, seqs: Collection[int]) -> list[int]:
    rows: list[tuple[int]] = await reads.fetch(
        tuple,
        """
        SELECT seq FROM messaging_entries
        WHERE chat_id = :chat_id AND seq IN :seqs AND kind = 'message' ORDER BY seq
        """,
        chat_id=chat_id,
        seqs=list(set(seqs)),
    )
    return [seq for (seq,) in rows]


async def views_of(reads: Reads, chat_id: ChatId, seqs: Collection[int]) -> dict[int, int]:
    rows: list[tuple[int, int]] = await reads.fetch(
        tuple,
        "SELECT seq, views FROM messaging_post_views WHERE chat_id = :chat_id AND seq IN :seqs",
        chat_id=chat_id,
        seqs=list(seqs),
    )
    return dict(rows)


async def add_bits(tx: Transaction, seen: Mapping[Block, int]) -> dict[tuple[ChatId, int], int]:
    """Note which posts have been seen; how many people are new to each of them.

    Rows are taken in one order, and held until the commit: of two processes that note the same, one sees the other's.
    Nothing is noted of people who have been erased meanwhile.
    """
    blocks = sorted(seen)
    await tx.execute_many(
        """
        INSERT INTO messaging_views (chat_id, user_id, block, bits)
        SELECT CAST(:chat_id AS TEXT), CAST(:user_id AS TEXT), CAST(:block AS BIGINT), 0 WHERE NOT EXISTS
          (SELECT 1 FROM messaging_people WHERE id = :user_id AND username = :erased)
        ON CONFLICT (chat_id, user_id, block) DO NOTHING
        """,
        [(*block, erased_name(block[1])) for block in blocks],
    )
    rows: list[tuple[ChatId, UserId, int, int]] = await tx.fetch(
        tuple,
        """
        SELECT chat_id, user_id, block, bits FROM messaging_views
        WHERE (chat_id, user_id) IN :pairs AND block IN :blocks ORDER BY chat_id, user_id, block FOR UPDATE
        """,
        pairs=sorted({(chat_id, user_id) for chat_id, user_id, _ in blocks}),
        blocks=sorted({block for _, _, block in blocks}),
    )
    changes: list[tuple[int, ChatId, UserId, int]] = []
    new: dict[tuple[ChatId, int], int] = {}
    for chat_id, user_id, block, bits in rows:
        fresh = seen.get((chat_id, user_id, block), 0) & ~bits
        if fresh:
            changes.append((bits | fresh, chat_id, user_id, block))
        for seq in seqs_of(block, fresh):
            new[chat_id, seq] = new.get((chat_id, seq), 0) + 1
    await tx.execute_many(
        """
        UPDATE messaging_views SET bits = :bits WHERE chat_id = :chat_id AND user_id = :user_id AND block = :block
        """,
        changes,
    )
    return new


async def add_views(tx: Transaction, new: Mapping[tuple[ChatId, int], int]) -> None:
    await tx.execute_many(
        """
        INSERT INTO messaging_post_views (chat_id, seq, views) VALUES (:chat_id, :seq, :views)
        ON CONFLICT (chat_id, seq) DO UPDATE SET views = messaging_post_views.views + excluded.views
        """,
        [(*post, new[post]) for post in sorted(new)],
    )


async def members_in(reads: Reads, chat_ids: Collection[ChatId]) -> dict[ChatId, int]:
    """How many are in each chat that there is."""
    rows: list[tuple[ChatId, int]] = await reads.fetch(
        tuple,
        "SELECT id, members FROM messaging_chats WHERE id IN :ids AND deleted_at_us = 0",
        ids=sorted(chat_ids),
    )
    return dict(rows)


async def seen_by(reads: Reads, user_id: UserId, limit: int) -> list[SeenPosts]:
    """The newest posts of each channel first."""
    return await reads.fetch(
        SeenPosts,
        """
        SELECT chat_id, block, bits FROM messaging_views WHERE user_id = :user_id
        ORDER BY chat_id, block DESC LIMIT :limit
        """,
        user_id=user_id,
        limit=limit,
    )


async def forget(tx: Transaction, user_id: UserId) -> int:
    """Who has seen what goes with them; how many have stays."""
    return await tx.execute("DELETE FROM messaging_views WHERE user_id = :user_id", user_id=user_id)
