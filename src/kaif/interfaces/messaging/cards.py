"""What a message may be instead of words: a poll, a place on the earth, or a person of this server."""

from datetime import datetime

import msgspec

from kaif.kernel.actor import UserId


class PollOption(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many chose it, and whether one did so oneself: what goes to everybody doesn't say the latter."""

    text: str
    votes: int = 0
    mine: bool = False


class Poll(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="poll"):
    """The message's text is the question. `voters` counts people, of whom some choose several options if they may.

    Of a quiz, `correct` and `explanation` are said once it is closed, and before that to those who have answered.
    A forwarded poll is what it was then, and closed.
    """

    options: list[PollOption]
    voters: int = 0
    anonymous: bool = False
    multiple: bool = False
    quiz: bool = False
    closes_at: datetime | None = None
    closed: bool = False
    correct: int | None = None
    explanation: str = ""


class Location(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="location"):
    """In degrees of WGS 84, north and east being positive."""

    latitude: float
    longitude: float
    title: str = ""


class Contact(msgspec.Struct, frozen=True, tag_field="type", tag="contact"):
    """Somebody whom the reader may write to, if they let them."""

    user_id: UserId


class NewPoll(msgspec.Struct, frozen=True, tag_field="type", tag="new_poll"):
    """A poll on its way into the log; `correct` makes it a quiz."""

    options: list[str]
    anonymous: bool
    multiple: bool
    correct: int | None
    explanation: str
    open_s: int


Card = Poll | Location | Contact
