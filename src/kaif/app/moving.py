"""The content of files, from one store into another, while no server runs.

Each part is read back from where it was written and compared, and one that lies there already is compared too: so a
move that broke off is begun again, and whatever it says is done was seen. The database says which parts there are;
nothing in it changes, nor in the store that they come from.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import msgspec

from kaif.app import compose
from kaif.app.folder import DataFolder
from kaif.app.media import MIGRATIONS
from kaif.app.settings import Misconfigured, Settings
from kaif.engines.blobs import Blobs, open_blobs
from kaif.engines.database import Database
from kaif.interfaces.media.health import StoreForgets
from kaif.kernel.errors import NotFound
from kaif.services.media import store
from kaif.services.media.model import blob_of
from kaif.services.media.operating.health import prove

# Each is 4 MiB, or 16 MiB of a sender who wrote into S3.
AT_ONCE = 8
TELL_EVERY = 125 * AT_ONCE

Found = Literal["written", "there", "missing"]


class Moved(msgspec.Struct, frozen=True):
    """How many parts were written, lay there already, and are missing where they come from."""

    written: int
    there: int
    missing: int


def move(settings: Settings, target_url: str, say: Callable[[str], object]) -> Moved:
    """Raises Misconfigured, StoreForgets, Unavailable, StorageFull."""
    if target_url == settings.blobs_url:
        raise Misconfigured(f"Content lies in {named(target_url)} already.")
    with _nobody_else(settings):
        return asyncio.run(_move(settings, target_url, say))


def named(url: str) -> str:
    """As people are told of it."""
    return url.partition("?")[0]


@contextmanager
def _nobody_else(settings: Settings) -> Iterator[None]:
    """A server that runs on the data folder holds it, whichever its database; of others the operator must know."""
    if not settings.data.is_dir():
        if settings.database_url.startswith("sqlite:"):
            raise Misconfigured(f"There is no data in {settings.data}.")
        yield
        return
    folder = DataFolder(settings.data)
    try:
        yield
    finally:
        folder.release()


async def _move(settings: Settings, target_url: str, say: Callable[[str], object]) -> Moved:
    source, target = await _opened(settings.blobs_url), await _opened(target_url)
    await prove(target, blob_of(secrets.token_hex(16)))
    counts = Counter[Found]()
    async with compose.database_of(settings) as database:
        await database.migrate("media", MIGRATIONS)
        async for parts in _portions(database):
            counts.update(await asyncio.gather(*[_copied(source, target, blob_of(part)) for part in parts]))
            if counts.total() % TELL_EVERY == 0:
                say(f"{counts.total()} parts…")
    return Moved(counts["written"], counts["there"], counts["missing"])


async def _opened(url: str) -> Blobs:
    try:
        return await open_blobs(url)
    except ValueError as error:
        raise Misconfigured(f"{named(url)}: {error}.") from None


async def _portions(database: Database) -> AsyncIterator[list[str]]:
    after = ""
    while parts := await store.parts_after(database, after, AT_ONCE):
        yield parts
        after = parts[-1]


async def _copied(source: Blobs, target: Blobs, name: str) -> Found:
    try:
        content = await source.get(name)
    except NotFound:
        return "missing"
    if await _content(target, name) == content:
        return "there"
    await target.put(name, content)
    if await _content(target, name) != content:
        raise StoreForgets
    return "written"


async def _content(blobs: Blobs, name: str) -> bytes | None:
    try:
        return await blobs.get(name)
    except NotFound:
        return None
