"""Tells those who look after a chat that somebody asks to be let in, or no longer: they look up anew how many do."""

from kaif.engines.database import Database
from kaif.interfaces.messaging import ChatId
from kaif.services.messaging import member_store
from kaif.services.messaging.sending.announcing import Announcer, ChatEvent


async def tell_staff(database: Database, announcer: Announcer, chat_id: ChatId) -> None:
    """To at most ADMINS_MAX people, and nobody else."""
    for member in await member_store.staff_of(database, chat_id):
        await announcer.tell(member.id, chat_id, ChatEvent(chat_id))
