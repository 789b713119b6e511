"""Web Push (RFC 8030): no account anywhere, each browser names its own push service.

We sign who we are (VAPID, RFC 8292), and encrypt so that the push service learns nothing but when and how much.
"""

import json
import time
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from kaif.engines.push import MESSAGE_BYTES_MAX, Alert, Gone, Refused, Subscription, Urgency
from kaif.engines.push.encryption import CURVE, encrypt, point_of
from kaif.engines.web import retry_after_s
from kaif.engines.web.guarded import GuardedWeb
from kaif.kernel.base64url import base64url

# RFC 8292, 2 allows 24 hours; ours is made anew for each message, so minutes will do.
TOKEN_S = 600
CONNECTIONS_MAX = 20


class WebPush:
    """`contact` is where the makers of push services reach the operator: an https or mailto address.

    With `private_too` endpoints may lie in our own network, and need no https: for tests and closed networks.
    """

    def __init__(self, key: bytes, contact: str, *, private_too: bool = False) -> None:
        # A number of 256 bits as a private key: the rest of the division is as good as random.
        self._key = ec.derive_private_key(int.from_bytes(key, "big") % (_ORDER - 1) + 1, CURVE)
        self._contact = contact
        self._web = GuardedWeb(private_too=private_too, connections_max=CONNECTIONS_MAX)

    @property
    def public_key(self) -> str:
        """What a browser wants as applicationServerKey, in base64url."""
        return base64url(point_of(self._key.public_key()))

    async def send(
        self, address: Subscription, alert: Alert, *, ttl_s: int, urgency: Urgency = "normal", topic: str = ""
    ) -> None:
        assert len(alert.content) <= MESSAGE_BYTES_MAX, "too long for a push service"
        headers = {
            "authorization": f"vapid t={self._token(address.endpoint)}, k={self.public_key}",
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "ttl": str(ttl_s),
            "urgency": urgency,
        }
        if topic:
            headers["topic"] = topic
        body = encrypt(alert.content, address.public_key, address.auth)
        answer = await self._web.post(address.endpoint, headers, body)
        if answer.status in (404, 410):
            raise Gone
        if not 200 <= answer.status < 300:
            again = answer.status == 429 or answer.status >= 500
            after_s = retry_after_s(answer.headers.get("retry-after", ""))
            raise Refused(answer.status, again=again, retry_after_s=after_s)

    def _token(self, endpoint: str) -> str:
        parts = urlsplit(endpoint)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int(time.time()) + TOKEN_S,
            "sub": self._contact,
        }
        signed = f"{_part({'typ': 'JWT', 'alg': 'ES256'})}.{_part(claims)}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    async def close(self) -> None:
        await self._web.close()


# Of the group of points of P-256 (NIST SP 800-186, 3.2.1.3).
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def _part(fields: dict[str, object]) -> str:
    return base64url(json.dumps(fields, separators=(",", ":")).encode())
