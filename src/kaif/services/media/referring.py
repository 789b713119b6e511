"""Keeps files for other services as long as they are shown somewhere."""

from kaif.engines.database import Database
from kaif.interfaces.auth import Nothing
from kaif.interfaces.media import Media, MediaNotFound
from kaif.interfaces.media.references import LetGo, Refer
from kaif.kernel.actor import Actor
from kaif.kernel.clock import Clock
from kaif.services.media import store
from kaif.services.media.seeing import seen


class ReferencesService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def refer(self, actor: Actor, request: Refer) -> Media:
        assert request.holder != store.OWNER
        async with self._database.transaction() as tx:
            # Under the lock that the collector takes: either it sees the reference, or there is no file any more.
            media = await store.lock_media(tx, request.media_id)
            if media is None or media.owner_id != actor.user_id:
                raise MediaNotFound
            await store.refer(tx, media.id, request.holder, request.reference, request.audience, self._clock())
        return await seen(self._database, media)

    async def let_go(self, actor: Actor, request: LetGo) -> Nothing:
        async with self._database.transaction() as tx:
            if await store.lock_media(tx, request.media_id) is not None:
                await store.let_go(tx, request.media_id, request.holder, request.reference)
                # Its time as an orphan begins now.
                await store.touch(tx, request.media_id, self._clock())
        return Nothing()
