"""Web Push: what arrives is what a browser can open, from whom it expects it; and no address within is ever asked."""

import asyncio
import base64
import json
import os
import time
from collections.abc import AsyncIterator

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kaif.engines.push import MESSAGE_BYTES_MAX, Gone, Refused, Subscription
from kaif.engines.push.addresses import ForbiddenAddress, address_of, host_of
from kaif.engines.push.encryption import CURVE, content_keys, encrypt, point_of
from kaif.engines.push.web import WebPush
from kaif.engines.web import Unreachable
from kaif.engines.web.addresses import is_public

CONTACT = "mailto:operator@ozero.example"


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def private_key(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(decoded(text), "big"), CURVE)


def test_the_example_of_rfc_8291_comes_out_byte_by_byte() -> None:
    made = encrypt(
        b"When I grow up, I want to be a watermelon",
        decoded("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
        decoded("BTBZMqHH6r4Tts7J_aSIgg"),
        private_key("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"),
        decoded("DGv6ra1nlYgDCS1FRnbzlw"),
    )

    assert made == decoded(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A"
        "_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


class PushService:
    """A push service and the browser behind it: it takes a message as RFC 8030 says, and opens it."""

    def __init__(self) -> None:
        self._key, self.auth = ec.generate_private_key(CURVE), os.urandom(16)
        self.answer, self.more_headers = "201 Created", ""
        self.headers: dict[str, str] = {}
        self.messages: list[bytes] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def close(self) -> None:
        assert self._server
        self._server.close()
        await self._server.wait_closed()

    @property
    def origin(self) -> str:
        assert self._server
        return f"http://localhost:{self._server.sockets[0].getsockname()[1]}"

    @property
    def subscription(self) -> Subscription:
        return Subscription(f"{self.origin}/push/abc", point_of(self._key.public_key()), self.auth)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = [line.split(": ", 1) for line in head.split("\r\n")[1:] if line]
        self.headers = {name.lower(): value for name, value in lines}
        body = await reader.readexactly(int(self.headers["content-length"]))
        self.messages.append(self._opened(body))
        writer.write(f"HTTP/1.1 {self.answer}\r\ncontent-length: 0\r\n{self.more_headers}\r\n".encode())
        await writer.drain()
        writer.close()

    def _opened(self, body: bytes) -> bytes:
        salt, size, sender = body[:16], int.from_bytes(body[16:20], "big"), body[21 : 21 + body[20]]
        assert len(body) <= 4096 == size
        shared = self._key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, sender))
        key, nonce = content_keys(shared, self.auth, salt, point_of(self._key.public_key()), sender)
        padded = AESGCM(key).decrypt(nonce, body[21 + body[20] :], None)
        assert padded[-1:] == b"\x02"
        return padded[:-1]

    def claims_signed_with(self, public_key: str) -> dict[str, object]:
        """Those of the token. Raises InvalidSignature when another key has signed it."""
        scheme, _, rest = self.headers["authorization"].partition(" ")
        fields = dict(field.split("=", 1) for field in rest.split(", "))
        assert (scheme, fields["k"]) == ("vapid", public_key)
        signed, _, signature = fields["t"].rpartition(".")
        r, s = (int.from_bytes(half, "big") for half in (decoded(signature)[:32], decoded(signature)[32:]))
        key = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, decoded(public_key))
        key.verify(encode_dss_signature(r, s), signed.encode(), ec.ECDSA(hashes.SHA256()))
        claims: dict[str, object] = json.loads(decoded(signed.partition(".")[2]))
        return claims


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    service = PushService()
    await service.start()
    yield service
    await service.close()


@pytest.fixture
async def push() -> AsyncIterator[WebPush]:
    push = WebPush(b"k" * 32, CONTACT, private_too=True)
    yield push
    await push.close()


@pytest.mark.parametrize("message", [b"", "Борис: Лодка у причала".encode(), b"x" * MESSAGE_BYTES_MAX])
async def test_a_message_arrives_as_it_was_sent(service: PushService, push: WebPush, message: bytes) -> None:
    await push.send(service.subscription, message, ttl_s=60, urgency="high", topic="chat1")

    assert service.messages == [message]
    wanted = {"ttl": "60", "urgency": "high", "topic": "chat1", "content-encoding": "aes128gcm"}
    assert wanted.items() <= service.headers.items()


async def test_we_sign_who_we_are_for_this_push_service_and_not_for_long(service: PushService, push: WebPush) -> None:
    await push.send(service.subscription, b"hi", ttl_s=60)

    claims = service.claims_signed_with(push.public_key)
    assert (claims["aud"], claims["sub"]) == (service.origin, CONTACT)
    assert isinstance(claims["exp"], int)
    assert 0 < claims["exp"] - time.time() <= 600
    other = WebPush(b"o" * 32, CONTACT)
    with pytest.raises((AssertionError, InvalidSignature)):
        service.claims_signed_with(other.public_key)
    await other.close()


