"""Who is who in chats: what auth says of people is remembered, and told at once to those who are with them there."""

from kaif.engines.database import Database
from kaif.interfaces.auth import PersonChanged
from kaif.interfaces.messaging.people_news import TOLD_CHATS_MAX
from kaif.kernel.background import Background
from kaif.services.messaging import chat_store, people_store, people_words_store
from kaif.services.messaging.sending.announcing import Announcer

# Of those whose words are not kept yet: a transaction must not keep others waiting.
WORDED_AT_ONCE = 200
LOOK_EVERY_S = 600.0


class Acquaintance:
    def __init__(self, database: Database, announcer: Announcer) -> None:
        self._database, self._announcer = database, announcer
        self._background = Background()

    def start(self) -> None:
        self._background.repeat(self.catch_up, "people are not found by their names in large groups", LOOK_EVERY_S)

    async def close(self) -> None:
        await self._background.close()

    async def catch_up(self) -> float:
        """Keep the words of some who were known before words were kept; in how many seconds to go on."""
        async with self._database.transaction() as tx:
            ids = await people_words_store.unworded(tx, WORDED_AT_ONCE)
            await people_words_store.keep_words(tx, ids)
        return 0 if len(ids) == WORDED_AT_ONCE else LOOK_EVERY_S

    async def remember_person(self, event: PersonChanged) -> None:
        """Safe to repeat: who hears the same twice sees no difference."""
        async with self._database.transaction() as tx:
            await people_store.remember_people(tx, [event.person])
            (person,) = await people_store.known_people(tx, [event.person.id])
        # Whoever looks after the news finds what it says.
        chat_ids = await chat_store.chats_naming(self._database, person.id, TOLD_CHATS_MAX)
        await self._announcer.announce_person(person, chat_ids)
