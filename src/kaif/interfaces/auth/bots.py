"""What auth promises of bots: programs with accounts of their own, for which a person answers."""

from datetime import datetime
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import DisplayName, GivenUserId, Nothing, Person
from kaif.interfaces.auth.api_keys import ApiKey
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.errors import Conflict, NotFound
from kaif.kernel.remote import repeatable

BOTS_MAX = 20
# As long as a person's key may be good: a program that is looked after once a year gets a new one then.
BOT_KEY_DAYS = 365

BotUsername = Annotated[
    str, Meta(min_length=5, max_length=32, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*[Bb][Oo][Tt]$(?!\n)")
]


class Bot(msgspec.Struct, frozen=True):
    """A bot as its owner sees it; without a `key` it can do nothing. `suspended` is what an operator did to it."""

    person: Person
    made_at: datetime
    suspended: bool
    key: ApiKey | None


class BotList(msgspec.Struct, frozen=True):
    """The oldest first."""

    bots: list[Bot]


class MakeBot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without `display_name` it is shown by its username."""

    username: BotUsername
    display_name: DisplayName | None = None


class RenameBot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bot_id: GivenUserId
    display_name: DisplayName


class OfBot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bot_id: GivenUserId


class BotWithKey(msgspec.Struct, frozen=True):
    """`secret` is the key itself, shown this once: only its hash is kept."""

    bot: Bot
    secret: str


class AskedBots(msgspec.Struct, frozen=True):
    bot_ids: Annotated[list[UserId], Meta(max_length=1000)]


class WorkingBots(msgspec.Struct, frozen=True):
    bot_ids: list[UserId]


class BotNotFound(NotFound):
    code, detail = "bot_not_found", "You have no such bot."


class TooManyBots(Conflict):
    code, detail = "too_many_bots", f"A person has at most {BOTS_MAX} bots."


class Bots(Protocol):
    """One's own bots; BotNotFound is raised for all others.

    A bot has no password and nothing else to sign in by: only its key opens its account, for chats and for people's
    names. It is stopped while its owner is suspended, and erased with its owner.
    """

    @repeatable
    async def list_bots(self, actor: Actor, request: Nothing) -> BotList: ...

    async def make_bot(self, actor: Actor, request: MakeBot) -> BotWithKey:
        """Raises StepUpRequired (in `factors`), UsernameTaken, UsernameImitates, BadDisplayName, TooManyBots."""
        ...

    @repeatable
    async def rename_bot(self, actor: Actor, request: RenameBot) -> Bot:
        """Raises BadDisplayName."""
        ...

    async def renew_bot_key(self, actor: Actor, request: OfBot) -> BotWithKey:
        """Another key, good for BOT_KEY_DAYS; the old one ends at once. Raises StepUpRequired."""
        ...

    @repeatable
    async def revoke_bot_key(self, actor: Actor, request: OfBot) -> Bot:
        """End the key, for its sockets too: the bot is there and does nothing."""
        ...

    async def delete_bot(self, actor: Actor, request: OfBot) -> Nothing:
        """Erase it as a person's account is erased: what it wrote stays, its name goes. Raises StepUpRequired."""
        ...

    async def allow_webhook(self, actor: Actor, request: OfBot) -> Nothing:
        """For services that call bots: their owner, or the bot itself by its key, may say where. It is recorded.

        Raises StepUpRequired, but not for the bot.
        """
        ...

    async def note_webhook_removed(self, actor: Actor, request: OfBot) -> Nothing:
        """For services that call bots: it is called no more, and that is recorded."""
        ...

    @repeatable
    async def get_working_bots(self, actor: Actor, request: AskedBots) -> WorkingBots:
        """For services that call bots: those whose keys would be taken now."""
        ...
