"""What media promises an operator about its store: what fills it, for whom, and how much room there is."""

from datetime import datetime
from typing import Protocol

import msgspec

from kaif.interfaces.auth import Nothing
from kaif.interfaces.media import Kind
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.remote import repeatable

OWNERS_SHOWN_MAX = 10


class Amount(msgspec.Struct, frozen=True):
    count: int
    bytes: int


class KindStored(msgspec.Struct, frozen=True):
    kind: Kind
    stored: Amount


class OwnerStored(msgspec.Struct, frozen=True):
    owner_id: UserId
    stored: Amount


class Room(msgspec.Struct, frozen=True):
    """Of the disk, in bytes: what is left of it for us, and what it holds in all."""

    free: int
    total: int


class UnderWay(msgspec.Struct, frozen=True):
    """Uploads that are not finished, and how many bytes of theirs are here and are still to come."""

    count: int
    received: int
    expected: int


class MasterKeys(msgspec.Struct, frozen=True):
    """The version that wraps today, and how many keys of content an older one still wraps."""

    version: int
    wrapped_by_older: int


class JobCounts(msgspec.Struct, frozen=True):
    waiting: int
    working: int
    parked: int


class CdnPurges(msgspec.Struct, frozen=True):
    """What a CDN has still to be told to forget, and for how many seconds that has waited."""

    waiting: int
    oldest_s: int


class MediaCounts(msgspec.Struct, frozen=True):
    """What costs little to know. `room` is null where the store is no folder. `garbage` counts parts that are to be
    taken off the store."""

    uploads: UnderWay
    garbage: int
    room: Room | None
    jobs: JobCounts
    purges: CdnPurges


class StorageReport(msgspec.Struct, frozen=True):
    """`made` is what was made of files, such as smaller pictures. `owners` are those who have most, at most ten.

    What is stored was counted at `counted_at`, within the last minute; the rest is of now.
    """

    kinds: list[KindStored]
    made: Amount
    owners: list[OwnerStored]
    owners_count: int
    counted_at: datetime
    now: MediaCounts
    keys: MasterKeys


class MediaStorage(Protocol):
    @repeatable
    async def report_storage(self, actor: Actor, request: Nothing) -> StorageReport:
        """Needs MANAGE_EVENTS."""
        ...

    @repeatable
    async def count_media(self, actor: Actor, request: Nothing) -> MediaCounts:
        """For services alone: what the operator's monitoring asks again and again."""
        ...
