"""What is stored of bots' commands."""

from collections.abc import Sequence

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.auth import Person, PersonKind
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.bots import BotCommand, Command
from kaif.kernel.actor import UserId


async def replace(tx: Transaction, bot_id: UserId, commands: Sequence[Command]) -> None:
    await tx.execute("DELETE FROM messaging_commands WHERE bot_id = :bot_id", bot_id=bot_id)
    rows = [(bot_id, one.name, place, one.ru, one.en) for place, one in enumerate(commands)]
    if rows:
        await tx.insert("messaging_commands", ("bot_id", "name", "place", "ru", "en"), rows)


async def of_chat(reads: Reads, chat_id: ChatId, limit: int) -> list[BotCommand]:
    rows: list[tuple[UserId, str, str, int | None, PersonKind, str | None, str, str, str]] = await reads.fetch(
        tuple,
        """
        SELECT p.id, p.username, p.display_name, p.avatar_colour, p.kind, p.avatar, c.name, c.ru, c.en
        FROM messaging_members m JOIN messaging_commands c ON c.bot_id = m.user_id
        JOIN messaging_people p ON p.id = m.user_id
        WHERE m.chat_id = :chat_id AND m.bot = 1 ORDER BY p.username, c.place LIMIT :limit
        """,
        chat_id=chat_id,
        limit=limit,
    )
    return [BotCommand(Person(*row[:6]), *row[6:]) for row in rows]


async def forget(tx: Transaction, bot_id: UserId) -> int:
    return await tx.execute("DELETE FROM messaging_commands WHERE bot_id = :bot_id", bot_id=bot_id)
