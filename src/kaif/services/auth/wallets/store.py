"""What auth's database keeps of wallets: whose they are, what they are still to sign, and those without an account."""

from typing import Literal

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.auth.wallets import Chain, Wallet, WalletId
from kaif.kernel.actor import UserId
from kaif.kernel.clock import as_datetime
from kaif.services.auth.store import columns_of, insert
from kaif.services.auth.wallets import ton

Purpose = Literal["sign_in", "link", "step_up"]


class StoredWallet(msgspec.Struct, frozen=True):
    """A row of auth_wallets."""

    id: WalletId
    user_id: UserId
    chain: Chain
    address: str
    linked_at_us: int
    used_at_us: int | None = None

    @property
    def wallet(self) -> Wallet:
        linked_at, used_at = as_datetime(self.linked_at_us), as_datetime(self.used_at_us)
        return Wallet(self.id, self.chain, shown(self.chain, self.address), linked_at, used_at)


_WALLET = columns_of(StoredWallet)


class Asked(msgspec.Struct, frozen=True):
    """What a wallet was asked to sign."""

    address: str
    message: str


class Proved(msgspec.Struct, frozen=True):
    """An address whose key has signed."""

    chain: Chain
    address: str


def shown(chain: Chain, address: str) -> str:
    return ton.friendly(address) if chain == "ton" else address


# Nonces


async def begin(
    tx: Transaction,
    nonce_hash: str,
    purpose: Purpose,
    user_id: UserId,
    chain: Chain,
    asked: Asked,
    now_us: int,
    expires_at_us: int,
) -> None:
    await tx.execute("DELETE FROM auth_wallet_nonces WHERE expires_at_us <= :now_us", now_us=now_us)
    await tx.execute(
        """
        INSERT INTO auth_wallet_nonces (nonce_hash, purpose, user_id, chain, address, message, expires_at_us)
        VALUES (:nonce_hash, :purpose, :user_id, :chain, :address, :message, :expires_at_us)
        """,
        nonce_hash=nonce_hash,
        purpose=purpose,
        user_id=user_id,
        chain=chain,
        address=asked.address,
        message=asked.message,
        expires_at_us=expires_at_us,
    )


async def spend(
    tx: Transaction, nonce_hash: str, purpose: Purpose, user_id: UserId, chain: Chain, now_us: int
) -> Asked | None:
    """For whoever answers first, in time, and for this purpose, account and chain."""
    found = await tx.fetch(
        Asked,
        """
        DELETE FROM auth_wallet_nonces
        WHERE nonce_hash = :nonce_hash AND purpose = :purpose AND user_id = :user_id AND chain = :chain
          AND expires_at_us > :now_us
        RETURNING address, message
        """,
        nonce_hash=nonce_hash,
        purpose=purpose,
        user_id=user_id,
        chain=chain,
        now_us=now_us,
    )
    return found[0] if found else None


# Wallets


async def of_account(reads: Reads, user_id: UserId) -> list[StoredWallet]:
    """The oldest first: ids are in the order of their making."""
    sql = f"SELECT {_WALLET} FROM auth_wallets WHERE user_id = :user_id ORDER BY id"
    return await reads.fetch(StoredWallet, sql, user_id=user_id)


async def find(reads: Reads, proved: Proved) -> StoredWallet | None:
    sql = f"SELECT {_WALLET} FROM auth_wallets WHERE chain = :chain AND address = :address"
    found = await reads.fetch(StoredWallet, sql, chain=proved.chain, address=proved.address)
    return found[0] if found else None


async def add(tx: Transaction, wallet: StoredWallet) -> None:
    """Raises AlreadyExists for a wallet that some account has."""
    await insert(tx, "auth_wallets", wallet)


async def note_use(tx: Transaction, wallet_id: WalletId, now_us: int) -> bool:
    """False when it was unlinked meanwhile."""
    sql = "UPDATE auth_wallets SET used_at_us = :now_us WHERE id = :id"
    return await tx.execute(sql, id=wallet_id, now_us=now_us) == 1


async def remove(tx: Transaction, user_id: UserId, wallet_id: WalletId) -> StoredWallet | None:
    """What it was; None when the person has no such wallet."""
    sql = f"DELETE FROM auth_wallets WHERE id = :id AND user_id = :user_id RETURNING {_WALLET}"
    found = await tx.fetch(StoredWallet, sql, id=wallet_id, user_id=user_id)
    return found[0] if found else None


async def remove_all(tx: Transaction, user_id: UserId) -> None:
    """Those that are there, and what would become one."""
    await tx.execute("DELETE FROM auth_wallets WHERE user_id = :user_id", user_id=user_id)
    await tx.execute("DELETE FROM auth_wallet_nonces WHERE user_id = :user_id", user_id=user_id)


# Those without an account


async def keep_ticket(tx: Transaction, ticket_hash: str, proved: Proved, now_us: int, expires_at_us: int) -> None:
    await tx.execute("DELETE FROM auth_wallet_tickets WHERE expires_at_us <= :now_us", now_us=now_us)
    await tx.execute(
        """
        INSERT INTO auth_wallet_tickets (ticket_hash, chain, address, expires_at_us)
        VALUES (:ticket_hash, :chain, :address, :expires_at_us)
        """,
        ticket_hash=ticket_hash,
        chain=proved.chain,
        address=proved.address,
        expires_at_us=expires_at_us,
    )


async def find_ticket(reads: Reads, ticket_hash: str, now_us: int) -> Proved | None:
    sql = "SELECT chain, address FROM auth_wallet_tickets WHERE ticket_hash = :ticket_hash AND expires_at_us > :now_us"
    found = await reads.fetch(Proved, sql, ticket_hash=ticket_hash, now_us=now_us)
    return found[0] if found else None


async def spend_ticket(tx: Transaction, ticket_hash: str, now_us: int) -> bool:
    sql = "DELETE FROM auth_wallet_tickets WHERE ticket_hash = :ticket_hash AND expires_at_us > :now_us"
    return await tx.execute(sql, ticket_hash=ticket_hash, now_us=now_us) == 1
