"""What is stored of purges that are under way."""

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.messaging import ChatId
from kaif.kernel.actor import UserId


class StoredPurge(msgspec.Struct, frozen=True):
    """A row of messaging_purges."""

    chat_id: ChatId
    user_id: UserId
    purge_id: str
    asked_by: UserId
    report_id: str
    until_seq: int
    reached_seq: int = 0
    deleted: int = 0


_COLUMNS = ", ".join(StoredPurge.__struct_fields__)
_THIS = "chat_id = :chat_id AND user_id = :user_id AND purge_id = :purge_id"


async def begin(tx: Transaction, purge: StoredPurge) -> None:
    """The same that is under way goes on as it is, as far as this one is to go."""
    await tx.execute(
        f"""
        INSERT INTO messaging_purges ({_COLUMNS}) VALUES ({", ".join(f":{name}" for name in purge.__struct_fields__)})
        ON CONFLICT (chat_id, user_id, asked_by, report_id) DO UPDATE SET until_seq = excluded.until_seq
        """,
        **msgspec.structs.asdict(purge),
    )


async def find(reads: Reads, chat_id: ChatId, user_id: UserId) -> StoredPurge | None:
    """Of several that are under way the first."""
    found = await reads.fetch(
        StoredPurge,
        f"""
        SELECT {_COLUMNS} FROM messaging_purges WHERE chat_id = :chat_id AND user_id = :user_id
        ORDER BY purge_id LIMIT 1
        """,
        chat_id=chat_id,
        user_id=user_id,
    )
    return found[0] if found else None


async def advance(tx: Transaction, purge: StoredPurge, reached_seq: int, deleted: int) -> None:
    await tx.execute(
        f"UPDATE messaging_purges SET reached_seq = :reached_seq, deleted = deleted + :deleted WHERE {_THIS}",
        **_key(purge),
        reached_seq=reached_seq,
        deleted=deleted,
    )


async def end(tx: Transaction, purge: StoredPurge) -> StoredPurge | None:
    """As it has ended; None when it has not, or no more."""
    found = await tx.fetch(
        StoredPurge,
        f"DELETE FROM messaging_purges WHERE {_THIS} AND reached_seq >= until_seq RETURNING {_COLUMNS}",
        **_key(purge),
    )
    return found[0] if found else None


def _key(purge: StoredPurge) -> dict[str, str]:
    return {"chat_id": purge.chat_id, "user_id": purge.user_id, "purge_id": purge.purge_id}
