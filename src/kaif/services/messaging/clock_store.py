"""What is stored of clocks that were wrong: where in a log the times go back."""

from collections.abc import Iterable, Sequence

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.messaging import ChatId
from kaif.services.messaging.entry_rules import StoredEntry

# Of one chat the newest are kept: processes whose clocks disagree could make one with each message.
JUMPS_MAX = 200


class Jump(msgspec.Struct, frozen=True):
    """An entry that bears an earlier time than that before it."""

    seq: int
    at_us: int
    before_us: int


async def note(tx: Transaction, jumps: Iterable[tuple[ChatId, int]]) -> None:
    for chat_id, seq in jumps:
        await tx.insert("messaging_clock_jumps", ("chat_id", "seq"), [(chat_id, seq)])
        await tx.execute(
            """
            DELETE FROM messaging_clock_jumps WHERE chat_id = :chat_id AND seq <=
              (SELECT seq FROM messaging_clock_jumps WHERE chat_id = :chat_id ORDER BY seq DESC LIMIT 1 OFFSET :most)
            """,
            chat_id=chat_id,
            most=JUMPS_MAX,
        )


async def jumps_of(reads: Reads, chat_id: ChatId, after: int = 0) -> list[Jump]:
    """In the order of the log."""
    return await reads.fetch(
        Jump,
        """
        SELECT j.seq, e.at_us, b.at_us FROM messaging_clock_jumps j
        JOIN messaging_entries e ON e.chat_id = j.chat_id AND e.seq = j.seq
        JOIN messaging_entries b ON b.chat_id = j.chat_id AND b.seq = j.seq - 1
        WHERE j.chat_id = :chat_id AND j.seq > :after ORDER BY j.seq
        """,
        chat_id=chat_id,
        after=after,
    )


def written_by_us(row: StoredEntry, jumps: Sequence[Jump], now_us: int) -> int:
    """When the entry was written at the latest: a time to come it bears by mistake, and what follows it says better.

    `jumps` are those of its chat from its place on, at least.
    """
    if row.at_us <= now_us:
        return row.at_us
    return min([row.at_us, *(jump.at_us for jump in jumps if jump.seq > row.seq)])
