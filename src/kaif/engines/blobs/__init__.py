"""Keeps bytes under names: a folder, memory in tests, or S3."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol


class Room(NamedTuple):
    """Of the disk, in bytes; `free` is what we may still write."""

    free: int
    total: int


class Blobs(Protocol):
    """Names are slash-separated segments of ASCII letters, digits and `._=@+~-` that do not begin with a dot.

    Every call raises Invalid on another name, and Unavailable when the store can't be reached;
    writes raise StorageFull when it is full.
    """

    async def put(self, name: str, content: bytes | bytearray | memoryview) -> None:
        """Store all of it, or on failure nothing; an earlier content is replaced.

        What may be changed stays as it is until this returns, or for good when it raises.
        """
        ...

    async def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """At most `length` bytes from `start`, none past the end; raises NotFound."""
        ...

    async def size(self, name: str) -> int:
        """Bytes; raises NotFound."""
        ...

    async def delete(self, name: str) -> None:
        """Gone afterwards, whether or not it was there."""
        ...

    def list(self, prefix: str) -> AsyncIterator[str]:
        """Names in the folder `prefix` and in its folders; the empty prefix is everything."""
        ...

    async def room(self) -> Room | None:
        """None where nobody knows, as in S3."""
        ...


class Address(NamedTuple):
    """Where a write goes, and the headers that it must have."""

    url: str
    headers: dict[str, str]


class Bucket(Protocol):
    """A store into which others may be let write, each to one name and for a while."""

    async def sign(self, name: str, size: int, seconds: int) -> Address:
        """By PUT, of exactly `size` bytes, unless something is there. Raises Unavailable."""
        ...

    async def find_fault(self, names: Sequence[str]) -> str:
        """Why such addresses can't be given: what the store does with them that it must not. Empty when it does as it
        must. Three names are written to, or not."""
        ...

    async def lets_pages_write(self, origin: str) -> bool:
        """Whether browsers may write there from pages of that origin (CORS)."""
        ...


async def open_blobs(url: str) -> Blobs:
    """`file:DIR`, `memory:`, or `s3://bucket/prefix?endpoint=…&region=…` (credentials from the environment).

    Raises ValueError.
    """
    from kaif.engines.blobs import store

    match url.partition(":")[0]:
        case "file":
            return store.local_blobs(Path(url.partition(":")[2]))
        case "memory":
            return store.memory_blobs()
        case "s3":
            return store.s3_blobs(url)
        case scheme:
            raise ValueError(f"no blob engine for {scheme!r}")


def open_bucket(url: str, place: str) -> Bucket:
    """That of `s3://…` (see above), which whoever is let write reaches at `place`: an address of the bucket itself.

    Raises ValueError.
    """
    if not url.startswith("s3:"):
        raise ValueError("content must lie in S3")
    try:
        from kaif.engines.blobs import presigned
    except ImportError:
        raise ValueError("addresses in S3 are signed by botocore: install kaif[straight]") from None
    return presigned.S3Bucket(url, place)
