"""How full the store of files is and how much work waits, for Prometheus."""

import math
from collections.abc import Callable

from kaif.gateway.metrics import Metrics
from kaif.interfaces.auth import Nothing
from kaif.interfaces.media.storage import MediaCounts, MediaStorage
from kaif.kernel.actor import NOBODY
from kaif.kernel.background import Background
from kaif.kernel.errors import KaifError

LOOK_EVERY_S = 15.0

_READ: list[tuple[str, str, Callable[[MediaCounts], float]]] = [
    ("uploads", "Uploads that are not finished.", lambda counts: counts.uploads.count),
    ("garbage_parts", "Parts that are to be taken off the store.", lambda counts: counts.garbage),
    ("jobs_waiting", "Films and sounds that wait to be worked on.", lambda counts: counts.jobs.waiting),
    ("jobs_working", "Films and sounds that are worked on.", lambda counts: counts.jobs.working),
    ("jobs_parked", "Films and sounds whose work failed: an operator decides.", lambda counts: counts.jobs.parked),
    ("cdn_purges_waiting", "Files that the CDN has still to be told to forget.", lambda counts: counts.purges.waiting),
    ("cdn_purge_oldest_seconds", "For how long the first of them has waited.", lambda counts: counts.purges.oldest_s),
    ("free_bytes", "Room on the disk of the store.", lambda counts: counts.room.free if counts.room else math.nan),
]


class MediaGauges:
    """Nothing is known (NaN) until media has answered, nor while it does not."""

    def __init__(self, storage: MediaStorage, metrics: Metrics, look_every_s: float = LOOK_EVERY_S) -> None:
        self._storage, self._look_every_s = storage, look_every_s
        self._counts: MediaCounts | None = None
        self._background = Background()
        for name, description, read in _READ:
            metrics.gauge(f"kaif_media_{name}", description, self._reader(read))

    def start(self) -> None:
        self._background.repeat(self._look, "media does not say how full it is", self._look_every_s)

    async def close(self) -> None:
        await self._background.close()

    def _reader(self, read: Callable[[MediaCounts], float]) -> Callable[[], float]:
        return lambda: read(self._counts) if self._counts else math.nan

    async def _look(self) -> float:
        try:
            self._counts = await self._storage.count_media(NOBODY, Nothing())
        except KaifError:
            self._counts = None
            raise
        return self._look_every_s
