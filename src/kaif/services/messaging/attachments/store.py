"""What messaging asks its database about the files of messages (migrations/0114_attachments.sql)."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.media import MediaId
from kaif.interfaces.messaging import ChatId, Entry
from kaif.interfaces.messaging.attached import AttachmentKind, AttachmentsLost
from kaif.kernel.actor import UserId
from kaif.kernel.clock import SECOND_US
from kaif.services.messaging.due import store as due_store
from kaif.services.messaging.due.model import StoredDue, hold_of_scheduled
from kaif.services.messaging.entry_rules import StoredEntry

HELD, LEAVING = "held", "leaving"
NOBODYS = UserId("")
NOWHERE = ChatId("")
# However slow media and the log are, a message is written or refused by then.
UNUSED_FOR_US = 600 * SECOND_US
# A person has a hundred of them in a chat at most; there is no bound to their chats.
SCHEDULED_ROWS_MAX = 1_000_000


class StoredAttachment(msgspec.Struct, frozen=True):
    """A row of messaging_attachments."""

    hold: str
    place: int
    media_id: MediaId
    kind: AttachmentKind
    chat_id: ChatId
    seq: int
    state: str
    ready: str


class Place(msgspec.Struct, frozen=True):
    """Where a file is shown."""

    chat_id: ChatId
    seq: int


_COLUMNS = ", ".join(StoredAttachment.__struct_fields__)


# Holds


async def add(tx: Transaction, hold: str, media_ids: Sequence[MediaId], now_us: int) -> None:
    """Before media is asked: whatever happens then, the hold is let go unless something comes to use it."""
    await tx.insert(
        "messaging_attachments",
        StoredAttachment.__struct_fields__,
        [(hold, place, media_id, "file", NOWHERE, 0, HELD, "") for place, media_id in enumerate(media_ids)],
    )
    await plan(tx, [hold], now_us + UNUSED_FOR_US)


async def plan(tx: Transaction, holds: Collection[str], at_us: int) -> None:
    """Let go of what nothing uses then."""
    for hold in sorted(holds):
        await due_store.remove(tx, hold)
        await due_store.add(tx, StoredDue(hold, "files", NOBODYS, NOWHERE, f"files:{hold}", at_us, at_us, "", "{}"))


async def hasten(tx: Transaction, hold: str, now_us: int) -> None:
    """Nothing is going to use it; where something does, there is nothing to hasten."""
    await due_store.look_again(tx, hold, now_us)


async def lock(tx: Transaction, holds: Collection[str]) -> list[StoredAttachment]:
    """In the order of the files of each; what uses a hold, and what lets it go, sees what became of it."""
    return await tx.fetch(
        StoredAttachment,
        f"SELECT {_COLUMNS} FROM messaging_attachments WHERE hold IN :holds ORDER BY hold, place FOR UPDATE",
        holds=sorted(holds),
    )


def are_free(rows: Sequence[StoredAttachment], media_ids: Sequence[MediaId]) -> bool:
    """Whether a hold is of these files, and whoever has locked its rows may come to use it."""
    free = all(row.state == HELD and row.chat_id == NOWHERE for row in rows)
    return free and [row.media_id for row in rows] == list(media_ids)


async def use(tx: Transaction, hold: str, media_ids: Sequence[MediaId]) -> None:
    """Something that is not in the log uses it from now on. Raises AttachmentsLost."""
    if not are_free(await lock(tx, [hold]), media_ids):
        raise AttachmentsLost(retry_after_ms=1000)
    await due_store.remove(tx, hold)


async def give_up_scheduled(tx: Transaction, user_id: UserId, now_us: int) -> None:
    """What a person's messages that wait are to carry, when they are not to be sent."""
    rows = await due_store.of_person(tx, user_id, "message", SCHEDULED_ROWS_MAX)
    await plan(tx, {hold_of_scheduled(row.body) for row in rows} - {""}, now_us)


