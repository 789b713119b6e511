"""Who is who in chats: what auth says of people is remembered, and told at once to those who are with them there."""

from kaif.engines.database import Database
from kaif.interfaces.auth import PersonChanged
from kaif.interfaces.messaging.people_news import TOLD_CHATS_MAX
from kaif.services.messaging import store
from kaif.services.messaging.announcing import Announcer


class Acquaintance:
    def __init__(self, database: Database, announcer: Announcer) -> None:
        self._database, self._announcer = database, announcer

    async def remember_person(self, event: PersonChanged) -> None:
        """Safe to repeat: who hears the same twice sees no difference."""
        async with self._database.transaction() as tx:
            await store.remember_people(tx, [event.person])
            (person,) = await store.known_people(tx, [event.person.id])
        # Whoever looks after the news finds what it says.
        chat_ids = await store.chats_naming(self._database, person.id, TOLD_CHATS_MAX)
        await self._announcer.announce_person(person, chat_ids)
