"""Apple's push service, for iPhones and the like: its HTTP/2 interface, by a provider's token.

Apple reads what it brings, and the phone shows it without asking our client, unless that has an extension for it. After
developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns.
"""

import json
import time
from typing import Any

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwt
from joserfc.jwk import ECKey

from kaif.engines.push import Alert, Gone, Refused, Urgency
from kaif.engines.web.vendor import Answer, ask, vendor_client

URLS = {"production": "https://api.push.apple.com", "development": "https://api.sandbox.push.apple.com"}
# Apple wants one no older than an hour, and no new one within twenty minutes.
TOKEN_S = 50 * 60
PAYLOAD_BYTES_MAX = 4096
# Of a device that no longer has the application, or never had this one.
_GONE = frozenset({"Unregistered", "ExpiredToken", "BadDeviceToken", "DeviceTokenNotForTopic"})
# Ours is too old, or was made for somebody else: a new one may do.
_STALE = frozenset({"ExpiredProviderToken"})


class ApnsAccount(msgspec.Struct, frozen=True):
    """`key` is what Apple gives as a .p8 file; `topic` is the application's bundle id."""

    key: str
    key_id: str
    team_id: str
    topic: str

    def __repr__(self) -> str:
        return f"ApnsAccount({self.team_id}, {self.topic})"


class _Reason(msgspec.Struct, frozen=True):
    reason: str = ""


class ApnsPush:
    """Addresses are device tokens, as hexadecimal digits. Raises ValueError for a key that is none."""

    def __init__(self, account: ApnsAccount, url: str = URLS["production"]) -> None:
        self._account, self._url, self._key = account, url, _key(account.key)
        # One connection carries many at once.
        self._http = vendor_client(http2=True)
        self._token, self._token_made_s = "", 0.0

    async def send(
        self, address: str, alert: Alert, *, ttl_s: int, urgency: Urgency = "normal", topic: str = ""
    ) -> None:
        payload = _payload(alert)
        answer = await self._post(address, payload, self._headers(ttl_s, urgency, topic))
        if answer.status == 403 and _reason(answer) in _STALE:
            self._token_made_s = 0
            answer = await self._post(address, payload, self._headers(ttl_s, urgency, topic))
        if answer.is_success:
            return
        if answer.status == 410 or _reason(answer) in _GONE:
            raise Gone
        # 403 is for the operator to mend; until then no device is at fault.
        again = answer.status in (403, 429) or answer.status >= 500
        raise Refused(answer.status, again=again, retry_after_s=answer.retry_after_s)

    def _headers(self, ttl_s: int, urgency: Urgency, topic: str) -> dict[str, str]:
        headers = {
            "authorization": f"bearer {self._provider_token()}",
            "apns-topic": self._account.topic,
            "apns-push-type": "alert",
            "apns-priority": "10" if urgency in ("high", "normal") else "5",
            # 0 would be: now or never.
            "apns-expiration": str(int(time.time()) + ttl_s) if ttl_s > 0 else "0",
        }
        if topic:
            headers["apns-collapse-id"] = topic
        return headers

    def _provider_token(self) -> str:
        now_s = time.time()
        if not self._token_made_s <= now_s < self._token_made_s + TOKEN_S:
            header = {"alg": "ES256", "kid": self._account.key_id}
            claims = {"iss": self._account.team_id, "iat": int(now_s)}
            self._token, self._token_made_s = jwt.encode(header, claims, self._key, algorithms=["ES256"]), now_s
        return self._token

    async def _post(self, address: str, payload: bytes, headers: dict[str, str]) -> Answer:
        return await ask(self._http, f"{self._url}/3/device/{address}", content=payload, headers=headers)

    async def close(self) -> None:
        await self._http.aclose()


def _key(pem: str) -> ECKey:
    """Raises ValueError, which repeats nothing of it."""
    try:
        private = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("it is no key of Apple's") from None
    if not (isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(private.curve, ec.SECP256R1)):
        raise ValueError("it is no key of Apple's")
    return ECKey.import_key(pem)


def _payload(alert: Alert) -> bytes:
    aps: dict[str, Any] = {"badge": alert.badge, "mutable-content": 1}
    if alert.thread:
        aps["thread-id"] = alert.thread
    if alert.title or alert.text:
        aps["alert"] = {name: text for name, text in (("title", alert.title), ("body", alert.text)) if text}
    if not alert.silent:
        aps["sound"] = "default"
    payload = json.dumps({"aps": aps, "kaif": json.loads(alert.content)}, ensure_ascii=False, separators=(",", ":"))
    assert len(payload.encode()) <= PAYLOAD_BYTES_MAX, "every part of it is bounded"
    return payload.encode()


def _reason(answer: Answer) -> str:
    try:
        return msgspec.json.decode(answer.content, type=_Reason).reason
    except msgspec.MsgspecError:
        return ""
