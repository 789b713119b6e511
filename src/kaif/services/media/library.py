"""One's own files: seen, linked to, and kept no longer."""

from datetime import datetime

from kaif.engines.database import Database
from kaif.interfaces.auth import Nothing
from kaif.interfaces.media import (
    LINK_SECONDS_MAX,
    ExportMedia,
    ListLargest,
    ListMedia,
    Media,
    MediaLink,
    MediaLinks,
    MediaNotFound,
    MediaPage,
    OfMedia,
    OwnMediaData,
    OwnQuota,
    OwnUpload,
    RenditionNotFound,
    SignedMedia,
    SignMany,
    SignMedia,
    SignPicture,
    Usage,
)
from kaif.kernel.actor import Actor
from kaif.kernel.clock import SECOND_US, Clock, as_datetime
from kaif.services.media import model, store
from kaif.services.media.cdn.offering import Offers
from kaif.services.media.cdn.withdrawing import Withdrawing
from kaif.services.media.delivery.links import PICTURES, Links
from kaif.services.media.delivery.rights import Rights
from kaif.services.media.delivery.seeing import seen, seen_all
from kaif.services.media.images.addresses import Address, Addresses
from kaif.services.media.quotas import store as quotas_store
from kaif.services.media.quotas.rule import QuotaRule

# Links of many files end at these moments, so that they stay the same for a while.
LINKS_END_EVERY_S = 6 * 3600
EXPORTED_AT_ONCE = 2000
# After every id.
_NEWEST = "~"
_LARGEST = (2**62, _NEWEST)


class LibraryService:
    def __init__(
        self,
        database: Database,
        rights: Rights,
        links: Links,
        addresses: Addresses,
        quotas: QuotaRule,
        offers: Offers,
        withdrawing: Withdrawing,
        clock: Clock,
    ) -> None:
        self._database, self._rights = database, rights
        self._links, self._addresses = links, addresses
        self._offers, self._withdrawing = offers, withdrawing
        self._quotas, self._clock = quotas, clock

    async def list_media(self, actor: Actor, request: ListMedia) -> MediaPage:
        before = request.cursor or _NEWEST
        # One more, to know whether there is another page.
        rows = await store.kept_by(self._database, actor.user_id, before, request.limit + 1)
        page = rows[: request.limit]
        return MediaPage(await seen_all(self._database, page), page[-1].id if len(rows) > request.limit else None)

    async def list_largest(self, actor: Actor, request: ListLargest) -> MediaPage:
        size, _, id = request.cursor.partition(".")
        before = (int(size), id) if request.cursor else _LARGEST
        # One more, to know whether there is another page.
        rows = await store.largest_of(self._database, actor.user_id, before, request.limit + 1)
        page = rows[: request.limit]
        next_cursor = f"{page[-1].size}.{page[-1].id}" if len(rows) > request.limit else None
        return MediaPage(await seen_all(self._database, page), next_cursor)

    async def get_media(self, actor: Actor, request: OfMedia) -> Media:
        return await seen(self._database, await self._rights.visible(actor, request.media_id))

    async def delete_media(self, actor: Actor, request: OfMedia) -> Nothing:
        now_us = self._clock()
        async with self._database.transaction() as tx:
            media = await store.lock_media(tx, request.media_id)
            if media is None or media.owner_id != actor.user_id:
                raise MediaNotFound
            if not await store.let_go(tx, media.id, store.OWNER, "") and await store.is_referred_to(tx, media.id):
                raise MediaNotFound
            if await store.is_referred_to(tx, media.id):
                await store.touch(tx, media.id, now_us)
            else:
                await store.drop_media(tx, media.id, now_us + model.GARBAGE_LIVES_US)
                await self._withdrawing.withdraw(tx, media.id, now_us)
        return Nothing()

    async def sign_media(self, actor: Actor, request: SignMedia) -> SignedMedia:
        media = await self._rights.visible(actor, request.media_id)
        expires_at_s = self._clock() // SECOND_US + request.seconds
        return SignedMedia(self._links.path(media.id, actor, expires_at_s), _moment(expires_at_s))

    async def sign_many(self, actor: Actor, request: SignMany) -> MediaLinks:
        now_us = self._clock()
        expires_at_s = (now_us // SECOND_US // LINKS_END_EVERY_S + 2) * LINKS_END_EVERY_S
        asked = list(dict.fromkeys(request.media_ids))
        files = await self._rights.visible_of(actor, asked)
        visible, offered = {media.id for media in files}, await self._offers.links_to(files, now_us)
        return MediaLinks(
            [
                MediaLink(id, self._links.path(id, actor, expires_at_s), _moment(expires_at_s), offered.get(id))
                for id in asked
                if id in visible
            ]
        )

    async def sign_picture(self, actor: Actor, request: SignPicture) -> SignedMedia:
        media = await self._rights.visible(actor, request.media_id)
        if media.kind not in ("image", "video"):
            raise RenditionNotFound
        expires_at_s = self._clock() // SECOND_US + request.seconds
        address = self._addresses.sign(Address(media.id, request.variant, expires_at_s))
        path = self._links.path(media.id, actor, expires_at_s)
        return SignedMedia(f"{path}/{PICTURES}{address}", _moment(expires_at_s))

    async def get_usage(self, actor: Actor, request: Nothing) -> Usage:
        quota = await self._quotas.of(actor.user_id)
        return Usage(await store.used_bytes(self._database, actor.user_id), quota.total_max, quota.file_max)

    async def export_own_media_data(self, actor: Actor, request: ExportMedia) -> OwnMediaData:
        # One more, to know whether there is another page.
        rows = await store.owned_after(self._database, actor.user_id, request.cursor, EXPORTED_AT_ONCE + 1)
        files = rows[:EXPORTED_AT_ONCE]
        uploads = [] if request.cursor else await store.unfinished(self._database, actor.user_id)
        quota = await quotas_store.get(self._database, "person", actor.user_id)
        now_us = self._clock()
        expires_at_s = now_us // SECOND_US + LINK_SECONDS_MAX
        return OwnMediaData(
            as_datetime(now_us),
            await seen_all(self._database, files),
            [
                MediaLink(file.id, self._links.path(file.id, actor, expires_at_s), _moment(expires_at_s))
                for file in files
            ],
            [OwnUpload(row.name, row.length, row.received, as_datetime(row.expires_at_us)) for row in uploads],
            OwnQuota(quota.file_max, quota.total_max),
            files[-1].id if len(rows) > EXPORTED_AT_ONCE else None,
        )


def _moment(seconds: int) -> datetime:
    return as_datetime(seconds * SECOND_US)