async def show(tx: Transaction, shown: Iterable[tuple[str, Entry]]) -> None:
    """The files of these holds, all locked, are those of these messages."""
    for hold, entry in sorted(shown, key=lambda pair: pair[0]):
        await tx.execute_many(
            """
            UPDATE messaging_attachments SET chat_id = :chat_id, seq = :seq, kind = :kind
            WHERE hold = :hold AND place = :place
            """,
            [(entry.chat_id, entry.seq, one.kind, hold, place) for place, one in enumerate(entry.attachments)],
        )
        await due_store.remove(tx, hold)


async def take_off(tx: Transaction, chat_id: ChatId, seqs: Collection[int], now_us: int) -> None:
    """These messages show nothing any more."""
    holds = [row.hold for row in await at(tx, chat_id, seqs, locked=True)]
    await tx.execute(
        "UPDATE messaging_attachments SET chat_id = '', seq = 0 WHERE chat_id = :chat_id AND seq IN :seqs",
        chat_id=chat_id,
        seqs=list(seqs),
    )
    await plan(tx, set(holds), now_us)


async def give_up_waiting(tx: Transaction, chat_id: ChatId, limit: int, now_us: int) -> bool:
    """What waits to be sent to a chat that has been deleted, and drafts there. False when there was nothing."""
    due: list[tuple[str, str]] = await tx.fetch(
        tuple,
        "SELECT id, body FROM messaging_due WHERE chat_id = :chat_id AND kind = 'message' ORDER BY id LIMIT :limit",
        chat_id=chat_id,
        limit=limit,
    )
    drafts: list[tuple[str]] = await tx.fetch(
        tuple,
        "SELECT hold FROM messaging_drafts WHERE chat_id = :chat_id AND hold <> '' ORDER BY user_id LIMIT :limit",
        chat_id=chat_id,
        limit=limit,
    )
    for id, _ in due:
        await due_store.remove(tx, id)
    await tx.execute(
        "DELETE FROM messaging_drafts WHERE chat_id = :chat_id AND hold IN :holds",
        chat_id=chat_id,
        holds=[hold for (hold,) in drafts],
    )
    holds = {hold_of_scheduled(body) for _, body in due} | {hold for (hold,) in drafts}
    await plan(tx, holds - {""}, now_us)
    return bool(due or drafts)


async def give_up_drafts(tx: Transaction, chat_id: ChatId, topic_id: int, limit: int, now_us: int) -> bool:
    """Some of those in a topic that has been deleted, where nobody sees or changes them any more. False when there was
    none."""
    rows: list[tuple[UserId, str]] = await tx.fetch(
        tuple,
        """
        SELECT user_id, hold FROM messaging_drafts WHERE chat_id = :chat_id AND topic_id = :topic_id
        ORDER BY user_id LIMIT :limit FOR UPDATE
        """,
        chat_id=chat_id,
        topic_id=topic_id,
        limit=limit,
    )
    await tx.execute(
        "DELETE FROM messaging_drafts WHERE chat_id = :chat_id AND topic_id = :topic_id AND user_id IN :user_ids",
        chat_id=chat_id,
        topic_id=topic_id,
        user_ids=[user_id for user_id, _ in rows],
    )
    await plan(tx, {hold for _, hold in rows} - {""}, now_us)
    return bool(rows)


async def take_off_some(tx: Transaction, chat_id: ChatId, limit: int, now_us: int) -> bool:
    """Of a chat that has been deleted. False when there was nothing."""
    rows: list[tuple[int]] = await tx.fetch(
        tuple,
        "SELECT DISTINCT seq FROM messaging_attachments WHERE chat_id = :chat_id ORDER BY seq LIMIT :limit",
        chat_id=chat_id,
        limit=limit,
    )
    if rows:
        await take_off(tx, chat_id, [seq for (seq,) in rows], now_us)
    return bool(rows)


async def leave(tx: Transaction, hold: str) -> None:
    """Nothing can use it any more."""
    await tx.execute("UPDATE messaging_attachments SET state = :state WHERE hold = :hold", state=LEAVING, hold=hold)


async def forget(tx: Transaction, hold: str) -> None:
    await tx.execute("DELETE FROM messaging_attachments WHERE hold = :hold", hold=hold)
    await due_store.remove(tx, hold)


# What media says later


