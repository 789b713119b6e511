"""What media promises an operator about its CDN: what that has still to be told to forget, and why it was not."""

from datetime import datetime
from typing import ClassVar, Protocol

import msgspec

from kaif.interfaces.auth import Nothing
from kaif.interfaces.media import Kind, MediaId
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.errors import NotFound
from kaif.kernel.events import Event
from kaif.kernel.remote import repeatable


class CdnPurge(msgspec.Struct, frozen=True):
    """Of a file that was deleted nobody knows any more whose it was and of which kind. `error` is why the CDN could not
    be told the last time, empty where it was not tried yet."""

    media_id: MediaId
    owner_id: UserId | None
    kind: Kind | None
    asked_at: datetime
    next_at: datetime
    attempts: int
    error: str


class CdnPurgeList(msgspec.Struct, frozen=True):
    """Those that have waited longest first; `more` when there are others behind these. Without a CDN it is `off`."""

    purges: list[CdnPurge]
    more: bool
    off: bool


class CdnPurgesRetried(Event, frozen=True, kw_only=True):
    """For the audit log: who had the CDN told again, of how many files."""

    name: ClassVar[str] = "media.cdn_purges_retried.v1"
    decision_id: str
    decided_by: UserId
    count: int

    @property
    def key(self) -> str:
        return self.decision_id


class NoPurgeFailed(NotFound):
    code, detail = "no_purge_failed", "The CDN has been told of all that failed."


class PurgeQueue(Protocol):
    """All of it needs MANAGE_EVENTS."""

    @repeatable
    async def list_cdn_purges(self, actor: Actor, request: Nothing) -> CdnPurgeList:
        """What the CDN has not been told to forget yet; at most 200 of them."""
        ...

    @repeatable
    async def retry_cdn_purges(self, actor: Actor, request: Nothing) -> Nothing:
        """Have the CDN told now of all that failed: one call to it is of many. Raises NoPurgeFailed."""
        ...
