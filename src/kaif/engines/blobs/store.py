"""Blobs by obstore, which speaks to a folder, to memory and to S3 in the same way.

A name is a path of plain ASCII segments, so that it is the same key in every store and the same
path on every file system. Content types and owners are kept by the service in its tables.
"""

import asyncio
import contextlib
import errno
import os
import re
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, ObjectStore, S3Store

from kaif.engines.blobs import Room
from kaif.engines.blobs.writing import write_file
from kaif.kernel.errors import Invalid, NotFound, StorageFull, Unavailable

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Config

# S3 takes no smaller parts; two in flight bound the memory of one upload.
PART_BYTES = 5 * 1024 * 1024
PARTS_IN_FLIGHT_MAX = 2
NAME_CHARACTERS_MAX = 512

_NAME = re.compile(r"[A-Za-z0-9_=@+~-][A-Za-z0-9._=@+~-]{0,199}(/[A-Za-z0-9_=@+~-][A-Za-z0-9._=@+~-]{0,199})*")
# A full disk, a used-up quota, and a limit on the size of files; obstore tells the number in its message.
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DISK_FULL = re.compile(rf"\(os error ({'|'.join(map(str, _NO_SPACE))})\)")


class BadName(Invalid):
    code = "bad_name"
    detail = "This is no name under which content can be kept."


class ObjectBlobs:
    """`root` is the folder of a local store, whose files we bring safely to the disk ourselves."""

    def __init__(self, store: ObjectStore, root: Path | None = None) -> None:
        self._store = store
        self._root = root
        # Folders that are on the disk, as is the way to them: that is worth asking for once, not with each file.
        self._lasting: set[Path] = set()

    async def put(self, name: str, content: bytes | bytearray | memoryview) -> None:
        if self._root is not None:
            await self._write(self._root / checked(name), content)
        else:
            # What is only in memory would change with it.
            kept = bytes(content) if isinstance(self._store, MemoryStore) else content
            with _translated():
                await obstore.put_async(
                    self._store, checked(name), kept, chunk_size=PART_BYTES, max_concurrency=PARTS_IN_FLIGHT_MAX
                )

    async def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        with _translated():
            if start == 0 and length is None:
                whole = await obstore.get_async(self._store, checked(name))
                return bytes(await whole.bytes_async())
        size = await self.size(name)
        end = size if length is None else min(start + length, size)
        if start >= end:
            return b""
        with _translated():
            return bytes(await obstore.get_range_async(self._store, name, start=start, end=end))

    async def size(self, name: str) -> int:
        with _translated():
            return (await obstore.head_async(self._store, checked(name)))["size"]

    async def delete(self, name: str) -> None:
        with _translated(), contextlib.suppress(FileNotFoundError):
            await obstore.delete_async(self._store, checked(name))

    async def list(self, prefix: str) -> AsyncIterator[str]:
        folder = checked(prefix.rstrip("/")) if prefix else None
        with _translated():
            async for page in obstore.list(self._store, folder):
                for found in page:
                    yield found["path"]

    async def room(self) -> Room | None:
        if self._root is None:
            return None
        with _translated():
            disk = await asyncio.to_thread(os.statvfs, self._root)
        return Room(disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize)

    async def _write(self, path: Path, content: bytes | bytearray | memoryview) -> None:
        with _translated():
            await asyncio.to_thread(write_file, path, content, *self._unsettled(path.parent))
        self._lasting.add(path.parent)

    def _unsettled(self, folder: Path) -> Iterator[Path]:
        """The folders too: an entry that is not on the disk makes the file unreachable."""
        if folder in self._lasting:
            return iter((folder,))
        assert self._root is not None
        return iter((folder, *(above for above in folder.parents if above.is_relative_to(self._root))))


def local_blobs(folder: Path) -> ObjectBlobs:
    with _translated():
        folder.mkdir(parents=True, exist_ok=True)
        root = folder.resolve()
        return ObjectBlobs(LocalStore(root), root)


def memory_blobs() -> ObjectBlobs:
    return ObjectBlobs(MemoryStore())


def s3_blobs(url: str) -> ObjectBlobs:
    """`s3://bucket/prefix?endpoint=…&region=…`, us-east-1 where no region is said; an endpoint that is not said, and
    the credentials, are those of the usual AWS_… of the environment. Raises ValueError.
    """
    parts = urlsplit(url)
    options = {name: values[0] for name, values in parse_qs(parts.query).items()}
    config: S3Config = {"region": options.get("region", "us-east-1")}
    client: ClientConfig = {"connect_timeout": timedelta(seconds=3), "timeout": timedelta(seconds=60)}
    if endpoint := options.get("endpoint"):
        config["endpoint"] = endpoint
        client["allow_http"] = endpoint.startswith("http:")
    try:
        store = S3Store(
            parts.netloc,
            prefix=parts.path.strip("/") or None,
            config=config,
            client_options=client,
            retry_config={
                "max_retries": 2,
                "retry_timeout": timedelta(seconds=10),
                "backoff": {
                    "init_backoff": timedelta(milliseconds=100),
                    "max_backoff": timedelta(seconds=1),
                    "base": 2,
                },
            },
        )
    except BaseError as error:
        raise ValueError(str(error).partition("\n")[0]) from error
    return ObjectBlobs(store)


def checked(name: str) -> str:
    if len(name) > NAME_CHARACTERS_MAX or not _NAME.fullmatch(name):
        raise BadName
    return name


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """The driver's errors as ours."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound from error
    except (BaseError, OSError) as error:
        if _DISK_FULL.search(str(error)) or getattr(error, "errno", None) in _NO_SPACE:
            raise StorageFull(retry_after_ms=5000) from error
        raise Unavailable(retry_after_ms=1000) from error
