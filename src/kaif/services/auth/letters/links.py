"""The links in letters: kept by purpose, one of each for an account, used up by one atomic statement."""

import msgspec

from kaif.engines.database import Database, Reads, Transaction
from kaif.interfaces.auth.accounts import CONFIRMATION_DAYS, NEW_EMAIL_HOURS, RESET_EVERY_SECONDS, RESET_MINUTES
from kaif.interfaces.auth.own_data import OpenLink
from kaif.kernel.actor import UserId
from kaif.kernel.clock import DAY_US, MINUTE_US, SECOND_US, as_datetime
from kaif.kernel.ids import new_id

CONFIRM, NEW_EMAIL, RESET = "confirm", "new_email", "reset"
_GOOD_US = {
    CONFIRM: CONFIRMATION_DAYS * DAY_US,
    NEW_EMAIL: NEW_EMAIL_HOURS * 60 * MINUTE_US,
    RESET: RESET_MINUTES * MINUTE_US,
}
_PAUSE_US = {RESET: RESET_EVERY_SECONDS * SECOND_US}


class Link(msgspec.Struct, frozen=True):
    """`email` is where its letter went, and empty for one that was handed over without a letter."""

    user_id: UserId
    purpose: str
    email: str


async def issue(tx: Transaction, user_id: UserId, purpose: str, email: str, now_us: int) -> str | None:
    """The id of a new link, in place of an earlier one; None when that one is too young to be replaced, or was handed
    over: whoever asks for a letter may be a stranger."""
    await tx.execute("DELETE FROM auth_links WHERE expires_at_us <= :now_us", now_us=now_us)
    link_id = new_id()
    issued = await tx.execute(
        """
        INSERT INTO auth_links (id, user_id, purpose, email, created_at_us, expires_at_us)
        VALUES (:id, :user_id, :purpose, :email, :now_us, :expires_at_us)
        ON CONFLICT (user_id, purpose) DO UPDATE
        SET id = excluded.id, email = excluded.email,
            created_at_us = excluded.created_at_us, expires_at_us = excluded.expires_at_us
        WHERE auth_links.created_at_us <= :before_us AND auth_links.email <> ''
        """,
        id=link_id,
        user_id=user_id,
        purpose=purpose,
        email=email,
        now_us=now_us,
        expires_at_us=now_us + _GOOD_US[purpose],
        before_us=now_us - _PAUSE_US.get(purpose, 0),
    )
    return link_id if issued else None


async def find(reads: Reads, link_id: str, now_us: int) -> Link | None:
    found = await reads.fetch(
        Link,
        "SELECT user_id, purpose, email FROM auth_links WHERE id = :id AND expires_at_us > :now_us",
        id=link_id,
        now_us=now_us,
    )
    return found[0] if found else None


async def still_open(database: Database, user_id: UserId, now_us: int) -> list[OpenLink]:
    rows: list[tuple[str, str, int]] = await database.fetch(
        tuple,
        "SELECT purpose, email, expires_at_us FROM auth_links WHERE user_id = :user_id AND expires_at_us > :now_us",
        user_id=user_id,
        now_us=now_us,
    )
    return [OpenLink(purpose, email, as_datetime(expires_at_us)) for purpose, email, expires_at_us in rows]


async def use_up(tx: Transaction, link_id: str, now_us: int) -> Link | None:
    """None when it was used, replaced or is too old."""
    found = await tx.fetch(
        Link,
        "DELETE FROM auth_links WHERE id = :id AND expires_at_us > :now_us RETURNING user_id, purpose, email",
        id=link_id,
        now_us=now_us,
    )
    return found[0] if found else None


async def withdraw(tx: Transaction, user_id: UserId, purposes: list[str]) -> None:
    await tx.execute(
        "DELETE FROM auth_links WHERE user_id = :user_id AND purpose IN :purposes", user_id=user_id, purposes=purposes
    )
