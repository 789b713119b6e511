"""What media promises about its work on pictures, films and sounds: an operator sees what waits and what failed."""

from datetime import datetime
from typing import ClassVar, Literal, Protocol

import msgspec

from kaif.interfaces.auth import Nothing
from kaif.interfaces.media import Kind, MediaId, OfMedia
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.errors import Invalid, NotFound
from kaif.kernel.events import Event
from kaif.kernel.remote import repeatable

LISTED_MAX = 200


class MediaJob(msgspec.Struct, frozen=True):
    """What the file is called stays out of sight. `error` is why the last attempt failed, if one did. Of what is
    `parked` nothing more is made until somebody decides. `progress` is how many of a hundred parts of the step that is
    under way are done."""

    media_id: MediaId
    owner_id: UserId
    kind: Kind
    size: int
    state: Literal["waiting", "working", "parked"]
    attempts: int
    error: str
    created_at: datetime
    progress: int


class MediaJobList(msgspec.Struct, frozen=True):
    """Parked ones first, then as they will be worked on; `more` when there are others behind these."""

    jobs: list[MediaJob]
    more: bool


class MediaJobDecided(Event, frozen=True, kw_only=True):
    """For the audit log: who decided what about which file."""

    name: ClassVar[str] = "media.job_decided.v1"
    decision_id: str
    decided_by: UserId
    owner_id: UserId
    media_id: MediaId
    decision: Literal["retry", "discard", "stop"]

    @property
    def key(self) -> str:
        return self.media_id


class JobNotParked(NotFound):
    code, detail = "job_not_parked", "This work is not parked any more."


class JobNotUnderWay(NotFound):
    code, detail = "job_not_under_way", "Nobody is working on this any more."


class WorkStopped(Invalid):
    """Why a file that somebody waits for is not there."""

    code, detail = "work_stopped", "An operator has stopped the work on this file."


class MediaWork(Protocol):
    """All of it needs MANAGE_EVENTS."""

    @repeatable
    async def list_media_jobs(self, actor: Actor, request: Nothing) -> MediaJobList:
        """What waits, is worked on, or is parked; at most 200 of them."""
        ...

    @repeatable
    async def stop_media_job(self, actor: Actor, request: OfMedia) -> Nothing:
        """Break off what is under way: it is parked then. Raises JobNotUnderWay."""
        ...

    @repeatable
    async def retry_media_job(self, actor: Actor, request: OfMedia) -> Nothing:
        """Have it tried again, from where it failed. Raises JobNotParked."""
        ...

    @repeatable
    async def discard_media_job(self, actor: Actor, request: OfMedia) -> Nothing:
        """Leave it at what was made of it. Raises JobNotParked; StepUpRequired (in auth's `factors`), SessionEnded."""
        ...
