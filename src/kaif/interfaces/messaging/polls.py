"""What polls promise: everybody's vote counts once, and who cast it is told in open polls alone.

Votes are not entries: a chat is told how a poll stands at most once a second, in large ones less often, by an entry
that names nobody. One's own vote is in the answer at once.
"""

from datetime import datetime
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import Person
from kaif.interfaces.messaging import ChatId, Cursor, Entry, GivenChatId, Ref, Seq, TopicId
from kaif.interfaces.messaging.actions import OfMessage
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Conflict, Forbidden, Invalid
from kaif.kernel.limits import Limit
from kaif.kernel.remote import repeatable

OPTIONS_MAX = 12
QUESTION_CHARACTERS_MAX = 300
OPTION_CHARACTERS_MAX = 100
EXPLANATION_CHARACTERS_MAX = 200
OPEN_S_MIN, OPEN_S_MAX = 5, 366 * 86_400

VOTE = Limit("vote", per_minute=120, burst=60)

GivenOption = Annotated[int, Meta(ge=0, lt=OPTIONS_MAX)]


class SendPoll(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With `correct`, the place of the right option, it is a quiz: one answer, which stays.

    `explanation` is of a quiz alone. `open_s` is how long it takes votes; 0 is until somebody closes it. With `post`
    the chat is a channel, and this a comment on that post of it (discussions.py).
    """

    chat_id: GivenChatId
    ref: Ref
    question: Annotated[str, Meta(min_length=1, max_length=QUESTION_CHARACTERS_MAX)]
    options: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=OPTION_CHARACTERS_MAX)]],
        Meta(min_length=2, max_length=OPTIONS_MAX),
    ]
    anonymous: bool = True
    multiple: bool = False
    correct: GivenOption | None = None
    explanation: Annotated[str, Meta(max_length=EXPLANATION_CHARACTERS_MAX)] = ""
    open_s: Annotated[int, Meta(ge=0, le=OPEN_S_MAX)] = 0
    reply_to: Seq | None = None
    silent: bool = False
    topic_id: TopicId = 0
    post: Seq | None = None


class Vote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """These options, by their places, and no others are the actor's choice from now on; none takes the vote back."""

    chat_id: GivenChatId
    seq: Seq
    chosen: Annotated[list[GivenOption], Meta(max_length=OPTIONS_MAX)]


class ListVoters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one option."""

    chat_id: GivenChatId
    seq: Seq
    option: GivenOption
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Cursor = ""


class Voted(msgspec.Struct, frozen=True):
    person: Person
    at: datetime


class Voters(msgspec.Struct, frozen=True):
    """Newest first; `next_cursor` is null on the last page."""

    voters: list[Voted]
    next_cursor: str | None


class VoteEvent(msgspec.Struct, frozen=True, tag_field="type", tag="vote"):
    """To one person's devices: they have voted on one of them; the poll as it is for them."""

    chat_id: ChatId
    message: Entry


class BadPoll(Invalid):
    code, detail = "bad_poll", "A poll needs a question and different options, and a quiz one right answer."


class PollMustBeAnonymous(Invalid):
    code, detail = "poll_must_be_anonymous", "Nobody sees who reads a channel, so its polls are anonymous."


class NotAPoll(Conflict):
    code, detail = "not_a_poll", "This message is not a poll."


class PollClosed(Conflict):
    code, detail = "poll_closed", "This poll is closed."


class BadVote(Invalid):
    code, detail = "bad_vote", "This poll has no such answer, or takes only one."


class AnswerStays(Conflict):
    code, detail = "answer_stays", "The answer to a quiz can't be changed."


class VotersHidden(Forbidden):
    code, detail = "voters_hidden", "This poll is anonymous."


class Polls(Protocol):
    """Whoever names a chat must be in it: otherwise ChatNotFound is raised. Of a message that is not there
    MessageNotFound is raised, of one that is no poll NotAPoll.
    """

    @repeatable
    async def send_poll(self, actor: Actor, request: SendPoll) -> Entry:
        """Ask a chat something. Repeating a ref returns the first entry.

        Raises BadPoll, PollMustBeAnonymous, and what `send_message` does; with `post` what `write_comment` does.
        """
        ...

    @repeatable
    async def vote(self, actor: Actor, request: Vote) -> Entry:
        """Choose, choose differently, or take the vote back; returns the poll as it is now for the actor.

        Raises BadVote, PollClosed, AnswerStays, PersonNotReachable.
        """
        ...

    @repeatable
    async def close_poll(self, actor: Actor, request: OfMessage) -> Entry:
        """Take no more votes: for its author, and for whoever may delete here. Raises NotYourMessage."""
        ...

    @repeatable
    async def list_voters(self, actor: Actor, request: ListVoters) -> Voters:
        """Who chose an option of an open poll. Raises VotersHidden, BadVote, BadCursor."""
        ...
