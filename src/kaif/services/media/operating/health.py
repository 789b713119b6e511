"""Whether a file could be taken in and handed out now: by writing a little, and by opening a key of each master key."""

import asyncio
import secrets
import time

from kaif.engines.blobs import Blobs
from kaif.engines.database import Database
from kaif.engines.keys import KeyMissing, Keys
from kaif.engines.scanner import Scanner
from kaif.interfaces.auth import Nothing
from kaif.interfaces.media.health import KeysLost, StoreForgets
from kaif.kernel.actor import Actor
from kaif.kernel.clock import Clock
from kaif.kernel.errors import KaifError, NotFound, StorageFull
from kaif.services.media import key_store, model, store
from kaif.services.media.model import blob_of

# Whoever asks more often is told the same again: each look costs a write to the store.
REMEMBERED_S = 5.0
# Less room than this is none: uploads that have begun would fill it.
ROOM_BYTES_MIN = 64 << 20
_PROBE_BYTES = 64


class HealthService:
    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        keys: Keys,
        scanner: Scanner,
        clock: Clock,
        remembered_s: float = REMEMBERED_S,
    ) -> None:
        self._database, self._blobs, self._keys, self._scanner = database, blobs, keys, scanner
        self._clock, self._remembered_s = clock, remembered_s
        self._looking = asyncio.Lock()
        self._looked_at = float("-inf")
        self._found: KaifError | None = None

    async def check_media(self, actor: Actor, request: Nothing) -> Nothing:
        async with self._looking:
            if time.monotonic() - self._looked_at >= self._remembered_s:
                self._found = await self._trouble()
                self._looked_at = time.monotonic()
            found = self._found
        if found is not None:
            raise type(found)(str(found), **found.details)
        return Nothing()

    async def _trouble(self) -> KaifError | None:
        try:
            await must_have_room(self._blobs)
            await self._write_a_little()
            if lost := await lost_keys(self._database, self._keys):
                raise KeysLost(versions=lost)
            await self._scanner.ping()
        except KaifError as error:
            return error
        return None

    async def _write_a_little(self) -> None:
        part = secrets.token_hex(16)
        async with self._database.transaction() as tx:
            # Should we die before the end, the collector finds what was written by this.
            await store.throw_away(tx, part, self._clock() + model.GARBAGE_LIVES_US)
        await prove(self._blobs, blob_of(part))
        async with self._database.transaction() as tx:
            await store.forget_garbage(tx, part)


async def must_have_room(blobs: Blobs) -> None:
    """Raises StorageFull."""
    room = await blobs.room()
    if room and room.free < ROOM_BYTES_MIN:
        raise StorageFull(retry_after_ms=5000)


async def prove(blobs: Blobs, name: str) -> None:
    """What is written there is read again, and gone afterwards. Raises Unavailable, StorageFull, StoreForgets."""
    content = secrets.token_bytes(_PROBE_BYTES)
    await blobs.put(name, content)
    try:
        found = await blobs.get(name)
    except NotFound:
        raise StoreForgets from None
    await blobs.delete(name)
    if found != content:
        raise StoreForgets


async def lost_keys(database: Database, keys: Keys) -> list[int]:
    """Versions of master keys under which something is wrapped that does not open any more."""
    lost = []
    for id, wrapped in await key_store.one_of_each_version(database):
        try:
            await keys.unwrap(wrapped, id)
        except KeyMissing:
            lost.append(wrapped.version)
    return lost
