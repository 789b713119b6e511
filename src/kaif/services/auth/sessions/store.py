"""What auth's database keeps of sessions, of those that have ended, and of the devices they were opened on."""

from kaif.engines.database import Database, Reads, Transaction
from kaif.interfaces.auth.own_data import KnownDevice
from kaif.kernel.actor import SessionId, UserId
from kaif.kernel.clock import as_datetime
from kaif.services.auth.model import KNOWN_DEVICES_MAX, NewSession, OpenSession

# Sessions


async def add(tx: Transaction, session: NewSession, *, device_was_new: bool) -> None:
    await tx.execute(
        """
        INSERT INTO auth_sessions (
          id, user_id, refresh_hash, device, device_kind, address, device_was_new,
          created_at_us, refreshed_at_us, authenticated_at_us, expires_at_us
        )
        VALUES (
          :id, :user_id, :refresh_hash, :device, :device_kind, :address, :device_was_new,
          :now_us, :now_us, :now_us, :expires_at_us
        )
        """,
        id=session.id,
        user_id=session.user_id,
        refresh_hash=session.refresh_hash,
        device=session.device,
        device_kind=session.device_kind,
        address=session.address,
        device_was_new=int(device_was_new),
        now_us=session.opened_at_us,
        expires_at_us=session.expires_at_us,
    )


async def rotate(
    tx: Transaction,
    session_id: SessionId,
    old_hash: str,
    new_hash: str,
    now_us: int,
    idle_until_us: int,
    lifetime_us: int,
) -> UserId | None:
    """Consume the old token and put the new one in its place, in one statement; None when it was not current."""
    found: list[tuple[UserId]] = await tx.fetch(
        tuple,
        """
        UPDATE auth_sessions
        SET refresh_hash = :new_hash, refreshed_at_us = :now_us, expires_at_us =
          CASE WHEN created_at_us + :lifetime_us < :idle_until_us
          THEN created_at_us + :lifetime_us ELSE :idle_until_us END
        WHERE id = :session_id AND refresh_hash = :old_hash AND expires_at_us > :now_us
        RETURNING user_id
        """,
        session_id=session_id,
        old_hash=old_hash,
        new_hash=new_hash,
        now_us=now_us,
        idle_until_us=idle_until_us,
        lifetime_us=lifetime_us,
    )
    return found[0][0] if found else None


async def find_rotated(
    tx: Transaction, session_id: SessionId, current_hash: str, since_us: int, now_us: int
) -> UserId | None:
    """Whose session it is, if that token became its current one since then, and still is."""
    rows: list[tuple[UserId]] = await tx.fetch(
        tuple,
        """
        SELECT user_id FROM auth_sessions
        WHERE id = :session_id AND refresh_hash = :current_hash AND refreshed_at_us >= :since_us
          AND expires_at_us > :now_us
        """,
        session_id=session_id,
        current_hash=current_hash,
        since_us=since_us,
        now_us=now_us,
    )
    return rows[0][0] if rows else None


async def find(database: Database, refresh_hash: str) -> SessionId | None:
    rows: list[tuple[SessionId]] = await database.fetch(
        tuple, "SELECT id FROM auth_sessions WHERE refresh_hash = :refresh_hash", refresh_hash=refresh_hash
    )
    return rows[0][0] if rows else None


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


async def forget_expired(tx: Transaction, now_us: int, ended_before_us: int) -> None:
    await tx.execute("DELETE FROM auth_sessions WHERE expires_at_us <= :now_us", now_us=now_us)
    await tx.execute("DELETE FROM auth_ended_sessions WHERE ended_at_us < :before_us", before_us=ended_before_us)


# When the person was last seen in them


async def find_authentication(reads: Reads, user_id: UserId, session_id: SessionId) -> int | None:
    """When the person was last seen in this session; None when it has ended."""
    rows: list[tuple[int]] = await reads.fetch(
        tuple,
        "SELECT authenticated_at_us FROM auth_sessions WHERE id = :session_id AND user_id = :user_id",
        session_id=session_id,
        user_id=user_id,
    )
    return rows[0][0] if rows else None


