"""What is stored of a chat's log: its entries, which are appended here and nowhere else."""

from collections.abc import Collection, Mapping, Sequence

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.messaging import ChatId, Entry, Outgoing
from kaif.interfaces.messaging.appended import EntriesAppended
from kaif.kernel.actor import UserId
from kaif.services.messaging import clock_store
from kaif.services.messaging.entry_rules import Place, StoredEntry, body_of, encoded_body_of, ranges_of

_ENTRY = "chat_id, seq, kind, sender_id, at_us, messages, ref, body"


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
    if not seqs:
        return []
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
    return {row.seq: row.sender_id for row in await entries_at(reads, chat_id, answered)}


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
