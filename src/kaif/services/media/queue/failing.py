"""Says of a file for which somebody waits that it will not be there."""

import msgspec

from kaif.engines.database import Transaction
from kaif.interfaces.media import MediaReady
from kaif.services.media.delivery.seeing import seen
from kaif.services.media.model import StoredMedia
from kaif.services.media.queue import store as jobs_store


async def fail(tx: Transaction, media: StoredMedia, problem: str) -> bool:
    """False for one that can be seen already. Under its lock."""
    if media.state != "working":
        return False
    failed = msgspec.structs.replace(media, state="failed", problem=problem, progress=0)
    await jobs_store.set_state(tx, media.id, "failed", problem, 0)
    await tx.publish(MediaReady(media=await seen(tx, failed)))
    return True
