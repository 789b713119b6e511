"""What media asks its database of content that several files have: each its own rows, all of the same parts."""

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.kernel.actor import UserId
from kaif.kernel.ids import new_id
from kaif.services.media import store
from kaif.services.media.model import StoredMedia
from kaif.services.media.renditions import store as renditions_store
from kaif.services.media.store import MEDIA_COLUMNS


async def find_same_content(reads: Reads, owner_id: UserId, sha256: str) -> StoredMedia | None:
    """One that is seen or heard, if any is."""
    sql = f"""
        SELECT {MEDIA_COLUMNS} FROM media_objects WHERE owner_id = :owner_id AND sha256 = :sha256
        ORDER BY CASE WHEN kind = 'file' THEN 1 ELSE 0 END, id LIMIT 1
    """
    found = await reads.fetch(StoredMedia, sql, owner_id=owner_id, sha256=sha256)
    return found[0] if found else None


async def lock_same_content(tx: Transaction, owner_id: UserId, sha256: str, name: str) -> StoredMedia | None:
    """The one of that name, if any has it."""
    sql = f"""
        SELECT {MEDIA_COLUMNS} FROM media_objects WHERE owner_id = :owner_id AND sha256 = :sha256
        ORDER BY CASE WHEN name = :name THEN 0 ELSE 1 END, id LIMIT 1 FOR UPDATE
    """
    found = await tx.fetch(StoredMedia, sql, owner_id=owner_id, sha256=sha256, name=name)
    return found[0] if found else None


async def share(tx: Transaction, media_id: str, target_id: str) -> list[str]:
    """What the file is and what work has made of it becomes the target's too; the names of the latter. The file is
    locked, so that neither goes meanwhile."""
    await share_parts(tx, media_id, target_id)
    made = await renditions_store.lasting_of(tx, media_id)
    for rendition in made:
        copy = msgspec.structs.replace(rendition, id=new_id(), media_id=target_id)
        await renditions_store.add(tx, copy)
        await share_parts(tx, rendition.id, copy.id)
    return [rendition.name for rendition in made]


async def share_parts(tx: Transaction, holder_id: str, target_id: str) -> None:
    """Under the keys that they have."""
    parts = await store.parts_of(tx, holder_id, 0, 1 << 62)
    for part in parts:
        await store.add_part(tx, msgspec.structs.replace(part, holder_id=target_id, key_id=part.key))