async def test_the_key_stays_the_same_from_start_to_start(push: WebPush) -> None:
    again = WebPush(b"k" * 32, CONTACT)

    assert again.public_key == push.public_key
    assert len(decoded(again.public_key)) == 65
    await again.close()


async def test_no_two_messages_have_a_key_in_common(service: PushService) -> None:
    receiver = service.subscription
    one, other = (encrypt(b"the same", receiver.public_key, receiver.auth) for _ in range(2))

    assert one[:16] != other[:16]
    assert one[21:86] != other[21:86]


async def test_nobody_else_opens_a_message(service: PushService, push: WebPush) -> None:
    stranger = PushService()
    receiver = service.subscription
    body = encrypt(b"secret", receiver.public_key, receiver.auth)

    with pytest.raises(InvalidTag):
        stranger._opened(body)


@pytest.mark.parametrize("answer", ["404 Not Found", "410 Gone"])
async def test_a_subscription_that_is_over_is_gone(service: PushService, push: WebPush, answer: str) -> None:
    service.answer = answer

    with pytest.raises(Gone):
        await push.send(service.subscription, b"hi", ttl_s=60)


@pytest.mark.parametrize(
    ("answer", "retry_after", "again", "after_s"),
    [
        ("429 Too Many Requests", "30", True, 30),
        ("503 Unavailable", "", True, 0),
        ("500 Internal", "99999999", True, 24 * 3600),
        ("429 Too Many Requests", "Wed, 21 Oct 2026 07:28:00 GMT", True, 0),
        ("400 Bad Request", "", False, 0),
        ("413 Too Large", "", False, 0),
        ("301 Moved", "", False, 0),
    ],
)
async def test_a_refusal_says_whether_to_try_again(
    service: PushService, push: WebPush, answer: str, retry_after: str, again: bool, after_s: int
) -> None:
    service.answer = answer
    service.more_headers = f"retry-after: {retry_after}\r\n" if retry_after else ""

    with pytest.raises(Refused) as refused:
        await push.send(service.subscription, b"hi", ttl_s=60)

    assert (refused.value.again, refused.value.retry_after_s) == (again, after_s)


@pytest.mark.parametrize(
    ("public_key", "auth"),
    [(b"", b"a" * 16), (b"\x04" + b"\x00" * 64, b"a" * 16), (b"\x04" + b"\xff" * 64, b"a" * 16), (b"\x02" * 65, b"")],
)
async def test_keys_that_are_none_are_refused(push: WebPush, public_key: bytes, auth: bytes) -> None:
    with pytest.raises(ValueError):
        await push.send(Subscription("http://localhost:1/x", public_key, auth), b"hi", ttl_s=60)


async def test_nobody_is_sent_elsewhere(service: PushService, push: WebPush) -> None:
    service.answer, service.more_headers = "307 Temporary Redirect", f"location: {service.origin}/within\r\n"

    with pytest.raises(Refused):
        await push.send(service.subscription, b"hi", ttl_s=60)

    assert service.messages == [b"hi"]


async def test_a_push_service_that_is_away_is_unreachable(service: PushService, push: WebPush) -> None:
    nowhere = Subscription("http://localhost:1/x", service.subscription.public_key, service.auth)

    with pytest.raises(Unreachable):
        await push.send(nowhere, b"hi", ttl_s=60)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example/x", "https://user@push.example/x", "ftp://push.example/x", "https:///x", "push.example",
        "https://push.example:99999/x", "https://push.example/x#y", "https://пуш.example/x", "https://[::1",
        "https://push.example/\r\nx", "https://push.example/" + "x" * 2048, "javascript:alert(1)", "",
    ],
)  # fmt: skip
def test_only_plain_https_addresses_are_taken(endpoint: str) -> None:
    with pytest.raises(ForbiddenAddress):
        host_of(endpoint, private_too=False)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "ff02::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_no_address_within_is_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_of_the_world_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "0x7f000001", "2130706433", "[::1]"])
async def test_a_name_for_this_machine_is_never_asked(service: PushService, host: str) -> None:
    port = int(service.origin.rpartition(":")[2])
    strict = WebPush(b"k" * 32, CONTACT)
    target = Subscription(f"https://{host}:{port}/x", service.subscription.public_key, service.auth)

    with pytest.raises((ForbiddenAddress, Unreachable)):
        await strict.send(target, b"hi", ttl_s=60)

    assert service.messages == []
    with pytest.raises((ForbiddenAddress, OSError)):
        await address_of(host.strip("[]"), port, private_too=False)
    await strict.close()
