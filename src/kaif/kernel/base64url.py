"""Bytes in a text that fits into URLs, headers and JSON."""

from base64 import urlsafe_b64encode


def base64url(raw: bytes) -> str:
    """Without padding (RFC 4648, 5; RFC 7515, 2)."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
