"""What one learns of a stranger who has written; each method is one transaction."""

from kaif.engines.database import Database
from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import GetChat
from kaif.interfaces.messaging.errors import ChatNotFound
from kaif.interfaces.messaging.first_contact import TITLES_SHOWN, FirstContact, NotAStranger
from kaif.kernel.actor import Actor
from kaif.kernel.clock import Clock
from kaif.kernel.ids import made_at
from kaif.services.messaging import member_store
from kaif.services.messaging.chats.reading import Reading
from kaif.services.messaging.privacy import store as privacy_store
from kaif.services.messaging.sending.announcing import Announcer, ChatEvent


class FirstContactsService:
    def __init__(self, database: Database, announcer: Announcer, clock: Clock) -> None:
        self._database, self._announcer = database, announcer
        self._reading = Reading(database, clock)

    async def get_first_contact(self, actor: Actor, request: GetChat) -> FirstContact:
        chat = await self._reading.get_chat(request.chat_id, actor.user_id)
        strangers = [person for person in chat.people if person.id != actor.user_id]
        if not chat.unanswered or not strangers:
            raise NotAStranger
        (person,) = strangers
        titles = await privacy_store.groups_in_common(self._database, actor.user_id, person.id)
        return FirstContact(person, made_at(person.id), len(titles), titles[:TITLES_SHOWN])

    async def accept_contact(self, actor: Actor, request: GetChat) -> Nothing:
        async with self._database.transaction() as tx:
            if await member_store.find_member(tx, request.chat_id, actor.user_id) is None:
                raise ChatNotFound
            accepted = await privacy_store.accept(tx, request.chat_id, actor.user_id)
        if accepted:
            await self._announcer.tell(actor.user_id, request.chat_id, ChatEvent(request.chat_id))
            await self._announcer.announce_reach([request.chat_id])
        return Nothing()
