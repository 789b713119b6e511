"""Ethereum's addresses and signatures (EIP-55, EIP-191), and the message of a sign-in (EIP-4361), without a chain."""

import re
from datetime import datetime

import msgspec
from coincurve import PublicKey
from Crypto.Hash import keccak

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
SIGNATURE_BYTES = 65
# Of the group of secp256k1 (SEC 2, 2.4.1): of the two values of s that fit a message only the lower one is taken, as
# for transactions (EIP-2), so that nobody makes a second signature of one that was seen.
_S_MAX = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 // 2


class SignInMessage(msgspec.Struct, frozen=True, kw_only=True):
    domain: str
    address: str
    statement: str
    uri: str
    chain_id: int
    nonce: str
    issued_at: datetime
    expires_at: datetime

    def text(self) -> str:
        return (
            f"{self.domain} wants you to sign in with your Ethereum account:\n"
            f"{self.address}\n"
            "\n"
            f"{self.statement}\n"
            "\n"
            f"URI: {self.uri}\n"
            "Version: 1\n"
            f"Chain ID: {self.chain_id}\n"
            f"Nonce: {self.nonce}\n"
            f"Issued At: {_rfc3339(self.issued_at)}\n"
            f"Expiration Time: {_rfc3339(self.expires_at)}"
        )


def _rfc3339(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def address_of(given: str) -> str | None:
    """With its checksum (EIP-55); None for what is no address, or has a checksum that is wrong."""
    if not _ADDRESS.fullmatch(given):
        return None
    checked = _checksummed(given[2:].lower())
    # Letters of one size alone carry no checksum.
    carries_none = given[2:] in (given[2:].lower(), given[2:].upper())
    return checked if carries_none or checked == given else None


def _checksummed(digits: str) -> str:
    nibbles = _keccak(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if int(nibble, 16) >= 8 else digit for digit, nibble in zip(digits, nibbles, strict=False)
    )


def signer_of(message: str, signature: bytes) -> str | None:
    """The address whose key signed the message by `personal_sign` (EIP-191, version 0x45); None when none did."""
    if len(signature) != SIGNATURE_BYTES:
        return None
    r_and_s, v = signature[:64], signature[64]
    recovery = v - 27 if v >= 27 else v
    if recovery not in (0, 1) or int.from_bytes(r_and_s[32:], "big") > _S_MAX:
        return None
    text = message.encode()
    digest = _keccak(b"\x19Ethereum Signed Message:\n%d%b" % (len(text), text))
    try:
        key = PublicKey.from_signature_and_message(r_and_s + bytes([recovery]), digest, hasher=None)
    except Exception:  # coincurve raises a bare Exception where nothing can be recovered.
        return None
    return _checksummed(_keccak(key.format(compressed=False)[1:])[-20:].hex())


def _keccak(data: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=data).digest()
