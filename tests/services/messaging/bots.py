"""Bots in chats, in one line."""

from tests.harness import Services

from kaif.interfaces.auth import PersonChanged
from kaif.interfaces.messaging import ChatId, Entry, SendMessage
from kaif.interfaces.messaging.bots import Press
from kaif.interfaces.messaging.content import Button
from kaif.kernel.actor import Actor, SessionId, UserId
from kaif.kernel.clock import now_us
from kaif.kernel.ids import new_id
from kaif.services.auth import store as auth_store
from kaif.services.auth.model import Account

YES, NO = Button("Да", "yes"), Button("Нет", "no")


async def a_bot(services: Services, name: str = "lakebot") -> Actor:
    """As auth makes one; nobody answers for it."""
    account = Account(UserId(new_id()), name, f"bot-{name}", name, "", now_us(), kind="bot")
    async with services.database.transaction() as tx:
        await auth_store.add_account(tx, account)
        await tx.publish(PersonChanged(person=account.person))
    return Actor(account.id, SessionId(new_id()))


async def ask(services: Services, bot: Actor, chat_id: ChatId, *rows: list[Button], text: str = "Едем?") -> Entry:
    wanted = SendMessage(chat_id, new_id(), text, buttons=list(rows) or [[YES, NO]])
    return await services.messaging.send_message(bot, wanted)


def press_of(entry: Entry, data: str = "yes", ref: str = "") -> Press:
    return Press(entry.chat_id, entry.seq, data, ref or new_id())
