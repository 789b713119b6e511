"""What is stored of presses of bots' buttons."""

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.bots import Callback
from kaif.kernel.actor import UserId
from kaif.kernel.clock import as_datetime

_COLUMNS = "bot_id, number, id, chat_id, seq, user_id, ref, data, at_us, answer"


class StoredCallback(msgspec.Struct, frozen=True):
    """A row of messaging_callbacks."""

    bot_id: UserId
    number: int
    id: str
    chat_id: ChatId
    seq: int
    user_id: UserId
    ref: str
    data: str
    at_us: int
    answer: str | None = None

    @property
    def callback(self) -> Callback:
        at = as_datetime(self.at_us)
        return Callback(self.number, self.id, self.chat_id, self.seq, self.user_id, self.data, at)


async def next_number(tx: Transaction, bot_id: UserId) -> int:
    """Held until the commit: so the numbers become visible in their order, and nobody who asks after one misses any."""
    rows: list[tuple[int]] = await tx.fetch(
        tuple,
        """
        INSERT INTO messaging_bots (bot_id, callbacks) VALUES (:bot_id, 1)
        ON CONFLICT (bot_id) DO UPDATE SET callbacks = messaging_bots.callbacks + 1 RETURNING callbacks
        """,
        bot_id=bot_id,
    )
    return rows[0][0]


async def newest_number(reads: Reads, bot_id: UserId) -> int:
    rows: list[tuple[int]] = await reads.fetch(
        tuple, "SELECT callbacks FROM messaging_bots WHERE bot_id = :bot_id", bot_id=bot_id
    )
    return rows[0][0] if rows else 0


async def add(tx: Transaction, callback: StoredCallback) -> None:
    """Raises AlreadyExists when the presser's reference has been used."""
    await tx.insert("messaging_callbacks", StoredCallback.__struct_fields__, [msgspec.structs.astuple(callback)])


async def trim(tx: Transaction, bot_id: UserId, number: int, before_us: int) -> None:
    """Forget those up to a number, and those that are older."""
    await tx.execute(
        "DELETE FROM messaging_callbacks WHERE bot_id = :bot_id AND (number <= :number OR at_us < :before_us)",
        bot_id=bot_id,
        number=number,
        before_us=before_us,
    )


async def find_pressed(reads: Reads, user_id: UserId, ref: str) -> StoredCallback | None:
    sql = f"SELECT {_COLUMNS} FROM messaging_callbacks WHERE user_id = :user_id AND ref = :ref"
    found = await reads.fetch(StoredCallback, sql, user_id=user_id, ref=ref)
    return found[0] if found else None


async def find(reads: Reads, bot_id: UserId, callback_id: str) -> StoredCallback | None:
    sql = f"SELECT {_COLUMNS} FROM messaging_callbacks WHERE id = :id AND bot_id = :bot_id"
    found = await reads.fetch(StoredCallback, sql, id=callback_id, bot_id=bot_id)
    return found[0] if found else None


async def answer(tx: Transaction, callback: StoredCallback, text: str) -> bool:
    """False when it has been answered."""
    sql = "UPDATE messaging_callbacks SET answer = :text WHERE id = :id AND answer IS NULL"
    return await tx.execute(sql, id=callback.id, text=text) == 1


async def after(reads: Reads, bot_id: UserId, number: int, since_us: int, limit: int) -> list[StoredCallback]:
    return await reads.fetch(
        StoredCallback,
        f"""
        SELECT {_COLUMNS} FROM messaging_callbacks
        WHERE bot_id = :bot_id AND number > :number AND at_us >= :since_us ORDER BY number LIMIT :limit
        """,
        bot_id=bot_id,
        number=number,
        since_us=since_us,
        limit=limit,
    )


async def pressed_by(reads: Reads, user_id: UserId, limit: int) -> list[StoredCallback]:
    """The newest first."""
    sql = f"SELECT {_COLUMNS} FROM messaging_callbacks WHERE user_id = :user_id ORDER BY at_us DESC, id LIMIT :limit"
    return await reads.fetch(StoredCallback, sql, user_id=user_id, limit=limit)


async def forget(tx: Transaction, user_id: UserId) -> int:
    """What a person has pressed; of a bot, what was pressed of its buttons."""
    await tx.execute("DELETE FROM messaging_bots WHERE bot_id = :user_id", user_id=user_id)
    sql = "DELETE FROM messaging_callbacks WHERE user_id = :user_id OR bot_id = :user_id"
    return await tx.execute(sql, user_id=user_id)
