"""What messaging promises bots and those who talk to them: commands to choose from, and buttons that reach the bot."""

from datetime import datetime
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import Nothing, Person
from kaif.interfaces.messaging import ChatId, GetChat, GivenChatId, Ref, Seq
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kaif.kernel.ids import PATTERN
from kaif.kernel.limits import Limit
from kaif.kernel.remote import repeatable

COMMANDS_MAX = 50
# Of all bots of a chat.
COMMANDS_SHOWN_MAX = 500

# Whoever pressed waits so long for a word of the bot's.
ANSWER_WITHIN_S = 10
# So long a bot may answer all the same: its clock, and a presser's screen, are not ours.
ANSWERABLE_S = 60
# A bot that was away is told of presses of this time, and of no more than so many.
CALLBACKS_KEPT_S = 24 * 3600
CALLBACKS_KEPT_MAX = 1000
# By one person: nobody presses faster by hand.
PRESS = Limit("press_button", per_minute=120, burst=30)

CommandName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$(?!\n)")]
CommandText = Annotated[str, Meta(min_length=1, max_length=100)]


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is typed after the slash, and what it does, in both languages."""

    name: CommandName
    ru: CommandText
    en: CommandText


class CommandList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In the order in which they are to be shown."""

    commands: Annotated[list[Command], Meta(max_length=COMMANDS_MAX)]


class BotCommand(msgspec.Struct, frozen=True):
    bot: Person
    name: str
    ru: str
    en: str


class ChatCommands(msgspec.Struct, frozen=True):
    """Of the bots that are in the chat, each bot's in its own order."""

    commands: list[BotCommand]


class OnlyBots(Forbidden):
    code, detail = "only_bots", "This is for bots."


class BadCommands(Invalid):
    code, detail = "bad_commands", "Each command has a name of its own and a description that can be shown."


class Commands(Protocol):
    async def set_commands(self, actor: Actor, request: CommandList) -> CommandList:
        """What the bot offers from now on, in the place of what it offered. Raises OnlyBots, BadCommands."""
        ...

    @repeatable
    async def list_commands(self, actor: Actor, request: GetChat) -> ChatCommands:
        """What can be typed in a chat; nothing in a channel. Raises ChatNotFound."""
        ...


CallbackId = Annotated[str, Meta(pattern=PATTERN)]
# Printable, 64 bytes at most: see `Button`.
Data = Annotated[str, Meta(min_length=1, max_length=64)]
AnswerText = Annotated[str, Meta(max_length=200)]


class Callback(msgspec.Struct, frozen=True, tag_field="type", tag="callback"):
    """Somebody pressed a button of the bot's: the same JSON over HTTP and on its socket.

    `number` counts the bot's own presses, without gaps; `chat_id` and `seq` name the message.
    """

    number: int
    id: str
    chat_id: ChatId
    seq: int
    user_id: UserId
    data: str
    at: datetime


class Press(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`ref` is the presser's own: repeating it is the same press."""

    chat_id: GivenChatId
    seq: Seq
    data: Data
    ref: Ref


class Pressed(msgspec.Struct, frozen=True):
    """The bot's answer comes to the presser's sockets as `callback_answer`, or not at all."""

    callback_id: str
    answer_within_s: int


class ListCallbacks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    after: Annotated[int, Meta(ge=0, le=2**53)] = 0
    limit: Annotated[int, Meta(ge=1, le=200)] = 100


class CallbackList(msgspec.Struct, frozen=True):
    """In the order of their numbers. `newest` is the number of the bot's newest press."""

    callbacks: list[Callback]
    newest: int


class AnswerCallback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An empty `text` says only that it was heard."""

    callback_id: CallbackId
    text: AnswerText = ""


class CallbackAnswer(msgspec.Struct, frozen=True, tag_field="type", tag="callback_answer"):
    """To the devices of whoever pressed."""

    callback_id: str
    text: str


class ButtonGone(NotFound):
    code, detail = "button_gone", "This button is not there any more."


class CallbackGone(NotFound):
    code, detail = "callback_gone", "There is no such press of a button of yours, or nobody waits any more."


class CallbackAnswered(Conflict):
    code, detail = "callback_answered", "This press has been answered."


class BadAnswer(Invalid):
    code, detail = "bad_answer", "The answer holds characters that cannot be shown."


class Callbacks(Protocol):
    @repeatable
    async def press_button(self, actor: Actor, request: Press) -> Pressed:
        """Tell the bot, and nobody else. For members; what was deleted has no buttons.

        Raises ChatNotFound, MessageNotFound (in `actions`), PersonNotReachable, ButtonGone.
        """
        ...

    @repeatable
    async def list_callbacks(self, actor: Actor, request: ListCallbacks) -> CallbackList:
        """Presses of the bot's buttons after a number: of the last day, a thousand at most. Nothing for people."""
        ...

    @repeatable
    async def answer_callback(self, actor: Actor, request: AnswerCallback) -> Nothing:
        """A short word for whoever pressed, once; the same again is no error.

        Raises CallbackGone, CallbackAnswered, BadAnswer.
        """
        ...
