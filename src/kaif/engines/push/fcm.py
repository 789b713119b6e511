"""Firebase Cloud Messaging, for phones with Android: its HTTP v1 interface, on behalf of a service account of Google's.

Google reads what it brings. Messages are of data alone, which our client shows by itself. After
firebase.google.com/docs/cloud-messaging/send/v1-api and RFC 7523.
"""

import asyncio
import time
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from kaif.engines.push import Alert, Gone, Refused, Urgency
from kaif.engines.web import Unreachable
from kaif.engines.web.vendor import Answer, ask, vendor_client

FCM_URL = "https://fcm.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_S = 600
# Of an access token, before it runs out.
RENEWED_BEFORE_S = 120
# Four weeks, the longest that Google keeps anything.
TTL_S_MAX = 28 * 86_400
# Of a device that no longer has the application, or has another one.
_GONE = frozenset({"UNREGISTERED", "SENDER_ID_MISMATCH"})


class ServiceAccount(msgspec.Struct, frozen=True):
    """What Google gives as a file."""

    project_id: str
    private_key_id: str
    private_key: str
    client_email: str
    token_uri: str

    def __repr__(self) -> str:
        return f"ServiceAccount({self.client_email})"


class _Token(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: int


class _Detail(msgspec.Struct, frozen=True):
    error_code: str = msgspec.field(name="errorCode", default="")


class _Error(msgspec.Struct, frozen=True):
    details: list[_Detail] = []


class _Answer(msgspec.Struct, frozen=True):
    error: _Error = _Error()


def read_account(content: bytes) -> ServiceAccount:
    """Raises ValueError, which repeats nothing of it."""
    try:
        account = msgspec.json.decode(content, type=ServiceAccount)
        RSAKey.import_key(account.private_key)
    except (msgspec.MsgspecError, JoseError, ValueError, TypeError):
        raise ValueError("it is no key of a service account") from None
    return account


class FcmPush:
    """Addresses are the registration tokens that devices get from Google."""

    def __init__(self, account: ServiceAccount, url: str = FCM_URL) -> None:
        self._account, self._key = account, RSAKey.import_key(account.private_key)
        self._send_url = f"{url}/v1/projects/{account.project_id}/messages:send"
        self._http = vendor_client()
        self._token, self._token_until_s = "", 0.0
        # Many are told at once, and one token does for all of them.
        self._renewing = asyncio.Lock()

    async def send(
        self, address: str, alert: Alert, *, ttl_s: int, urgency: Urgency = "normal", topic: str = ""
    ) -> None:
        android: dict[str, Any] = {
            "priority": "HIGH" if urgency == "high" else "NORMAL",
            "ttl": f"{min(max(ttl_s, 0), TTL_S_MAX)}s",
        }
        if topic:
            android["collapse_key"] = topic
        message = {"token": address, "data": {"message": alert.content.decode()}, "android": android}
        answer = await self._send({"message": message})
        if answer.status == 401:
            # A token that was taken back before its time: another one is asked for, once.
            self._token_until_s = 0
            answer = await self._send({"message": message})
        if not answer.is_success:
            self._refuse(answer)

    async def _send(self, body: dict[str, Any]) -> Answer:
        headers = {"authorization": f"Bearer {await self._access_token()}"}
        return await ask(self._http, self._send_url, headers=headers, json=body)

    async def _access_token(self) -> str:
        async with self._renewing:
            if time.time() >= self._token_until_s:
                fields = {"grant_type": GRANT, "assertion": self._assertion()}
                answer = await ask(self._http, self._account.token_uri, data=fields)
                if not answer.is_success:
                    # A key that was withdrawn may be given again by the operator, and no device is at fault.
                    raise Refused(answer.status, again=True, retry_after_s=answer.retry_after_s)
                try:
                    token = msgspec.json.decode(answer.content, type=_Token)
                except msgspec.MsgspecError as error:
                    raise Unreachable("no access token") from error
                self._token = token.access_token
                self._token_until_s = time.time() + token.expires_in - RENEWED_BEFORE_S
            return self._token

    def _assertion(self) -> str:
        now_s = int(time.time())
        claims = {
            "iss": self._account.client_email,
            "scope": SCOPE,
            "aud": self._account.token_uri,
            "iat": now_s,
            "exp": now_s + ASSERTION_S,
        }
        header = {"alg": "RS256", "typ": "JWT", "kid": self._account.private_key_id}
        return jwt.encode(header, claims, self._key, algorithms=["RS256"])

    def _refuse(self, answer: Answer) -> None:
        """Raises Gone, Refused."""
        # A 404 alone may be a project that the operator has named wrongly: no device is at fault.
        if _error_code(answer.content) in _GONE:
            raise Gone
        again = answer.status in (401, 429) or answer.status >= 500
        raise Refused(answer.status, again=again, retry_after_s=answer.retry_after_s)

    async def close(self) -> None:
        await self._http.aclose()


def _error_code(content: bytes) -> str:
    """Of google.firebase.fcm.v1.FcmError; empty where the answer has none."""
    try:
        details = msgspec.json.decode(content, type=_Answer).error.details
    except msgspec.MsgspecError:
        return ""
    return next((detail.error_code for detail in details if detail.error_code), "")
