"""What auth promises about pictures of people: everyone here sees the one that somebody chose, until they take it off.

The picture itself is a file of media's (`interfaces.media`), which whoever sets it has uploaded. Its id is the person's
`avatar`; `small` of it is what lists show.
"""

from typing import ClassVar, Protocol

import msgspec

from kaif.interfaces.auth import GivenUserId, Nothing, User
from kaif.interfaces.auth.bots import Bot, OfBot
from kaif.interfaces.auth.directory import OfAccount
from kaif.interfaces.media import GivenMediaId, MediaId
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Invalid, NotFound, Unavailable
from kaif.kernel.events import Event
from kaif.kernel.remote import repeatable


class SetAvatar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    media_id: GivenMediaId


class SetBotAvatar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bot_id: GivenUserId
    media_id: GivenMediaId


class AvatarLeft(Event, frozen=True, kw_only=True):
    """Nobody is shown with this picture any more: media may let go of it."""

    name: ClassVar[str] = "auth.avatar_left.v1"
    hold: str
    media_id: MediaId

    @property
    def key(self) -> str:
        return self.hold


class NotAPicture(Invalid):
    code, detail = "not_a_picture", "This file is not a picture."


class NoAvatar(NotFound):
    code, detail = "no_avatar", "There is no picture."


class AvatarsOff(Unavailable):
    code, detail = "avatars_off", "This server keeps no pictures of people."


class AvatarLost(Unavailable):
    """It took too long: whoever sets it again sets it whole."""

    code, detail = "avatar_lost", "The picture was let go before it was set: set it again."


class Avatars(Protocol):
    """A picture is a file of the actor's own, or MediaNotFound is raised (in `interfaces.media`); NotAPicture for what
    is none, AvatarsOff where the server has no media, Unavailable while media does not answer. Taking off what is not
    there changes nothing."""

    async def set_avatar(self, actor: Actor, request: SetAvatar) -> User:
        """Others see the actor by this picture; the one before is let go."""
        ...

    @repeatable
    async def remove_avatar(self, actor: Actor, request: Nothing) -> Nothing: ...

    async def set_bot_avatar(self, actor: Actor, request: SetBotAvatar) -> Bot:
        """Of one's own bot. Raises BotNotFound (in `bots`)."""
        ...

    @repeatable
    async def remove_bot_avatar(self, actor: Actor, request: OfBot) -> Nothing:
        """Raises BotNotFound (in `bots`)."""
        ...

    async def take_avatar(self, actor: Actor, request: OfAccount) -> Nothing:
        """Take somebody's picture down, for operators; they are told by letter, of a bot its owner, and it is recorded.

        Needs MANAGE_PEOPLE. Raises MissingPermission, BeyondYourOwn (in `roles`), PersonNotFound, NoAvatar.
        """
        ...
