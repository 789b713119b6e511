"""What the first contact promises: whoever is written to by a stranger learns who that is before they answer."""

from datetime import datetime
from typing import Protocol

import msgspec

from kaif.interfaces.auth import Nothing, Person
from kaif.interfaces.messaging import GetChat
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Conflict
from kaif.kernel.remote import repeatable

TITLES_SHOWN = 3


class FirstContact(msgspec.Struct, frozen=True):
    """A stranger: since when their account is there, how many groups they share with the actor, and a few of them."""

    person: Person
    since: datetime
    groups_in_common: int
    titles: list[str]


class NotAStranger(Conflict):
    code, detail = "not_a_stranger", "No stranger waits for an answer in this chat."


class FirstContacts(Protocol):
    """Whoever names a chat must be in it: otherwise ChatNotFound is raised."""

    @repeatable
    async def get_first_contact(self, actor: Actor, request: GetChat) -> FirstContact:
        """Who has begun the chat that the actor has not answered yet. Raises NotAStranger."""
        ...

    @repeatable
    async def accept_contact(self, actor: Actor, request: GetChat) -> Nothing:
        """Take them for an acquaintance without answering; accepting twice is no error."""
        ...
