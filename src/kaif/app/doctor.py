"""Checks an installation, and says what is wrong and how to mend it."""

import asyncio
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import msgspec

from kaif.app.compose import CLIENT
from kaif.app.folder import is_private, running
from kaif.app.media import blobs_of, bucket_of, master_keys, purger_of, scanner_of
from kaif.app.settings import Misconfigured, Settings
from kaif.engines.blobs import Room
from kaif.engines.cache import open_cache
from kaif.engines.cdn import PurgeRefused
from kaif.engines.database import is_sound, open_database
from kaif.engines.places import open_places
from kaif.interfaces.media.cdn import CDN_PATH
from kaif.interfaces.media.storage import CdnPurges
from kaif.kernel.clock import now_us
from kaif.kernel.errors import KaifError, StorageFull
from kaif.services.media import store
from kaif.services.media.cdn import store as cdn_store
from kaif.services.media.operating.health import lost_keys, prove
from kaif.services.media.uploads.straight import fault_of

FREE_BYTES_MIN = 500_000_000
# By then whatever was given to a CDN is about to be stale by itself.
PURGE_LATE_S = 300


class Finding(msgspec.Struct, frozen=True):
    """What was looked at; `remedy` is empty when all is well."""

    subject: str
    state: str
    remedy: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    yield _python()
    yield _client()
    yield _folder(settings.data)
    yield from _secrets(settings.data)
    database = _database(settings)
    yield database
    yield asyncio.run(_cache(settings))
    yield _files(settings)
    if not database.remedy:
        yield asyncio.run(_media_keys(settings))
    if settings.clamd:
        yield asyncio.run(_clamd(settings))
    if settings.straight_uploads:
        yield asyncio.run(_straight_uploads(settings))
    if settings.cdn_url:
        yield asyncio.run(_cdn(settings))
        if not database.remedy:
            yield asyncio.run(_purges(settings))
    if settings.geoip:
        yield _places(settings.geoip)
    yield _server(settings.data)


def report(settings: Settings, say: Callable[[str], None]) -> bool:
    """Say everything that was found; True when nothing needs mending."""
    healthy = True
    for finding in examine(settings):
        say(f"{'✗' if finding.remedy else '✓'} {finding.subject}: {finding.state}")
        if finding.remedy:
            healthy = False
            say(f"  → {finding.remedy}")
    return healthy


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", version, "" if sys.version_info >= (3, 11) else "Install Python 3.11 or newer.")


def _client() -> Finding:
    if (CLIENT / "index.html").exists():
        return Finding("Web client", "built")
    return Finding("Web client", "not built", "Run `make build`, or install Kaif Ozero from a wheel.")


def _folder(data: Path) -> Finding:
    if not data.exists():
        return Finding("Data folder", f"{data} does not exist yet", "Start the server once: `kaif up`.")
    free = shutil.disk_usage(data).free
    state = f"{data}, {free / 1e9:.1f} GB free"
    return Finding("Data folder", state, "" if free > FREE_BYTES_MIN else "Make room on this disk.")


def _secrets(data: Path) -> Iterator[Finding]:
    folder = data / "secrets"
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        readable = not is_private(path)
        yield Finding(
            f"Secret {path.name}",
            "readable by others" if readable else "readable by its owner only",
            f"Run `chmod 600 {path}`." if readable else "",
        )


def _database(settings: Settings) -> Finding:
    kind, _, place = settings.database_url.partition(":")
    if kind == "sqlite" and not Path(place).exists():
        return Finding("Database", "not made yet", "Start the server once: `kaif up`.")
    try:
        sound = asyncio.run(is_sound(settings.database_url))
    except KaifError as error:
        return Finding("Database", f"{kind}: {error}", "Start the database, or check KAIF_DATABASE_URL.")
    if not sound:
        return Finding("Database", f"{kind}, damaged", "Restore a backup with `kaif restore`.")
    return Finding("Database", f"{kind}, sound")


async def _cache(settings: Settings) -> Finding:
    kind = settings.cache_url.partition(":")[0]
    try:
        cache = await open_cache(settings.cache_url)
        try:
            await cache.present("doctor", ["nobody"])
        finally:
            await cache.close()
    except KaifError as error:
        return Finding("Cache", f"{kind}: {error}", "Start Redis, or check KAIF_CACHE_URL.")
    return Finding("Cache", kind)


def _files(settings: Settings) -> Finding:
    kind, _, place = settings.blobs_url.partition(":")
    if kind == "file" and not Path(place).exists():
        return Finding("Files", "no folder yet", "Start the server once: `kaif up`.")
    try:
        room = asyncio.run(_proven_store(settings))
    except StorageFull:
        return Finding("Files", f"{kind}: no room", "Make room where KAIF_BLOBS_URL says that files lie.")
    except (Misconfigured, KaifError) as error:
        return Finding("Files", f"{kind}: {error}", "Check KAIF_BLOBS_URL, and whether this user may write there.")
    if room is None:
        return Finding("Files", f"{kind}, written to and read again")
    state = f"{kind}, written to and read again, {room.free / 1e9:.1f} GB free"
    return Finding("Files", state, "" if room.free > FREE_BYTES_MIN else "Make room on the disk where files lie.")