async def note_ready(tx: Transaction, media_id: MediaId, ready: str) -> None:
    """For messages that are on their way: those in the log are changed by themselves."""
    await tx.execute(
        "UPDATE messaging_attachments SET ready = :ready WHERE media_id = :media_id AND chat_id = ''",
        media_id=media_id,
        ready=ready,
    )


async def places_of(reads: Reads, media_id: MediaId, after: Place, limit: int) -> list[Place]:
    """The messages that show it, in order."""
    return await reads.fetch(
        Place,
        """
        SELECT DISTINCT chat_id, seq FROM messaging_attachments
        WHERE media_id = :media_id AND chat_id >= :after_chat
          AND (chat_id > :after_chat OR seq > :after_seq) AND chat_id <> ''
        ORDER BY chat_id, seq LIMIT :limit
        """,
        media_id=media_id,
        after_chat=after.chat_id,
        after_seq=after.seq,
        limit=limit,
    )


async def chats_of(reads: Reads, media_id: MediaId, limit: int) -> list[ChatId]:
    """In which messages show it."""
    rows: list[tuple[ChatId]] = await reads.fetch(
        tuple,
        """
        SELECT DISTINCT chat_id FROM messaging_attachments WHERE media_id = :media_id AND chat_id <> ''
        ORDER BY chat_id LIMIT :limit
        """,
        media_id=media_id,
        limit=limit,
    )
    return [chat_id for (chat_id,) in rows]


# Messages


async def at(reads: Reads, chat_id: ChatId, seqs: Collection[int], *, locked: bool = False) -> list[StoredAttachment]:
    return await reads.fetch(
        StoredAttachment,
        f"""
        SELECT {_COLUMNS} FROM messaging_attachments WHERE chat_id = :chat_id AND seq IN :seqs
        ORDER BY hold, place {"FOR UPDATE" if locked else ""}
        """,
        chat_id=chat_id,
        seqs=list(seqs),
    )


class Part(NamedTuple):
    """Of a chat: its entries in a topic, and all that were before this place."""

    topic_id: int
    earlier: int


_IN_PART = """AND (seq < :earlier OR EXISTS (
  SELECT 1 FROM messaging_topic_entries t WHERE t.chat_id = a.chat_id AND t.topic_id = :topic_id AND t.seq = a.seq))"""


async def entries_with(
    reads: Reads,
    user_id: UserId,
    chat_id: ChatId,
    kinds: Sequence[str],
    before: int,
    limit: int,
    part: Part | None = None,
) -> list[StoredEntry]:
    """The newest first, but for those that the person has deleted for themselves."""
    return await reads.fetch(
        StoredEntry,
        f"""
        SELECT e.chat_id, e.seq, e.kind, e.sender_id, e.at_us, e.messages, e.ref, e.body FROM (
          SELECT DISTINCT seq FROM messaging_attachments a
          WHERE chat_id = :chat_id AND chat_id <> '' AND kind IN :kinds AND seq < :before AND NOT EXISTS (
            SELECT 1 FROM messaging_hidden h WHERE h.user_id = :user_id AND h.chat_id = a.chat_id AND h.seq = a.seq)
          {_IN_PART if part else ""}
          ORDER BY seq DESC LIMIT :limit
        ) s JOIN messaging_entries e ON e.chat_id = :chat_id AND e.seq = s.seq ORDER BY e.seq DESC
        """,
        user_id=user_id,
        chat_id=chat_id,
        kinds=list(kinds),
        before=before,
        limit=limit,
        **(part._asdict() if part else {}),
    )


# Who sees a file


