"""What Prometheus may know: counts and times, never who."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


class Requests(Collector):
    """Requests by route and status, counted by the time they took.

    The library's own histogram locks and loops for each observation, which every request would pay
    for; here a request costs one bisection.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, int], list[int]] = {}
        self._seconds: dict[tuple[str, str, int], float] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        key = (method, route, status)
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = [0] * (len(_BUCKETS_S) + 1)
            self._seconds[key] = 0.0
        counts[bisect_left(_BUCKETS_S, seconds)] += 1
        self._seconds[key] += seconds

    def collect(self) -> Iterator[HistogramMetricFamily]:
        family = HistogramMetricFamily(
            "kaif_http_request_seconds", "Requests and the time they took.", labels=("method", "route", "status")
        )
        for (method, route, status), counts in self._counts.items():
            bounds = [*map(str, _BUCKETS_S), "+Inf"]
            buckets = list(zip(bounds, accumulate(counts), strict=True))
            family.add_metric((method, route, str(status)), buckets, self._seconds[method, route, status])
        yield family


class Metrics:
    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self.requests = Requests()
        self._registry.register(self.requests)

    def gauge(self, name: str, description: str, read: Callable[[], float]) -> None:
        """A value that is read whenever Prometheus asks."""
        Gauge(name, description, registry=self._registry).set_function(read)

    def text(self) -> bytes:
        return generate_latest(self._registry)
