"""What media asks its database."""

from collections.abc import Sequence

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.media import MediaId
from kaif.kernel.actor import UserId
from kaif.kernel.errors import Invalid, KaifError, error_named
from kaif.services.media import key_store
from kaif.services.media.model import Part, StoredMedia, StoredUpload

_UPLOAD = ", ".join(StoredUpload.__struct_fields__)
MEDIA_COLUMNS = ", ".join(StoredMedia.__struct_fields__)
_PART = ", ".join(Part.__struct_fields__)

# What its owner keeps is referred to by the owner.
OWNER = "owner"
# What is claimed by whoever makes a file of an upload, beside the renditions of that file.
UPLOAD = "upload"


async def is_made(reads: Reads) -> bool:
    """Whether there are tables of ours."""
    return bool(await reads.fetch(tuple, "SELECT 1 FROM migrations WHERE service = 'media' LIMIT 1"))


# Owners


async def lock_owner(tx: Transaction, owner_id: UserId) -> None:
    """What is counted of an owner's stays as it is until the transaction ends."""
    await tx.execute("INSERT INTO media_owners (id) VALUES (:id) ON CONFLICT (id) DO NOTHING", id=owner_id)
    await tx.fetch(tuple, "SELECT id FROM media_owners WHERE id = :id FOR UPDATE", id=owner_id)


async def used_bytes(reads: Reads, owner_id: UserId) -> int:
    """Of files, each content once, and of what is promised to uploads."""
    rows: list[tuple[int]] = await reads.fetch(
        tuple,
        """
        SELECT CAST(
          (SELECT COALESCE(SUM(size), 0) FROM
            (SELECT MAX(size) AS size FROM media_objects WHERE owner_id = :owner_id GROUP BY sha256) AS contents)
          + (SELECT COALESCE(SUM(length), 0) FROM media_uploads
             WHERE owner_id = :owner_id AND media_id IS NULL AND joined_into = '')
        AS BIGINT)
        """,
        owner_id=owner_id,
    )
    return rows[0][0]


async def unfinished(reads: Reads, owner_id: UserId) -> list[StoredUpload]:
    sql = f"""
        SELECT {_UPLOAD} FROM media_uploads
        WHERE owner_id = :owner_id AND media_id IS NULL AND joined_into = '' ORDER BY id
    """
    return await reads.fetch(StoredUpload, sql, owner_id=owner_id)


async def uploads_of(reads: Reads, owner_id: UserId) -> list[StoredUpload]:
    """Ended ones too."""
    sql = f"SELECT {_UPLOAD} FROM media_uploads WHERE owner_id = :owner_id ORDER BY id"
    return await reads.fetch(StoredUpload, sql, owner_id=owner_id)


async def forget_owner(tx: Transaction, owner_id: UserId) -> None:
    await tx.execute("DELETE FROM media_owners WHERE id = :id", id=owner_id)
    await tx.execute("DELETE FROM media_straight_parts WHERE owner_id = :id", id=owner_id)
    await tx.execute("DELETE FROM media_refused_uploads WHERE owner_id = :id", id=owner_id)


# Uploads


async def add_upload(tx: Transaction, upload: StoredUpload) -> None:
    await tx.insert("media_uploads", StoredUpload.__struct_fields__, [msgspec.structs.astuple(upload)])


async def find_upload(reads: Reads, id: str, owner_id: UserId) -> StoredUpload | None:
    sql = f"SELECT {_UPLOAD} FROM media_uploads WHERE id = :id AND owner_id = :owner_id"
    found = await reads.fetch(StoredUpload, sql, id=id, owner_id=owner_id)
    return found[0] if found else None


async def lock_upload(tx: Transaction, id: str) -> StoredUpload | None:
    sql = f"SELECT {_UPLOAD} FROM media_uploads WHERE id = :id FOR UPDATE"
    found = await tx.fetch(StoredUpload, sql, id=id)
    return found[0] if found else None


async def set_writer(tx: Transaction, id: str, writer: str) -> None:
    await tx.execute("UPDATE media_uploads SET writer = :writer WHERE id = :id", id=id, writer=writer)


async def advance(tx: Transaction, id: str, received: int, expires_at_us: int) -> None:
    await tx.execute(
        "UPDATE media_uploads SET received = :received, expires_at_us = :expires_at_us WHERE id = :id",
        id=id,
        received=received,
        expires_at_us=expires_at_us,
    )


async def set_length(tx: Transaction, id: str, length: int) -> None:
    await tx.execute("UPDATE media_uploads SET length = :length WHERE id = :id", id=id, length=length)


