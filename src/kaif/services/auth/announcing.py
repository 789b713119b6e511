"""Tells gateways at once which sessions have ended."""

from collections.abc import Iterable

from kaif.engines.cache import Cache
from kaif.interfaces.auth import SESSIONS_ENDED
from kaif.kernel.actor import SessionId
from kaif.kernel.errors import Unavailable


async def announce_ends(cache: Cache, session_ids: Iterable[SessionId]) -> None:
    try:
        for session_id in session_ids:
            await cache.publish(SESSIONS_ENDED, session_id.encode())
    except Unavailable:
        # Gateways ask for the ended sessions themselves when the cache is back.
        return
