"""Push services as their makers describe them, on this machine: they check what they are asked, and answer in kind.

Google's: firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send and RFC 7523. Apple's:
developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns, over HTTP/2 (RFC 9113).
"""

import asyncio
import contextlib
import json
import re
import time
from functools import cache
from typing import Any, ClassVar, NamedTuple, Protocol
from urllib.parse import parse_qs

import h2.config
import h2.connection
import h2.events
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from tests.engines.test_push import PushService

from kaif.engines.push import Push, Subscription
from kaif.engines.push.apns import ApnsAccount, ApnsPush
from kaif.engines.push.fcm import GRANT, SCOPE, FcmPush, ServiceAccount
from kaif.engines.push.web import WebPush


class Brought(NamedTuple):
    """What a service was asked to bring, in the words of the port."""

    content: bytes
    ttl_s: int
    urgent: bool
    topic: str


class Vendor(Protocol):
    """`fail` names what the next answers are: "gone", "bad", "busy" (after 7 s), "down"."""

    async def start(self) -> None: ...
    async def close(self) -> None: ...
    def fail(self, how: str) -> None: ...
    def push(self) -> Push[Any]: ...
    def address(self) -> Any: ...

    @property
    def brought(self) -> list[Brought]: ...


def pem_of(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@cache
def _rsa_key() -> rsa.RSAPrivateKey:
    """Such keys take long to make."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Served:
    """Something that listens on this machine."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def close(self) -> None:
        assert self._server
        self._server.close()
        for writer in self._connections:
            writer.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        assert self._server
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self.serve(reader, writer)
        self._connections.discard(writer)
        writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError


class WebVendor:
    """A browser's."""

    FAILURES: ClassVar[dict[str, tuple[str, str]]] = {
        "gone": ("410 Gone", ""),
        "bad": ("400 Bad Request", ""),
        "busy": ("429 Too Many Requests", "retry-after: 7\r\n"),
        "down": ("503 Service Unavailable", ""),
    }

    def __init__(self) -> None:
        self._service = PushService()

    async def start(self) -> None:
        await self._service.start()

    async def close(self) -> None:
        await self._service.close()

    def fail(self, how: str) -> None:
        self._service.answer, self._service.more_headers = self.FAILURES[how]

    def push(self) -> Push[Any]:
        return WebPush(b"k" * 32, "mailto:operator@ozero.example", private_too=True)

    def address(self) -> Subscription:
        return self._service.subscription

    @property
    def brought(self) -> list[Brought]:
        headers = self._service.headers
        return [
            Brought(message, int(headers["ttl"]), headers["urgency"] == "high", headers.get("topic", ""))
            for message in self._service.messages
        ]


TOKEN = "c-9_Xyz:APA91bF" + "x" * 120
_GONE = {
    "error": {
        "code": 404,
        "message": "Requested entity was not found.",
        "status": "NOT_FOUND",
        "details": [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "UNREGISTERED"}],
    }
}


