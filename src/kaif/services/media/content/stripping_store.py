"""What media asks its database of originals that nobody needs any more."""

from kaif.engines.database import Reads, Transaction
from kaif.services.media import store
from kaif.services.media.content import sharing_store
from kaif.services.media.model import StoredMedia
from kaif.services.media.renditions.store import StoredRendition
from kaif.services.media.store import MEDIA_COLUMNS


async def plan(tx: Transaction, media_id: str, at_us: int) -> None:
    """Never, at 0."""
    await tx.execute("UPDATE media_objects SET strip_at_us = :at_us WHERE id = :id", id=media_id, at_us=at_us)


async def due(reads: Reads, now_us: int, limit: int) -> list[StoredMedia]:
    return await reads.fetch(
        StoredMedia,
        f"""
        SELECT {MEDIA_COLUMNS} FROM media_objects WHERE strip_at_us > 0 AND strip_at_us <= :now_us
        ORDER BY strip_at_us LIMIT :limit
        """,
        now_us=now_us,
        limit=limit,
    )


async def become(tx: Transaction, media_id: str, rendition: StoredRendition, sha256: str, due_at_us: int) -> None:
    """The file is from now on what was made of it; both are locked."""
    await store.discard_content(tx, media_id, due_at_us)
    await sharing_store.share_parts(tx, rendition.id, media_id)
    await tx.execute(
        """
        UPDATE media_objects SET type = :type, size = :size, sha256 = :sha256, strip_at_us = 0 WHERE id = :id
        """,
        id=media_id,
        type=rendition.type,
        size=rendition.size,
        sha256=sha256,
    )
