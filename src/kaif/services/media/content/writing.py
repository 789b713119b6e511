"""Writes content that is there as a whole: sealed parts under a new key, garbage until something takes them."""

import secrets
from collections.abc import AsyncIterator
from typing import NamedTuple

from kaif.engines.database import Database, Transaction
from kaif.engines.keys import Keys, Wrapped
from kaif.interfaces.media.uploads import PIECE_BYTES_MAX
from kaif.kernel.clock import Clock
from kaif.services.media import key_store, model, store
from kaif.services.media.content.parts import DATA_KEY_BYTES, Content
from kaif.services.media.model import Part


class Written(NamedTuple):
    """Content of `holder_id`, should anything take it."""

    holder_id: str
    key: Wrapped
    parts: list[Part]
    size: int


class Writing:
    def __init__(self, database: Database, content: Content, keys: Keys, clock: Clock) -> None:
        self._database, self._content, self._keys, self._clock = database, content, keys, clock

    async def write(self, holder_id: str, pieces: AsyncIterator[bytes]) -> Written:
        data_key = secrets.token_bytes(DATA_KEY_BYTES)
        wrapped = await self._keys.wrap(data_key, holder_id)
        parts, size = list[Part](), 0
        async for piece in pieces:
            parts.append(Part(holder_id, size, len(piece), await self._write(data_key, piece)))
            size += len(piece)
        return Written(holder_id, wrapped, parts, size)

    async def _write(self, data_key: bytes, piece: bytes) -> str:
        part = secrets.token_hex(16)
        async with self._database.transaction() as tx:
            await store.throw_away(tx, part, self._clock() + model.GARBAGE_LIVES_US)
        await self._content.write(data_key, part, piece)
        return part


async def take(tx: Transaction, written: Written) -> bool:
    """It stays. False when it lay for so long that the collector has some of it."""
    for part in written.parts:
        if not await store.rescue(tx, part.part):
            return False
        await store.add_part(tx, part)
    await key_store.add(tx, written.holder_id, written.key)
    return True


async def cut(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), PIECE_BYTES_MAX):
        yield content[at : at + PIECE_BYTES_MAX]
