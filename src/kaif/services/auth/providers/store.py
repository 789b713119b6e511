"""What auth's database keeps of sign-in services: providers, who people are there, and sign-ins under way."""

from typing import Literal

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.auth.identities import Identity, IdentityId
from kaif.interfaces.auth.providers import ProviderId, ProviderKind
from kaif.kernel.actor import UserId
from kaif.kernel.clock import as_datetime
from kaif.services.auth.providers.authorization import StoredProvider
from kaif.services.auth.store import columns_of, insert

Purpose = Literal["sign_in", "link", "step_up"]

_PROVIDER = columns_of(StoredProvider)
_IDENTITY = (
    "auth_identities.id, user_id, provider_id, kind, name, label, enabled, linked_at_us, last_used_at_us"
    " FROM auth_identities JOIN auth_providers ON auth_providers.id = provider_id"
)


class StoredIdentity(msgspec.Struct, frozen=True):
    """A row of auth_identities, with what is shown of its provider."""

    id: IdentityId
    user_id: UserId
    provider_id: ProviderId
    kind: ProviderKind
    name: str
    label: str
    enabled: int
    linked_at_us: int
    last_used_at_us: int | None

    @property
    def identity(self) -> Identity:
        linked_at, used_at = as_datetime(self.linked_at_us), as_datetime(self.last_used_at_us)
        return Identity(
            self.id, self.provider_id, self.kind, self.name, self.label, bool(self.enabled), linked_at, used_at
        )


class Newcomer(msgspec.Struct, frozen=True):
    """Somebody who has proved who they are elsewhere and has no account here. `verified_email` may be empty."""

    provider_id: ProviderId
    subject: str
    label: str
    verified_email: str


# Providers


async def providers(reads: Reads) -> list[StoredProvider]:
    """The oldest first: ids are in the order of their making."""
    return await reads.fetch(StoredProvider, f"SELECT {_PROVIDER} FROM auth_providers ORDER BY id")


async def enabled_providers(reads: Reads) -> list[StoredProvider]:
    return await reads.fetch(StoredProvider, f"SELECT {_PROVIDER} FROM auth_providers WHERE enabled = 1 ORDER BY id")


async def find_provider(reads: Reads, provider_id: ProviderId) -> StoredProvider | None:
    found = await reads.fetch(StoredProvider, f"SELECT {_PROVIDER} FROM auth_providers WHERE id = :id", id=provider_id)
    return found[0] if found else None


async def add_provider(tx: Transaction, provider: StoredProvider) -> None:
    """Raises AlreadyExists for an issuer and client id that are there."""
    await insert(tx, "auth_providers", provider)


async def change_provider(tx: Transaction, provider: StoredProvider) -> bool:
    """False when it was removed meanwhile. Raises AlreadyExists."""
    changed = await tx.execute(
        """
        UPDATE auth_providers
        SET name = :name, client_id = :client_id, sealed_secret = :sealed_secret, enabled = :enabled
        WHERE id = :id
        """,
        id=provider.id,
        name=provider.name,
        client_id=provider.client_id,
        sealed_secret=provider.sealed_secret,
        enabled=provider.enabled,
    )
    return changed == 1


async def hold_identities(tx: Transaction, provider_id: ProviderId) -> None:
    """Whoever is vouched for by it at this moment is waited for, and nobody is until the transaction ends."""
    # They may be many, so that they are locked where they are instead of being fetched.
    await tx.execute("UPDATE auth_identities SET label = label WHERE provider_id = :id", id=provider_id)


async def remove_provider(tx: Transaction, provider_id: ProviderId) -> bool:
    """With all that is linked to it or under way at it."""
    removed = await tx.execute("DELETE FROM auth_providers WHERE id = :id", id=provider_id)
    for table in ("auth_identities", "auth_authorizations", "auth_newcomers"):
        await tx.execute(f"DELETE FROM {table} WHERE provider_id = :id", id=provider_id)
    return removed == 1


async def linked_counts(reads: Reads) -> dict[ProviderId, int]:
    rows: list[tuple[ProviderId, int]] = await reads.fetch(
        tuple, "SELECT provider_id, count(*) FROM auth_identities GROUP BY provider_id"
    )
    return dict(rows)


# Identities


async def identities(reads: Reads, user_id: UserId) -> list[StoredIdentity]:
    """The oldest first."""
    sql = f"SELECT {_IDENTITY} WHERE user_id = :user_id ORDER BY auth_identities.id"
    return await reads.fetch(StoredIdentity, sql, user_id=user_id)


async def usable_identities(reads: Reads, user_id: UserId) -> list[StoredIdentity]:
    return [identity for identity in await identities(reads, user_id) if identity.enabled]


async def find_identity(reads: Reads, provider_id: ProviderId, subject: str) -> StoredIdentity | None:
    sql = f"SELECT {_IDENTITY} WHERE provider_id = :provider_id AND subject = :subject"
    found = await reads.fetch(StoredIdentity, sql, provider_id=provider_id, subject=subject)
    return found[0] if found else None


