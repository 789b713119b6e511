"""Bots in chats, in one line."""

from tests.harness import Services

from kaif.interfaces.auth import PersonChanged
from kaif.kernel.actor import Actor, SessionId, UserId
from kaif.kernel.clock import now_us
from kaif.kernel.ids import new_id
from kaif.services.auth import store as auth_store
from kaif.services.auth.model import Account


async def a_bot(services: Services, name: str = "lakebot") -> Actor:
    """As auth makes one; nobody answers for it."""
    account = Account(UserId(new_id()), name, f"bot-{name}", name, "", now_us(), kind="bot")
    async with services.database.transaction() as tx:
        await auth_store.add_account(tx, account)
        await tx.publish(PersonChanged(person=account.person))
    return Actor(account.id, SessionId(new_id()))
