"""What media asks its database about uploads of which nothing became (migrations/0060_refused_uploads.sql)."""

import msgspec

from kaif.engines.database import Transaction
from kaif.kernel.actor import UserId
from kaif.kernel.errors import Invalid, KaifError, error_named
from kaif.services.media.model import StoredUpload
from kaif.services.media.store import Reads


async def add(tx: Transaction, upload: StoredUpload, refusal: Invalid, until_us: int) -> None:
    await tx.insert(
        "media_refused_uploads",
        ("upload_id", "owner_id", "code", "details", "until_us"),
        [(upload.id, upload.owner_id, refusal.code, msgspec.json.encode(refusal.details).decode(), until_us)],
    )


async def find(reads: Reads, upload_id: str, owner_id: UserId) -> KaifError | None:
    sql = "SELECT code, details FROM media_refused_uploads WHERE upload_id = :upload_id AND owner_id = :owner_id"
    rows: list[tuple[str, str]] = await reads.fetch(tuple, sql, upload_id=upload_id, owner_id=owner_id)
    return error_named(rows[0][0])("", **msgspec.json.decode(rows[0][1])) if rows else None


async def forget(tx: Transaction, now_us: int) -> None:
    await tx.execute("DELETE FROM media_refused_uploads WHERE until_us <= :now_us", now_us=now_us)
