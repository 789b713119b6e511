"""Web Push (RFC 8030): no account anywhere, each browser names its own push service.

We sign who we are (VAPID, RFC 8292), and encrypt so that the push service learns nothing but when and how much.
"""

import asyncio
import json
import time
from functools import cached_property
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from kaif.engines.push import MESSAGE_BYTES_MAX, Alert, Gone, Refused, Subscription, Urgency, retry_after_s
from kaif.engines.push.addresses import address_of, host_of
from kaif.engines.push.encryption import CURVE, encrypt, point_of
from kaif.engines.web import ANSWER_WITHIN_S, Unreachable
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
        self._contact, self._private_too = contact, private_too

    @cached_property
    def _http(self) -> httpx.AsyncClient:
        """Made when something is sent: to read the authorities takes a while."""
        limits = httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=0)
        # No proxy: it would connect to where it finds the name, not to the address that was looked at.
        return httpx.AsyncClient(timeout=ANSWER_WITHIN_S, limits=limits, follow_redirects=False, trust_env=False)

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
        answer = await self._post(address.endpoint, headers, body)
        if answer.status_code in (404, 410):
            raise Gone
        if not answer.is_success:
            again = answer.status_code == 429 or answer.status_code >= 500
            after_s = retry_after_s(answer.headers.get("retry-after", ""))
            raise Refused(answer.status_code, again=again, retry_after_s=after_s)

    async def _post(self, endpoint: str, headers: dict[str, str], body: bytes) -> httpx.Response:
        host, port = host_of(endpoint, private_too=self._private_too)
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                address = await address_of(host, port, private_too=self._private_too)
                url = httpx.URL(endpoint)
                request = self._http.build_request(
                    "POST",
                    url.copy_with(host=address),
                    headers={**headers, "host": url.netloc.decode()},
                    content=body,
                    extensions={"sni_hostname": host},
                )
                answer = await self._http.send(request, stream=True)
                # What it says beside its status is of no use, and could be long.
                await answer.aclose()
                return answer
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
            raise Unreachable(type(error).__name__) from error

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
        if "_http" in vars(self):
            await self._http.aclose()


# Of the group of points of P-256 (NIST SP 800-186, 3.2.1.3).
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def _part(fields: dict[str, object]) -> str:
    return base64url(json.dumps(fields, separators=(",", ":")).encode())