async def shown_to(reads: Reads, user_id: UserId, media_ids: Collection[MediaId]) -> dict[MediaId, bool]:
    """In chats that the person is in; and in comments that they read without being in the group. True of what is sent
    as a file somewhere there; pictures of chats, at the place 0, are not."""
    rows: list[tuple[MediaId, int]] = await reads.fetch(
        tuple,
        """
        SELECT a.media_id, CASE WHEN a.kind = 'file' AND a.seq > 0 THEN 1 ELSE 0 END FROM messaging_attachments a
        JOIN messaging_chats c ON c.id = a.chat_id AND c.deleted_at_us = 0
        JOIN messaging_members m ON m.chat_id = a.chat_id AND m.user_id = :user_id
        WHERE a.media_id IN :ids AND a.chat_id <> ''
        UNION
        SELECT a.media_id, CASE WHEN a.kind = 'file' AND a.seq > 0 THEN 1 ELSE 0 END FROM messaging_attachments a
        JOIN messaging_chats c ON c.id = a.chat_id AND c.deleted_at_us = 0 AND c.suspended = ''
        JOIN messaging_discussions d ON d.group_id = a.chat_id AND d.open = 1
        JOIN messaging_members m ON m.chat_id = d.channel_id AND m.user_id = :user_id
        JOIN messaging_threads t ON t.chat_id = a.chat_id AND t.channel_id = d.channel_id
        WHERE a.media_id IN :ids AND a.chat_id <> ''
          AND (t.root_seq = a.seq OR EXISTS (
            SELECT 1 FROM messaging_thread_entries e
            WHERE e.chat_id = a.chat_id AND e.seq = a.seq AND e.root_seq = t.root_seq))
          AND NOT EXISTS (SELECT 1 FROM messaging_bans b WHERE b.chat_id = a.chat_id AND b.user_id = :user_id)
        """,
        user_id=user_id,
        ids=list(media_ids),
    )
    as_files = {media_id for media_id, as_file in rows if as_file}
    return {media_id: media_id in as_files for media_id, _ in rows}


async def sent_as_files(reads: Reads, media_ids: Collection[MediaId]) -> list[MediaId]:
    """Anywhere; and sounds, of which a voice message elsewhere is made. Of what has no place yet, or none any more but
    in a report, nobody may be sure that it is not."""
    rows: list[tuple[MediaId]] = await reads.fetch(
        tuple,
        """
        SELECT DISTINCT media_id FROM messaging_attachments
        WHERE media_id IN :ids AND kind IN ('file', 'audio') AND (seq > 0 OR chat_id = '') AND state <> :leaving
        ORDER BY media_id
        """,
        ids=list(media_ids),
        leaving=LEAVING,
    )
    return [media_id for (media_id,) in rows]


# Evidence


async def add_evidence(tx: Transaction, report_id: str, rows: Sequence[StoredAttachment]) -> None:
    """Of files that are locked, so that they are there."""
    await tx.insert(
        "messaging_evidence_files",
        ("report_id", "hold", "media_id"),
        [(report_id, row.hold, row.media_id) for row in rows],
    )


async def is_evidence(reads: Reads, hold: str) -> bool:
    return bool(
        await reads.fetch(tuple, "SELECT 1 FROM messaging_evidence_files WHERE hold = :hold LIMIT 1", hold=hold)
    )


async def drop_evidence(tx: Transaction, report_id: str, now_us: int) -> None:
    """The report is decided: what nothing else uses is let go."""
    rows: list[tuple[str]] = await tx.fetch(
        tuple, "SELECT DISTINCT hold FROM messaging_evidence_files WHERE report_id = :id", id=report_id
    )
    await tx.execute("DELETE FROM messaging_evidence_files WHERE report_id = :id", id=report_id)
    await plan(tx, {hold for (hold,) in rows}, now_us)


async def evidence_seen_by(
    reads: Reads, user_id: UserId, media_ids: Collection[MediaId], taken_after_us: int, *, handles: bool
) -> set[MediaId]:
    """Files of reports that are not decided, which the person has taken; with `handles` of all of them."""
    theirs = "" if handles else "AND r.taken_by = :user_id AND r.state = 'taken' AND r.taken_at_us > :after_us"
    rows: list[tuple[MediaId]] = await reads.fetch(
        tuple,
        f"""
        SELECT DISTINCT e.media_id FROM messaging_evidence_files e
        JOIN messaging_reports r ON r.id = e.report_id AND r.state <> 'decided' {theirs}
        WHERE e.media_id IN :ids
        """,
        ids=list(media_ids),
        **({} if handles else {"user_id": user_id, "after_us": taken_after_us}),
    )
    return {media_id for (media_id,) in rows}
