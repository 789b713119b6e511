"""What Prometheus may know: counts and times, never who."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


class Metrics:
    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._requests = Histogram(
            "kaif_http_request_seconds",
            "Requests by route and status, with the time they took.",
            ("method", "route", "status"),
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self._observe: dict[tuple[str, str, int], Callable[[float], None]] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        key = (method, route, status)
        observe = self._observe.get(key)
        if observe is None:
            observe = self._observe[key] = self._requests.labels(method, route, str(status)).observe
        observe(seconds)

    def gauge(self, name: str, description: str, read: Callable[[], float]) -> None:
        """A value that is read whenever Prometheus asks."""
        Gauge(name, description, registry=self._registry).set_function(read)

    def text(self) -> bytes:
        return generate_latest(self._registry)
