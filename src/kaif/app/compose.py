"""The whole system, wired top to bottom: engines, what services share, the edge. Each service has its own page here."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

import kaif
from kaif.app.auth import auth_services
from kaif.app.delivering import outgoing_webhooks
from kaif.app.digesting import digests
from kaif.app.media import media_services
from kaif.app.messaging import MIGRATIONS, messaging_services
from kaif.app.notifying import FOLLOWING, notifications
from kaif.app.settings import Misconfigured, Settings
from kaif.app.surface import AUTH, MEDIA, MESSAGING, Services, document
from kaif.engines import database as engines_database
from kaif.engines.bus.outbox import OutboxBus
from kaif.engines.bus.store import end_leases
from kaif.engines.cache import Cache, open_cache
from kaif.engines.database import Database, open_database
from kaif.engines.index import IndexTaken, open_indexes
from kaif.engines.mail import Mail, open_mail
from kaif.engines.mail.mailbox import DevMailbox
from kaif.engines.web.pages import Pages
from kaif.engines.web.public import PublicPages
from kaif.gateway import cookies, openid, pages, unsubscribing
from kaif.gateway.access_log import AccessLog, Sink
from kaif.gateway.api_keys import KeyRing
from kaif.gateway.application import Gateway, Page
from kaif.gateway.bytes_routes import BytesEndpoint
from kaif.gateway.cdn import CdnHost
from kaif.gateway.files import Files
from kaif.gateway.hub import Hub
from kaif.gateway.identity import Identity
from kaif.gateway.last_seen import LastSeenNotes
from kaif.gateway.media_gauges import MediaGauges
from kaif.gateway.metrics import Metrics
from kaif.gateway.presence import PresenceBoard
from kaif.gateway.requests import Request
from kaif.gateway.search_gauge import SearchGauge
from kaif.gateway.server import serve
from kaif.gateway.socketio.device import Facade
from kaif.gateway.sockets import Sockets
from kaif.gateway.static import StaticFiles
from kaif.gateway.tus import Tus, upload_buffers
from kaif.interfaces.auth import Auth, Nothing
from kaif.interfaces.auth.api_keys import ApiKeys
from kaif.interfaces.auth.bots import Bots
from kaif.interfaces.auth.digest_letters import DigestLetters
from kaif.interfaces.auth.openid import OpenId
from kaif.interfaces.auth.roles import READ_MAILBOX, Roles
from kaif.interfaces.auth.sessions import Sessions
from kaif.interfaces.auth.staff import Staff
from kaif.interfaces.media import Library, Media
from kaif.interfaces.media.cdn import CdnDelivery
from kaif.interfaces.media.delivery import Delivery
from kaif.interfaces.media.health import Health
from kaif.interfaces.media.joining import Joining
from kaif.interfaces.media.page_pictures import PagePictures
from kaif.interfaces.media.references import LetGo, Refer, References
from kaif.interfaces.media.storage import MediaStorage
from kaif.interfaces.media.uploads import Uploads
from kaif.interfaces.messaging import Chat, GetChat, Messaging
from kaif.interfaces.messaging.attachments import AskedFiles, Attachments, ShownFiles
from kaif.interfaces.messaging.last_seen import LastSeen
from kaif.interfaces.messaging.search import Search
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.clock import now_us
from kaif.kernel.errors import Unavailable
from kaif.kernel.http import Endpoint, Table
from kaif.kernel.limits import Limits
from kaif.kernel.remote import Caller, Listener
from kaif.services.messaging.search.indexing import Indexer
from kaif.services.messaging.search.service import NoSearch, SearchService

CLIENT = Path(kaif.__file__).parent / "web"

OUTBOX_MIGRATIONS = Path(engines_database.__file__).parent / "migrations"

# Where its clients look for it unless they are told otherwise.
SOCKET_IO = "/socket.io/"

# Processes are started in any order: whoever needs another one waits so long for it.
PATIENCE_S = 30

# Nobody waits for the index as they do for each other: while messages come it looks four times a second.
INDEXING = msgspec.structs.replace(FOLLOWING, rest_ms=250)

log = logging.getLogger("kaif")


# Engines, each closed again when its block ends


@asynccontextmanager
async def database_of(settings: Settings) -> AsyncIterator[Database]:
    database = await open_database(settings.database_url)
    try:
        await database.migrate("outbox", OUTBOX_MIGRATIONS)
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def sole_database_of(settings: Settings) -> AsyncIterator[Database]:
    """Of the one process that works with it: an embedded one still holds the leases of a process that was killed."""
    async with database_of(settings) as database:
        if database.dialect == "sqlite":
            await end_leases(database)
        yield database


@asynccontextmanager
async def cache_of(settings: Settings) -> AsyncIterator[Cache]:
    cache = await open_cache(settings.cache_url)
    try:
        yield cache
    finally:
        await cache.close()


# Services


@asynccontextmanager
async def pages_of(settings: Settings) -> AsyncIterator[Pages | None]:
    """Of other sites, for previews of links; None where the operator wants none asked."""
    if settings.link_previews == "off":
        yield None
        return
    pages = PublicPages(private_too=settings.link_previews == "any")
    try:
        yield pages
    finally:
        await pages.close()


@asynccontextmanager
async def search_service(settings: Settings, database: Database) -> AsyncIterator[SearchService]:
    """In one process alone: the one that holds the index."""
    await database.migrate("messaging", MIGRATIONS)
    try:
        indexes = open_indexes(settings.index_url)
    except IndexTaken:
        raise Misconfigured("Another process holds the index of messages: one is enough.") from None
    indexer = Indexer(database, indexes, OutboxBus(database, INDEXING), now_us)
    await indexer.start()
    try:
        yield SearchService(database, indexer)
    finally:
        await indexer.close()
        indexes.close()


# The edge


@asynccontextmanager
async def edge(
    settings: Settings, services: Services, cache: Cache, mail: Mail, access_log: Sink
) -> AsyncIterator[tuple[Gateway, Sockets]]:
    auth, messaging = services[Auth], services[Messaging]
    identity = Identity(auth, cache)
    limits = Limits(settings.limits_scale)
    key_ring = KeyRing(services[ApiKeys], identity, limits)
    metrics = Metrics()
    presence = PresenceBoard(cache)
    hub = Hub(messaging, cache, presence)
    last_seen = LastSeenNotes(services[LastSeen], presence)
    sockets = Sockets(
        identity,
        key_ring,
        hub,
        messaging,
        limits,
        settings.trusted_proxies,
        cookies.schemes_of(settings.public_url_given),
    )
    facade = Facade(identity, key_ring, hub, messaging, limits, sockets.outbox)
    sockets.others[SOCKET_IO.encode()] = facade.engine.accept
    sockets.on_drain = facade.engine.drain
    lines = AccessLog(access_log)
    surface = [(route, services[interface]) for interface, routes in AUTH + MESSAGING + MEDIA for route in routes]
    buffers = upload_buffers()
    of_bytes = (
        Tus(services[Uploads], services[Joining], buffers).endpoints()
        + Files(services[Uploads], services[Delivery], services[Library], buffers).endpoints()
    )
    table = Table[Endpoint | BytesEndpoint]([*(Endpoint(route, service) for route, service in surface), *of_bytes])
    own: dict[str, Page] = {}
    client = StaticFiles(CLIENT, settings.cdn_url, settings.straight_uploads)
    cdn = CdnHost(services[CdnDelivery], settings.cdn_url, settings.public_url) if settings.cdn_url else None
    gateway = Gateway(table, own, identity, key_ring, limits, client, metrics, lines, sockets, cdn)
    metrics.gauge("kaif_sockets", "Connected devices.", lambda: hub.readers_count)
    metrics.gauge("kaif_access_log_dropped_lines", "Lines that could not be written.", lambda: lines.dropped)
    media_gauges = MediaGauges(services[MediaStorage], metrics)
    search_gauge = SearchGauge(services[Search], metrics)
    own.update(_own_pages(settings, gateway, sockets, services, metrics, mail))
    own.update(openid.pages(services[OpenId], client))
    own.update(unsubscribing.pages(services[DigestLetters]))
    own[SOCKET_IO] = facade.engine.page
    await identity.start()
    await hub.start()
    last_seen.start()
    media_gauges.start()
    search_gauge.start()
    sockets.start()
    facade.start()
    try:
        yield gateway, sockets
    finally:
        await facade.close()
        await sockets.close()
        await search_gauge.close()
        await media_gauges.close()
        await last_seen.close()
        await hub.close()
        await identity.close()
        lines.flush()


def _own_pages(
    settings: Settings, gateway: Gateway, sockets: Sockets, services: Services, metrics: Metrics, mail: Mail
) -> dict[str, Page]:
    async def auth_answers() -> None:
        await services[Auth].get_setup(NOBODY, Nothing())

    async def media_answers() -> None:
        await services[Health].check_media(NOBODY, Nothing())

    def may_read_mailbox(request: Request) -> None:
        gateway.require(request, READ_MAILBOX)

    return {
        "/health": pages.health(),
        "/ready": pages.ready(lambda: sockets.draining, {"auth": auth_answers}, {"media": media_answers}),
        "/metrics": pages.metrics(metrics, settings.metrics_token),
        "/openapi.json": pages.openapi(document()),
        "/tonconnect-manifest.json": pages.ton_manifest(settings.public_url),
        "/v1/csp-reports": pages.csp_reports(),
        "/operator/mailbox": pages.mailbox(mail if isinstance(mail, DevMailbox) else None, may_read_mailbox),
    }


class FutureMessaging:
    """Media asks messaging who sees a file, and messaging asks media to hold files: so one of them is there first, and
    asks the other when somebody comes to look.
    """

    def __init__(self) -> None:
        self.services: Services = {}

    async def get_chat(self, actor: Actor, request: GetChat) -> Chat:
        messaging: Messaging = self.services[Messaging]
        return await messaging.get_chat(actor, request)

    async def which_are_shown(self, actor: Actor, request: AskedFiles) -> ShownFiles:
        attachments: Attachments = self.services[Attachments]
        return await attachments.which_are_shown(actor, request)

    async def which_are_files(self, actor: Actor, request: AskedFiles) -> ShownFiles:
        attachments: Attachments = self.services[Attachments]
        return await attachments.which_are_files(actor, request)


class FuturePictures:
    """Auth asks media to hold pictures of people, and media asks auth about people: as with FutureMessaging."""

    def __init__(self) -> None:
        self.services: Services = {}

    async def refer(self, actor: Actor, request: Refer) -> Media:
        references: References = self.services[References]
        return await references.refer(actor, request)

    async def let_go(self, actor: Actor, request: LetGo) -> Nothing:
        references: References = self.services[References]
        return await references.let_go(actor, request)


# Processes


async def run_everything(
    settings: Settings,
    listener: socket.socket,
    access_log: Sink,
    stop: asyncio.Event,
    started: Callable[[bool], None],
) -> None:
    """`kaif up`: all of it in this process. `started` is told whether the server still has to be set up."""
    later, pictures = FutureMessaging(), FuturePictures()
    async with (
        sole_database_of(settings) as database,
        cache_of(settings) as cache,
        auth_services(settings, database, cache, pictures=pictures) as auths,
        media_services(settings, database, cache, later, auths[Auth], auths[Roles], messages=later) as medias,
        pages_of(settings) as pages,
        messaging_services(
            database,
            cache,
            auths[Auth],
            auths[Sessions],
            auths[Staff],
            pages=pages,
            limits_scale=settings.limits_scale,
            files=medias[References],
            pictures=medias[PagePictures],
        ) as messagings,
        notifications(settings, database, cache, auths[Auth]) as notified,
        digests(database, auths[DigestLetters]) as digested,
        outgoing_webhooks(settings, database, auths[Auth], auths[Bots]) as called,
        search_service(settings, database) as search,
        edge(
            settings,
            {**auths, **messagings, **notified, **digested, **called, **medias, Search: search},
            cache,
            await open_mail(settings.mail_url),
            access_log,
        ) as (gateway, sockets),
    ):
        later.services, pictures.services = messagings, medias
        setup = await auths[Auth].get_setup(NOBODY, Nothing())
        await serve(gateway, sockets, listener, stop, lambda: started(setup.needed))


async def run_gateway(
    settings: Settings,
    listener: socket.socket,
    access_log: Sink,
    stop: asyncio.Event,
    started: Callable[[bool], None],
) -> None:
    """`kaif serve gateway`: the edge, with the services elsewhere."""
    secret = _internal_secret(settings)
    async with (
        cache_of(settings) as cache,
        _calling(settings.auth_addresses, "KAIF_AUTH", secret) as auths,
        _calling(settings.messaging_addresses, "KAIF_MESSAGING", secret) as messagings,
        _searching(settings, secret) as search,
        _calling(settings.media_addresses, "KAIF_MEDIA", secret) as medias,
        edge(
            settings,
            {interface: auths.remote(interface) for interface, _ in AUTH}
            | {interface: messagings.remote(interface) for interface, _ in MESSAGING}
            | {
                interface: medias.remote(interface)
                for interface in (*(one for one, _ in MEDIA), Uploads, Joining, Delivery, CdnDelivery, Health)
            }
            | {Search: search},
            cache,
            await open_mail(settings.mail_url),
            access_log,
        ) as (gateway, sockets),
    ):
        await serve(gateway, sockets, listener, stop, lambda: started(False))


async def run_auth(settings: Settings, stop: asyncio.Event, started: Callable[[bool], None]) -> None:
    """`kaif serve auth`: the service behind an internal port."""
    async with (
        database_of(settings) as database,
        cache_of(settings) as cache,
        _calling_media(settings) as media,
        auth_services(settings, database, cache, pictures=media.remote(References) if media else None) as services,
    ):
        setup = await services[Auth].get_setup(NOBODY, Nothing())
        await _expose(settings, services, stop, lambda: started(setup.needed))


async def run_messaging(settings: Settings, stop: asyncio.Event, started: Callable[[bool], None]) -> None:
    """`kaif serve messaging`: the service behind an internal port, beside others of its kind."""
    secret = _internal_secret(settings)
    async with (
        database_of(settings) as database,
        cache_of(settings) as cache,
        _calling(settings.auth_addresses, "KAIF_AUTH", secret) as auths,
        _calling_media(settings) as media,
        pages_of(settings) as pages,
        messaging_services(
            database,
            cache,
            auths.remote(Auth),
            auths.remote(Sessions),
            auths.remote(Staff),
            pages=pages,
            limits_scale=settings.limits_scale,
            files=media.remote(References) if media else None,
            pictures=media.remote(PagePictures) if media else None,
        ) as services,
        notifications(settings, database, cache, auths.remote(Auth)) as notified,
        digests(database, auths.remote(DigestLetters)) as digested,
        outgoing_webhooks(settings, database, auths.remote(Auth), auths.remote(Bots)) as called,
    ):
        await _expose(settings, {**services, **notified, **digested, **called}, stop, lambda: started(False))


async def run_media(settings: Settings, stop: asyncio.Event, started: Callable[[bool], None]) -> None:
    """`kaif serve media`: the service behind an internal port, beside others of its kind."""
    secret = _internal_secret(settings)
    async with (
        database_of(settings) as database,
        cache_of(settings) as cache,
        _calling(settings.auth_addresses, "KAIF_AUTH", secret) as auths,
        _calling(settings.messaging_addresses, "KAIF_MESSAGING", secret) as messagings,
        media_services(
            settings,
            database,
            cache,
            messagings.remote(Messaging),
            auths.remote(Auth),
            auths.remote(Roles),
            messages=messagings.remote(Attachments),
        ) as services,
    ):
        await _expose(settings, services, stop, lambda: started(False))


async def run_search(settings: Settings, stop: asyncio.Event, started: Callable[[bool], None]) -> None:
    """`kaif serve search`: the process that holds the index of messages, behind an internal port."""
    async with (
        database_of(settings) as database,
        search_service(settings, database) as search,
    ):
        await _expose(settings, {Search: search}, stop, lambda: started(False))


@asynccontextmanager
async def _calling_media(settings: Settings) -> AsyncIterator[Caller | None]:
    """Media waits for messaging when it starts, which waits for auth, so neither waits for media."""
    if not settings.media_addresses:
        yield None
        return
    caller = Caller(settings.media_addresses, _internal_secret(settings))
    caller.connect()
    try:
        yield caller
    finally:
        await caller.close()


@asynccontextmanager
async def _searching(settings: Settings, secret: bytes) -> AsyncIterator[Search]:
    if not settings.search_addresses:
        yield NoSearch()
        return
    async with _calling(settings.search_addresses, "KAIF_SEARCH", secret) as caller:
        yield caller.remote(Search)


async def _expose(settings: Settings, services: Services, stop: asyncio.Event, started: Callable[[], None]) -> None:
    listener = Listener(_internal_secret(settings))
    for interface, service in services.items():
        listener.expose(interface, service)
    await listener.start(settings.host, settings.port)
    started()
    await stop.wait()
    await listener.close()


@asynccontextmanager
async def _calling(addresses: list[tuple[str, int]], variable: str, secret: bytes) -> AsyncIterator[Caller]:
    if not addresses:
        raise Misconfigured(f"{variable} must name where that service listens, such as 127.0.0.1:9001.")
    caller = Caller(addresses, secret)
    try:
        await caller.start(PATIENCE_S)
    except Unavailable:
        await caller.close()
        raise Misconfigured(f"Nobody answers where {variable} says: is that service running?") from None
    try:
        yield caller
    finally:
        await caller.close()


def _internal_secret(settings: Settings) -> bytes:
    if len(settings.internal_secret) < 32:
        raise Misconfigured("KAIF_INTERNAL_SECRET must be the same 32 or more characters in every process.")
    return settings.internal_secret.encode()
