"""Who has a role."""

from kaif.engines.database import Database
from kaif.interfaces.auth import Nothing, People
from kaif.interfaces.auth.staff import STAFF_MAX
from kaif.kernel.actor import Actor
from kaif.services.auth import store


class StaffService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_staff(self, actor: Actor, request: Nothing) -> People:
        return People(await store.people_with_roles(self._database, STAFF_MAX))
