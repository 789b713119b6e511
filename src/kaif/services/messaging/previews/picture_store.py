"""What messaging asks its database about the pictures of previews (migrations/0190_preview_pictures.sql).

What shows a picture holds its lock when it comes to; what stops showing it only says that somebody is to look whether
anything still does, so that messages with many pictures wait for nobody.
"""

from collections.abc import Iterable

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.media import MediaId
from kaif.interfaces.messaging import ChatId
from kaif.kernel.ids import new_id
from kaif.services.messaging.due import store as due_store
from kaif.services.messaging.due.model import NOBODYS, PictureLook, StoredDue, encoded
from kaif.services.messaging.entry_rules import Body, StoredEntry

NOWHERE = ChatId("")


class StoredPicture(msgspec.Struct, frozen=True):
    """A row of messaging_preview_pictures."""

    media_id: MediaId
    page: str
    leaving: int


async def add(tx: Transaction, media_id: MediaId, page: str, look_at_us: int) -> None:
    """Before media is asked to keep it: whatever happens then, it is let go unless something shows it at that time."""
    await tx.insert("messaging_preview_pictures", StoredPicture.__struct_fields__, [(media_id, page, 0)])
    await _look(tx, media_id, media_id, look_at_us)


async def keep_until(tx: Transaction, media_id: MediaId, look_at_us: int) -> None:
    """Shown or not: what its page says is remembered for so long."""
    await due_store.look_again(tx, media_id, look_at_us)


async def lock(tx: Transaction, media_id: MediaId) -> StoredPicture | None:
    rows = await tx.fetch(
        StoredPicture,
        "SELECT media_id, page, leaving FROM messaging_preview_pictures WHERE media_id = :media_id FOR UPDATE",
        media_id=media_id,
    )
    return rows[0] if rows else None


async def stays(tx: Transaction, media_id: MediaId) -> bool:
    """Whether it may be shown: until the transaction ends nobody lets go of it."""
    picture = await lock(tx, media_id)
    return picture is not None and not picture.leaving


async def is_shown(reads: Reads, media_id: MediaId) -> bool:
    sql = "SELECT 1 FROM messaging_previews_shown WHERE media_id = :media_id LIMIT 1"
    return bool(await reads.fetch(tuple, sql, media_id=media_id))


async def follow(tx: Transaction, row: StoredEntry, before: Body, after: Body, now_us: int) -> None:
    """The message's preview shows another picture from now on, which is locked, or none."""
    was, now = _picture_of(before), _picture_of(after)
    if was == now:
        return
    if was:
        await tx.execute(
            "DELETE FROM messaging_previews_shown WHERE chat_id = :chat_id AND seq = :seq",
            chat_id=row.chat_id,
            seq=row.seq,
        )
        await _look(tx, new_id(), was, now_us)
    if now:
        await tx.insert("messaging_previews_shown", ("chat_id", "seq", "media_id"), [(row.chat_id, row.seq, now)])


async def hide_some(tx: Transaction, chat_id: ChatId, limit: int, now_us: int) -> bool:
    """Of a chat that has been deleted. False when nothing there showed any."""
    rows: list[tuple[int, MediaId]] = await tx.fetch(
        tuple,
        "SELECT seq, media_id FROM messaging_previews_shown WHERE chat_id = :chat_id ORDER BY seq LIMIT :limit",
        chat_id=chat_id,
        limit=limit,
    )
    if rows:
        await tx.execute(
            "DELETE FROM messaging_previews_shown WHERE chat_id = :chat_id AND seq IN :seqs",
            chat_id=chat_id,
            seqs=[seq for seq, _ in rows],
        )
    await _look_at_all(tx, {media_id for _, media_id in rows}, now_us)
    return bool(rows)


async def leave(tx: Transaction, picture: StoredPicture) -> None:
    """Nothing comes to show it any more: what its page says is asked anew."""
    await tx.execute(
        "UPDATE messaging_preview_pictures SET leaving = 1 WHERE media_id = :media_id", media_id=picture.media_id
    )
    await tx.execute(
        "DELETE FROM messaging_pages WHERE hash = :page AND summary LIKE :naming",
        page=picture.page,
        naming=f"%{picture.media_id}%",
    )


async def forget(tx: Transaction, media_id: MediaId) -> None:
    await tx.execute("DELETE FROM messaging_preview_pictures WHERE media_id = :media_id", media_id=media_id)


async def _look_at_all(tx: Transaction, media_ids: Iterable[MediaId], now_us: int) -> None:
    for media_id in sorted(media_ids):
        await _look(tx, new_id(), media_id, now_us)


async def _look(tx: Transaction, id: str, media_id: MediaId, at_us: int) -> None:
    """See then whether anything shows it."""
    body = encoded(PictureLook(media_id))
    await due_store.add(tx, StoredDue(id, "picture", NOBODYS, NOWHERE, f"picture:{id}", at_us, at_us, "", body))


def _picture_of(body: Body) -> MediaId | None:
    return body.preview.picture.media_id if body.preview and body.preview.picture else None
