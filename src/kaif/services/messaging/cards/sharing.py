"""Shares places and people: messages that carry one."""

from kaif.engines.database import Database
from kaif.interfaces.auth import Auth
from kaif.interfaces.messaging import Entry, Outgoing
from kaif.interfaces.messaging.cards import Contact, Location
from kaif.interfaces.messaging.errors import BadTitle
from kaif.interfaces.messaging.sharing import SendContact, SendLocation
from kaif.kernel.actor import Actor
from kaif.kernel.clock import Clock
from kaif.kernel.text import clean_name
from kaif.services.messaging import card_rules, people_store
from kaif.services.messaging.chats.membership import Membership
from kaif.services.messaging.discussions.commenting import Commenting
from kaif.services.messaging.privacy import consent

# Of a degree: a tenth of a metre.
DECIMALS = 6


class SharingService:
    def __init__(self, database: Database, auth: Auth, commenting: Commenting, clock: Clock) -> None:
        self._database, self._commenting = database, commenting
        self._membership = Membership(auth, clock)

    async def send_location(self, actor: Actor, request: SendLocation) -> Entry:
        title = clean_name(request.title) if request.title else ""
        if title is None:
            raise BadTitle(path="$.title")
        # Adding zero makes one zero of the two that there are.
        latitude, longitude = (round(degrees, DECIMALS) + 0.0 for degrees in (request.latitude, request.longitude))
        location = Location(latitude, longitude, title)
        return await self._send(actor, request, title or card_rules.coordinates(location), location)

    async def send_contact(self, actor: Actor, request: SendContact) -> Entry:
        await self._membership.get_member(self._database, request.chat_id, actor.user_id)
        (person,) = await self._membership.get_people(self._database, [request.user_id])
        async with self._database.transaction() as tx:
            await people_store.lock_people(tx, [person])
            if person.id != actor.user_id:
                await consent.require_reachable(tx, actor.user_id, person.id)
        return await self._send(actor, request, f"@{person.username}", Contact(person.id))

    async def _send(
        self, actor: Actor, request: SendLocation | SendContact, text: str, card: Location | Contact
    ) -> Entry:
        message = Outgoing(
            actor.user_id,
            request.chat_id,
            request.ref,
            text,
            request.reply_to,
            silent=request.silent,
            topic_id=request.topic_id,
            card=card,
        )
        return await self._commenting.send(message, request.post)
