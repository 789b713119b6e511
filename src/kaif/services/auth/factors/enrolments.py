"""What auth's database keeps of second factors: secrets of apps, and recovery codes."""

from collections.abc import Sequence

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.kernel.actor import UserId


class Totp(msgspec.Struct, frozen=True):
    sealed_secret: str
    since_us: int


async def find_totp(reads: Reads, user_id: UserId) -> Totp | None:
    sql = "SELECT sealed_secret, since_us FROM auth_totp WHERE user_id = :user_id"
    found = await reads.fetch(Totp, sql, user_id=user_id)
    return found[0] if found else None


async def begin_totp(tx: Transaction, user_id: UserId, sealed_secret: str) -> None:
    await tx.execute(
        """
        INSERT INTO auth_totp_begun (user_id, sealed_secret) VALUES (:user_id, :sealed_secret)
        ON CONFLICT (user_id) DO UPDATE SET sealed_secret = excluded.sealed_secret
        """,
        user_id=user_id,
        sealed_secret=sealed_secret,
    )


async def take_begun(tx: Transaction, user_id: UserId) -> str | None:
    """The sealed secret, for whoever asks first."""
    rows: list[tuple[str]] = await tx.fetch(
        tuple, "DELETE FROM auth_totp_begun WHERE user_id = :user_id RETURNING sealed_secret", user_id=user_id
    )
    return rows[0][0] if rows else None


async def add_totp(tx: Transaction, user_id: UserId, sealed_secret: str, step: int, now_us: int) -> None:
    """The step is that of the code that confirmed it. Raises AlreadyExists."""
    await tx.execute(
        """
        INSERT INTO auth_totp (user_id, sealed_secret, last_step, since_us)
        VALUES (:user_id, :sealed_secret, :step, :now_us)
        """,
        user_id=user_id,
        sealed_secret=sealed_secret,
        step=step,
        now_us=now_us,
    )


async def spend_step(tx: Transaction, user_id: UserId, step: int) -> bool:
    """False when this step's code, or a later one, was accepted before."""
    sql = "UPDATE auth_totp SET last_step = :step WHERE user_id = :user_id AND last_step < :step"
    return await tx.execute(sql, user_id=user_id, step=step) == 1


async def remove_totp(tx: Transaction, user_id: UserId) -> None:
    await tx.execute("DELETE FROM auth_totp WHERE user_id = :user_id", user_id=user_id)
    await tx.execute("DELETE FROM auth_totp_begun WHERE user_id = :user_id", user_id=user_id)
    await tx.execute("DELETE FROM auth_recovery_codes WHERE user_id = :user_id", user_id=user_id)


async def replace_recovery_codes(tx: Transaction, user_id: UserId, hashes: Sequence[str]) -> None:
    await tx.execute("DELETE FROM auth_recovery_codes WHERE user_id = :user_id", user_id=user_id)
    await tx.insert("auth_recovery_codes", ("user_id", "code_hash"), [(user_id, code_hash) for code_hash in hashes])


async def spend_recovery_code(tx: Transaction, user_id: UserId, code_hash: str) -> bool:
    sql = "DELETE FROM auth_recovery_codes WHERE user_id = :user_id AND code_hash = :code_hash"
    return await tx.execute(sql, user_id=user_id, code_hash=code_hash) == 1


async def recovery_codes_left(reads: Reads, user_id: UserId) -> int:
    rows: list[tuple[int]] = await reads.fetch(
        tuple, "SELECT count(*) FROM auth_recovery_codes WHERE user_id = :user_id", user_id=user_id
    )
    return rows[0][0]


async def methods(reads: Reads, user_id: UserId) -> list[str]:
    """What proves a person beside the password; nothing for who has no second factor."""
    if await find_totp(reads, user_id) is None:
        return []
    return ["totp", "recovery_code"] if await recovery_codes_left(reads, user_id) else ["totp"]