async def end_upload(tx: Transaction, id: str, media_id: MediaId) -> None:
    await tx.execute("UPDATE media_uploads SET media_id = :media_id WHERE id = :id", id=id, media_id=media_id)


async def join_into(tx: Transaction, upload: StoredUpload, target_id: str, start: int) -> None:
    """Its content is the target's from now on, from there; under the key that it has."""
    await tx.execute(
        """
        UPDATE media_parts SET key_id = holder_id, holder_id = :target_id, start = start + CAST(:start AS BIGINT)
        WHERE holder_id = :id
        """,
        id=upload.id,
        target_id=target_id,
        start=start,
    )
    await tx.execute(
        "UPDATE media_uploads SET joined_into = :target_id, writer = '' WHERE id = :id",
        id=upload.id,
        target_id=target_id,
    )


async def expired_uploads(reads: Reads, now_us: int, limit: int) -> list[str]:
    rows: list[tuple[str]] = await reads.fetch(
        tuple,
        "SELECT id FROM media_uploads WHERE expires_at_us <= :now_us ORDER BY expires_at_us LIMIT :limit",
        now_us=now_us,
        limit=limit,
    )
    return [row[0] for row in rows]


async def drop_upload(tx: Transaction, upload: StoredUpload, due_at_us: int) -> None:
    """With what has come of it; a file that was made of it keeps its content."""
    await tx.execute("DELETE FROM media_uploads WHERE id = :id", id=upload.id)
    await tx.execute("DELETE FROM media_makers WHERE media_id = :id AND name = :name", id=upload.id, name=UPLOAD)
    if upload.media_id is None and not upload.joined_into:
        await discard_content(tx, upload.id, due_at_us)


# Uploads of which nothing became (migrations/0060_refused_uploads.sql)


async def add_refusal(tx: Transaction, upload: StoredUpload, refusal: Invalid, until_us: int) -> None:
    await tx.insert(
        "media_refused_uploads",
        ("upload_id", "owner_id", "code", "details", "until_us"),
        [(upload.id, upload.owner_id, refusal.code, msgspec.json.encode(refusal.details).decode(), until_us)],
    )


async def find_refusal(reads: Reads, upload_id: str, owner_id: UserId) -> KaifError | None:
    sql = "SELECT code, details FROM media_refused_uploads WHERE upload_id = :upload_id AND owner_id = :owner_id"
    rows: list[tuple[str, str]] = await reads.fetch(tuple, sql, upload_id=upload_id, owner_id=owner_id)
    return error_named(rows[0][0])("", **msgspec.json.decode(rows[0][1])) if rows else None


async def forget_refusals(tx: Transaction, now_us: int) -> None:
    await tx.execute("DELETE FROM media_refused_uploads WHERE until_us <= :now_us", now_us=now_us)


# Parts


async def parts_of(reads: Reads, holder_id: str, start: int, end: int) -> list[Part]:
    """Those that hold anything between the two places, in order."""
    sql = f"""
        SELECT {_PART} FROM media_parts
        WHERE holder_id = :holder_id AND start < :end AND start + length > :start ORDER BY start
    """
    return await reads.fetch(Part, sql, holder_id=holder_id, start=start, end=end)


async def parts_after(reads: Reads, after: str, limit: int) -> list[str]:
    """Names of all that anything is kept in, each once."""
    rows: list[tuple[str]] = await reads.fetch(
        tuple,
        "SELECT DISTINCT part FROM media_parts WHERE part > :after ORDER BY part LIMIT :limit",
        after=after,
        limit=limit,
    )
    return [row[0] for row in rows]


async def last_part(reads: Reads, holder_id: str) -> Part | None:
    sql = f"SELECT {_PART} FROM media_parts WHERE holder_id = :holder_id ORDER BY start DESC LIMIT 1"
    found = await reads.fetch(Part, sql, holder_id=holder_id)
    return found[0] if found else None


async def add_part(tx: Transaction, part: Part) -> None:
    await tx.insert("media_parts", Part.__struct_fields__, [msgspec.structs.astuple(part)])


async def drop_part(tx: Transaction, part: Part, due_at_us: int) -> None:
    await tx.execute(
        "DELETE FROM media_parts WHERE holder_id = :holder_id AND start = :start",
        holder_id=part.holder_id,
        start=part.start,
    )
    await throw_away(tx, part.part, due_at_us)


