"""Links for a CDN: the generation of the file, until when, and a seal over both and the file.

They name nobody, and end at one of few moments, so that all who look at a file in the same minutes have the same one,
and the CDN holds it once.
"""

import hmac
import re
from typing import NamedTuple

from kaif.interfaces.media import CdnLink, MediaNotFound
from kaif.interfaces.media.cdn import CDN_PATH
from kaif.kernel.base64url import base64url
from kaif.kernel.clock import SECOND_US, as_datetime

# A link ends at the next but one of these moments: it is good for 5 to 10 minutes.
WINDOW_S = 300
LIVES_US = 2 * WINDOW_S * SECOND_US

_GRANT = re.compile(r"(0|[1-9][0-9]{0,9})\.([1-9][0-9]{0,11})", re.A)


class Grant(NamedTuple):
    generation: int
    until_s: int

    def fresh_s(self, now_us: int) -> int:
        return max(0, self.until_s - now_us // SECOND_US)


class CdnLinks:
    """`origin` is the CDN's, such as `https://cdn.ozero.example`; without one there is no CDN, and no link is good."""

    def __init__(self, key: bytes, origin: str) -> None:
        self._key, self._origin = key, origin
        self.on = bool(origin)

    def make(self, media_id: str, generation: int, now_us: int) -> CdnLink:
        assert self.on
        until_s = self.until_us(now_us) // SECOND_US
        grant = f"{generation}.{until_s}"
        url = f"{self._origin}{CDN_PATH}/{media_id}/{grant}.{self._seal(media_id, grant)}"
        return CdnLink(url, as_datetime(until_s * SECOND_US))

    def until_us(self, now_us: int) -> int:
        """When a link ends that is made now."""
        return (now_us // SECOND_US // WINDOW_S + 2) * WINDOW_S * SECOND_US

    def read(self, media_id: str, text: str, now_us: int) -> Grant:
        """Raises MediaNotFound."""
        signed, _, seal = text.rpartition(".")
        found = _GRANT.fullmatch(signed)
        if not (self.on and found and hmac.compare_digest(self._seal(media_id, signed).encode(), seal.encode())):
            raise MediaNotFound
        grant = Grant(int(found[1]), int(found[2]))
        if not grant.fresh_s(now_us):
            raise MediaNotFound
        return grant

    def prefix(self, media_id: str) -> str:
        """What all addresses of the file begin with, as CDNs want to be told: without a scheme."""
        return f"{self._origin.partition('://')[2]}{CDN_PATH}/{media_id}"

    def _seal(self, media_id: str, grant: str) -> str:
        # Other seals of the same key are over other texts.
        return base64url(hmac.digest(self._key, f"cdn {media_id}.{grant}".encode(), "sha256"))
