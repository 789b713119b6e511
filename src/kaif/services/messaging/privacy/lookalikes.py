"""Compares people with the staff and with those whom the actor knows."""

from collections.abc import Iterable

from kaif.engines.database import Database
from kaif.interfaces.auth import Auth, GetPeople, Nothing, Person
from kaif.interfaces.auth.staff import Staff
from kaif.interfaces.messaging.lookalikes import COMPANIONS_MAX, FindLookalikes, Lookalike, Lookalikes
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.clock import MINUTE_US, Clock
from kaif.kernel.lookalikes import skeletons_of
from kaif.services.messaging import people_store

STAFF_KEPT_US = 1 * MINUTE_US


class LookalikesService:
    def __init__(self, database: Database, auth: Auth, staff: Staff, clock: Clock) -> None:
        self._database, self._auth, self._staff, self._clock = database, auth, staff, clock
        self._known_staff: list[Person] = []
        self._staff_until_us = 0

    async def find_lookalikes(self, actor: Actor, request: FindLookalikes) -> Lookalikes:
        wanted = [user_id for user_id in dict.fromkeys(request.user_ids) if user_id != actor.user_id]
        asked = (await self._auth.get_people(NOBODY, GetPeople(wanted))).people if wanted else []
        staff = await self._present_staff()
        looks_of_staff, staff_ids = _looks(staff), {person.id for person in staff}
        companions = await people_store.companions_of(self._database, actor.user_id, COMPANIONS_MAX)
        looks_of_companions = _looks(sorted(companions, key=lambda person: person.id, reverse=True))
        found = []
        for person in asked:
            # Whoever acts for the server is who they are; two of them may have one name.
            if person.id in staff_ids or _has_left(person):
                continue
            if _seen(person, looks_of_staff):
                found.append(Lookalike(person.id, None))
            elif (like := _seen(person, looks_of_companions)) and like.id < person.id:
                found.append(Lookalike(person.id, like))
        return Lookalikes(found)

    async def _present_staff(self) -> list[Person]:
        now_us = self._clock()
        if now_us >= self._staff_until_us:
            self._known_staff = (await self._staff.list_staff(NOBODY, Nothing())).people
            self._staff_until_us = now_us + STAFF_KEPT_US
        return self._known_staff


def _looks(people: Iterable[Person]) -> dict[str, Person]:
    """Of several who look alike the last one counts."""
    return {look: person for person in people if not _has_left(person) for look in _looks_of(person)}


def _seen(person: Person, looks: dict[str, Person]) -> Person | None:
    return next((looks[look] for look in sorted(_looks_of(person)) if look in looks), None)


def _looks_of(person: Person) -> frozenset[str]:
    return skeletons_of(person.display_name) | skeletons_of(person.username)


def _has_left(person: Person) -> bool:
    """All who have left are called alike."""
    return person.username == f"deleted-{person.id}"
