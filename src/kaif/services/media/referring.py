"""Keeps files for other services as long as they are shown somewhere."""

import msgspec

from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import Nothing
from kaif.interfaces.media import Media, MediaNotFound
from kaif.interfaces.media.references import AS_EVIDENCE, HeldFiles, HoldFiles, LetGo, Refer, ReleaseFiles
from kaif.kernel.actor import Actor
from kaif.kernel.clock import Clock
from kaif.services.media import store
from kaif.services.media.cdn.withdrawing import Withdrawing
from kaif.services.media.delivery.seeing import seen, seen_all
from kaif.services.media.model import StoredMedia
from kaif.services.media.queue import steps
from kaif.services.media.queue import store as jobs_store


class ReferencesService:
    def __init__(self, database: Database, withdrawing: Withdrawing, clock: Clock) -> None:
        self._database, self._withdrawing, self._clock = database, withdrawing, clock

    async def refer(self, actor: Actor, request: Refer) -> Media:
        assert request.holder != store.OWNER
        async with self._database.transaction() as tx:
            # Under the lock that the collector takes: either it sees the reference, or there is no file any more.
            media = await store.lock_media(tx, request.media_id)
            if media is None or media.owner_id != actor.user_id:
                raise MediaNotFound
            media = await self._refer(tx, media, request)
        return await seen(self._database, media)

    async def _refer(self, tx: Transaction, media: StoredMedia, request: Refer | HoldFiles) -> StoredMedia:
        await store.refer(tx, media.id, request.holder, request.reference, request.audience, self._clock())
        if request.audience == AS_EVIDENCE:
            await self._withdrawing.withdraw(tx, media.id, self._clock())
        if request.voice and media.kind == "audio" and media.shown and not media.voice:
            media = msgspec.structs.replace(media, voice=1, state="working")
            await jobs_store.ask_for_voice(tx, media.id)
            step = steps.next_step(media, [])
            assert step
            await jobs_store.add(tx, media.id, step.priority, self._clock())
        return media

    async def let_go(self, actor: Actor, request: LetGo) -> Nothing:
        async with self._database.transaction() as tx:
            if await store.lock_media(tx, request.media_id) is None:
                return Nothing()
            await self._let_go(tx, request.media_id, request)
        return Nothing()

    async def _let_go(self, tx: Transaction, media_id: str, request: LetGo | ReleaseFiles) -> None:
        if await store.let_go(tx, media_id, request.holder, request.reference):
            # Its time as an orphan begins now.
            await store.touch(tx, media_id, self._clock())
            # Whoever saw it there may not see it elsewhere.
            await self._withdrawing.withdraw(tx, media_id, self._clock())

    async def hold_files(self, actor: Actor, request: HoldFiles) -> HeldFiles:
        assert request.holder != store.OWNER
        held: dict[str, StoredMedia] = {}
        async with self._database.transaction() as tx:
            # In one order, so that two that hold the same files never wait in a circle.
            for media_id in sorted(set(request.media_ids)):
                media = await store.lock_media(tx, media_id)
                if media is None or not await self._may_hold(tx, actor, media, request):
                    raise MediaNotFound
                held[media_id] = await self._refer(tx, media, request)
        return HeldFiles(await seen_all(self._database, [held[media_id] for media_id in request.media_ids]))

    async def _may_hold(self, tx: Transaction, actor: Actor, media: StoredMedia, request: HoldFiles) -> bool:
        if request.like:
            return await store.refers(tx, media.id, request.holder, request.like)
        return media.owner_id == actor.user_id

    async def release_files(self, actor: Actor, request: ReleaseFiles) -> Nothing:
        async with self._database.transaction() as tx:
            for media_id in sorted(set(request.media_ids)):
                if await store.lock_media(tx, media_id) is not None:
                    await self._let_go(tx, media_id, request)
        return Nothing()
