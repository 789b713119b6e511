"""How far search is behind what people say, for Prometheus."""

import math

from kaif.gateway.metrics import Metrics
from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging.search import Search, SearchUnavailable
from kaif.kernel.actor import NOBODY
from kaif.kernel.background import Background
from kaif.kernel.errors import KaifError

LOOK_EVERY_S = 15.0


class SearchGauge:
    """Nothing is known (NaN) until search has answered, nor while it does not, nor where there is none."""

    def __init__(self, search: Search, metrics: Metrics, look_every_s: float = LOOK_EVERY_S) -> None:
        self._search, self._look_every_s, self._lag_s = search, look_every_s, math.nan
        self._background = Background()
        description = "For how long the first message that the index lacks has waited."
        metrics.gauge("kaif_search_lag_seconds", description, lambda: self._lag_s)

    def start(self) -> None:
        self._background.repeat(self._look, "search does not say how far it is behind", self._look_every_s)

    async def close(self) -> None:
        await self._background.close()

    async def _look(self) -> float:
        try:
            self._lag_s = (await self._search.get_lag(NOBODY, Nothing())).seconds
        except SearchUnavailable:
            self._lag_s = math.nan
        except KaifError:
            self._lag_s = math.nan
            raise
        return self._look_every_s
