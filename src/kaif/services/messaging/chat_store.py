"""What is stored of chats: what they are, and where their logs end."""

from collections.abc import Iterable

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.messaging import MEMBERS_SHOWN_MAX, READ_MARKS_SHOWN_MEMBERS_MAX, ChatId, ChatKind, Standing
from kaif.kernel.actor import UserId
from kaif.services.messaging.chat_views import StoredChat
from kaif.services.messaging.entry_rules import Place
from kaif.services.messaging.model import MEMBERS_BY_SIZE, MEMBERS_HIDDEN

# Of groups: who is there is seen by admins alone.
HIDES_MEMBERS = (
    f"(c.members_hidden = {MEMBERS_HIDDEN} OR c.members_hidden = {MEMBERS_BY_SIZE} AND c.members > {MEMBERS_SHOWN_MAX})"
)

# Where nobody sees what others have read: there are too many, or it is nobody's business who is there.
_READERS_HIDDEN = f"(c.kind = 'channel' OR c.members_hidden = 1 OR c.members > {READ_MARKS_SHOWN_MEMBERS_MAX})"

# Whoever shows nobody what they have read.
_SILENT = "EXISTS (SELECT 1 FROM messaging_privacy p WHERE p.user_id = m.user_id AND p.read_receipts = 0)"

_BLOCKED = """CASE WHEN c.closed = 0 THEN 0 ELSE (
    SELECT COUNT(*) FROM messaging_members o
    JOIN messaging_blocks b ON b.user_id = m.user_id AND b.blocked_id = o.user_id WHERE o.chat_id = c.id) END"""

# Whether others see this member's mark move: in a direct chat it takes both.
_MARKS_SHOWN = f"""CASE
    WHEN {_READERS_HIDDEN} OR c.closed > 0 OR {_SILENT} THEN 0
    WHEN c.kind = 'direct' AND EXISTS (
      SELECT 1 FROM messaging_members o JOIN messaging_privacy p ON p.user_id = o.user_id AND p.read_receipts = 0
      WHERE o.chat_id = c.id) THEN 0 ELSE 1 END"""

_CHAT = f"""
SELECT c.id, c.kind, c.title, c.created_at_us, c.active_at_us, c.seq, c.messages, c.members, m.read_seq,
  m.read_messages, CASE WHEN {_READERS_HIDDEN} OR {_SILENT} THEN 0
    ELSE COALESCE(
      (SELECT MAX(COALESCE(o.frozen_read_seq, o.read_seq)) FROM messaging_members o
      LEFT JOIN messaging_privacy q ON q.user_id = o.user_id
      WHERE o.chat_id = c.id AND o.user_id <> m.user_id AND COALESCE(q.read_receipts, 1) = 1), 0) END,
  (SELECT COUNT(*) FROM messaging_hidden h WHERE h.user_id = m.user_id AND h.chat_id = m.chat_id),
  c.description, c.name, c.default_rights, c.slow_mode_s, CASE WHEN {HIDES_MEMBERS} THEN 1 ELSE 0 END, c.signed,
  c.vanish_after_s,
  m.role, m.rights, m.taken, m.taken_until_us, m.archived, m.muted_until_us, m.pinned_at_us, m.marked_unread,
  {_BLOCKED}, m.unanswered, {_MARKS_SHOWN}, c.topics, c.previews, c.avatar, c.suspended, m.notify
FROM messaging_members m JOIN messaging_chats c ON c.id = m.chat_id AND c.deleted_at_us = 0
"""


async def add_chat(tx: Transaction, place: Place, title: str, creator_id: UserId, once: str, now_us: int) -> None:
    """Raises AlreadyExists when a chat was made with the same `once`."""
    await tx.execute(
        """
        INSERT INTO messaging_chats
          (id, kind, title, creator_id, once, created_at_us, active_at_us, seq, messages, members, default_rights)
        VALUES (:id, :kind, :title, :creator_id, :once, :now_us, :now_us, 0, 0, 0, :default_rights)
        """,
        id=place.chat_id,
        kind=place.kind,
        title=title,
        creator_id=creator_id,
        once=once,
        now_us=now_us,
        default_rights=place.default_rights,
    )


async def find_chat_made_once(reads: Reads, once: str) -> ChatId | None:
    rows: list[tuple[ChatId]] = await reads.fetch(tuple, "SELECT id FROM messaging_chats WHERE once = :once", once=once)
    return rows[0][0] if rows else None


async def find_chat(reads: Reads, chat_id: ChatId, user_id: UserId) -> StoredChat | None:
    found = await reads.fetch(
        StoredChat, _CHAT + "WHERE m.chat_id = :chat_id AND m.user_id = :user_id", chat_id=chat_id, user_id=user_id
    )
    return found[0] if found else None


async def chats_of(reads: Reads, user_id: UserId, before: tuple[int, ChatId] | None, limit: int) -> list[StoredChat]:
    """Newest activity first, after the page that ended with `before`."""
    where = "WHERE m.user_id = :user_id"
    if before:
        where += " AND (c.active_at_us < :active_at_us OR c.active_at_us = :active_at_us AND c.id < :chat_id)"
    active_at_us, chat_id = before or (0, "")
    return await reads.fetch(
        StoredChat,
        f"{_CHAT} {where} ORDER BY c.active_at_us DESC, c.id DESC LIMIT :limit",
        user_id=user_id,
        limit=limit,
        **({"active_at_us": active_at_us, "chat_id": chat_id} if before else {}),
    )


