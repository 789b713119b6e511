"""Who acts for the server, told to the services that must know it."""

from typing import Protocol

from kaif.interfaces.auth import Nothing, People
from kaif.kernel.actor import Actor
from kaif.kernel.remote import repeatable

STAFF_MAX = 500


class Staff(Protocol):
    @repeatable
    async def list_staff(self, actor: Actor, request: Nothing) -> People:
        """Everybody who has a role, at most STAFF_MAX, the oldest accounts first. For services alone."""
        ...
