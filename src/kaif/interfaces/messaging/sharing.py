"""What sharing a place or a person promises: the server looks nothing up for it and tells nobody else."""

from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import GivenUserId
from kaif.interfaces.messaging import Entry, GivenChatId, Ref, Seq, TopicId
from kaif.kernel.actor import Actor
from kaif.kernel.remote import repeatable


class SendLocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Degrees of WGS 84, kept to six places: a tenth of a metre. `title` is what the place is called."""

    chat_id: GivenChatId
    ref: Ref
    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]
    title: Annotated[str, Meta(max_length=128)] = ""
    reply_to: Seq | None = None
    silent: bool = False
    topic_id: TopicId = 0
    post: Seq | None = None


class SendContact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId
    ref: Ref
    user_id: GivenUserId
    reply_to: Seq | None = None
    silent: bool = False
    topic_id: TopicId = 0
    post: Seq | None = None


class Sharing(Protocol):
    """Repeating a ref returns the first entry. With `post` the chat is a channel, and the message a comment on that
    post of it (discussions.py). Raises what `send_message` does; with `post` what `write_comment` does."""

    @repeatable
    async def send_location(self, actor: Actor, request: SendLocation) -> Entry:
        """Say where something is. Raises BadTitle."""
        ...

    @repeatable
    async def send_contact(self, actor: Actor, request: SendContact) -> Entry:
        """Share oneself, or somebody whom one may write to. Raises UnknownMember, PersonNotReachable."""
        ...
