"""What auth's database keeps of proofs that are under way: challenges of sign-ins, and guesses at accounts."""

from typing import Literal

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.auth.factors import CHALLENGE_TRIES_MAX, TooManyTries
from kaif.interfaces.auth.providers import ProviderId
from kaif.kernel.actor import UserId
from kaif.kernel.clock import MINUTE_US

# What a challenge is for: the second step of a sign-in, or a session that proves itself by a service.
Purpose = Literal["sign_in", "step_up"]
# What is guessed at, or counted like guesses.
Guessed = Literal["sign_in", "step_up", "reset", "letters", "address_named"]

# Ten in an hour: at three codes that fit of a million, a year of guessing finds one in four accounts whose
# password is known already; people who mistype need fewer.
TRIES_MAX = 10
TRIES_WINDOW_US = 60 * MINUTE_US


async def add(
    tx: Transaction, token_hash: str, purpose: Purpose, user_id: UserId, now_us: int, expires_at_us: int
) -> None:
    await tx.execute("DELETE FROM auth_challenges WHERE expires_at_us <= :now_us", now_us=now_us)
    await tx.execute(
        """
        INSERT INTO auth_challenges (token_hash, purpose, user_id, tries, expires_at_us)
        VALUES (:token_hash, :purpose, :user_id, 0, :expires_at_us)
        """,
        token_hash=token_hash,
        purpose=purpose,
        user_id=user_id,
        expires_at_us=expires_at_us,
    )


async def find(reads: Reads, token_hash: str, purpose: Purpose, now_us: int) -> UserId | None:
    """Whose challenge it is, without taking a try of it."""
    rows: list[tuple[UserId]] = await reads.fetch(
        tuple,
        """
        SELECT user_id FROM auth_challenges
        WHERE token_hash = :token_hash AND purpose = :purpose AND tries < :tries_max AND expires_at_us > :now_us
        """,
        token_hash=token_hash,
        purpose=purpose,
        tries_max=CHALLENGE_TRIES_MAX,
        now_us=now_us,
    )
    return rows[0][0] if rows else None


async def take_try(tx: Transaction, token_hash: str, purpose: Purpose, now_us: int) -> UserId | None:
    """Whose challenge it is; None when it is none for this purpose, has lapsed or has had its tries."""
    rows: list[tuple[UserId]] = await tx.fetch(
        tuple,
        """
        UPDATE auth_challenges SET tries = tries + 1
        WHERE token_hash = :token_hash AND purpose = :purpose AND tries < :tries_max AND expires_at_us > :now_us
        RETURNING user_id
        """,
        token_hash=token_hash,
        purpose=purpose,
        tries_max=CHALLENGE_TRIES_MAX,
        now_us=now_us,
    )
    return rows[0][0] if rows else None


async def end(tx: Transaction, token_hash: str) -> bool:
    """False when it has ended already: what it began with was taken away, or somebody else was first."""
    sql = "DELETE FROM auth_challenges WHERE token_hash = :token_hash"
    return await tx.execute(sql, token_hash=token_hash) == 1


async def end_all(tx: Transaction, user_id: UserId) -> None:
    await tx.execute("DELETE FROM auth_challenges WHERE user_id = :user_id", user_id=user_id)


async def count_guess(
    tx: Transaction, user_id: UserId, purpose: Guessed, now_us: int, tries_max: int = TRIES_MAX
) -> int:
    """Microseconds to wait, zero when this guess may be made. It counts only once the transaction commits."""
    rows: list[tuple[int, int]] = await tx.fetch(
        tuple,
        """
        INSERT INTO auth_tries (user_id, purpose, tries, since_us) VALUES (:user_id, :purpose, 1, :now_us)
        ON CONFLICT (user_id, purpose) DO UPDATE SET
          tries = CASE WHEN auth_tries.since_us <= :lapsed_us THEN 1 ELSE auth_tries.tries + 1 END,
          since_us = CASE WHEN auth_tries.since_us <= :lapsed_us THEN :now_us ELSE auth_tries.since_us END
        RETURNING tries, since_us
        """,
        user_id=user_id,
        purpose=purpose,
        now_us=now_us,
        lapsed_us=now_us - TRIES_WINDOW_US,
    )
    tries, since_us = rows[0]
    return 0 if tries <= tries_max else since_us + TRIES_WINDOW_US - now_us


async def had_all_tries(reads: Reads, user_id: UserId, purpose: Guessed, now_us: int) -> bool:
    """Whether the next one would have to wait; it is not counted."""
    rows = await reads.fetch(
        tuple,
        """
        SELECT 1 FROM auth_tries
        WHERE user_id = :user_id AND purpose = :purpose AND tries >= :tries_max AND since_us > :lapsed_us
        """,
        user_id=user_id,
        purpose=purpose,
        tries_max=TRIES_MAX,
        lapsed_us=now_us - TRIES_WINDOW_US,
    )
    return bool(rows)


async def end_all_by_provider(tx: Transaction, provider_id: ProviderId) -> None:
    """Of everybody who is linked to it: nothing tells which of theirs came by it."""
    sql = """
        DELETE FROM auth_challenges
        WHERE user_id IN (SELECT user_id FROM auth_identities WHERE provider_id = :provider_id)
    """
    await tx.execute(sql, provider_id=provider_id)


async def forget_guesses(tx: Transaction, user_id: UserId, purpose: Guessed) -> None:
    sql = "DELETE FROM auth_tries WHERE user_id = :user_id AND purpose = :purpose"
    await tx.execute(sql, user_id=user_id, purpose=purpose)


def too_many_tries(wait_us: int) -> TooManyTries:
    return TooManyTries(retry_after_ms=-(-wait_us // 1000))
