"""When people were here last, told by what they and the asker have chosen."""

from kaif.engines.cache import Cache
from kaif.engines.database import Database
from kaif.interfaces.auth import Nothing, PersonNotFound
from kaif.interfaces.messaging import PRESENCE
from kaif.interfaces.messaging.last_seen import About, NoteSeen, Seen
from kaif.interfaces.messaging.privacy import Audience, OfPerson
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import DAY_US, MINUTE_US, Clock, as_datetime
from kaif.kernel.errors import KaifError
from kaif.services.messaging import model, people_store
from kaif.services.messaging.privacy import last_seen_store
from kaif.services.messaging.privacy import store as privacy_store

_WITHIN_DAYS: tuple[tuple[int, About], ...] = ((3, "recently"), (7, "week"), (30, "month"))


class LastSeenService:
    def __init__(self, database: Database, cache: Cache, clock: Clock) -> None:
        self._database, self._cache, self._clock = database, cache, clock

    async def get_last_seen(self, actor: Actor, request: OfPerson) -> Seen:
        one, other = actor.user_id, request.user_id
        people = await people_store.known_people(self._database, [other])
        if not people:
            raise PersonNotFound
        nobody = people[0].kind == "bot" or people[0].username == model.erased_name(other)
        if nobody:
            return Seen(other, False, None, None)
        at_us = await last_seen_store.seen_at_us(self._database, other)
        if one != other and await privacy_store.count_between(self._database, one, other):
            return Seen(other, False, None, "long")
        if not at_us or not await self._see_each_other(one, other):
            return Seen(other, False, None, _about(at_us, self._clock()))
        at = as_datetime(at_us - at_us % MINUTE_US)
        return Seen(other, await self._is_here(other), at, _about(at_us, self._clock()))

    async def _see_each_other(self, one: UserId, other: UserId) -> bool:
        return one == other or (await self._shows(one, other) and await self._shows(other, one))

    async def _shows(self, one: UserId, other: UserId) -> bool:
        audience: Audience = (await privacy_store.settings_of(self._database, one)).online
        if audience != "acquaintances":
            return audience == "everybody"
        return bool(await privacy_store.acquaintances_among(self._database, one, [other]))

    async def _is_here(self, user_id: UserId) -> bool:
        try:
            return bool(await self._cache.present(PRESENCE, [user_id]))
        except KaifError:
            return False

    async def note_seen(self, actor: Actor, request: NoteSeen) -> Nothing:
        async with self._database.transaction() as tx:
            await last_seen_store.note(tx, request.user_ids, self._clock())
        return Nothing()


def _about(at_us: int, now_us: int) -> About:
    days = (now_us - at_us) / DAY_US
    return next((about for within, about in _WITHIN_DAYS if days <= within), "long")
