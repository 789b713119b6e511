"""What auth's database keeps of passkeys: their public keys, and challenges that are still to be signed."""

from typing import Literal

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.auth.passkeys import CredentialDescriptor, Passkey, PasskeyId, PasskeyUnknown
from kaif.kernel.actor import UserId
from kaif.kernel.clock import as_datetime
from kaif.services.auth.passkeys.relying_party import Attested, Used
from kaif.services.auth.store import columns_of, insert

Purpose = Literal["registration", "sign_in", "second_step", "step_up"]


class Credential(msgspec.Struct, frozen=True):
    """A row of auth_passkeys."""

    id: PasskeyId
    user_id: UserId
    credential_id: str
    public_key: str
    sign_count: int
    transports: str
    backup_eligible: int
    backed_up: int
    aaguid: str
    name: str
    created_at_us: int
    last_used_at_us: int | None = None
    cloned_at_us: int | None = None

    @property
    def passkey(self) -> Passkey:
        created_at, used_at = as_datetime(self.created_at_us), as_datetime(self.last_used_at_us)
        return Passkey(
            self.id, self.name, created_at, used_at, bool(self.backed_up), cloned=self.cloned_at_us is not None
        )

    @property
    def descriptor(self) -> CredentialDescriptor:
        return CredentialDescriptor("public-key", self.credential_id, self.transports.split())


_COLUMNS = columns_of(Credential)


# Handles


async def user_handle(tx: Transaction, user_id: UserId, fresh: str) -> str:
    """The account's; the fresh one from now on, if it has none."""
    await tx.execute(
        "INSERT INTO auth_user_handles (user_id, handle) VALUES (:user_id, :fresh) ON CONFLICT (user_id) DO NOTHING",
        user_id=user_id,
        fresh=fresh,
    )
    return await find_user_handle(tx, user_id) or fresh


async def find_user_handle(reads: Reads, user_id: UserId) -> str | None:
    rows: list[tuple[str]] = await reads.fetch(
        tuple, "SELECT handle FROM auth_user_handles WHERE user_id = :user_id", user_id=user_id
    )
    return rows[0][0] if rows else None


# Challenges


async def begin_ceremony(
    tx: Transaction, challenge_hash: str, purpose: Purpose, user_id: UserId, now_us: int, expires_at_us: int
) -> None:
    await tx.execute("DELETE FROM auth_ceremonies WHERE expires_at_us <= :now_us", now_us=now_us)
    await tx.execute(
        """
        INSERT INTO auth_ceremonies (challenge_hash, purpose, user_id, expires_at_us)
        VALUES (:challenge_hash, :purpose, :user_id, :expires_at_us)
        """,
        challenge_hash=challenge_hash,
        purpose=purpose,
        user_id=user_id,
        expires_at_us=expires_at_us,
    )


async def end_ceremony(tx: Transaction, challenge_hash: str, purpose: Purpose, user_id: UserId, now_us: int) -> bool:
    """True for whoever answers first, in time, and for this purpose and account."""
    ended = await tx.execute(
        """
        DELETE FROM auth_ceremonies
        WHERE challenge_hash = :challenge_hash AND purpose = :purpose AND user_id = :user_id
          AND expires_at_us > :now_us
        """,
        challenge_hash=challenge_hash,
        purpose=purpose,
        user_id=user_id,
        now_us=now_us,
    )
    return ended == 1


# Passkeys


def new_credential(
    passkey_id: PasskeyId, user_id: UserId, name: str, transports: list[str], attested: Attested, now_us: int
) -> Credential:
    return Credential(
        id=passkey_id,
        user_id=user_id,
        credential_id=attested.credential_id,
        public_key=attested.public_key,
        sign_count=attested.sign_count,
        transports=" ".join(transports),
        backup_eligible=int(attested.backup_eligible),
        backed_up=int(attested.backed_up),
        aaguid=attested.aaguid,
        name=name,
        created_at_us=now_us,
    )


async def add(tx: Transaction, credential: Credential) -> None:
    """Raises AlreadyExists for a credential that some account has."""
    await insert(tx, "auth_passkeys", credential)


async def of_account(reads: Reads, user_id: UserId) -> list[Credential]:
    """The oldest first: ids are in the order of their making."""
    sql = f"SELECT {_COLUMNS} FROM auth_passkeys WHERE user_id = :user_id ORDER BY id"
    return await reads.fetch(Credential, sql, user_id=user_id)


async def usable(reads: Reads, user_id: UserId) -> list[Credential]:
    return [credential for credential in await of_account(reads, user_id) if credential.cloned_at_us is None]


async def require_usable(tx: Transaction, user_id: UserId, credential_id: str) -> None:
    """Raises PasskeyUnknown when it was removed, or cloned, since it proved its owner."""
    if not any(credential.credential_id == credential_id for credential in await usable(tx, user_id)):
        raise PasskeyUnknown


async def find(reads: Reads, credential_id: str) -> Credential | None:
    sql = f"SELECT {_COLUMNS} FROM auth_passkeys WHERE credential_id = :credential_id"
    found = await reads.fetch(Credential, sql, credential_id=credential_id)
    return found[0] if found else None


async def rename(tx: Transaction, user_id: UserId, passkey_id: PasskeyId, name: str) -> Credential | None:
    sql = f"UPDATE auth_passkeys SET name = :name WHERE id = :id AND user_id = :user_id RETURNING {_COLUMNS}"
    found = await tx.fetch(Credential, sql, id=passkey_id, user_id=user_id, name=name)
    return found[0] if found else None


async def remove(tx: Transaction, user_id: UserId, passkey_id: PasskeyId) -> Credential | None:
    sql = f"DELETE FROM auth_passkeys WHERE id = :id AND user_id = :user_id RETURNING {_COLUMNS}"
    found = await tx.fetch(Credential, sql, id=passkey_id, user_id=user_id)
    return found[0] if found else None


async def remove_all(tx: Transaction, user_id: UserId) -> None:
    """Those that are there, and what would become one."""
    await tx.execute("DELETE FROM auth_passkeys WHERE user_id = :user_id", user_id=user_id)
    await tx.execute("DELETE FROM auth_ceremonies WHERE user_id = :user_id", user_id=user_id)


async def count_use(tx: Transaction, passkey_id: PasskeyId, used: Used, now_us: int) -> bool:
    """False, and nothing changes, when the authenticator's counter did not rise, unless it keeps none."""
    changed = await tx.execute(
        """
        UPDATE auth_passkeys
        SET sign_count = :sign_count, backed_up = :backed_up, last_used_at_us = :now_us
        WHERE id = :id AND cloned_at_us IS NULL
          AND (sign_count < :sign_count OR (sign_count = 0 AND :sign_count = 0))
        """,
        id=passkey_id,
        sign_count=used.sign_count,
        backed_up=int(used.backed_up),
        now_us=now_us,
    )
    return changed == 1


async def mark_cloned(tx: Transaction, passkey_id: PasskeyId, now_us: int) -> bool:
    """False when it was marked before."""
    sql = "UPDATE auth_passkeys SET cloned_at_us = :now_us WHERE id = :id AND cloned_at_us IS NULL"
    return await tx.execute(sql, id=passkey_id, now_us=now_us) == 1
