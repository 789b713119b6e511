"""An authenticator in software: it keeps ES256 keys and signs what WebAuthn asks, or something near it."""

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kaif.interfaces.auth.passkeys import Assertion, CreationOptions, NewCredential, RequestOptions

ORIGIN = "https://ozero.example"
RP_ID = "ozero.example"

PRESENT, VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40
HONEST = PRESENT | VERIFIED


def encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "==")


class SoftKey:
    """One passkey. What a test changes of it, it says to whoever asks."""

    def __init__(self, *, flags: int = HONEST, counts: bool = True) -> None:
        self.id = secrets.token_bytes(32)
        self.origin, self.rp_id, self.flags = ORIGIN, RP_ID, flags
        self.cross_origin = False
        self.counts, self.count = counts, 0
        self.user_handle = ""
        self.aaguid = bytes(16)
        self.format: tuple[str, dict[str, Any]] = ("none", {})
        self._key = ec.generate_private_key(ec.SECP256R1())

    def create(self, options: CreationOptions) -> NewCredential:
        """As navigator.credentials.create does."""
        self.user_handle = options.user.id
        data = self._data(self.flags | ATTESTED) + self.aaguid + len(self.id).to_bytes(2, "big") + self.id
        fmt, statement = self.format
        data += cbor2.dumps(self._public_key())
        client_data = self._client_data("webauthn.create", options.challenge)
        if fmt == "packed" and not statement:
            statement = {"alg": -7, "sig": self._sign(data, client_data)}
        if fmt == "fido-u2f":
            statement = self._u2f_statement(client_data)
        attestation = {"fmt": fmt, "attStmt": statement, "authData": data}
        response = {
            "clientDataJSON": encoded(client_data),
            "attestationObject": encoded(cbor2.dumps(attestation)),
            "transports": ["internal", "hybrid"],
        }
        return msgspec.convert({**self._names(), "response": response}, NewCredential)

    def get(self, options: RequestOptions) -> Assertion:
        """As navigator.credentials.get does."""
        client_data = self._client_data("webauthn.get", options.challenge)
        data = self._data(self.flags)
        response = {
            "clientDataJSON": encoded(client_data),
            "authenticatorData": encoded(data),
            "signature": encoded(self._sign(data, client_data)),
            "userHandle": self.user_handle or None,
        }
        return msgspec.convert({**self._names(), "response": response}, Assertion)

    def _sign(self, data: bytes, client_data: bytes) -> bytes:
        return self._key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))

    def _u2f_statement(self, client_data: bytes) -> dict[str, Any]:
        """By a maker's certificate, as FIDO U2F keys attest themselves (WebAuthn level 3, 8.6)."""
        maker, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(maker.public_key())
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        certificate = builder.serial_number(1).sign(maker, hashes.SHA256()).public_bytes(Encoding.DER)
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        party = hashlib.sha256(self.rp_id.encode()).digest()
        signed = b"\x00" + party + hashlib.sha256(client_data).digest() + self.id + point
        return {"x5c": [certificate], "sig": maker.sign(signed, ec.ECDSA(hashes.SHA256()))}

    def _names(self) -> dict[str, str]:
        return {"id": encoded(self.id), "rawId": encoded(self.id), "type": "public-key"}

    def _client_data(self, kind: str, challenge: str) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": self.cross_origin}
        return json.dumps(said).encode()

    def _data(self, flags: int) -> bytes:
        self.count += self.counts
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _public_key(self) -> dict[int, Any]:
        numbers = self._key.public_key().public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}


def without_verification(key: SoftKey) -> None:
    key.flags &= ~VERIFIED


def without_presence(key: SoftKey) -> None:
    key.flags &= ~PRESENT


def at_another_origin(key: SoftKey) -> None:
    key.origin = "https://ozero.example.evil.example"


def for_another_party(key: SoftKey) -> None:
    key.rp_id = "evil.example"


def within_another_site(key: SoftKey) -> None:
    key.cross_origin = True


def not_eligible_but_backed_up(key: SoftKey) -> None:
    key.flags |= BACKED_UP
