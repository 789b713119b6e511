"""Every question that messaging asks its database."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from kaif.engines.database import Database, Row, Transaction
from kaif.interfaces.auth import Person, PersonKind
from kaif.interfaces.messaging import (
    MEMBERS_SHOWN_MAX,
    PEOPLE_SHOWN_MEMBERS_MAX,
    READ_MARKS_SHOWN_MEMBERS_MAX,
    ChatId,
    ChatKind,
    Entry,
    Outgoing,
    Role,
    Standing,
)
from kaif.interfaces.messaging.appended import EntriesAppended
from kaif.kernel.actor import UserId
from kaif.services.messaging import clock_store, people_words_store
from kaif.services.messaging.model import (
    MEMBER,
    MEMBERS_BY_SIZE,
    MEMBERS_HIDDEN,
    PEOPLE_SHOWN,
    Place,
    StoredChat,
    StoredEntry,
    StoredMember,
    body_of,
    encoded_body_of,
    erased_name,
    ranges_of,
)
from kaif.services.messaging.rights import Member

_ENTRY = "chat_id, seq, kind, sender_id, at_us, messages, ref, body"

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

# Of one member's chats: those of which they may be told, and which count at the icon.
HEARD = "m.muted_until_us <= :now_us AND m.notify <> 'none'"

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
  {_BLOCKED}, m.unanswered, {_MARKS_SHOWN}, c.topics, c.previews, c.avatar, c.suspended,
  m.notify
FROM messaging_members m JOIN messaging_chats c ON c.id = m.chat_id AND c.deleted_at_us = 0
"""

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


class Reads(Protocol):
    """A database, or a transaction of it: both read alike."""

    async def fetch(self, shape: type[Row], sql: str, **params: object) -> list[Row]: ...


# People


async def known_people(reads: Reads, ids: Iterable[UserId]) -> list[Person]:
    return await reads.fetch(
        Person,
        "SELECT id, username, display_name, avatar_colour, kind, avatar FROM messaging_people WHERE id IN :ids",
        ids=list(ids),
    )


async def remember_people(tx: Transaction, people: Sequence[Person]) -> None:
    """Of who has been erased nothing is learned any more: what was said of them before may come after it."""
    await tx.execute_many(
        """
        INSERT INTO messaging_people (id, username, display_name, avatar_colour, kind, avatar)
        VALUES (:id, :username, :display_name, :avatar_colour, :kind, :avatar)
        ON CONFLICT (id) DO UPDATE
        SET username = excluded.username, display_name = excluded.display_name,
          avatar_colour = excluded.avatar_colour, kind = excluded.kind, avatar = excluded.avatar
        WHERE messaging_people.username <> :erased
        """,
        # In one order, so that two transactions that know the same people never wait in a circle.
        [
            (*msgspec.structs.astuple(person), erased_name(person.id))
            for person in sorted(people, key=lambda person: person.id)
        ],
    )
    await people_words_store.keep_words(tx, [person.id for person in people])


