"""Wallets as people have them, made with other libraries than ours: Ethereum keys, and TON wallets by version."""

import base64
import hashlib
from typing import Any

import msgspec
import ton_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eth_account import Account
from eth_account.messages import encode_defunct

from kaif.interfaces.auth.wallets import BeginWallet, EthereumProof, TonProof, WalletChallenge

DOMAIN = "ozero.example"


class EthereumWallet:
    chain = "ethereum"

    def __init__(self) -> None:
        self._account: Any = Account.create()

    @property
    def address(self) -> str:
        return str(self._account.address)

    @property
    def private_key(self) -> str:
        return str(self._account.key.hex())

    def begin(self) -> BeginWallet:
        # As browsers' wallets give it.
        return BeginWallet("ethereum", self.address.lower())

    def sign(self, message: str) -> str:
        signature: str = Account.sign_message(encode_defunct(text=message), self._account.key).signature.hex()
        return "0x" + signature.removeprefix("0x")

    def prove(self, challenge: WalletChallenge) -> EthereumProof:
        return EthereumProof(nonce=challenge.nonce, signature=self.sign(challenge.message))


class TonWallet:
    """`version` is one of those for which ton_core has the code."""

    chain = "ton"

    def __init__(self, version: str = "WalletV4R2", workchain: int = 0) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.public_key = self.key.public_key().public_bytes_raw()
        self.workchain = workchain
        code = ton_core.to_cell(ton_core.CONTRACT_CODES[ton_core.ContractVersion[version]])
        state = ton_core.StateInit(code=code, data=_data(version, self.public_key)).serialize()
        self.state_init = base64.b64encode(state.to_boc()).decode()
        self.hash: str = state.hash.hex()

    @property
    def address(self) -> str:
        return f"{self.workchain}:{self.hash}"

    @property
    def friendly(self) -> str:
        return str(ton_core.Address(self.address).to_str(is_user_friendly=True, is_bounceable=False))

    def begin(self) -> BeginWallet:
        return BeginWallet("ton")

    def prove(
        self, challenge: WalletChallenge, now_us: int = 1_800_000_000_000_000, domain: str = DOMAIN, late_s: int = 0
    ) -> TonProof:
        timestamp = now_us // 1_000_000 + late_s
        return TonProof(
            nonce=challenge.nonce,
            address=self.address,
            public_key=self.public_key.hex(),
            state_init=self.state_init,
            timestamp=timestamp,
            domain=domain,
            signature=self.sign(challenge.nonce, timestamp, domain),
        )

    def sign(self, payload: str, timestamp: int, domain: str) -> str:
        """By the documentation of TON Connect."""
        message = bytearray(b"ton-proof-item-v2/")
        message += self.workchain.to_bytes(4, "big", signed=True) + bytes.fromhex(self.hash)
        message += len(domain).to_bytes(4, "little") + domain.encode()
        message += timestamp.to_bytes(8, "little") + payload.encode()
        full = b"\xff\xff" + b"ton-connect" + hashlib.sha256(message).digest()
        return base64.b64encode(self.key.sign(hashlib.sha256(full).digest())).decode()


def _data(version: str, public_key: bytes) -> Any:
    key = ton_core.PublicKey(public_key)
    if "V3" in version:
        return ton_core.WalletV3Data(key).serialize()
    if "V4" in version:
        return ton_core.WalletV4Data(key).serialize()
    if "V5" in version:
        subwallet = ton_core.WalletV5SubwalletID(network=ton_core.NetworkGlobalID.MAINNET)
        return ton_core.WalletV5Data(key, subwallet).serialize()
    return ton_core.WalletV2Data(key).serialize()


def changed(proof: TonProof, **fields: Any) -> TonProof:
    return msgspec.structs.replace(proof, **fields)
