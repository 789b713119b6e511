"""How an event becomes a row of the outbox, in the transaction that caused it."""

from typing import Any

import msgspec

from kaif.kernel.clock import now_us
from kaif.kernel.events import Event

PUBLISH = "INSERT INTO outbox (name, key, body, at_us) VALUES (:name, :key, :body, :at_us)"

_encoder = msgspec.json.Encoder()


def row(event: Event) -> dict[str, Any]:
    return {"name": event.name, "key": event.key, "body": _encoder.encode(event).decode(), "at_us": now_us()}
