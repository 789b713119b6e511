"""A wallet proves that it has the key of its address: for a sign-in, a link, or in a session that steps up."""

import base64
import hmac
import secrets
from urllib.parse import urlsplit

from kaif.engines.database import Transaction
from kaif.interfaces.auth.wallets import (
    WALLET_PROOF_SECONDS,
    BadWalletAddress,
    BeginWallet,
    Chain,
    EthereumProof,
    TonProof,
    WalletChallenge,
    WalletElsewhere,
    WalletProofEnded,
    WalletRefused,
    WalletUnsupported,
)
from kaif.kernel.actor import UserId
from kaif.kernel.clock import SECOND_US, as_datetime
from kaif.kernel.errors import KaifError
from kaif.services.auth import model
from kaif.services.auth.wallets import ethereum, ton
from kaif.services.auth.wallets import store as wallet_store
from kaif.services.auth.wallets.store import Asked, Proved, Purpose

NONCE_BYTES = 16
# By how much the clock of a wallet may be ahead of ours.
AHEAD_SECONDS = 60


class WalletProofs:
    def __init__(self, public_url: str) -> None:
        """`public_url` is where people reach this server: what is signed must name it."""
        self._public_url = public_url
        address = urlsplit(public_url)
        self._domain = address.netloc
        # Some TON wallets leave the port out.
        self._ton_domains = {address.netloc, address.hostname}

    async def begin(
        self, tx: Transaction, purpose: Purpose, user_id: UserId, request: BeginWallet, statement: str, now_us: int
    ) -> WalletChallenge:
        """Raises BadWalletAddress."""
        nonce, expires_at_us = secrets.token_hex(NONCE_BYTES), now_us + WALLET_PROOF_SECONDS * SECOND_US
        asked = Asked("", "")
        if request.chain == "ethereum":
            address = ethereum.address_of(request.address)
            if address is None:
                raise BadWalletAddress(path="$.address")
            message = ethereum.SignInMessage(
                domain=self._domain,
                address=address,
                statement=statement,
                uri=self._public_url,
                chain_id=request.chain_id,
                nonce=nonce,
                issued_at=as_datetime(now_us),
                expires_at=as_datetime(expires_at_us),
            )
            asked = Asked(address, message.text())
        await wallet_store.begin(
            tx, model.hash_of(nonce), purpose, user_id, request.chain, asked, now_us, expires_at_us
        )
        return WalletChallenge(nonce, asked.message, as_datetime(expires_at_us))

    async def accept(
        self, tx: Transaction, proof: EthereumProof | TonProof, purpose: Purpose, user_id: UserId, now_us: int
    ) -> Proved | KaifError:
        """The address that made it. The nonce is spent either way, so the error is for after the transaction."""
        chain, nonce_hash = _chain_of(proof), model.hash_of(proof.nonce)
        asked = await wallet_store.spend(tx, nonce_hash, purpose, user_id, chain, now_us)
        if asked is None:
            return WalletProofEnded()
        if isinstance(proof, EthereumProof):
            return _proved_by_ethereum(proof, asked)
        return self._proved_by_ton(proof, now_us)

    def _proved_by_ton(self, proof: TonProof, now_us: int) -> Proved | KaifError:
        if proof.domain.lower() not in self._ton_domains:
            return WalletElsewhere()
        age_s = now_us // SECOND_US - proof.timestamp
        if not -AHEAD_SECONDS <= age_s <= WALLET_PROOF_SECONDS:
            return WalletProofEnded()
        address = ton.address_of(proof.address)
        if address is None:
            return WalletRefused()
        try:
            key = ton.key_of(address, base64.b64decode(proof.state_init, validate=True))
            signature = base64.b64decode(proof.signature, validate=True)
        except ton.UnknownWallet:
            return WalletUnsupported()
        except ValueError:
            return WalletRefused()
        # That of the state is the one that counts: one that somebody only says is theirs binds nobody.
        if not hmac.compare_digest(key.hex(), proof.public_key.lower().removeprefix("0x")):
            return WalletRefused()
        if not ton.has_signed(key, signature, address, proof.domain, proof.timestamp, proof.nonce):
            return WalletRefused()
        return Proved("ton", address)


def _chain_of(proof: EthereumProof | TonProof) -> Chain:
    return "ethereum" if isinstance(proof, EthereumProof) else "ton"


def _proved_by_ethereum(proof: EthereumProof, asked: Asked) -> Proved | KaifError:
    try:
        signature = bytes.fromhex(proof.signature.removeprefix("0x"))
    except ValueError:
        return WalletRefused()
    if len(signature) > ethereum.SIGNATURE_BYTES:
        return WalletUnsupported()
    if ethereum.signer_of(asked.message, signature) != asked.address:
        return WalletRefused()
    return Proved("ethereum", asked.address)
