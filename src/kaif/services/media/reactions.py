"""What media does when something happened elsewhere; each is safe to repeat."""

from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth.roles import RoleDropped
from kaif.interfaces.personal_data import DataErased, PersonErased
from kaif.kernel.actor import UserId
from kaif.kernel.clock import Clock
from kaif.services.media import model, store
from kaif.services.media.cdn.withdrawing import Withdrawing
from kaif.services.media.content import stripping_store
from kaif.services.media.quotas import store as quotas_store

# A transaction must not keep others waiting.
ERASED_AT_ONCE = 100


class Reactions:
    def __init__(self, database: Database, withdrawing: Withdrawing, clock: Clock) -> None:
        self._database, self._withdrawing, self._clock = database, withdrawing, clock

    async def forget_person(self, event: PersonErased) -> None:
        """Their files go, in portions; what others are shown by a service stays with those others, as messages do."""
        owner_id = event.remains.id
        files, at = 0, ""
        while True:
            async with self._database.transaction() as tx:
                await store.lock_owner(tx, owner_id)
                page = await store.owned_after(tx, owner_id, at, ERASED_AT_ONCE)
                for media in page:
                    files += await self._erase(tx, media.id)
            if len(page) < ERASED_AT_ONCE:
                break
            at = page[-1].id
        async with self._database.transaction() as tx:
            uploads = await self._drop_uploads(tx, owner_id)
            await store.forget_owner(tx, owner_id)
            await quotas_store.forget(tx, "person", owner_id)
            erased = {name: count for name, count in {"files": files, "uploads": uploads}.items() if count}
            await tx.publish(DataErased(erasure_id=event.erasure_id, holder="media", erased=erased))

    async def _erase(self, tx: Transaction, media_id: str) -> int:
        await store.lock_media(tx, media_id)
        await store.let_go(tx, media_id, store.OWNER, "")
        if await store.is_referred_to(tx, media_id):
            await store.forget_name(tx, media_id)
            # Of what others are shown only that is to stay.
            await stripping_store.plan(tx, media_id, self._clock())
            return 0
        await store.drop_media(tx, media_id, self._clock() + model.GARBAGE_LIVES_US)
        await self._withdrawing.withdraw(tx, media_id, self._clock())
        return 1

    async def _drop_uploads(self, tx: Transaction, owner_id: UserId) -> int:
        uploads = await store.uploads_of(tx, owner_id)
        for upload in uploads:
            await store.drop_upload(tx, upload, self._clock() + model.GARBAGE_LIVES_US)
        return sum(upload.media_id is None for upload in uploads)

    async def forget_role(self, event: RoleDropped) -> None:
        """Another one of that name begins by default."""
        async with self._database.transaction() as tx:
            await quotas_store.forget(tx, "role", event.role)
