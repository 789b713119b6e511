"""Addresses of pictures of any size, which nobody but us can make.

    SEAL/rs:cover:300:200:smart/q:80/an/exp:1767225600/MEDIA_ID.webp

As imgproxy has it, with one spelling for each variant, so that no cache keeps one picture under two names:

    rs:FIT:WIDTH:HEIGHT[:GRAVITY]     resize; the gravity `centre` is left out
    c:LEFT:TOP:WIDTH:HEIGHT           cut out first
    q:QUALITY                         1 to 100
    an                                keep what moves
    bg:RRGGBB                         seen through holes, unless it is white
    exp:SECONDS                       since 1970; after that the address is no longer good

In this order, each at most once. SEAL is HMAC-SHA-256 over all that follows it, in base64url.
"""

import hmac
import re

import msgspec

from kaif.interfaces.media.images import AddressNotOurs, Variant
from kaif.kernel.base64url import base64url
from kaif.kernel.clock import SECOND_US

ADDRESS_CHARS_MAX = 512
_WHITE = "ffffff"
_NUMBER = "(?:0|[1-9][0-9]{0,4})"
_ADDRESS = re.compile(
    rf"(?:rs:(?P<fit>inside|cover):(?P<width>{_NUMBER}):(?P<height>{_NUMBER})(?::(?P<gravity>[a-z]+))?/)?"
    rf"(?:c:(?P<left>{_NUMBER}):(?P<top>{_NUMBER}):(?P<cut_width>{_NUMBER}):(?P<cut_height>{_NUMBER})/)?"
    rf"(?:q:(?P<quality>{_NUMBER})/)?"
    r"(?P<animated>an/)?"
    r"(?:bg:(?P<background>[0-9a-f]{6})/)?"
    r"exp:(?P<expires>[1-9][0-9]{0,11})/"
    r"(?P<media>[0-9A-Za-z_-]{1,64})\.(?P<format>[a-z]+)",
    re.ASCII,
)


class Address(msgspec.Struct, frozen=True):
    media_id: str
    variant: Variant
    expires_at_s: int


class Addresses:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, address: Address) -> str:
        path = printed(address)
        return f"{self._seal(path)}/{path}"

    def read(self, text: str, now_us: int) -> Address:
        """Raises AddressNotOurs."""
        seal, _, path = text.partition("/")
        if len(text) > ADDRESS_CHARS_MAX or not hmac.compare_digest(seal.encode(), self._seal(path).encode()):
            raise AddressNotOurs
        address = parsed(path)
        if address is None or address.expires_at_s * SECOND_US <= now_us:
            raise AddressNotOurs
        return address

    def _seal(self, path: str) -> str:
        # Other seals of the same key are over other texts.
        return base64url(hmac.digest(self._key, f"picture {path}".encode(), "sha256"))


def printed(address: Address) -> str:
    variant, parts = address.variant, []
    if variant.width or variant.height or variant.fit == "cover" or variant.gravity != "centre":
        gravity = f":{variant.gravity}" if variant.gravity != "centre" else ""
        parts.append(f"rs:{variant.fit}:{variant.width}:{variant.height}{gravity}")
    if cut := variant.crop:
        parts.append(f"c:{cut.left}:{cut.top}:{cut.width}:{cut.height}")
    if variant.quality:
        parts.append(f"q:{variant.quality}")
    if variant.animated:
        parts.append("an")
    if variant.background != _WHITE:
        parts.append(f"bg:{variant.background}")
    parts.append(f"exp:{address.expires_at_s}")
    return "/".join([*parts, f"{address.media_id}.{variant.format}"])


def parsed(path: str) -> Address | None:
    """None for whatever is not spelled as we would."""
    found = _ADDRESS.fullmatch(path)
    if found is None:
        return None
    try:
        variant = msgspec.convert(_fields(found), Variant, strict=False)
    except msgspec.ValidationError:
        return None
    address = Address(found["media"], variant, int(found["expires"]))
    return address if printed(address) == path else None


def _fields(found: re.Match[str]) -> dict[str, object]:
    names = ("format", "fit", "width", "height", "gravity", "quality", "background")
    fields: dict[str, object] = {name: found[name] for name in names if found[name] is not None}
    if found["left"] is not None:
        crop = ("left", "top", "width", "height")
        fields["crop"] = dict(zip(crop, found.group("left", "top", "cut_width", "cut_height"), strict=True))
    return fields | {"animated": found["animated"] is not None}