async def discard_content(tx: Transaction, holder_id: str, due_at_us: int) -> None:
    """All parts, and their keys: what the collector has not got at yet can't be read any more either. What another
    file has as well stays with that."""
    if await _is_shared(tx, holder_id):
        await tx.execute("DELETE FROM media_parts WHERE holder_id = :holder_id", holder_id=holder_id)
        return
    await tx.execute(
        """
        INSERT INTO media_garbage (part, due_at_us, taken)
        SELECT part, CAST(:due_at_us AS BIGINT), 0 FROM media_parts WHERE holder_id = :holder_id
        """,
        holder_id=holder_id,
        due_at_us=due_at_us,
    )
    await tx.execute(
        """
        DELETE FROM media_keys WHERE id IN
          (SELECT key_id FROM media_parts WHERE holder_id = :holder_id AND key_id <> '')
        """,
        holder_id=holder_id,
    )
    await tx.execute("DELETE FROM media_parts WHERE holder_id = :holder_id", holder_id=holder_id)
    await key_store.forget(tx, holder_id)


async def _is_shared(tx: Transaction, holder_id: str) -> bool:
    """Whoever lets go of the same parts at the same time waits here, and sees that we did."""
    rows: list[tuple[str]] = await tx.fetch(
        tuple,
        """
        SELECT holder_id FROM media_parts
        WHERE part IN (SELECT part FROM media_parts WHERE holder_id = :holder_id)
        ORDER BY part, holder_id FOR UPDATE
        """,
        holder_id=holder_id,
    )
    return any(row[0] != holder_id for row in rows)


# Garbage


async def throw_away(tx: Transaction, part: str, due_at_us: int) -> None:
    await tx.insert("media_garbage", ("part", "due_at_us", "taken"), [(part, due_at_us, 0)])


async def rescue(tx: Transaction, part: str) -> bool:
    """False when the collector has taken it."""
    return await tx.execute("DELETE FROM media_garbage WHERE part = :part AND taken = 0", part=part) == 1


async def due_garbage(reads: Reads, now_us: int, limit: int) -> list[str]:
    """What was tried before comes last: perhaps it can't be taken away, and keeps nothing else waiting."""
    rows: list[tuple[str]] = await reads.fetch(
        tuple,
        "SELECT part FROM media_garbage WHERE due_at_us <= :now_us ORDER BY taken, due_at_us LIMIT :limit",
        now_us=now_us,
        limit=limit,
    )
    return [row[0] for row in rows]


async def take_garbage(tx: Transaction, part: str, now_us: int) -> bool:
    """From now on it can't be rescued. False when it was, or is to lie for longer."""
    sql = "UPDATE media_garbage SET taken = 1 WHERE part = :part AND due_at_us <= :now_us"
    return await tx.execute(sql, part=part, now_us=now_us) == 1


async def forget_garbage(tx: Transaction, part: str) -> None:
    await tx.execute("DELETE FROM media_garbage WHERE part = :part", part=part)
    await tx.execute("DELETE FROM media_straight_parts WHERE part = :part", part=part)


# Files


async def add_media(tx: Transaction, media: StoredMedia) -> None:
    await tx.insert("media_objects", StoredMedia.__struct_fields__, [msgspec.structs.astuple(media)])


async def find_media(reads: Reads, id: str) -> StoredMedia | None:
    found = await reads.fetch(StoredMedia, f"SELECT {MEDIA_COLUMNS} FROM media_objects WHERE id = :id", id=id)
    return found[0] if found else None


async def find_all(reads: Reads, ids: Sequence[str]) -> list[StoredMedia]:
    """In no order."""
    return await reads.fetch(StoredMedia, f"SELECT {MEDIA_COLUMNS} FROM media_objects WHERE id IN :ids", ids=list(ids))


async def lock_media(tx: Transaction, id: str) -> StoredMedia | None:
    found = await tx.fetch(StoredMedia, f"SELECT {MEDIA_COLUMNS} FROM media_objects WHERE id = :id FOR UPDATE", id=id)
    return found[0] if found else None


async def touch(tx: Transaction, id: str, now_us: int) -> None:
    await tx.execute("UPDATE media_objects SET touched_at_us = :now_us WHERE id = :id", id=id, now_us=now_us)


async def kept_by(reads: Reads, owner_id: UserId, before: str, limit: int) -> list[StoredMedia]:
    """The newest first, older than that id."""
    sql = f"""
        SELECT {MEDIA_COLUMNS} FROM media_objects o WHERE owner_id = :owner_id AND id < :before
          AND EXISTS (SELECT 1 FROM media_references r WHERE r.media_id = o.id AND r.holder = :holder)
        ORDER BY id DESC LIMIT :limit
    """
    return await reads.fetch(StoredMedia, sql, owner_id=owner_id, before=before, holder=OWNER, limit=limit)


