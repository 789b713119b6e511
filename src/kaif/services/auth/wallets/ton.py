"""TON's addresses, the key that a wallet was made with, and what `ton_proof` of TON Connect signs; without a chain."""

import base64
import hashlib
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from kaif.services.auth.wallets import boc

# Where the public key stands in the data of a wallet, by the hash of its code.
_KEY_AT = {
    # v3r1, v3r2: seqno and subwallet before it.
    "b61041a58a7980b946e8fb9e198e3c904d24799ffa36574ea4251c41a566f581": 64,
    "84dafa449f98a6987789ba232358072bc0f76dc4524002a5d0918b9a75d2d599": 64,
    # v4r1, v4r2: the same, with plugins behind it.
    "64dd54805522c5be8a9db59cea0105ccf0d08786ca79beb8cb79e880a8d7322d": 64,
    "feb5ff6820e2ff0d9483e7e0d62c817d846789fb4ae580c878866d959dabd5c0": 64,
    # v5r1: whether signatures are allowed, seqno, wallet id.
    "20834b7b72b112147e1b2fb457b84e74d1a30f04f737d4f62a668e9552d2b72f": 65,
}
# Of the base chain; the master chain has no people's wallets.
_ADDRESS = re.compile(r"0:([0-9a-f]{64})")
# A StateInit with code and data, and nothing else: five bits.
_CODE_AND_DATA = 0b00110
_NOT_BOUNCEABLE = 0x51


class UnknownWallet(ValueError):
    """Its code is none of those whose data we can read."""


def address_of(given: str) -> str | None:
    """The raw form in small letters; None for what is none, or not of the base chain."""
    found = _ADDRESS.fullmatch(given.lower())
    return found[0] if found else None


def friendly(address: str) -> str:
    """As wallets show it: UQ…, for people's own wallets (TEP-2)."""
    raw = bytes([_NOT_BOUNCEABLE, 0]) + bytes.fromhex(address[2:])
    return base64.urlsafe_b64encode(raw + _crc16(raw).to_bytes(2, "big")).decode()


def _crc16(data: bytes) -> int:
    """CRC-16/XMODEM."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1
    return crc & 0xFFFF


def key_of(address: str, state_init: bytes) -> bytes:
    """The public key with which the wallet was made. Raises ValueError when this is not its initial state, and
    UnknownWallet."""
    root = boc.root_of(state_init)
    if root.hash.hex() != address[2:]:
        raise ValueError("the state is of another address")
    if root.bits != 5 or root.number(0, 5) != _CODE_AND_DATA or len(root.references) != 2:
        raise UnknownWallet("the state is of no wallet")
    code, data = root.references
    at = _KEY_AT.get(code.hash.hex())
    if at is None:
        raise UnknownWallet("the code is of no wallet that we know")
    return data.number(at, 256).to_bytes(32, "big")


def has_signed(public_key: bytes, signature: bytes, address: str, domain: str, timestamp_s: int, payload: str) -> bool:
    """Whether the key made this proof: TON Connect, requests and responses, "Address proof signature"."""
    name = domain.encode()
    message = b"".join(
        [
            b"ton-proof-item-v2/",
            (0).to_bytes(4, "big"),
            bytes.fromhex(address[2:]),
            len(name).to_bytes(4, "little"),
            name,
            timestamp_s.to_bytes(8, "little"),
            payload.encode(),
        ]
    )
    digest = hashlib.sha256(b"\xff\xffton-connect" + hashlib.sha256(message).digest()).digest()
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, digest)
    except (InvalidSignature, ValueError):
        return False
    return True