async def renew_authentication(tx: Transaction, user_id: UserId, session_id: SessionId, now_us: int) -> bool:
    """False when there is no such session."""
    sql = "UPDATE auth_sessions SET authenticated_at_us = :now_us WHERE id = :session_id AND user_id = :user_id"
    return await tx.execute(sql, now_us=now_us, session_id=session_id, user_id=user_id) == 1


async def age_other_authentications(tx: Transaction, user_id: UserId, session_id: SessionId) -> None:
    sql = "UPDATE auth_sessions SET authenticated_at_us = 0 WHERE user_id = :user_id AND id <> :session_id"
    await tx.execute(sql, user_id=user_id, session_id=session_id)


# Their ends


async def end(tx: Transaction, session_id: SessionId, now_us: int) -> UserId | None:
    """Whose it was; None when there was no such session."""
    rows: list[tuple[UserId]] = await tx.fetch(
        tuple, "DELETE FROM auth_sessions WHERE id = :session_id RETURNING user_id", session_id=session_id
    )
    if not rows:
        return None
    await note_ends(tx, [session_id], now_us)
    return rows[0][0]


async def end_if_spent(tx: Transaction, session_id: SessionId, refresh_hash: str, now_us: int) -> UserId | None:
    """As above, if that token was its current one before, and is no more. One that has only run out was spent by
    nobody."""
    sql = "SELECT 1 FROM auth_sessions WHERE id = :session_id AND refresh_hash = :refresh_hash"
    if await tx.fetch(tuple, sql, session_id=session_id, refresh_hash=refresh_hash):
        return None
    return await end(tx, session_id, now_us)


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
    return await note_ends(tx, [row[0] for row in rows], now_us)


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
    return await note_ends(tx, [row[0] for row in rows], now_us)


async def end_beyond(tx: Transaction, newest: NewSession, limit: int) -> list[SessionId]:
    """Those that ended: of the person's, the least recently used ones beyond so many. The newest stays in any case.

    One at a time for each account: its row must be locked.
    """
    counted: list[tuple[int]] = await tx.fetch(
        tuple, "SELECT COUNT(*) FROM auth_sessions WHERE user_id = :user_id", user_id=newest.user_id
    )
    if counted[0][0] <= limit:
        return []
    rows: list[tuple[SessionId]] = await tx.fetch(
        tuple,
        """
        DELETE FROM auth_sessions WHERE user_id = :user_id AND id <> :newest AND id NOT IN (
          SELECT id FROM auth_sessions WHERE user_id = :user_id AND id <> :newest
          ORDER BY refreshed_at_us DESC, id DESC LIMIT :others
        )
        RETURNING id
        """,
        user_id=newest.user_id,
        newest=newest.id,
        others=limit - 1,
    )
    return await note_ends(tx, [row[0] for row in rows], newest.opened_at_us)


async def note_ends(tx: Transaction, ended: list[SessionId], now_us: int) -> list[SessionId]:
    """Access tokens of these are good no more. Those of an API key can end several times, and the last time counts."""
    if ended:
        await tx.execute_many(
            """
            INSERT INTO auth_ended_sessions (session_id, ended_at_us) VALUES (:session_id, :now_us)
            ON CONFLICT (session_id) DO UPDATE SET ended_at_us = excluded.ended_at_us
            """,
            [(one, now_us) for one in ended],
        )
    return ended


async def ended_since(database: Database, since_us: int) -> list[SessionId]:
    rows: list[tuple[SessionId]] = await database.fetch(
        tuple, "SELECT session_id FROM auth_ended_sessions WHERE ended_at_us >= :since_us", since_us=since_us
    )
    return [row[0] for row in rows]


async def open_among(reads: Reads, session_ids: list[SessionId], now_us: int) -> list[SessionId]:
    rows: list[tuple[SessionId]] = await reads.fetch(
        tuple,
        "SELECT id FROM auth_sessions WHERE id IN :ids AND expires_at_us > :now_us",
        ids=session_ids,
        now_us=now_us,
    )
    return [row[0] for row in rows]


# Devices


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