async def chats_naming(reads: Reads, user_id: UserId, limit: int) -> list[ChatId]:
    """Where others see that the person is there: in no channel, nor in a group that hides its members.

    Those first where something was said last.
    """
    rows: list[tuple[ChatId]] = await reads.fetch(
        tuple,
        f"""
        SELECT c.id FROM messaging_members m JOIN messaging_chats c ON c.id = m.chat_id AND c.deleted_at_us = 0
        WHERE m.user_id = :user_id AND c.kind IN ('direct', 'group') AND NOT {HIDES_MEMBERS}
        ORDER BY c.active_at_us DESC, c.id LIMIT :limit
        """,
        user_id=user_id,
        limit=limit,
    )
    return [chat_id for (chat_id,) in rows]


async def standings_of(reads: Reads, user_id: UserId) -> list[Standing]:
    rows: list[tuple[ChatId, ChatKind, int, UserId, int, str]] = await reads.fetch(
        tuple,
        """
        SELECT c.id, c.kind, c.seq, CASE WHEN c.kind = 'direct' AND c.closed = 0
            AND (COALESCE(mine.online, 'everybody') = 'everybody' OR mine.online = 'acquaintances' AND m.unanswered = 0)
          THEN COALESCE((
            SELECT o.user_id FROM messaging_members o LEFT JOIN messaging_privacy theirs ON theirs.user_id = o.user_id
            WHERE o.chat_id = c.id AND o.user_id <> m.user_id AND (COALESCE(theirs.online, 'everybody') = 'everybody'
              OR theirs.online = 'acquaintances' AND o.unanswered = 0)), '')
          ELSE '' END, c.closed, c.suspended
        FROM messaging_members m JOIN messaging_chats c ON c.id = m.chat_id AND c.deleted_at_us = 0
        LEFT JOIN messaging_privacy mine ON mine.user_id = m.user_id
        WHERE m.user_id = :user_id
        """,
        user_id=user_id,
    )
    return [
        Standing(chat_id, kind, seq, peer_id, closed > 0, bool(suspended))
        for chat_id, kind, seq, peer_id, closed, suspended in rows
    ]


async def lock_places(tx: Transaction, chat_ids: Iterable[ChatId]) -> dict[ChatId, Place]:
    """The ends of the logs, held until the commit; always taken in one order, so that nobody waits in a circle."""
    places = await tx.fetch(
        Place,
        """
        SELECT id, kind, seq, messages, members_seq, shown_seq, default_rights, slow_mode_s, signed, closed,
          topics, threads, suspended, written_at_us
        FROM messaging_chats WHERE id IN :ids AND deleted_at_us = 0 ORDER BY id FOR UPDATE
        """,
        ids=sorted(set(chat_ids)),
    )
    return {place.chat_id: place for place in places}


async def title_of(reads: Reads, chat_id: ChatId) -> str:
    rows: list[tuple[str]] = await reads.fetch(tuple, "SELECT title FROM messaging_chats WHERE id = :id", id=chat_id)
    return rows[0][0] if rows else ""


async def publicly_called(reads: Reads, chat_id: ChatId) -> tuple[str, str]:
    """The chat's title and public name; both empty of one that has no such name, which nobody outside is told of."""
    rows: list[tuple[str, str]] = await reads.fetch(
        tuple, "SELECT title, name FROM messaging_chats WHERE id = :id AND name <> ''", id=chat_id
    )
    return rows[0] if rows else ("", "")


async def is_closed(reads: Reads, chat_id: ChatId) -> bool:
    """Whether a block stands between the two of a direct chat."""
    return bool(await reads.fetch(tuple, "SELECT 1 FROM messaging_chats WHERE id = :id AND closed > 0", id=chat_id))


async def vanish_after_s(reads: Reads, chat_id: ChatId) -> int:
    rows: list[tuple[int]] = await reads.fetch(
        tuple, "SELECT vanish_after_s FROM messaging_chats WHERE id = :id", id=chat_id
    )
    return rows[0][0]


async def set_vanish_after_s(tx: Transaction, chat_id: ChatId, vanish_after_s: int) -> None:
    await tx.execute(
        "UPDATE messaging_chats SET vanish_after_s = :vanish_after_s WHERE id = :id",
        id=chat_id,
        vanish_after_s=vanish_after_s,
    )


async def advance(tx: Transaction, places: Iterable[Place]) -> None:
    await tx.execute_many(
        """
        UPDATE messaging_chats SET seq = :seq, messages = :messages, members_seq = :members_seq,
          shown_seq = :shown_seq, active_at_us = :at_us, written_at_us = :at_us
        WHERE id = :id
        """,
        [(p.seq, p.messages, p.members_seq, p.shown_seq, p.written_at_us, p.chat_id) for p in places],
    )


async def advance_members(tx: Transaction, place: Place) -> None:
    """Who is in the chat, or what they may do, has changed without an entry."""
    await tx.execute(
        "UPDATE messaging_chats SET members_seq = :members_seq WHERE id = :id",
        id=place.chat_id,
        members_seq=place.members_seq,
    )