async def _proven_store(settings: Settings) -> Room | None:
    """How much room there is where content lies, which can be written to."""
    blobs = await blobs_of(settings)
    await prove(blobs, f"doctor/{secrets.token_hex(16)}")
    return await blobs.room()


async def _media_keys(settings: Settings) -> Finding:
    """The master keys open what was stored under them."""
    try:
        keys = master_keys(settings)
        newest = await keys.newest()
    except (Misconfigured, KaifError) as error:
        return Finding("Keys of files", str(error), "Start the server once, or check KAIF_MEDIA_KEYS.")
    database = await open_database(settings.database_url)
    try:
        lost = await lost_keys(database, keys) if await store.is_made(database) else []
    except KaifError as error:
        return Finding("Keys of files", str(error), "Look at the database, and at where KAIF_MEDIA_KEYS points.")
    finally:
        await database.close()
    if lost:
        versions = ", ".join(map(str, lost))
        return Finding("Keys of files", f"version {versions} does not open what is stored", "Bring that key back.")
    return Finding("Keys of files", f"version {newest}, all that is stored opens")


async def _clamd(settings: Settings) -> Finding:
    try:
        await scanner_of(settings).ping()
    except (Misconfigured, KaifError) as error:
        return Finding("Virus scanner", str(error), "Start clamd, or check KAIF_CLAMD: no file is taken without it.")
    return Finding("Virus scanner", "answers")


async def _straight_uploads(settings: Settings) -> Finding:
    """Browsers may write into the store what was agreed, once, and nothing else."""
    try:
        bucket, blobs = bucket_of(settings), await blobs_of(settings)
    except Misconfigured as error:
        return Finding(
            "Straight uploads", str(error), "Set KAIF_STRAIGHT_UPLOADS as docs/media.md says, or not at all."
        )
    assert bucket
    if fault := await fault_of(bucket, blobs):
        remedy = (
            "Check KAIF_STRAIGHT_UPLOADS; uploads go by way of the server until then, and so for ever in some stores."
        )
        return Finding("Straight uploads", f"the store is not used so: {fault}", remedy)
    if not await bucket.lets_pages_write(settings.public_url):
        remedy = f"Permit PUT with If-None-Match from {settings.public_url} in the bucket's CORS rules (docs/media.md)."
        return Finding("Straight uploads", "the store refuses browsers", remedy)
    return Finding("Straight uploads", "the store takes each part once, as it was agreed")


async def _cdn(settings: Settings) -> Finding:
    """It takes a purge, of an address where nothing is."""
    if not settings.cdn_purge:
        return Finding("CDN", f"{settings.cdn_url}, never told to forget: what is deleted stays there for minutes")
    try:
        purger = purger_of(settings)
    except Misconfigured as error:
        return Finding("CDN", str(error), "Set KAIF_CDN_PURGE and KAIF_CDN_TOKEN as docs/cdn.md says.")
    try:
        await purger.purge([f"{settings.cdn_url.partition('://')[2]}{CDN_PATH}/doctor"])
    except PurgeRefused as error:
        return Finding("CDN", str(error), "Check KAIF_CDN_PURGE, and what the token of KAIF_CDN_TOKEN may do.")
    finally:
        await purger.close()
    return Finding("CDN", f"{settings.cdn_url}, takes purges")


async def _purges(settings: Settings) -> Finding:
    database = await open_database(settings.database_url)
    try:
        waiting = await cdn_store.count(database, now_us()) if await cdn_store.is_made(database) else CdnPurges(0, 0)
    except KaifError as error:
        return Finding("Purges", str(error), "Look at the database.")
    finally:
        await database.close()
    late = waiting.oldest_s > PURGE_LATE_S
    state = f"{waiting.waiting} wait, for up to {waiting.oldest_s} s" if waiting.waiting else "none wait"
    return Finding("Purges", state, "Look at media's log for what the CDN answers." if late else "")


def _places(path: Path) -> Finding:
    try:
        places = open_places(path)
    except (OSError, ValueError) as error:
        return Finding("Places", f"{path}: {error}", "Put a database of MaxMind's format there, or unset KAIF_GEOIP.")
    state = places.description
    places.close()
    return Finding("Places", state)


def _server(data: Path) -> Finding:
    holder = running(data)
    if holder is None:
        return Finding("Server", "not running")
    try:
        answer = httpx.get(f"{holder.url}/ready", timeout=5)
    except httpx.HTTPError as error:
        return Finding("Server", f"process {holder.pid} does not answer ({error})", "Look at its log, or restart it.")
    if answer.status_code != 200 or '"degraded"' in answer.text:
        return Finding("Server", f"not ready: {answer.text}", "Look at its log: a part that it needs does not answer.")
    return Finding("Server", f"running at {holder.url}")
