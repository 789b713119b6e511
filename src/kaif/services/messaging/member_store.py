"""What is stored of who is in a chat: what they may do there, and how far they have read."""

from collections.abc import Iterable, Sequence
from typing import Any

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.auth import Person, PersonKind
from kaif.interfaces.messaging import PEOPLE_SHOWN_MEMBERS_MAX, ChatId, Role
from kaif.kernel.actor import UserId
from kaif.services.messaging.chat_store import HIDES_MEMBERS
from kaif.services.messaging.chat_views import StoredMember
from kaif.services.messaging.entry_rules import Place
from kaif.services.messaging.model import MEMBER, MEMBERS_HIDDEN, PEOPLE_SHOWN
from kaif.services.messaging.rights import Member

_MEMBER = """
SELECT c.kind, c.default_rights, m.role, m.rights, m.taken, m.taken_until_us, m.bot, c.suspended
FROM messaging_members m JOIN messaging_chats c ON c.id = m.chat_id AND c.deleted_at_us = 0
WHERE m.chat_id = :chat_id AND m.user_id = :user_id
"""

# Said twice: as what the planner finds the few by, and as what it knows their index by.
_STAFF = "role IN ('owner', 'admin') AND role <> 'member'"

# By their own row: asked for `bot`, SQLite would go through all members instead of the index of staff.
_NO_BOT = "NOT EXISTS (SELECT 1 FROM messaging_people p WHERE p.id = messaging_members.user_id AND p.kind = 'bot')"

_LISTED = """
SELECT p.id, p.username, p.display_name, p.avatar_colour, p.kind, p.avatar, m.role, m.rights, m.taken, m.taken_until_us
FROM messaging_members m JOIN messaging_people p ON p.id = m.user_id
"""


async def find_member(reads: Reads, chat_id: ChatId, user_id: UserId) -> Member | None:
    """None also where the chat has been deleted."""
    rows: list[tuple[Any, ...]] = await reads.fetch(tuple, _MEMBER, chat_id=chat_id, user_id=user_id)
    return Member(*rows[0]) if rows else None


async def members_among(tx: Transaction, pairs: Iterable[tuple[ChatId, UserId]]) -> dict[tuple[ChatId, UserId], Member]:
    """Those of the pairs in which the person is in the chat."""
    rows: list[tuple[Any, ...]] = await tx.fetch(
        tuple,
        """
        SELECT m.chat_id, m.user_id, c.kind, c.default_rights, m.role, m.rights, m.taken, m.taken_until_us, m.bot,
          c.suspended
        FROM messaging_members m JOIN messaging_chats c ON c.id = m.chat_id AND c.deleted_at_us = 0
        WHERE (m.chat_id, m.user_id) IN :pairs
        """,
        pairs=list(pairs),
    )
    return {(chat_id, user_id): Member(*rest) for chat_id, user_id, *rest in rows}


async def last_sent_us(tx: Transaction, pairs: Iterable[tuple[ChatId, UserId]]) -> dict[tuple[ChatId, UserId], int]:
    """When each of these people last wrote in that chat; 0 for never."""
    rows: list[tuple[ChatId, UserId, int]] = await tx.fetch(
        tuple,
        "SELECT chat_id, user_id, sent_at_us FROM messaging_members WHERE (chat_id, user_id) IN :pairs",
        pairs=list(pairs),
    )
    return {(chat_id, user_id): sent_at_us for chat_id, user_id, sent_at_us in rows}


async def add_members(
    tx: Transaction, place: Place, user_ids: Sequence[UserId], role: Role = MEMBER, *, unanswered: bool = False
) -> None:
    """What was said before someone joined counts as read. `unanswered` is a stranger's chat until they answer."""
    await tx.insert(
        "messaging_members",
        ("chat_id", "user_id", "role", "read_seq", "read_messages", "unanswered"),
        [(place.chat_id, user_id, role, place.seq, place.messages, int(unanswered)) for user_id in user_ids],
    )
    bots = await tx.execute(
        """
        UPDATE messaging_members SET bot = 1 WHERE chat_id = :chat_id AND user_id IN
          (SELECT id FROM messaging_people WHERE id IN :ids AND kind = 'bot')
        """,
        chat_id=place.chat_id,
        ids=list(user_ids),
    )
    if bots:
        await _mark_for_webhooks(tx, place, user_ids)
    await tx.execute(
        "UPDATE messaging_chats SET members = members + :added WHERE id = :id", id=place.chat_id, added=len(user_ids)
    )


