"""Media, wired: the store of content, its keys, the services, and who tidies up."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from kaif.app.settings import Misconfigured, Settings
from kaif.app.surface import Services
from kaif.engines.blobs import Blobs, Bucket, open_blobs, open_bucket
from kaif.engines.bus import Bus
from kaif.engines.bus.outbox import OutboxBus
from kaif.engines.cache import Cache
from kaif.engines.cdn import Purger, open_purger
from kaif.engines.database import Database
from kaif.engines.keys import Keys, open_keys
from kaif.engines.scanner import Scanner, open_scanner
from kaif.interfaces.auth.roles import RoleDropped
from kaif.interfaces.media import Library
from kaif.interfaces.media.cdn import CdnDelivery
from kaif.interfaces.media.delivery import Delivery
from kaif.interfaces.media.health import Health
from kaif.interfaces.media.joining import Joining
from kaif.interfaces.media.page_pictures import PagePictures
from kaif.interfaces.media.purges import PurgeQueue
from kaif.interfaces.media.quotas import Quota, Quotas
from kaif.interfaces.media.references import References
from kaif.interfaces.media.storage import MediaStorage
from kaif.interfaces.media.straight import StraightUploads
from kaif.interfaces.media.uploads import Uploads
from kaif.interfaces.media.work import MediaWork
from kaif.interfaces.personal_data import PersonErased
from kaif.kernel.clock import Clock, now_us
from kaif.services import media
from kaif.services.media import collecting
from kaif.services.media.cdn import purging
from kaif.services.media.cdn import store as cdn_store
from kaif.services.media.cdn.delivery import CdnDeliveryService
from kaif.services.media.cdn.links import CdnLinks
from kaif.services.media.cdn.offering import Offers
from kaif.services.media.cdn.purging import Purging
from kaif.services.media.cdn.withdrawing import Withdrawing
from kaif.services.media.collecting import Collector
from kaif.services.media.content.parts import Content
from kaif.services.media.content.stripping import Stripping
from kaif.services.media.content.writing import Writing
from kaif.services.media.delivery.links import Links, sealing_key
from kaif.services.media.delivery.rights import FindsChats, Rights, ShowsFiles
from kaif.services.media.delivery.service import DeliveryService
from kaif.services.media.delivery.standing import FindsOpen, Standing
from kaif.services.media.images.addresses import Addresses
from kaif.services.media.library import LibraryService
from kaif.services.media.operating.health import HealthService
from kaif.services.media.operating.media_work import MediaWorkService
from kaif.services.media.operating.purge_queue import PurgeQueueService
from kaif.services.media.operating.storage import MediaStorageService
from kaif.services.media.page_pictures import PagePicturesService
from kaif.services.media.queue import store as jobs_store
from kaif.services.media.queue.making import Maker
from kaif.services.media.queue.telling import OwnerNews
from kaif.services.media.queue.working import Workshop
from kaif.services.media.quotas.model import Defaults
from kaif.services.media.quotas.rule import FindsRoles, QuotaRule
from kaif.services.media.quotas.service import QuotasService
from kaif.services.media.reactions import Reactions
from kaif.services.media.referring import ReferencesService
from kaif.services.media.renditions.service import Renditions
from kaif.services.media.uploads.joining import JoiningService
from kaif.services.media.uploads.looking import Looker
from kaif.services.media.uploads.scanning import Scans
from kaif.services.media.uploads.service import UploadsService
from kaif.services.media.uploads.straight import StraightService
from kaif.services.media.work.films import FilmWorkers
from kaif.services.media.work.pictures import PictureWorkers
from kaif.services.media.work.scratch import Scratch

MIGRATIONS = Path(media.__file__).parent / "migrations"


@asynccontextmanager
async def media_services(
    settings: Settings,
    database: Database,
    cache: Cache,
    chats: FindsChats,
    doors: FindsOpen,
    roles: FindsRoles,
    clock: Clock = now_us,
    look_every_s: float = collecting.LOOK_EVERY_S,
    *,
    purge_every_s: float = purging.LOOK_EVERY_S,
    messages: ShowsFiles | None = None,
) -> AsyncIterator[Services]:
    await database.migrate("media", MIGRATIONS)
    if database.dialect == "sqlite":
        # Of the one process that works with it: whoever held something here before is there no more.
        async with database.transaction() as tx:
            await jobs_store.end_leases(tx)
    keys = master_keys(settings)
    blobs = await blobs_of(settings)
    content = Content(blobs, keys)
    key, rights = await sealing_key(database, keys), Rights(database, chats, messages)
    defaults = Defaults(Quota(*settings.media_quota), Quota(*settings.media_quota_more))
    quotas = QuotaRule(database, roles, defaults)
    links, addresses, cdn_links = Links(key), Addresses(key), CdnLinks(key, settings.cdn_url)
    withdrawing = Withdrawing(on=cdn_links.on)
    purges = Purging(database, cdn_links, purger_of(settings), clock, purge_every_s)
    if not cdn_links.on:
        async with database.transaction() as tx:
            # Of one that there was before: what it was given is stale within minutes.
            await cdn_store.forget_all(tx)
    bus: Bus = OutboxBus(database)
    reactions = Reactions(database, withdrawing, clock)
    bus.subscribe("media.people", PersonErased, reactions.forget_person)
    bus.subscribe("media.roles", RoleDropped, reactions.forget_role)
    pictures, films, scratch = PictureWorkers(), FilmWorkers(settings.media_films + 1), scratch_of(settings)
    looker = Looker(database, content, pictures, films, scratch)
    renditions = Renditions(database, content, keys, pictures, clock, withdrawing)
    scanner = scanner_of(settings)
    scans = Scans(database, content, scanner, larger=settings.clamd_larger)
    uploads = UploadsService(database, content, keys, quotas, looker, renditions, scans, clock)
    collector = Collector(database, content, clock, look_every_s, settings.media_pictures_max)
    maker = Maker(database, content, renditions, films, scratch)
    workshop = Workshop(database, maker, OwnerNews(cache), settings.media_films, clock)
    stripping = Stripping(database, content, renditions, messages, clock, look_every_s)
    await bus.start()
    collector.start()
    stripping.start()
    workshop.start()
    purges.start()
    try:
        yield {
            Uploads: uploads,
            Joining: JoiningService(database, quotas, clock),
            StraightUploads: StraightService(database, content, blobs, bucket_of(settings), uploads, clock),
            Library: LibraryService(
                database, rights, links, addresses, quotas, Offers(database, cdn_links), withdrawing, clock
            ),
            Delivery: DeliveryService(database, content, rights, links, Standing(doors), addresses, renditions, clock),
            CdnDelivery: CdnDeliveryService(database, content, cdn_links, renditions, clock),
            References: ReferencesService(database, withdrawing, clock),
            PagePictures: PagePicturesService(database, Writing(database, content, keys, clock), pictures, clock),
            Health: HealthService(database, blobs, keys, scanner, clock),
            MediaStorage: MediaStorageService(database, blobs, keys, clock),
            MediaWork: MediaWorkService(database, doors, OwnerNews(cache), clock),
            PurgeQueue: PurgeQueueService(database, clock, on=cdn_links.on),
            Quotas: QuotasService(database, roles, doors, defaults),
        }
    finally:
        await purges.close()
        await stripping.close()
        await workshop.close()
        await uploads.close()
        await renditions.close()
        await collector.close()
        await bus.close()
        await films.close()
        await pictures.close()
        scratch.close()


def scratch_of(settings: Settings) -> Scratch:
    """Raises Misconfigured."""
    try:
        return Scratch(settings.media_work)
    except OSError as error:
        raise Misconfigured(f"KAIF_MEDIA_WORK: {settings.media_work} can't be written to ({error.strerror}).") from None


def scanner_of(settings: Settings) -> Scanner:
    """Raises Misconfigured."""
    try:
        return open_scanner(settings.clamd)
    except ValueError as error:
        raise Misconfigured(f"KAIF_CLAMD: {error}.") from None


async def blobs_of(settings: Settings) -> Blobs:
    """Raises Misconfigured."""
    try:
        return await open_blobs(settings.blobs_url)
    except ValueError as error:
        raise Misconfigured(f"KAIF_BLOBS_URL: {error}.") from None


def bucket_of(settings: Settings) -> Bucket | None:
    """None where nothing goes straight there. Raises Misconfigured."""
    if not settings.straight_uploads:
        return None
    try:
        return open_bucket(settings.blobs_url, settings.straight_uploads)
    except ValueError as error:
        raise Misconfigured(f"KAIF_STRAIGHT_UPLOADS: {error}.") from None


def purger_of(settings: Settings) -> Purger:
    """Raises Misconfigured."""
    try:
        return open_purger(settings.cdn_purge, settings.cdn_token)
    except ValueError as error:
        # Without the token, which it never names.
        raise Misconfigured(f"KAIF_CDN_PURGE: {error}.") from None


def master_keys(settings: Settings) -> Keys:
    """Raises Misconfigured."""
    try:
        return open_keys(settings.media_keys_url, os.environ)
    except (OSError, ValueError) as error:
        # Of a file that can't be read the error names the path, never what is in it.
        raise Misconfigured(f"KAIF_MEDIA_KEYS: {error}.") from None
