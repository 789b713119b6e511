"""Every question about sessions and the devices they were opened on."""

from collections.abc import Sequence

from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth.own_data import KnownDevice
from kaif.kernel.actor import SessionId, UserId
from kaif.kernel.clock import as_datetime
from kaif.services.auth.model import KNOWN_DEVICES_MAX, NewSession, OpenSession
from kaif.services.auth.store import Reads


async def newest(database: Database, user_id: UserId, first: SessionId, now_us: int, limit: int) -> list[OpenSession]:
    """The one called `first`, then the others, newest use first."""
    return await database.fetch(
        OpenSession,
        """
        SELECT id, device, device_kind, address, device_was_new, created_at_us, refreshed_at_us FROM auth_sessions
        WHERE user_id = :user_id AND expires_at_us > :now_us
        ORDER BY CASE WHEN id = :first THEN 0 ELSE 1 END, refreshed_at_us DESC, id DESC LIMIT :limit
        """,
        user_id=user_id,
        first=first,
        now_us=now_us,
        limit=limit,
    )


async def end_one(tx: Transaction, user_id: UserId, session_id: SessionId, now_us: int) -> list[SessionId]:
    """Those that ended: none when the person has no such session."""
    rows: list[tuple[SessionId]] = await tx.fetch(
        tuple,
        """
        DELETE FROM auth_sessions WHERE id = :session_id AND user_id = :user_id AND expires_at_us > :now_us
        RETURNING id
        """,
        session_id=session_id,
        user_id=user_id,
        now_us=now_us,
    )
    return await _note_end(tx, rows, now_us)


async def end_all(tx: Transaction, user_id: UserId, now_us: int, kept: str = "") -> list[SessionId]:
    """Those that ended: the person's, but for the one that is kept."""
    rows: list[tuple[SessionId]] = await tx.fetch(
        tuple,
        """
        DELETE FROM auth_sessions WHERE user_id = :user_id AND id <> :kept AND expires_at_us > :now_us
        RETURNING id
        """,
        user_id=user_id,
        kept=kept,
        now_us=now_us,
    )
    return await _note_end(tx, rows, now_us)


async def _note_end(tx: Transaction, rows: Sequence[tuple[SessionId]], now_us: int) -> list[SessionId]:
    ended = [row[0] for row in rows]
    if ended:
        await tx.insert("auth_ended_sessions", ("session_id", "ended_at_us"), [(one, now_us) for one in ended])
    return ended


async def known_devices(reads: Reads, user_id: UserId) -> list[KnownDevice]:
    """Newest first."""
    rows: list[tuple[str, str, int]] = await reads.fetch(
        tuple,
        """
        SELECT device, network, seen_at_us FROM auth_known_devices WHERE user_id = :user_id ORDER BY seen_at_us DESC
        """,
        user_id=user_id,
    )
    return [KnownDevice(device, network, as_datetime(seen_at_us)) for device, network, seen_at_us in rows]


async def is_known(reads: Reads, user_id: UserId, network: str) -> bool:
    """Whether the account was signed in from that network, on whatever device."""
    sql = "SELECT 1 FROM auth_known_devices WHERE user_id = :user_id AND network = :network LIMIT 1"
    return bool(await reads.fetch(tuple, sql, user_id=user_id, network=network))


async def remember_device(tx: Transaction, session: NewSession) -> bool:
    """True when the account had not been seen on it. One at a time for each account: its row must be locked."""
    key = {"user_id": session.user_id, "device": session.device, "network": session.network}
    seen_again = await tx.execute(
        """
        UPDATE auth_known_devices SET seen_at_us = :now_us
        WHERE user_id = :user_id AND device = :device AND network = :network
        """,
        now_us=session.opened_at_us,
        **key,
    )
    if seen_again:
        return False
    await tx.execute(
        """
        INSERT INTO auth_known_devices (user_id, device, network, seen_at_us)
        VALUES (:user_id, :device, :network, :now_us)
        """,
        now_us=session.opened_at_us,
        **key,
    )
    await _forget_oldest_devices(tx, session.user_id)
    return True


async def _forget_oldest_devices(tx: Transaction, user_id: UserId) -> None:
    await tx.execute(
        """
        DELETE FROM auth_known_devices WHERE user_id = :user_id AND seen_at_us < (
          SELECT MIN(seen_at_us) FROM (
            SELECT seen_at_us FROM auth_known_devices WHERE user_id = :user_id
            ORDER BY seen_at_us DESC LIMIT :kept
          ) AS newest
        )
        """,
        user_id=user_id,
        kept=KNOWN_DEVICES_MAX,
    )