async def _mark_for_webhooks(tx: Transaction, place: Place, user_ids: Sequence[UserId]) -> None:
    """Those who are called at an address are told of the chat from here on."""
    await tx.execute(
        """
        INSERT INTO messaging_outgoing_webhook_marks (bot_id, chat_id, seq)
        SELECT bot_id, :chat_id, :seq FROM messaging_outgoing_webhooks WHERE bot_id IN :ids
        ON CONFLICT (bot_id, chat_id) DO UPDATE SET seq = excluded.seq
        """,
        chat_id=place.chat_id,
        seq=place.seq,
        ids=list(user_ids),
    )


async def remove_member(tx: Transaction, chat_id: ChatId, user_id: UserId) -> bool:
    # What they have said there stays theirs to take along.
    await tx.execute(
        """
        INSERT INTO messaging_former_members (user_id, chat_id, title, seq)
        SELECT m.user_id, c.id, c.title, c.seq FROM messaging_members m JOIN messaging_chats c ON c.id = m.chat_id
        WHERE m.chat_id = :chat_id AND m.user_id = :user_id AND m.sent_at_us > 0
        ON CONFLICT (user_id, chat_id) DO UPDATE SET title = excluded.title, seq = excluded.seq
        """,
        chat_id=chat_id,
        user_id=user_id,
    )
    removed = await tx.execute(
        "DELETE FROM messaging_members WHERE chat_id = :chat_id AND user_id = :user_id",
        chat_id=chat_id,
        user_id=user_id,
    )
    await tx.execute(
        "DELETE FROM messaging_mentions WHERE user_id = :user_id AND chat_id = :chat_id",
        chat_id=chat_id,
        user_id=user_id,
    )
    # Who comes back may write where everybody may, until they are chosen anew; a ban from a topic stays.
    await tx.execute(
        "UPDATE messaging_topic_members SET chosen = 0 WHERE user_id = :user_id AND chat_id = :chat_id AND chosen = 1",
        chat_id=chat_id,
        user_id=user_id,
    )
    await tx.execute(
        "DELETE FROM messaging_outgoing_webhook_marks WHERE chat_id = :chat_id AND bot_id = :user_id",
        chat_id=chat_id,
        user_id=user_id,
    )
    await tx.execute(
        "UPDATE messaging_chats SET members = members - :removed WHERE id = :id", id=chat_id, removed=removed
    )
    return removed == 1


async def pass_ownership(tx: Transaction, chat_id: ChatId) -> None:
    """The owner left: an admin takes over, or else a member, each time the one with the oldest account; but no bot."""
    await tx.execute(
        f"""
        UPDATE messaging_members SET role = 'owner', rights = 0, taken = 0 WHERE chat_id = :chat_id AND user_id =
          COALESCE(
            (SELECT MIN(user_id) FROM messaging_members WHERE chat_id = :chat_id AND {_STAFF} AND {_NO_BOT}),
            (SELECT user_id FROM messaging_members WHERE chat_id = :chat_id AND bot = 0 ORDER BY user_id LIMIT 1))
        """,
        chat_id=chat_id,
    )


async def count_staff(reads: Reads, chat_id: ChatId, *, people_only: bool = False) -> int:
    who = f"{_STAFF} AND {_NO_BOT}" if people_only else _STAFF
    rows: list[tuple[int]] = await reads.fetch(
        tuple, f"SELECT COUNT(*) FROM messaging_members WHERE chat_id = :chat_id AND {who}", chat_id=chat_id
    )
    return rows[0][0]


async def count_members(reads: Reads, chat_id: ChatId) -> int:
    rows: list[tuple[int]] = await reads.fetch(
        tuple, "SELECT members FROM messaging_chats WHERE id = :chat_id", chat_id=chat_id
    )
    return rows[0][0]


async def members_of(reads: Reads, chat_id: ChatId, after: str, limit: int) -> list[StoredMember]:
    return await reads.fetch(
        StoredMember,
        f"{_LISTED} WHERE m.chat_id = :chat_id AND m.user_id > :after ORDER BY m.user_id LIMIT :limit",
        chat_id=chat_id,
        after=after,
        limit=limit,
    )


