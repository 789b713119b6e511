"""What media asks its database of parts that senders write into the store by themselves."""

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.kernel.actor import UserId


class StraightRow(msgspec.Struct, frozen=True):
    """A row of media_straight_parts."""

    part: str
    owner_id: UserId
    upload_id: str
    start: int
    length: int

    @property
    def end(self) -> int:
        return self.start + self.length


_COLUMNS = ", ".join(StraightRow.__struct_fields__)


async def chain(reads: Reads, upload_id: str, at: int) -> list[StraightRow]:
    """Those that follow one another from that place on; others are of a time when the upload was elsewhere."""
    sql = f"SELECT {_COLUMNS} FROM media_straight_parts WHERE upload_id = :upload_id AND start >= :at ORDER BY start"
    found = []
    for row in await reads.fetch(StraightRow, sql, upload_id=upload_id, at=at):
        if row.start == at:
            found.append(row)
            at = row.end
    return found


async def add(tx: Transaction, row: StraightRow) -> None:
    await tx.insert("media_straight_parts", StraightRow.__struct_fields__, [msgspec.structs.astuple(row)])


async def forget(tx: Transaction, part: str) -> None:
    await tx.execute("DELETE FROM media_straight_parts WHERE part = :part", part=part)


async def count(reads: Reads, owner_id: UserId) -> int:
    rows: list[tuple[int]] = await reads.fetch(
        tuple, "SELECT COUNT(*) FROM media_straight_parts WHERE owner_id = :owner_id", owner_id=owner_id
    )
    return rows[0][0]


async def lives_until(tx: Transaction, part: str, due_at_us: int) -> bool:
    """The collector lets it lie until then; False when it has taken it."""
    changed = await tx.execute(
        """
        UPDATE media_garbage SET due_at_us = CASE WHEN due_at_us > :due_at_us THEN due_at_us ELSE :due_at_us END
        WHERE part = :part AND taken = 0
        """,
        part=part,
        due_at_us=due_at_us,
    )
    return changed == 1


async def note(tx: Transaction, upload_id: str) -> None:
    """Some of it was sealed by its sender."""
    await tx.execute("UPDATE media_uploads SET straight = 1 WHERE id = :id", id=upload_id)
