"""Content as a whole, out of the sealed parts of which it is stored."""

import asyncio
import errno
import hashlib
import os
from io import RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING

from kaif.engines.blobs import Blobs
from kaif.engines.blobs.writing import memory_to_write
from kaif.engines.database import Reads
from kaif.engines.keys import KeyMissing, Keys
from kaif.kernel.errors import StorageFull
from kaif.services.media import key_store, store
from kaif.services.media.content.sealing import DATA_KEY_BYTES, ContentDamaged, PartCipher
from kaif.services.media.model import Part, blob_of

READ_AT_ONCE = 4 << 20
# Parts that are sealed and written at once: each has memory of its own, some of which is kept for the next.
WRITES_MAX = 8
SPARE_MAX = 3
SPARE_BYTES = PartCipher.sealed_bytes_of(4 << 20)
# Of uploads whose digest is half-way; the others' are begun anew.
DIGESTS_MAX = 256

if TYPE_CHECKING:
    Digest = hashlib._Hash

__all__ = ["DATA_KEY_BYTES", "Content", "Digests"]


class Content:
    def __init__(self, blobs: Blobs, keys: Keys) -> None:
        self._blobs, self._keys = blobs, keys
        self._writes = asyncio.Semaphore(WRITES_MAX)
        # One after another: the first is on its way to the disk while the next is sealed.
        self._sealing = asyncio.Semaphore(1)
        self._spare: list[memoryview] = []

    async def data_key(self, reads: Reads, holder_id: str) -> bytes:
        wrapped = await key_store.find(reads, holder_id)
        if wrapped is None:
            raise KeyMissing
        return await self._keys.unwrap(wrapped, holder_id)

    async def write(self, data_key: bytes, part: str, content: bytes | memoryview) -> None:
        """On disk when this returns."""
        cipher = PartCipher(data_key, part, len(content))
        async with self._writes:
            memory = self._memory(cipher.sealed_bytes)
            sealed = memory[: cipher.sealed_bytes]
            async with self._sealing:
                await asyncio.to_thread(cipher.seal_into, sealed, content)
            await self._blobs.put(blob_of(part), sealed)
            # Not of a write that failed or was given up: a thread may still be at it.
            if len(memory) == SPARE_BYTES and len(self._spare) < SPARE_MAX:
                self._spare.append(memory)

    def _memory(self, size: int) -> memoryview:
        if size <= SPARE_BYTES and self._spare:
            return self._spare.pop()
        return memory_to_write(max(size, SPARE_BYTES))

    async def read(self, reads: Reads, holder_id: str, start: int, length: int) -> bytes:
        """Exactly those bytes. Raises ContentDamaged."""
        parts = await store.parts_of(reads, holder_id, start, start + length)
        # Of a file that was put together of uploads, each has its own.
        data_keys = {key: await self.data_key(reads, key) for key in dict.fromkeys(part.key for part in parts)}
        pieces = []
        at, end = start, start + length
        for part in parts:
            if part.start > at:
                raise ContentDamaged
            wanted = min(end, part.end) - at
            pieces.append(await self.read_part(data_keys[part.key], part, at - part.start, wanted))
            at += wanted
        if at < end:
            raise ContentDamaged
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def copy(self, reads: Reads, holder_id: str, size: int, target: Path) -> None:
        """All of it into a file, which is as readable as the content was. Raises StorageFull."""
        try:
            with target.open("xb", buffering=0) as file:
                # Its owner's alone, whatever folder it comes to lie in.
                os.fchmod(file.fileno(), 0o600)
                for at in range(0, size, READ_AT_ONCE):
                    piece = await self.read(reads, holder_id, at, min(READ_AT_ONCE, size - at))
                    await asyncio.to_thread(_write, file, piece)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull(retry_after_ms=60_000) from error
            raise

    async def read_part(self, data_key: bytes, part: Part, start: int, length: int) -> bytes:
        cipher = PartCipher(data_key, part.part, part.length)
        window = cipher.window(start, length)
        sealed = await self._blobs.get(blob_of(part.part), window.start, window.length)
        return await asyncio.to_thread(cipher.open, sealed, window, length)

    async def delete(self, part: str) -> None:
        await self._blobs.delete(blob_of(part))


def _write(file: RawIOBase, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[file.write(view) or 0 :]


class Digests:
    """SHA-256 of uploads, made as their pieces come; what this process has not seen is read again."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._known: dict[str, tuple[int, Digest]] = {}

    async def with_piece(self, upload_id: str, offset: int, piece: bytes | memoryview) -> "Digest | None":
        """To the end of this piece, for `keep` once it is certain that the piece belongs there. None when it does not
        follow what is known: that is left for later."""
        at, digest = self._known.pop(upload_id, (0, hashlib.sha256()))
        if at != offset:
            return None
        await asyncio.to_thread(digest.update, piece)
        return digest

    async def digest(self, reads: Reads, upload_id: str, length: int) -> str:
        at, digest = self._known.pop(upload_id, (0, hashlib.sha256()))
        while at < length:
            piece = await self._content.read(reads, upload_id, at, min(READ_AT_ONCE, length - at))
            await asyncio.to_thread(digest.update, piece)
            at += len(piece)
        self.keep(upload_id, at, digest)
        return digest.hexdigest()

    def forget(self, upload_id: str) -> None:
        self._known.pop(upload_id, None)

    def keep(self, upload_id: str, at: int, digest: "Digest") -> None:
        if len(self._known) >= DIGESTS_MAX:
            del self._known[next(iter(self._known))]
        self._known[upload_id] = (at, digest)
