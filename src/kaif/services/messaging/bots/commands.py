"""What bots offer and people choose from; each method is one transaction."""

from kaif.engines.database import Database
from kaif.interfaces.auth import Auth
from kaif.interfaces.messaging import GetChat
from kaif.interfaces.messaging.bots import COMMANDS_SHOWN_MAX, BadCommands, ChatCommands, Command, CommandList, OnlyBots
from kaif.kernel.actor import Actor
from kaif.kernel.clock import Clock
from kaif.kernel.text import clean_text
from kaif.services.messaging import people_store
from kaif.services.messaging.bots import commands_store
from kaif.services.messaging.chats.membership import Membership


class CommandsService:
    def __init__(self, database: Database, auth: Auth, clock: Clock) -> None:
        self._database = database
        self._membership = Membership(auth, clock)

    async def set_commands(self, actor: Actor, request: CommandList) -> CommandList:
        commands = [_checked(command) for command in request.commands]
        if len({command.name for command in commands}) < len(commands):
            raise BadCommands(path="$.commands")
        people = await self._membership.get_people(self._database, [actor.user_id])
        if people[0].kind != "bot":
            raise OnlyBots
        async with self._database.transaction() as tx:
            # Of two lists at once the second takes the place of the first.
            await people_store.lock_people(tx, people)
            await commands_store.replace(tx, actor.user_id, commands)
        return CommandList(commands)

    async def list_commands(self, actor: Actor, request: GetChat) -> ChatCommands:
        member = await self._membership.get_member(self._database, request.chat_id, actor.user_id)
        if member.kind == "channel":
            return ChatCommands([])
        return ChatCommands(await commands_store.of_chat(self._database, request.chat_id, COMMANDS_SHOWN_MAX))


def _checked(command: Command) -> Command:
    ru, en = clean_text(command.ru), clean_text(command.en)
    if ru is None or en is None or "\n" in ru + en:
        raise BadCommands(path="$.commands")
    return Command(command.name, ru, en)