async def members_among_ids(reads: Reads, chat_id: ChatId, ids: Sequence[UserId]) -> list[StoredMember]:
    if not ids:
        return []
    return await reads.fetch(
        StoredMember, f"{_LISTED} WHERE m.chat_id = :chat_id AND m.user_id IN :ids", chat_id=chat_id, ids=list(ids)
    )


async def staff_of(reads: Reads, chat_id: ChatId) -> list[StoredMember]:
    """The owner and the admins, found by an index of their own: a planner would rather go through all members."""
    return await reads.fetch(
        StoredMember,
        f"""
        {_LISTED} WHERE m.chat_id = :chat_id AND m.user_id IN
          (SELECT user_id FROM messaging_members WHERE chat_id = :chat_id AND {_STAFF})
        ORDER BY m.user_id
        """,
        chat_id=chat_id,
    )


async def people_shown(reads: Reads, chat_ids: Sequence[ChatId]) -> dict[ChatId, list[Person]]:
    """The first few people of each chat that shows them: only small ones do, since all of a chat's are numbered."""
    rows: list[tuple[ChatId, UserId, str, str, int | None, PersonKind, str | None]] = await reads.fetch(
        tuple,
        """
        SELECT m.chat_id, p.id, p.username, p.display_name, p.avatar_colour, p.kind, p.avatar FROM (
          SELECT chat_id, user_id, ROW_NUMBER() OVER (PARTITION BY chat_id ORDER BY user_id) AS place
          FROM messaging_members WHERE chat_id IN (
            SELECT id FROM messaging_chats
            WHERE id IN :ids AND members <= :members_max AND members_hidden <> :hidden AND kind <> 'channel')
        ) m JOIN messaging_people p ON p.id = m.user_id WHERE m.place <= :shown ORDER BY m.chat_id, m.place
        """,
        ids=chat_ids,
        shown=PEOPLE_SHOWN,
        members_max=PEOPLE_SHOWN_MEMBERS_MAX,
        hidden=MEMBERS_HIDDEN,
    )
    shown: dict[ChatId, list[Person]] = {}
    for chat_id, user_id, username, display_name, colour, kind, avatar in rows:
        shown.setdefault(chat_id, []).append(Person(user_id, username, display_name, colour, kind, avatar))
    return shown


async def are_hidden(reads: Reads, chat_id: ChatId) -> bool:
    rows: list[tuple[int]] = await reads.fetch(
        tuple,
        f"SELECT 1 FROM messaging_chats c WHERE c.id = :id AND ({HIDES_MEMBERS} OR c.kind = 'channel')",
        id=chat_id,
    )
    return bool(rows)


async def move_read_marks(tx: Transaction, marks: Iterable[tuple[ChatId, UserId, int, int]]) -> None:
    """Each mark is (chat, person, seq, messages so far); marks only move forward."""
    await tx.execute_many(
        """
        UPDATE messaging_members SET read_seq = :seq, read_messages = :messages, marked_unread = 0
        WHERE chat_id = :chat_id AND user_id = :user_id AND read_seq < :seq
        """,
        [(seq, messages, chat_id, user_id) for chat_id, user_id, seq, messages in marks],
    )


async def move_senders_marks(tx: Transaction, marks: Iterable[tuple[ChatId, UserId, int, int]], now_us: int) -> None:
    """The marks of those who have written just now."""
    await tx.execute_many(
        """
        UPDATE messaging_members SET read_seq = :seq, read_messages = :messages, sent_at_us = :now_us, unanswered = 0
        WHERE chat_id = :chat_id AND user_id = :user_id AND read_seq < :seq
        """,
        [(seq, messages, now_us, chat_id, user_id) for chat_id, user_id, seq, messages in marks],
    )


async def move_absent_senders_marks(
    tx: Transaction, marks: Iterable[tuple[ChatId, UserId, int, int]], now_us: int
) -> None:
    """The marks of those whose messages were sent without them, in order: what they had not read stays unread."""
    for chat_id, user_id, seq, messages in marks:
        await tx.execute(
            """
            UPDATE messaging_members SET sent_at_us = :now_us, unanswered = 0,
              read_seq = CASE WHEN read_messages = :messages - 1 THEN :seq ELSE read_seq END,
              read_messages = CASE WHEN read_messages = :messages - 1 THEN :messages ELSE read_messages END
            WHERE chat_id = :chat_id AND user_id = :user_id
            """,
            now_us=now_us,
            chat_id=chat_id,
            user_id=user_id,
            seq=seq,
            messages=messages,
        )
