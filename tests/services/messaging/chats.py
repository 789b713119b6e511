"""Making chats and reading them, in one line."""

from tests.harness import Services

from kaif.interfaces.messaging import Chat, ChatId, CreateChat, Entry, GetChat, ListEntries, SendMessage
from kaif.interfaces.messaging.actions import OfMessage
from kaif.kernel.actor import Actor
from kaif.kernel.ids import new_id


async def direct(services: Services, one: Actor, other: Actor) -> ChatId:
    return (await services.messaging.create_chat(one, CreateChat("direct", [other.user_id]))).id


async def group(services: Services, owner: Actor, *others: Actor, title: str = "Друзья") -> ChatId:
    wanted = CreateChat("group", [other.user_id for other in others] or [owner.user_id], title)
    return (await services.messaging.create_chat(owner, wanted)).id


async def say(
    services: Services,
    actor: Actor,
    chat_id: ChatId,
    text: str = "Привет",
    ref: str = "",
    reply_to: int | None = None,
    quote: str = "",
) -> Entry:
    return await services.messaging.send_message(actor, SendMessage(chat_id, ref or new_id(), text, reply_to, quote))


async def chat_of(services: Services, actor: Actor, chat_id: ChatId) -> Chat:
    """As the actor sees it."""
    return await services.messaging.get_chat(actor, GetChat(chat_id))


async def log_of(services: Services, actor: Actor, chat_id: ChatId) -> list[Entry]:
    """All of it."""
    entries: list[Entry] = []
    while page := (await services.messaging.list_entries(actor, ListEntries(chat_id, len(entries), limit=200))).entries:
        entries += page
    return entries


async def channel(services: Services, owner: Actor, *readers: Actor, title: str = "Новости") -> ChatId:
    wanted = CreateChat("channel", [reader.user_id for reader in readers], title)
    return (await services.messaging.create_chat(owner, wanted)).id


async def message_of(services: Services, actor: Actor, entry: Entry) -> Entry:
    """As the actor sees it now."""
    return await services.actions.get_message(actor, OfMessage(entry.chat_id, entry.seq))
