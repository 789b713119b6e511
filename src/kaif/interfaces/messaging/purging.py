"""What purging promises: all that somebody wrote in a group or channel is deleted for everybody, however much it is.

It goes on after the answer, in portions, whatever happens to the process; each message is deleted as any other is.
"""

from typing import ClassVar, Protocol

import msgspec

from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.administration import OfMember
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.events import Event
from kaif.kernel.remote import repeatable


class PersonPurged(Event, frozen=True, kw_only=True):
    """For the audit log: it has been done, and how many messages there were; `report_id` where a report led to it."""

    name: ClassVar[str] = "messaging.person_purged.v1"
    purge_id: str
    asked_by: UserId
    chat_id: ChatId
    user_id: UserId
    messages: int
    report_id: str

    @property
    def key(self) -> str:
        return self.chat_id


class PurgedEvent(msgspec.Struct, frozen=True, tag_field="type", tag="purged"):
    """To the devices of whoever asked for it: that many messages of this person have been deleted."""

    chat_id: ChatId
    user_id: UserId
    messages: int


class Purging(Protocol):
    @repeatable
    async def purge_person(self, actor: Actor, request: OfMember) -> Nothing:
        """Delete all that somebody else, in the chat or no longer, has written there up to now. Needs `delete`.

        Nobody does so to the owner, and to an admin only the owner does. Raises ChatNotFound, NotAGroup, UnknownMember,
        RightMissing, BeyondYourRights (in `administration`).
        """
        ...
