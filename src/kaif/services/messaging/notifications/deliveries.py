"""What is posted to a bot's address, how it is signed, and how patient we are with it."""

import hashlib
import hmac

import msgspec

from kaif.interfaces.messaging import Entry
from kaif.interfaces.messaging.bots import Callback
from kaif.interfaces.messaging.outgoing_webhooks import PAUSE_S_MAX, TAKEN_WITHIN_S
from kaif.kernel.clock import SECOND_US

_encode = msgspec.json.Encoder().encode

Told = Entry | Callback


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How patient we are with a bot: with one answer, before the second try, and with all of a turn."""

    within_s: float = TAKEN_WITHIN_S
    pause_us: int = 2 * SECOND_US
    turn_s: float = 10.0


USUAL = Timing()


def body_of(told: Told) -> bytes:
    """The same JSON as on the bot's socket."""
    return _encode(told)


def headers_of(told: Told, body: bytes, secret: str, at_us: int) -> dict[str, str]:
    """The signature covers the time too, so that what somebody overheard is worth nothing later."""
    at_s = at_us // SECOND_US
    mac = hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return {
        "content-type": "application/json",
        "kaif-delivery": told.id if isinstance(told, Callback) else f"{told.chat_id}-{told.seq}",
        "kaif-signature": f"t={at_s},v1={mac}",
    }


def pause_us(attempts: int, least_us: int = USUAL.pause_us) -> int:
    """After so many failures in a row: seconds at first, an hour at last."""
    return min(least_us << min(attempts - 1, 30), PAUSE_S_MAX * SECOND_US)
