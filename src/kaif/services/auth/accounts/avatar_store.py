"""What auth's database keeps of pictures, and of the files that media holds for them (migrations/0068_avatars.sql)."""

import msgspec

from kaif.engines.database import Transaction
from kaif.interfaces.media import MediaId
from kaif.kernel.actor import UserId
from kaif.services.auth import store


class Hold(msgspec.Struct, frozen=True):
    """A row of auth_avatars."""

    hold: str
    user_id: UserId
    media_id: MediaId
    asked_at_us: int
    shown: int = 0


_HOLD = store.columns_of(Hold)


async def add(tx: Transaction, hold: Hold) -> None:
    await store.insert(tx, "auth_avatars", hold)


async def show(tx: Transaction, hold: str) -> bool:
    """False when it was let go meanwhile."""
    return await tx.execute("UPDATE auth_avatars SET shown = 1 WHERE hold = :hold", hold=hold) == 1


async def change(tx: Transaction, user_id: UserId, media_id: MediaId | None) -> None:
    await tx.execute("UPDATE auth_users SET avatar = :media_id WHERE id = :user_id", user_id=user_id, media_id=media_id)


async def take_unused(tx: Transaction, hold: str) -> list[Hold]:
    """The hold, unless it has come to be shown; its row is gone."""
    return await _take(tx, "hold = :hold AND shown = 0", hold=hold)


async def take_others(tx: Transaction, user_id: UserId, kept: str, asked_before_us: int) -> list[Hold]:
    """All that was shown of the person but the one that is kept, and what was asked for and is not awaited any more:
    their rows are gone."""
    where = "user_id = :user_id AND hold <> :kept AND (shown = 1 OR asked_at_us < :asked_before_us)"
    return await _take(tx, where, user_id=user_id, kept=kept, asked_before_us=asked_before_us)


async def take_all(tx: Transaction, user_id: UserId) -> list[Hold]:
    return await _take(tx, "user_id = :user_id", user_id=user_id)


async def _take(tx: Transaction, where: str, **values: object) -> list[Hold]:
    holds = await tx.fetch(Hold, f"SELECT {_HOLD} FROM auth_avatars WHERE {where} FOR UPDATE", **values)
    await tx.execute("DELETE FROM auth_avatars WHERE hold IN :holds", holds=[one.hold for one in holds])
    return holds
