"""Who may do what: roles, and who holds them."""

from collections.abc import Mapping

from kaif.engines.cache import Cache
from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import Nothing, PermissionChange, PersonNotFound
from kaif.interfaces.auth.roles import (
    MANAGE_ROLES,
    PERMISSIONS,
    DefineRole,
    DropRole,
    Grant,
    Granted,
    HeldBy,
    LastOwner,
    RoleBuiltIn,
    RoleDropped,
    RoleList,
    RoleNotFound,
    RoleOf,
    UnknownPermission,
)
from kaif.kernel.actor import Actor, UserId, require_permission
from kaif.kernel.clock import Clock
from kaif.services.auth import store
from kaif.services.auth.audit.log import NO_ONE, AuditLog
from kaif.services.auth.factors import rule as factor_rule
from kaif.services.auth.factors.stepping_up import require_recent_authentication
from kaif.services.auth.invitations import store as invitation_store
from kaif.services.auth.roles import grants
from kaif.services.auth.roles.permissions import (
    BUILT_IN,
    MEMBER,
    OWNER,
    Permissions,
    must_hold,
    with_role,
    without_role,
)
from kaif.services.auth.sessions.announcing import announce_changes


class RolesService:
    def __init__(self, database: Database, cache: Cache, audit: AuditLog, clock: Clock) -> None:
        self._database, self._cache, self._audit, self._clock = database, cache, audit, clock

    async def list_roles(self, actor: Actor, request: Nothing) -> RoleList:
        require_permission(actor, MANAGE_ROLES)
        own = await grants.own_roles(self._database)
        return RoleList([_seen(name, own) for name in [*BUILT_IN, *own]])

    async def list_held_roles(self, actor: Actor, request: HeldBy) -> RoleList:
        found = await store.accounts_of(self._database, [request.user_id])
        if not found or found[0].deleted_at_us is not None:
            raise PersonNotFound
        roles = found[0].roles.split()
        own = await grants.own_roles(self._database) if roles else {}
        # One that was dropped meanwhile is none.
        return RoleList([_seen(name, own) for name in [MEMBER, *roles] if name in BUILT_IN or name in own])

    async def define_role(self, actor: Actor, request: DefineRole) -> RoleOf:
        require_permission(actor, MANAGE_ROLES)
        if request.name in BUILT_IN:
            raise RoleBuiltIn
        for permission in request.permissions:
            if permission not in PERMISSIONS:
                raise UnknownPermission(permission=permission)
        permissions = sorted({*request.permissions})
        async with self._database.transaction() as tx:
            await require_recent_authentication(tx, actor, self._clock())
            before = await grants.locked_role(tx, request.name) or frozenset()
            must_hold(actor.permissions, before.union(permissions))
            await grants.define(tx, request.name, permissions)
            changes = await self._rewrite_holders(tx, request.name, keep=True)
            await self._audit.record(tx, actor, "role_defined", NO_ONE, role=request.name, permissions=permissions)
        await announce_changes(self._cache, changes)
        return RoleOf(request.name, permissions, False)

    async def drop_role(self, actor: Actor, request: DropRole) -> Nothing:
        require_permission(actor, MANAGE_ROLES)
        if request.name in BUILT_IN:
            raise RoleBuiltIn
        async with self._database.transaction() as tx:
            await require_recent_authentication(tx, actor, self._clock())
            permissions = await grants.locked_role(tx, request.name)
            if permissions is None:
                raise RoleNotFound
            must_hold(actor.permissions, permissions)
            await grants.drop(tx, request.name)
            await invitation_store.revoke_into(tx, request.name, self._clock())
            changes = await self._rewrite_holders(tx, request.name, keep=False)
            await self._audit.record(tx, actor, "role_dropped", NO_ONE, role=request.name)
            await tx.publish(RoleDropped(role=request.name))
        await announce_changes(self._cache, changes)
        return Nothing()

    async def _rewrite_holders(self, tx: Transaction, role: str, *, keep: bool) -> list[PermissionChange]:
        """What the role permits has changed for everyone who holds it."""
        changes = []
        for user_id, roles in (await grants.lock_privileged(tx)).items():
            if role in roles.split():
                changes.append(await self._set_roles(tx, user_id, roles if keep else without_role(roles, role)))
        return changes

    async def _set_roles(self, tx: Transaction, user_id: UserId, roles: str) -> PermissionChange:
        # Later than what the tokens say, by whichever machine's clock.
        at_us = max(self._clock(), (await factor_rule.standing(tx, user_id)).since_us + 1)
        await grants.set_roles(tx, user_id, roles, at_us)
        return PermissionChange(user_id, at_us)

    async def grant_role(self, actor: Actor, request: Grant) -> Granted:
        require_permission(actor, MANAGE_ROLES)
        async with self._database.transaction() as tx:
            await require_recent_authentication(tx, actor, self._clock())
            # Of a grant and an end of the role at once, one sees what the other did.
            permissions = await grants.locked_role(tx, request.role)
            if permissions is None:
                raise RoleNotFound
            must_hold(actor.permissions, permissions)
            roles = await _roles_of(tx, request.user_id)
            changes = []
            # Everybody is a member already.
            if request.role != MEMBER and request.role not in roles.split():
                roles = with_role(roles, request.role)
                changes.append(await self._set_roles(tx, request.user_id, roles))
                await self._audit.record(tx, actor, "role_granted", request.user_id, role=request.role)
        await announce_changes(self._cache, changes)
        return Granted(roles.split())

    async def revoke_role(self, actor: Actor, request: Grant) -> Granted:
        require_permission(actor, MANAGE_ROLES)
        async with self._database.transaction() as tx:
            await require_recent_authentication(tx, actor, self._clock())
            # What was dropped permits nothing.
            must_hold(actor.permissions, await grants.locked_role(tx, request.role) or frozenset())
            # All of them are locked, so that two owners can't dismiss each other at once.
            privileged = await grants.lock_privileged(tx)
            roles = privileged.get(request.user_id)
            if roles is None:
                roles = await _roles_of(tx, request.user_id)
            changes = []
            if request.role in roles.split():
                if request.role == OWNER and await grants.owners_with_access(tx) <= {request.user_id}:
                    raise LastOwner
                roles = without_role(roles, request.role)
                changes.append(await self._set_roles(tx, request.user_id, roles))
                await self._audit.record(tx, actor, "role_revoked", request.user_id, role=request.role)
        await announce_changes(self._cache, changes)
        return Granted(roles.split())


async def _roles_of(tx: Transaction, user_id: UserId) -> str:
    """Held until the commit. Raises PersonNotFound."""
    account = await store.locked_account(tx, user_id)
    if account is None:
        raise PersonNotFound
    return account.roles


def _seen(name: str, own: Mapping[str, Permissions]) -> RoleOf:
    return RoleOf(name, sorted(BUILT_IN[name] if name in BUILT_IN else own[name]), name in BUILT_IN)