def _fcm_error(code: int, status: str, error_code: str) -> dict[str, Any]:
    detail = {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": error_code}
    return {"error": {"code": code, "message": status, "status": status, "details": [detail]}}


class FcmVendor(Served):
    """Google's: one place gives access tokens for assertions, another one takes messages for them."""

    FAILURES: ClassVar[dict[str, tuple[str, dict[str, Any], str]]] = {
        "gone": ("404 Not Found", _GONE, ""),
        "elsewhere": ("403 Forbidden", _fcm_error(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"), ""),
        "nowhere": ("404 Not Found", {"error": {"code": 404, "status": "NOT_FOUND"}}, ""),
        "bad": ("400 Bad Request", _fcm_error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"), ""),
        "busy": (
            "429 Too Many Requests",
            _fcm_error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
            "retry-after: 7\r\n",
        ),
        "down": ("503 Service Unavailable", _fcm_error(503, "UNAVAILABLE", "UNAVAILABLE"), ""),
    }

    def __init__(self) -> None:
        super().__init__()
        self._key = _rsa_key()
        self.brought: list[Brought] = []
        self.messages: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.lifetime_s = 3600
        self.refusing_assertions = False
        self._failing = ""

    def fail(self, how: str) -> None:
        self._failing = how

    def account(self) -> ServiceAccount:
        return ServiceAccount("ozero-1", "key-1", pem_of(self._key), "kaif@ozero-1.example", f"{self.url}/token")

    def push(self) -> Push[str]:
        return FcmPush(self.account(), self.url)

    def address(self) -> str:
        return TOKEN

    def take_tokens_back(self) -> None:
        self.tokens = ["taken back"] * len(self.tokens)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers["content-length"]))
            method, path, _ = head[0].split()
            assert method == "POST"
            status, answer, more = self._token(body) if path == "/token" else self._message(path, headers, body)
            content = json.dumps(answer).encode()
            writer.write(
                f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{more}"
                f"content-length: {len(content)}\r\n\r\n".encode()
                + content
            )
            await writer.drain()

    def _token(self, body: bytes) -> tuple[str, dict[str, Any], str]:
        fields = parse_qs(body.decode())
        assert fields["grant_type"] == [GRANT]
        token = jwt.decode(fields["assertion"][0], RSAKey.import_key(pem_of(self._key)), algorithms=["RS256"])
        claims, now_s = token.claims, time.time()
        assert token.header["kid"] == "key-1" and claims["iss"] == "kaif@ozero-1.example"
        assert claims["aud"] == f"{self.url}/token" and claims["scope"] == SCOPE
        assert claims["iat"] <= now_s < claims["exp"] <= claims["iat"] + 3600
        if self.refusing_assertions:
            return "400 Bad Request", {"error": "invalid_grant"}, ""
        self.tokens.append(f"ya29.{len(self.tokens)}")
        return "200 OK", {"access_token": self.tokens[-1], "expires_in": self.lifetime_s, "token_type": "Bearer"}, ""

    def _message(self, path: str, headers: dict[str, str], body: bytes) -> tuple[str, dict[str, Any], str]:
        assert path == "/v1/projects/ozero-1/messages:send"
        if headers["authorization"] != f"Bearer {self.tokens[-1]}":
            error = _fcm_error(401, "UNAUTHENTICATED", "")
            error["error"]["details"] = []
            return "401 Unauthorized", error, ""
        if self._failing:
            return self.FAILURES[self._failing]
        message = json.loads(body)["message"]
        assert set(message) == {"token", "data", "android"} and message["token"] == TOKEN
        assert all(isinstance(value, str) for value in message["data"].values())
        assert len(json.dumps(message["data"], ensure_ascii=False).encode()) <= 4096
        android = message["android"]
        assert android["priority"] in ("HIGH", "NORMAL") and re.fullmatch(r"\d+s", android["ttl"])
        self.messages.append(message)
        self.brought.append(
            Brought(
                message["data"]["message"].encode(),
                int(android["ttl"][:-1]),
                android["priority"] == "HIGH",
                android.get("collapse_key", ""),
            )
        )
        return "200 OK", {"name": f"projects/ozero-1/messages/{len(self.messages)}"}, ""


DEVICE = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0"


class ApnsVendor(Served):
    """Apple's, which speaks HTTP/2 alone."""

    FAILURES: ClassVar[dict[str, tuple[int, dict[str, Any], dict[str, str]]]] = {
        "gone": (410, {"reason": "Unregistered", "timestamp": 1_700_000_000_000}, {}),
        "unknown": (400, {"reason": "BadDeviceToken"}, {}),
        "bad": (400, {"reason": "BadPriority"}, {}),
        "busy": (429, {"reason": "TooManyRequests"}, {"retry-after": "7"}),
        "down": (503, {"reason": "ServiceUnavailable"}, {}),
        "forbidden": (403, {"reason": "InvalidProviderToken"}, {}),
    }

    def __init__(self) -> None:
        super().__init__()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.brought: list[Brought] = []
        self.payloads: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.provider_tokens: list[str] = []
        self.connections = 0
        # Tokens made before this are too old.
        self.stale: set[str] = set()
        self._failing = ""

    def fail(self, how: str) -> None:
        self._failing = how

    def account(self) -> ApnsAccount:
        return ApnsAccount(pem_of(self._key), "ABC123DEFG", "DEF123GHIJ", "example.ozero.kaif")

    def push(self) -> Push[str]:
        return ApnsPush(self.account(), self.url)

    def address(self) -> str:
        return DEVICE

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        requests: dict[int, tuple[dict[str, str], bytearray]] = {}
        while received := await reader.read(65_536):
            for event in connection.receive_data(received):
                if isinstance(event, h2.events.RequestReceived):
                    requests[event.stream_id] = ({str(name): str(value) for name, value in event.headers}, bytearray())
                elif isinstance(event, h2.events.DataReceived):
                    requests[event.stream_id][1].extend(event.data)
                    connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    headers, body = requests.pop(event.stream_id)
                    status, answer, more = self._take(headers, bytes(body))
                    fields = [(":status", str(status)), ("apns-id", "eabeae54-14a8-11e5-b60b-1697f925ec7b")]
                    connection.send_headers(event.stream_id, [*fields, *more.items()], end_stream=not answer)
                    if answer:
                        connection.send_data(event.stream_id, json.dumps(answer).encode(), end_stream=True)
            writer.write(connection.data_to_send())
            await writer.drain()

    def _take(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any], dict[str, str]]:
        assert headers[":method"] == "POST" and headers[":path"] == f"/3/device/{DEVICE}"
        scheme, _, token = headers["authorization"].partition(" ")
        checked = jwt.decode(token, ECKey.import_key(pem_of(self._key)), algorithms=["ES256"])
        assert scheme == "bearer" and checked.header["kid"] == "ABC123DEFG"
        assert checked.claims["iss"] == "DEF123GHIJ" and time.time() - 3600 < checked.claims["iat"] <= time.time() + 1
        self.provider_tokens.append(token)
        if token in self.stale:
            return 403, {"reason": "ExpiredProviderToken"}, {}
        if self._failing:
            return self.FAILURES[self._failing]
        assert headers["apns-topic"] == "example.ozero.kaif" and headers["apns-push-type"] == "alert"
        assert headers["apns-priority"] in ("5", "10") and len(headers.get("apns-collapse-id", "").encode()) <= 64
        assert len(body) <= 4096
        payload = json.loads(body)
        self.headers.append(headers)
        self.payloads.append(payload)
        content = json.dumps(payload["kaif"], ensure_ascii=False, separators=(",", ":")).encode()
        expires_s = int(headers["apns-expiration"])
        ttl_s = round(expires_s - time.time()) if expires_s else 0
        self.brought.append(
            Brought(content, ttl_s, headers["apns-priority"] == "10", headers.get("apns-collapse-id", ""))
        )
        return 200, {}, {}
