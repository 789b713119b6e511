"""Every question about roles and who holds them."""

from collections.abc import Iterable

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.auth import PermissionChange
from kaif.kernel.actor import Permission, UserId
from kaif.services.auth.roles.permissions import BUILT_IN, OWNER, Permissions


async def own_roles(reads: Reads) -> dict[str, Permissions]:
    """The server's own roles by name."""
    rows: list[tuple[str, str]] = await reads.fetch(tuple, "SELECT name, permissions FROM auth_roles ORDER BY name")
    return {name: frozenset(map(Permission, permissions.split())) for name, permissions in rows}


async def locked_role(tx: Transaction, name: str) -> Permissions | None:
    """What it permits, which nobody changes until the commit, as nobody drops it; None when there is no such role.

    A role is locked before the rows of people: all do it in this order.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    sql = "SELECT permissions FROM auth_roles WHERE name = :name FOR UPDATE"
    rows: list[tuple[str]] = await tx.fetch(tuple, sql, name=name)
    return frozenset(map(Permission, rows[0][0].split())) if rows else None


async def define(tx: Transaction, name: str, permissions: Iterable[Permission]) -> None:
    await tx.execute(
        """
        INSERT INTO auth_roles (name, permissions) VALUES (:name, :permissions)
        ON CONFLICT (name) DO UPDATE SET permissions = excluded.permissions
        """,
        name=name,
        permissions=" ".join(sorted(permissions)),
    )


async def drop(tx: Transaction, name: str) -> None:
    await tx.execute("DELETE FROM auth_roles WHERE name = :name", name=name)


async def lock_privileged(tx: Transaction) -> dict[UserId, str]:
    """The roles of everybody who has any, held until the commit: they are few."""
    rows: list[tuple[UserId, str]] = await tx.fetch(
        tuple, "SELECT id, roles FROM auth_users WHERE roles <> '' ORDER BY id FOR UPDATE"
    )
    return dict(rows)


async def owners_with_access(tx: Transaction) -> set[UserId]:
    """Of whom one must remain: an owner who is suspended can't even be restored without another. They stay as they are
    while `lock_privileged` holds."""
    rows: list[tuple[UserId, str]] = await tx.fetch(
        tuple,
        "SELECT id, roles FROM auth_users WHERE roles <> '' AND suspended_at_us IS NULL AND deleted_at_us IS NULL",
    )
    return {user_id for user_id, roles in rows if OWNER in roles.split()}


async def set_roles(tx: Transaction, user_id: UserId, roles: str, now_us: int) -> None:
    await tx.execute(
        "UPDATE auth_users SET roles = :roles, permitted_at_us = :now_us WHERE id = :user_id",
        user_id=user_id,
        roles=roles,
        now_us=now_us,
    )


async def changed_since(reads: Reads, since_us: int) -> list[PermissionChange]:
    return await reads.fetch(
        PermissionChange,
        "SELECT id, permitted_at_us FROM auth_users WHERE permitted_at_us > 0 AND permitted_at_us >= :since_us",
        since_us=since_us,
    )
