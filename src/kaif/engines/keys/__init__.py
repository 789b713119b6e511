"""Master keys, under which the keys of stored things are wrapped: the database never holds one that opens anything."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from kaif.kernel.errors import KaifError


class Wrapped(msgspec.Struct, frozen=True):
    """A key sealed by the master key of that version."""

    version: int
    sealed: bytes


class KeyMissing(KaifError):
    """A master key that is still needed was taken away, or what was wrapped was changed; never a caller's fault."""

    code, detail = "key_missing", "A key that this content was stored under is not there."


class Keys(Protocol):
    """Versions rise; the newest wraps, and all that were ever used can unwrap.

    A wrapped key is bound to its `context`: it opens for no other.
    """

    async def newest(self) -> int: ...

    async def wrap(self, key: bytes, context: str) -> Wrapped: ...

    async def unwrap(self, wrapped: Wrapped, context: str) -> bytes:
        """Raises KeyMissing, and Unavailable where keys lie elsewhere."""
        ...


def open_keys(url: str, environment: Mapping[str, str]) -> Keys:
    """`file:PATH`, or `env:NAME`, a variable of the environment; see `ring` for what stands there. Or `kms:KEY,KEY?…`,
    see `kms`.

    Raises ValueError for what are no keys, and OSError for a file that can't be read.
    """
    from kaif.engines.keys import ring

    match url.partition(":"):
        case ("file", _, path):
            return ring.FileKeys(Path(path))
        case ("env", _, name):
            return ring.KeyRing(ring.parse(environment.get(name, "")))
        case ("kms", _, _):
            try:
                from kaif.engines.keys import kms
            except ImportError:
                raise ValueError("keys in a KMS need botocore: install kaif[kms]") from None
            return kms.KmsKeys(url)
        case (scheme, _, _):
            raise ValueError(f"no engine of keys for {scheme!r}")
