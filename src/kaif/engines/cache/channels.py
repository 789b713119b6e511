"""Who in this process listens to which channel: the half of pub/sub that needs no network."""

import logging

from kaif.engines.cache import Interrupted, Listener

log = logging.getLogger("kaif.cache")


class Channels:
    def __init__(self) -> None:
        self._listeners: dict[str, list[tuple[Listener, Interrupted]]] = {}

    def add(self, channel: str, listener: Listener, interrupted: Interrupted) -> None:
        self._listeners.setdefault(channel, []).append((listener, interrupted))

    def names(self) -> list[str]:
        return list(self._listeners)

    def deliver(self, channel: str, payload: bytes) -> None:
        for listener, _ in self._listeners.get(channel, ()):
            try:
                listener(payload)
            except Exception:
                # One listener's mistake must neither reach the publisher nor silence the others.
                log.exception("a listener of %s failed", channel)

    def interrupt(self, channel: str) -> None:
        for _, interrupted in self._listeners.get(channel, ()):
            try:
                interrupted()
            except Exception:
                log.exception("a listener of %s failed to take note of an interruption", channel)
