"""Telling every gateway that sessions ended, or that tokens say what is no longer so."""

from collections.abc import Iterable

import msgspec

from kaif.engines.cache import Cache
from kaif.interfaces.auth import PERMISSIONS_CHANGED, SESSIONS_ENDED, PermissionChange
from kaif.kernel.actor import SessionId
from kaif.kernel.errors import Unavailable


async def announce_ends(cache: Cache, session_ids: Iterable[SessionId]) -> None:
    """After the transaction that ended them: what is heard must be true."""
    for session_id in session_ids:
        try:
            await cache.publish(SESSIONS_ENDED, session_id.encode())
        except Unavailable:
            # Gateways ask for the ended sessions themselves when the cache is back.
            return


async def announce_changes(cache: Cache, changes: Iterable[PermissionChange]) -> None:
    """After the transaction that made them, as above."""
    for change in changes:
        try:
            await cache.publish(PERMISSIONS_CHANGED, msgspec.msgpack.encode(change))
        except Unavailable:
            # Gateways ask for what was withdrawn themselves when the cache is back.
            return
