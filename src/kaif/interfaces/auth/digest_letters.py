"""What auth promises to whoever tells people something by letter: it alone knows addresses, and who wants no more.

Addresses that nobody has confirmed get nothing. Every letter can be declined by one press (RFC 8058).
"""

from typing import Annotated, ClassVar, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import Language, Nothing
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.errors import Busy, Conflict, Invalid
from kaif.kernel.events import Event
from kaif.kernel.limits import Limit
from kaif.kernel.remote import repeatable

# Tokens can't be guessed: the limit spares us the looking.
DECLINE = Limit("decline_digests", per_minute=60, burst=60)


class DigestLine(msgspec.Struct, frozen=True):
    """`topic` is where it was said in a group with topics."""

    author: str
    text: str
    topic: str = ""


class DigestChat(msgspec.Struct, frozen=True):
    """`title` is empty where a stranger has written whom one has not answered: a letter is no place for their words."""

    chat_id: str
    title: str
    count: int
    lines: list[DigestLine]


class SendDigest(msgspec.Struct, frozen=True):
    """`digest_id` is the letter's: repeating it sends nothing more. `more_chats` is how many there is no room for."""

    digest_id: str
    user_id: UserId
    language: Language
    chats: list[DigestChat]
    more_chats: int = 0


class DeclineDigests(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: Annotated[str, Meta(max_length=256, pattern=r"^[0-9a-z.]+$(?!\n)")]


class DigestsDeclined(Event, frozen=True, kw_only=True):
    """Somebody wants no more such letters."""

    name: ClassVar[str] = "auth.digests_declined.v1"
    user_id: UserId

    @property
    def key(self) -> str:
        return self.user_id


class NoConfirmedAddress(Conflict):
    code, detail = "no_confirmed_address", "There is no confirmed address to which a letter could go."


class DigestUnderWay(Busy):
    code, detail = "digest_under_way", "This letter is being sent at this moment."


class UnknownToken(Invalid):
    code, detail = "unknown_token", "This link is not one of ours."


class DigestLetters(Protocol):
    @repeatable
    async def send_digest(self, actor: Actor, request: SendDigest) -> Nothing:
        """Send a letter about what somebody has missed; returns when the mail server has it. For services alone.

        A letter that comes twice after all, since a process died between the mail server's word and its own note, has
        the same Message-ID both times.
        Raises NoConfirmedAddress, DigestUnderWay; Invalid when the mail server refuses it for good; Unavailable.
        """
        ...

    @repeatable
    async def decline_digests(self, actor: Actor, request: DeclineDigests) -> Nothing:
        """No more such letters for whose letter this was, whoever asks. Raises UnknownToken."""
        ...
