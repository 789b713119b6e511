"""The encryption of Web Push messages (RFC 8291) in the content coding aes128gcm (RFC 8188)."""

import os

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CURVE = ec.SECP256R1()
POINT_BYTES, AUTH_BYTES, SALT_BYTES = 65, 16, 16
# One record holds everything (RFC 8291, 4).
RECORD_BYTES = 4096
# Ends the last record (RFC 8188, 2).
LAST = b"\x02"


def encrypt(
    message: bytes,
    public_key: bytes,
    auth: bytes,
    ours: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """For the one who holds the private half of `public_key`. Raises ValueError when that is no point on the curve.

    `ours` and `salt` are made for this message alone; they are given only to compare with known results.
    """
    if len(public_key) != POINT_BYTES or len(auth) != AUTH_BYTES:
        raise ValueError("a subscription's keys have 65 and 16 bytes")
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, public_key)
    ours, salt = ours or ec.generate_private_key(CURVE), salt or os.urandom(SALT_BYTES)
    our_point = point_of(ours.public_key())
    shared = ours.exchange(ec.ECDH(), theirs)
    key, nonce = content_keys(shared, auth, salt, public_key, our_point)
    sealed = AESGCM(key).encrypt(nonce, message + LAST, None)
    return salt + RECORD_BYTES.to_bytes(4, "big") + bytes([len(our_point)]) + our_point + sealed


def content_keys(shared: bytes, auth: bytes, salt: bytes, receiver: bytes, sender: bytes) -> tuple[bytes, bytes]:
    """The key and the nonce of the only record, by HKDF (RFC 8291, 3.4; RFC 8188, 2.2)."""
    secret = _expanded(_digest(auth, shared), b"WebPush: info\x00" + receiver + sender)
    pseudorandom = _digest(salt, secret)
    key = _expanded(pseudorandom, b"Content-Encoding: aes128gcm\x00")[:16]
    return key, _expanded(pseudorandom, b"Content-Encoding: nonce\x00")[:12]


def point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _expanded(key: bytes, info: bytes) -> bytes:
    """The first block of HKDF-Expand, which is all that is needed of it (RFC 5869, 2.3)."""
    return _digest(key, info + b"\x01")


def _digest(key: bytes, data: bytes) -> bytes:
    mac = hmac.HMAC(key, hashes.SHA256())
    mac.update(data)
    return mac.finalize()
