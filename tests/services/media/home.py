"""Media as it is wired, on a clock that a test sets, with chats of which the test says who is in them."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from kaif.app.compose import cache_of, database_of
from kaif.app.media import master_keys, media_services
from kaif.app.settings import read_settings
from kaif.engines.blobs import Blobs, open_blobs
from kaif.engines.cache import Cache
from kaif.engines.cache.memory import MemoryCache
from kaif.engines.database import Database
from kaif.engines.keys import Keys
from kaif.engines.keys.ring import new_key
from kaif.engines.scanner import NoScanner, Scanner
from kaif.interfaces.auth import GetOpenSessions, GetPeople, Nothing, OpenAccounts, OpenSessions
from kaif.interfaces.auth.factors import StepUpRequired
from kaif.interfaces.auth.roles import HeldBy, RoleList, RoleOf
from kaif.interfaces.media import Library, ListMedia, Media
from kaif.interfaces.media.delivery import Delivery, LookAt, ReadMedia, Sight
from kaif.interfaces.media.joining import Joining
from kaif.interfaces.media.quotas import Quota, Quotas
from kaif.interfaces.media.references import References
from kaif.interfaces.media.storage import MediaStorage
from kaif.interfaces.media.uploads import Append, BeginWriting, CreateUpload, OfUpload, Upload, Uploads
from kaif.interfaces.media.work import MediaWork
from kaif.interfaces.messaging import Chat, GetChat
from kaif.interfaces.messaging.news import SIGNALS, Signal
from kaif.kernel.actor import Actor, Permission, SessionId, UserId
from kaif.kernel.clock import now_us
from kaif.kernel.ids import new_id
from kaif.services.media import store
from kaif.services.media.collecting import Collector
from kaif.services.media.content.parts import Content
from kaif.services.media.delivery.rights import FindsChats
from kaif.services.media.model import StoredMedia
from kaif.services.media.queue.making import Maker
from kaif.services.media.queue.telling import OwnerNews
from kaif.services.media.queue.working import LONG, QUICK, Workshop
from kaif.services.media.quotas.model import Defaults
from kaif.services.media.quotas.rule import QuotaRule
from kaif.services.media.renditions.service import Renditions
from kaif.services.media.uploads.looking import Looker
from kaif.services.media.uploads.scanning import Scans
from kaif.services.media.uploads.service import UploadsService
from kaif.services.media.work.films import FilmWorkers
from kaif.services.media.work.pictures import PictureWorkers
from kaif.services.media.work.scratch import Scratch

ANNA, BORIS = Actor(UserId("01anna")), Actor(UserId("01boris"))
NEVER_S = 1e6
LOOKS_MAX = 50


class NoChats:
    """Where no file is shown in a chat, nobody asks who is in one."""

    async def get_chat(self, actor: Actor, request: GetChat) -> Chat:
        raise AssertionError("who is in a chat was asked for nothing")


LONG_AGO = SessionId("long-ago")


class OpenDoors:
    """Nobody's session ends and nobody is suspended: `tests/gateway/test_files.py` is where that matters.

    In the session LONG_AGO somebody signed in too long ago.
    """

    async def require_recent_sign_in(self, actor: Actor, request: Nothing) -> Nothing:
        if actor.session_id == LONG_AGO:
            raise StepUpRequired(methods=["password"])
        return Nothing()

    async def get_open_sessions(self, actor: Actor, request: GetOpenSessions) -> OpenSessions:
        return OpenSessions(request.session_ids)

    async def get_open_accounts(self, actor: Actor, request: GetPeople) -> OpenAccounts:
        return OpenAccounts(request.ids)


class GivenRoles:
    """Members all, and whoever else a test says: roles that there are, and whose they are."""

    def __init__(self) -> None:
        self.all = {"member": RoleOf("member", [], True)}
        self.held: dict[UserId, list[str]] = {}

    def give(self, user_id: UserId, name: str, *permissions: Permission) -> None:
        self.all[name] = RoleOf(name, list(permissions), False)
        self.held.setdefault(user_id, []).append(name)

    async def list_roles(self, actor: Actor, request: Nothing) -> RoleList:
        return RoleList(list(self.all.values()))

    async def list_held_roles(self, actor: Actor, request: HeldBy) -> RoleList:
        return RoleList([self.all[name] for name in ["member", *self.held.get(request.user_id, [])]])


class Work:
    """A process that works, and what it told owners."""

    def __init__(self, shop: Workshop, scratch: Scratch) -> None:
        self.shop, self.scratch = shop, scratch
        self.news, self.told = list[Signal](), asyncio.Event()

    def hear(self, news: bytes) -> None:
        self.news.append(msgspec.msgpack.decode(news, type=Signal))
        self.told.set()

    async def through(self) -> int:
        """All that can be done now; how many jobs were taken up."""
        for count in range(LOOKS_MAX):
            if not (await self.shop.work(QUICK) or await self.shop.work(LONG)):
                return count
        raise AssertionError("there is always more to do")


class Home:
    def __init__(self, services: dict[type, Any], database: Database, blobs: Blobs, keys: Keys, work: Path) -> None:
        self.services = services
        self.uploads: Uploads = services[Uploads]
        self.joining: Joining = services[Joining]
        self.library: Library = services[Library]
        self.delivery: Delivery = services[Delivery]
        self.references: References = services[References]
        self.storage: MediaStorage = services[MediaStorage]
        self.work_service: MediaWork = services[MediaWork]
        self.quotas: Quotas = services[Quotas]
        self.database, self.blobs, self.keys, self.work = database, blobs, keys, work
        self.content = Content(blobs, keys)
        self.moment, self.roles = [now_us()], GivenRoles()
        self.cache: Cache = MemoryCache()

    async def create(self, length: int, actor: Actor = ANNA, **more: Any) -> Upload:
        return await self.uploads.create_upload(actor, CreateUpload(length, **more))

    async def write(self, upload: Upload, *pieces: bytes, actor: Actor = ANNA) -> Upload:
        writing = await self.uploads.begin_writing(actor, BeginWriting(upload.id, upload.received))
        for piece in pieces:
            upload = await self.uploads.append(actor, Append(upload.id, writing.writer, upload.received, piece))
        return upload

    async def finish(self, upload: Upload, actor: Actor = ANNA) -> Media:
        while upload.media is None:
            upload = await self.uploads.finish_upload(actor, OfUpload(upload.id))
        return upload.media

    async def put(self, content: bytes, actor: Actor = ANNA, **more: Any) -> Media:
        upload = await self.create(len(content), actor, **more)
        return await self.finish(await self.write(upload, *cut(content), actor=actor), actor)

    async def read(self, media: Media, start: int = 0, length: int = 4 << 20, actor: Actor = ANNA) -> bytes:
        return (await self.delivery.read(actor, ReadMedia(media.id, start, length))).content

    async def look(self, media: Media, actor: Actor = ANNA, link: str = "", **more: Any) -> Sight:
        return await self.delivery.look_at(actor, LookAt(media.id, link, **more))

    async def got(self, media: Media, rendition: str, actor: Actor = ANNA, accept: str = "") -> bytes:
        """The content of what was made of it, of at most 4 MiB."""
        seen = await self.look(media, actor, rendition=rendition, accept=accept)
        wanted = ReadMedia(media.id, 0, 4 << 20, rendition=seen.rendition)
        return (await self.delivery.read(actor, wanted)).content

    async def stored_media(self, media: Media) -> StoredMedia:
        found = await store.find_media(self.database, media.id)
        assert found
        return found

    async def listed(self, actor: Actor = ANNA) -> list[str]:
        return [media.id for media in (await self.library.list_media(actor, ListMedia())).files]

    async def come(self, later_us: int) -> None:
        """The clock goes on, and what nothing needs is collected."""
        self.moment[0] += later_us
        await self.collect()

    async def collect(self, collector: Collector | None = None) -> None:
        collector = collector or Collector(self.database, self.content, lambda: self.moment[0])
        for _ in range(LOOKS_MAX):
            if not await collector.collect():
                return
        raise AssertionError("there is always more to collect")

    def process(self, blobs: Blobs, films: FilmWorkers | None = None, scanner: Scanner | None = None) -> UploadsService:
        """Another process that takes uploads, whose store, workers or scanner have their moods."""
        quota = Quota(1 << 40, 1 << 40)
        content = Content(blobs, self.keys)
        pictures, clock = PictureWorkers(1), lambda: self.moment[0]
        looker = Looker(self.database, content, pictures, films or FilmWorkers(2), Scratch(self.work))
        renditions = Renditions(self.database, content, self.keys, pictures, clock)
        scans = Scans(self.database, content, scanner or NoScanner(), larger=False)
        quotas = QuotaRule(self.database, self.roles, Defaults(quota, quota))
        return UploadsService(self.database, content, self.keys, quotas, looker, renditions, scans, clock)

    @contextlib.asynccontextmanager
    async def workshop(self, films: FilmWorkers | None = None) -> AsyncIterator["Work"]:
        """Another process that works on what was uploaded."""
        films, pictures, clock = films or FilmWorkers(2), PictureWorkers(1), lambda: self.moment[0]
        renditions = Renditions(self.database, self.content, self.keys, pictures, clock)
        scratch, cache = Scratch(self.work), MemoryCache()
        maker = Maker(self.database, self.content, renditions, films, scratch)
        work = Work(Workshop(self.database, maker, OwnerNews(cache), 1, clock), scratch)
        await cache.subscribe(SIGNALS, work.hear)
        try:
            yield work
        finally:
            await work.shop.close()
            await films.close()
            await pictures.close()
            scratch.close()

    async def stored(self) -> list[str]:
        """The names of all that lies in the store."""
        return sorted([name async for name in self.blobs.list("")])

    async def rows(self, table: str) -> int:
        found: list[tuple[int]] = await self.database.fetch(tuple, f"SELECT COUNT(*) FROM {table}")
        return found[0][0]


def cut(content: bytes, size: int = 4 << 20) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


@asynccontextmanager
async def at_home(
    folder: Path, database_url: str, blobs_url: str = "", chats: FindsChats | None = None, **settings: str
) -> AsyncIterator[Home]:
    keys = folder / "media-keys"
    if not keys.exists():
        keys.write_text(new_key(1))
    environment = {
        "KAIF_DATABASE_URL": database_url,
        "KAIF_MEDIA_KEYS": f"file:{keys}",
        # Work is done where a test says so: `workshop`.
        "KAIF_MEDIA_FILMS": "0",
        "KAIF_BLOBS_URL": blobs_url or f"file:{folder / 'blobs'}",
        **settings,
    }
    wanted = read_settings(folder, "127.0.0.1", 0, environment)
    moment, roles = [now_us()], GivenRoles()
    async with (
        database_of(wanted) as database,
        cache_of(wanted) as cache,
        media_services(
            wanted,
            database,
            cache,
            chats or NoChats(),
            OpenDoors(),
            roles,
            lambda: moment[0],
            NEVER_S,
            purge_every_s=NEVER_S,
        ) as services,
    ):
        blobs = await open_blobs(wanted.blobs_url)
        home = Home(services, database, blobs, master_keys(wanted), wanted.media_work)
        home.moment, home.roles, home.cache = moment, roles, cache
        yield home


def random_bytes(size: int) -> bytes:
    return secrets.token_bytes(size)


def somebody() -> Actor:
    return Actor(UserId(new_id()))
