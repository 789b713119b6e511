"""What operators see and set of how much people may keep."""

from collections.abc import Iterable

from kaif.engines.database import Database
from kaif.interfaces.auth import Nothing
from kaif.interfaces.auth.roles import MANAGE_ROLES, BeyondYourOwn, HeldBy, RoleNotFound, RoleOf
from kaif.interfaces.media.quotas import (
    PEOPLE_LISTED_MAX,
    PersonQuota,
    QuotaChanged,
    QuotaList,
    QuotaOf,
    RoleQuota,
    SetForPerson,
    SetPersonQuota,
    SetRoleQuota,
)
from kaif.kernel.actor import NOBODY, Actor, UserId, require_permission
from kaif.kernel.ids import new_id
from kaif.services.media import store as media_store
from kaif.services.media.delivery.standing import FindsOpen
from kaif.services.media.quotas import model, store
from kaif.services.media.quotas.model import Defaults, StoredQuota
from kaif.services.media.quotas.rule import FindsRoles


class QuotasService:
    def __init__(self, database: Database, roles: FindsRoles, doors: FindsOpen, defaults: Defaults) -> None:
        self._database, self._roles, self._doors, self._defaults = database, roles, doors, defaults

    async def list_quotas(self, actor: Actor, request: Nothing) -> QuotaList:
        require_permission(actor, MANAGE_ROLES)
        roles = (await self._roles.list_roles(actor, Nothing())).roles
        stored = await store.of_roles(self._database)
        people = await store.of_people(self._database, PEOPLE_LISTED_MAX + 1)
        return QuotaList(
            [self._of_role(role, model.set_for("role", role.name, stored)) for role in roles],
            [SetForPerson(UserId(row.holder), row.file_max, row.total_max) for row in people[:PEOPLE_LISTED_MAX]],
            len(people) > PEOPLE_LISTED_MAX,
        )

    async def set_role_quota(self, actor: Actor, request: SetRoleQuota) -> RoleQuota:
        require_permission(actor, MANAGE_ROLES)
        roles = (await self._roles.list_roles(actor, Nothing())).roles
        role = next((role for role in roles if role.name == request.role), None)
        if role is None:
            raise RoleNotFound
        wanted = StoredQuota("role", role.name, request.file_max, request.total_max)
        await self._set(actor, wanted, [role])
        return self._of_role(role, wanted)

    async def get_person_quota(self, actor: Actor, request: QuotaOf) -> PersonQuota:
        require_permission(actor, MANAGE_ROLES)
        return await self._of_person(request.user_id, await self._held(request.user_id))

    async def set_person_quota(self, actor: Actor, request: SetPersonQuota) -> PersonQuota:
        require_permission(actor, MANAGE_ROLES)
        held = await self._held(request.user_id)
        await self._set(actor, StoredQuota("person", request.user_id, request.file_max, request.total_max), held)
        return await self._of_person(request.user_id, held)

    async def _held(self, user_id: UserId) -> list[RoleOf]:
        """Raises PersonNotFound."""
        return (await self._roles.list_held_roles(NOBODY, HeldBy(user_id))).roles

    async def _set(self, actor: Actor, wanted: StoredQuota, roles: Iterable[RoleOf]) -> None:
        """Nobody says what those may keep who may do more than they. Raises BeyondYourOwn, StepUpRequired."""
        beyond = sorted({permission for role in roles for permission in role.permissions} - actor.permissions)
        if beyond:
            raise BeyondYourOwn(permission=beyond[0])
        await self._doors.require_recent_sign_in(actor, Nothing())
        async with self._database.transaction() as tx:
            if await store.get(tx, wanted.kind, wanted.holder) != wanted:
                await store.put(tx, wanted)
                await tx.publish(_changed(actor, wanted))

    def _of_role(self, role: RoleOf, stored: StoredQuota) -> RoleQuota:
        return RoleQuota(role.name, role.built_in, stored.file_max, stored.total_max, self._defaults.of(role))

    async def _of_person(self, user_id: UserId, held: list[RoleOf]) -> PersonQuota:
        stored = await store.of_person(self._database, user_id, held)
        own = model.set_for("person", user_id, stored)
        by_roles = model.by_roles(held, stored, self._defaults)
        used = await media_store.used_bytes(self._database, user_id)
        return PersonQuota(user_id, own.file_max, own.total_max, by_roles, used)


def _changed(actor: Actor, quota: StoredQuota) -> QuotaChanged:
    return QuotaChanged(
        decision_id=new_id(),
        decided_by=actor.user_id,
        role=quota.holder if quota.kind == "role" else "",
        user_id=UserId(quota.holder if quota.kind == "person" else ""),
        file_max=quota.file_max,
        total_max=quota.total_max,
    )