async def add_identity(
    tx: Transaction, identity_id: IdentityId, user_id: UserId, newcomer: Newcomer, now_us: int
) -> None:
    """Raises AlreadyExists when somebody has linked this, or the account is linked to that provider."""
    await tx.execute(
        """
        INSERT INTO auth_identities (id, user_id, provider_id, subject, label, linked_at_us)
        VALUES (:id, :user_id, :provider_id, :subject, :label, :now_us)
        """,
        id=identity_id,
        user_id=user_id,
        provider_id=newcomer.provider_id,
        subject=newcomer.subject,
        label=newcomer.label,
        now_us=now_us,
    )


async def count_use(tx: Transaction, identity_id: IdentityId, label: str, now_us: int) -> bool:
    """People rename themselves elsewhere. False when it was unlinked meanwhile, or its provider switched off: whoever
    does that after this waits for the identity."""
    sql = "UPDATE auth_identities SET last_used_at_us = :now_us, label = :label WHERE id = :id"
    if not await tx.execute(sql, id=identity_id, label=label, now_us=now_us):
        return False
    # Only now: with the identity held, this sees what was committed before.
    enabled = "SELECT 1 FROM auth_identities JOIN auth_providers ON auth_providers.id = provider_id"
    return bool(await tx.fetch(tuple, f"{enabled} WHERE auth_identities.id = :id AND enabled = 1", id=identity_id))


async def remove_identity(tx: Transaction, user_id: UserId, identity_id: IdentityId) -> bool:
    sql = "DELETE FROM auth_identities WHERE id = :id AND user_id = :user_id"
    return await tx.execute(sql, id=identity_id, user_id=user_id) == 1


async def remove_all(tx: Transaction, user_id: UserId) -> None:
    """Those that are there, and what would become one."""
    await tx.execute("DELETE FROM auth_identities WHERE user_id = :user_id", user_id=user_id)
    await tx.execute("DELETE FROM auth_authorizations WHERE user_id = :user_id", user_id=user_id)


# Sign-ins under way


async def begin(
    tx: Transaction,
    state_hash: str,
    secret_hash: str,
    purpose: Purpose,
    provider_id: ProviderId,
    user_id: UserId,
    now_us: int,
    expires_at_us: int,
) -> None:
    await _forget_expired(tx, now_us)
    await tx.execute(
        """
        INSERT INTO auth_authorizations (state_hash, secret_hash, purpose, provider_id, user_id, expires_at_us)
        VALUES (:state_hash, :secret_hash, :purpose, :provider_id, :user_id, :expires_at_us)
        """,
        state_hash=state_hash,
        secret_hash=secret_hash,
        purpose=purpose,
        provider_id=provider_id,
        user_id=user_id,
        expires_at_us=expires_at_us,
    )


async def end(
    tx: Transaction, state_hash: str, secret_hash: str, purpose: Purpose, user_id: UserId, now_us: int
) -> ProviderId | None:
    """At whose the browser was: for whoever comes first, in time, from the browser that began, and for this purpose."""
    rows: list[tuple[ProviderId]] = await tx.fetch(
        tuple,
        """
        DELETE FROM auth_authorizations
        WHERE state_hash = :state_hash AND secret_hash = :secret_hash AND purpose = :purpose AND user_id = :user_id
          AND expires_at_us > :now_us
        RETURNING provider_id
        """,
        state_hash=state_hash,
        secret_hash=secret_hash,
        purpose=purpose,
        user_id=user_id,
        now_us=now_us,
    )
    return rows[0][0] if rows else None


# Newcomers


async def keep_newcomer(tx: Transaction, ticket_hash: str, newcomer: Newcomer, now_us: int, expires_at_us: int) -> None:
    await _forget_expired(tx, now_us)
    await tx.execute(
        """
        INSERT INTO auth_newcomers (ticket_hash, provider_id, subject, label, verified_email, expires_at_us)
        VALUES (:ticket_hash, :provider_id, :subject, :label, :verified_email, :expires_at_us)
        """,
        ticket_hash=ticket_hash,
        provider_id=newcomer.provider_id,
        subject=newcomer.subject,
        label=newcomer.label,
        verified_email=newcomer.verified_email,
        expires_at_us=expires_at_us,
    )


async def find_newcomer(reads: Reads, ticket_hash: str, now_us: int) -> Newcomer | None:
    found = await reads.fetch(
        Newcomer,
        """
        SELECT provider_id, subject, label, verified_email FROM auth_newcomers
        WHERE ticket_hash = :ticket_hash AND expires_at_us > :now_us
        """,
        ticket_hash=ticket_hash,
        now_us=now_us,
    )
    return found[0] if found else None


async def spend_ticket(tx: Transaction, ticket_hash: str, now_us: int) -> bool:
    """False when somebody else was first, or it is too late."""
    sql = "DELETE FROM auth_newcomers WHERE ticket_hash = :ticket_hash AND expires_at_us > :now_us"
    return await tx.execute(sql, ticket_hash=ticket_hash, now_us=now_us) == 1


async def _forget_expired(tx: Transaction, now_us: int) -> None:
    """Of who never came back, nothing is kept."""
    await tx.execute("DELETE FROM auth_authorizations WHERE expires_at_us <= :now_us", now_us=now_us)
    await tx.execute("DELETE FROM auth_newcomers WHERE expires_at_us <= :now_us", now_us=now_us)