async def owned_after(reads: Reads, owner_id: UserId, after: str, limit: int) -> list[StoredMedia]:
    """The oldest first, kept or not, after that id."""
    sql = f"""
        SELECT {MEDIA_COLUMNS} FROM media_objects WHERE owner_id = :owner_id AND id > :after ORDER BY id LIMIT :limit
    """
    return await reads.fetch(StoredMedia, sql, owner_id=owner_id, after=after, limit=limit)


async def largest_of(reads: Reads, owner_id: UserId, before: tuple[int, str], limit: int) -> list[StoredMedia]:
    """The largest first, and of one size the newest, after that one."""
    size, id = before
    sql = f"""
        SELECT {MEDIA_COLUMNS} FROM media_objects
        WHERE owner_id = :owner_id AND size <= :size AND (size < :size OR id < :id)
        ORDER BY size DESC, id DESC LIMIT :limit
    """
    return await reads.fetch(StoredMedia, sql, owner_id=owner_id, size=size, id=id, limit=limit)


async def orphans(reads: Reads, before_us: int, limit: int) -> list[str]:
    rows: list[tuple[str]] = await reads.fetch(
        tuple,
        """
        SELECT id FROM media_objects o WHERE touched_at_us <= :before_us
          AND NOT EXISTS (SELECT 1 FROM media_references r WHERE r.media_id = o.id)
        ORDER BY touched_at_us LIMIT :limit
        """,
        before_us=before_us,
        limit=limit,
    )
    return [row[0] for row in rows]


async def forget_name(tx: Transaction, id: str) -> None:
    """What its owner called it."""
    await tx.execute("UPDATE media_objects SET name = 'file' WHERE id = :id", id=id)


async def drop_media(tx: Transaction, id: str, due_at_us: int) -> None:
    """With all that was made of it."""
    await tx.execute("DELETE FROM media_objects WHERE id = :id", id=id)
    await discard_content(tx, id, due_at_us)
    rows: list[tuple[str]] = await tx.fetch(tuple, "SELECT id FROM media_renditions WHERE media_id = :id", id=id)
    for (rendition_id,) in rows:
        await discard_content(tx, rendition_id, due_at_us)
    await tx.execute("DELETE FROM media_renditions WHERE media_id = :id", id=id)
    await tx.execute("DELETE FROM media_makers WHERE media_id = :id", id=id)
    await tx.execute("DELETE FROM media_jobs WHERE media_id = :id", id=id)


# References


async def refer(tx: Transaction, media_id: str, holder: str, reference: str, audience: str, now_us: int) -> None:
    await tx.execute(
        """
        INSERT INTO media_references (media_id, holder, reference, audience, created_at_us)
        VALUES (:media_id, :holder, :reference, :audience, :now_us)
        ON CONFLICT (media_id, holder, reference) DO UPDATE SET audience = excluded.audience
        """,
        media_id=media_id,
        holder=holder,
        reference=reference,
        audience=audience,
        now_us=now_us,
    )


async def let_go(tx: Transaction, media_id: str, holder: str, reference: str) -> bool:
    changed = await tx.execute(
        "DELETE FROM media_references WHERE media_id = :media_id AND holder = :holder AND reference = :reference",
        media_id=media_id,
        holder=holder,
        reference=reference,
    )
    return changed == 1


async def refers(reads: Reads, media_id: str, holder: str, reference: str) -> bool:
    sql = "SELECT 1 FROM media_references WHERE media_id = :media_id AND holder = :holder AND reference = :reference"
    return bool(await reads.fetch(tuple, sql, media_id=media_id, holder=holder, reference=reference))


async def is_referred_to(reads: Reads, media_id: str) -> bool:
    sql = "SELECT 1 FROM media_references WHERE media_id = :media_id LIMIT 1"
    return bool(await reads.fetch(tuple, sql, media_id=media_id))


async def audiences_of_all(reads: Reads, media_ids: Sequence[str]) -> dict[str, list[str]]:
    rows: list[tuple[str, str]] = await reads.fetch(
        tuple,
        """
        SELECT DISTINCT media_id, audience FROM media_references WHERE media_id IN :ids AND audience <> ''
        ORDER BY media_id, audience
        """,
        ids=list(media_ids),
    )
    found: dict[str, list[str]] = {}
    for media_id, audience in rows:
        found.setdefault(media_id, []).append(audience)
    return found