async def lock_people(tx: Transaction, people: Sequence[Person]) -> None:
    """Know these people, and keep whoever else asks for the same lock waiting."""
    await tx.execute_many(
        """
        INSERT INTO messaging_people (id, username, display_name, avatar_colour, kind, avatar)
        VALUES (:id, :username, :display_name, :avatar_colour, :kind, :avatar) ON CONFLICT (id) DO NOTHING
        """,
        [msgspec.structs.astuple(person) for person in sorted(people, key=lambda person: person.id)],
    )
    await tx.fetch(
        tuple,
        "SELECT id FROM messaging_people WHERE id IN :ids ORDER BY id FOR UPDATE",
        ids=sorted(person.id for person in people),
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


async def companions_of(reads: Reads, user_id: UserId, limit: int) -> list[Person]:
    """Those with whom the person has direct chats, the liveliest first; without strangers who wait for an answer."""
    return await reads.fetch(
        Person,
        """
        SELECT p.id, p.username, p.display_name, p.avatar_colour, p.kind, p.avatar FROM messaging_members m
        JOIN messaging_chats c ON c.id = m.chat_id AND c.kind = 'direct' AND c.deleted_at_us = 0
        JOIN messaging_members o ON o.chat_id = c.id AND o.user_id <> m.user_id
        JOIN messaging_people p ON p.id = o.user_id
        WHERE m.user_id = :user_id AND m.unanswered = 0 ORDER BY c.active_at_us DESC LIMIT :limit
        """,
        user_id=user_id,
        limit=limit,
    )


async def ids_by_username(reads: Reads, usernames: Iterable[str]) -> dict[str, UserId]:
    rows: list[tuple[str, UserId]] = await reads.fetch(
        tuple, "SELECT username, id FROM messaging_people WHERE username IN :names", names=sorted(usernames)
    )
    return dict(rows)


# Chats


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


async def find_chat(database: Database, chat_id: ChatId, user_id: UserId) -> StoredChat | None:
    found = await database.fetch(
        StoredChat, _CHAT + "WHERE m.chat_id = :chat_id AND m.user_id = :user_id", chat_id=chat_id, user_id=user_id
    )
    return found[0] if found else None


async def chats_of(
    database: Database, user_id: UserId, before: tuple[int, ChatId] | None, limit: int
) -> list[StoredChat]:
    """Newest activity first, after the page that ended with `before`."""
    where = "WHERE m.user_id = :user_id"
    if before:
        where += " AND (c.active_at_us < :active_at_us OR c.active_at_us = :active_at_us AND c.id < :chat_id)"
    active_at_us, chat_id = before or (0, "")
    return await database.fetch(
        StoredChat,
        f"{_CHAT} {where} ORDER BY c.active_at_us DESC, c.id DESC LIMIT :limit",
        user_id=user_id,
        limit=limit,
        **({"active_at_us": active_at_us, "chat_id": chat_id} if before else {}),
    )


async def standings_of(database: Database, user_id: UserId) -> list[Standing]:
    rows: list[tuple[ChatId, ChatKind, int, UserId, int, str]] = await database.fetch(
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


# Members


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


async def are_hidden(reads: Reads, chat_id: ChatId) -> bool:
    rows: list[tuple[int]] = await reads.fetch(
        tuple,
        f"SELECT 1 FROM messaging_chats c WHERE c.id = :id AND ({HIDES_MEMBERS} OR c.kind = 'channel')",
        id=chat_id,
    )
    return bool(rows)


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


# Entries


async def append(
    tx: Transaction,
    places: Mapping[ChatId, Place],
    entries: Sequence[Entry],
    senders: Sequence[UserId],
    messages: Sequence[int],
) -> None:
    """All were made when their places say (`Place.come_to`), each by its sender, be it shown as theirs or not.

    `messages` gives each the number of messages up to and with it.

    Here, so that no log grows in silence, other readers are told. Raises AlreadyExists when a message's reference
    has been used.
    """
    await tx.insert(
        "messaging_entries",
        ("chat_id", "seq", "kind", "sender_id", "at_us", "messages", "ref", "body"),
        [
            (
                e.chat_id,
                e.seq,
                e.kind,
                sender_id,
                places[e.chat_id].written_at_us,
                count,
                e.ref or None,
                encoded_body_of(e),
            )
            for e, sender_id, count in zip(entries, senders, messages, strict=True)
        ],
    )
    ranges = ranges_of(entries)
    if jumped := [(one.chat_id, one.first_seq) for one in ranges if places[one.chat_id].jumped]:
        await clock_store.note(tx, jumped)
        for chat_id, _ in jumped:
            places[chat_id].jumped = False
    await tx.publish(EntriesAppended(ranges=ranges))


async def find_repeated(tx: Transaction, messages: Sequence[Outgoing]) -> list[StoredEntry]:
    """The entries that already stand under these messages' references."""
    return await tx.fetch(
        StoredEntry,
        f"SELECT {_ENTRY} FROM messaging_entries WHERE (chat_id, sender_id, ref) IN :refs",
        refs=[(message.chat_id, message.sender_id, message.ref) for message in messages],
    )


async def find_entry(reads: Reads, chat_id: ChatId, seq: int) -> StoredEntry | None:
    rows = await reads.fetch(
        StoredEntry,
        f"SELECT {_ENTRY} FROM messaging_entries WHERE chat_id = :chat_id AND seq = :seq",
        chat_id=chat_id,
        seq=seq,
    )
    return rows[0] if rows else None


async def entries_at(reads: Reads, chat_id: ChatId, seqs: Collection[int]) -> list[StoredEntry]:
    return await reads.fetch(
        StoredEntry,
        f"SELECT {_ENTRY} FROM messaging_entries WHERE chat_id = :chat_id AND seq IN :seqs",
        chat_id=chat_id,
        seqs=list(seqs),
    )


async def entries_after(reads: Reads, chat_id: ChatId, after: int, limit: int) -> list[StoredEntry]:
    return await reads.fetch(
        StoredEntry,
        f"SELECT {_ENTRY} FROM messaging_entries WHERE chat_id = :chat_id AND seq > :after ORDER BY seq LIMIT :limit",
        chat_id=chat_id,
        after=after,
        limit=limit,
    )


async def entries_before(reads: Reads, chat_id: ChatId, before: int, limit: int) -> list[StoredEntry]:
    """The last ones before it, in ascending order."""
    rows = await reads.fetch(
        StoredEntry,
        f"""
        SELECT {_ENTRY} FROM messaging_entries WHERE chat_id = :chat_id AND seq < :before
        ORDER BY seq DESC LIMIT :limit
        """,
        chat_id=chat_id,
        before=before,
        limit=limit,
    )
    return rows[::-1]


async def messages_by(
    reads: Reads, user_id: UserId, chat_id: ChatId, after: int, until: int, limit: int
) -> list[StoredEntry]:
    """What one person wrote in a stretch of the log, which is in nobody's order: it is gone through as a whole."""
    return await reads.fetch(
        StoredEntry,
        f"""
        SELECT {_ENTRY} FROM messaging_entries
        WHERE chat_id = :chat_id AND seq > :after AND seq <= :until AND sender_id = :user_id AND kind = 'message'
        ORDER BY seq LIMIT :limit
        """,
        chat_id=chat_id,
        after=after,
        until=until,
        user_id=user_id,
        limit=limit,
    )


async def written_at_us(reads: Reads, chat_id: ChatId, seq: int) -> int:
    """When the entry was written, of a place that is in the log."""
    rows: list[tuple[int]] = await reads.fetch(
        tuple,
        "SELECT at_us FROM messaging_entries WHERE chat_id = :chat_id AND seq = :seq",
        chat_id=chat_id,
        seq=seq,
    )
    return rows[0][0]


async def next_message_for(
    reads: Reads, chat_id: ChatId, first_seq: int, last_seq: int, user_id: UserId
) -> tuple[int, int] | None:
    """The first message between these places which the person has not deleted for themselves, and when it is from."""
    rows: list[tuple[int, int]] = await reads.fetch(
        tuple,
        """
        SELECT e.seq, e.at_us FROM messaging_entries e
        WHERE e.chat_id = :chat_id AND e.seq >= :first_seq AND e.seq <= :last_seq AND e.kind = 'message'
          AND NOT EXISTS (
          SELECT 1 FROM messaging_hidden h WHERE h.user_id = :user_id AND h.chat_id = e.chat_id AND h.seq = e.seq)
        ORDER BY e.seq LIMIT 1
        """,
        chat_id=chat_id,
        first_seq=first_seq,
        last_seq=last_seq,
        user_id=user_id,
    )
    return rows[0] if rows else None


async def authors_answered(reads: Reads, chat_id: ChatId, rows: Sequence[StoredEntry]) -> dict[int, UserId]:
    """Who wrote what these messages answer."""
    answered = {body_of(row).reply_to for row in rows if row.kind == "message"} - {0}
    found = await entries_at(reads, chat_id, answered) if answered else []
    return {row.seq: row.sender_id for row in found}


async def last_entries(reads: Reads, chat_ids: Sequence[ChatId]) -> list[StoredEntry]:
    """The newest entry of each chat that is something to see, for the previews of a list."""
    columns = ", ".join(f"e.{column}" for column in _ENTRY.split(", "))
    return await reads.fetch(
        StoredEntry,
        f"""
        SELECT {columns} FROM messaging_chats c
        JOIN messaging_entries e ON e.chat_id = c.id AND e.seq = c.shown_seq
        WHERE c.id IN :ids
        """,
        ids=chat_ids,
    )
