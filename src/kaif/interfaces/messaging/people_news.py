"""What messaging tells every gateway of people: somebody is called otherwise, or shown by another picture.

News of this kind is at most once, as all news is: who misses it sees it with the next look at the chat or the person.
"""

import msgspec

from kaif.interfaces.auth import Person
from kaif.interfaces.messaging import ChatId
from kaif.kernel.actor import UserId

# The channel of the cache.
PEOPLE = "messaging.people"
# Whoever is in more chats is told of in those where something was said last.
TOLD_CHATS_MAX = 1000


class PersonEvent(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="person"):
    """To the devices of those who know the person: this is how they are shown from now on."""

    person: Person


class PersonNews(msgspec.Struct, frozen=True, array_like=True):
    """The event, as JSON, for everyone in these chats and for the person's own devices; to each device once."""

    user_id: UserId
    event: bytes
    chat_ids: list[ChatId]
