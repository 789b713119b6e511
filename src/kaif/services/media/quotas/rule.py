"""How much somebody may keep: asked where an upload begins and where pieces are joined."""

from typing import Protocol

from kaif.engines.database import Database
from kaif.interfaces.auth import Nothing
from kaif.interfaces.auth.roles import HeldBy, RoleList
from kaif.interfaces.media.quotas import Quota
from kaif.kernel.actor import NOBODY, Actor, UserId
from kaif.services.media.quotas import model, store
from kaif.services.media.quotas.model import Defaults


class FindsRoles(Protocol):
    """Auth, so far as quotas need it."""

    async def list_roles(self, actor: Actor, request: Nothing) -> RoleList: ...

    async def list_held_roles(self, actor: Actor, request: HeldBy) -> RoleList: ...


class QuotaRule:
    def __init__(self, database: Database, roles: FindsRoles, defaults: Defaults) -> None:
        self._database, self._roles, self._defaults = database, roles, defaults

    async def of(self, user_id: UserId) -> Quota:
        """Raises PersonNotFound."""
        held = (await self._roles.list_held_roles(NOBODY, HeldBy(user_id))).roles
        stored = await store.of_person(self._database, user_id, held)
        quota = model.by_roles(held, stored, self._defaults)
        return model.set_for("person", user_id, stored).over(quota)
