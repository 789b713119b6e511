"""What messaging promises programs elsewhere: by a secret address they post into one chat, in a name of their own."""

from datetime import datetime
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import GetChat, GivenChatId, Ref, Text, TopicId
from kaif.interfaces.messaging.content import ButtonRows
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.errors import Conflict, Invalid, Limited, NotFound
from kaif.kernel.ids import PATTERN
from kaif.kernel.limits import Limit
from kaif.kernel.remote import repeatable

# Of one chat.
WEBHOOKS_MAX = 20
# By one webhook, whatever addresses it posts from.
POSTS_PER_MINUTE_MAX = 60
# From one address, by whichever webhooks: secrets can't be guessed, but who tries is slowed down.
POST_BY_WEBHOOK = Limit("post_by_webhook", per_minute=240, burst=120)

WebhookName = Annotated[str, Meta(min_length=1, max_length=64)]
WebhookSecret = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}$(?!\n)")]


class Webhook(msgspec.Struct, frozen=True):
    """Without its secret. `used_at` is when it last posted, `topic_id` where it does in a group with topics."""

    id: str
    name: str
    made_by: UserId
    made_at: datetime
    used_at: datetime | None
    topic_id: int = 0


class WebhookList(msgspec.Struct, frozen=True):
    """The oldest first."""

    webhooks: list[Webhook]


class MakeWebhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId
    name: WebhookName
    topic_id: TopicId = 0


class OfWebhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId
    webhook_id: Annotated[str, Meta(pattern=PATTERN)]


class ChangeWebhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`topic_id` is where it posts from now on, unless a post names another."""

    chat_id: GivenChatId
    webhook_id: Annotated[str, Meta(pattern=PATTERN)]
    topic_id: TopicId


class WebhookWithPath(msgspec.Struct, frozen=True):
    """`path` is where it posts to on this server, with the secret in it: shown this once."""

    webhook: Webhook
    path: str


class PostByWebhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`text` in the marks of docs/realtime.md; repeating a `ref` posts nothing twice.

    `topic_id` is another topic than the one that was chosen for it. `buttons` open addresses: nobody would hear of
    others being pressed.
    """

    secret: WebhookSecret
    text: Text
    silent: bool = False
    ref: Ref | None = None
    topic_id: TopicId | None = None
    buttons: ButtonRows = []


class Posted(msgspec.Struct, frozen=True):
    """The place of the message in its chat."""

    seq: int


class BadWebhookName(Invalid):
    code, detail = "bad_webhook_name", "The name needs a letter or digit and no invisible characters."


class TooManyWebhooks(Conflict):
    code, detail = "too_many_webhooks", f"A chat has at most {WEBHOOKS_MAX} webhooks."


class WebhookNotFound(NotFound):
    code, detail = "webhook_not_found", "There is no such webhook here."


class WebhookGone(NotFound):
    code, detail = "webhook_gone", "There is no webhook at this address, or no longer."


class WebhookTooFast(Limited):
    """Details carry retry_after_ms."""

    code, detail = "webhook_too_fast", f"A webhook posts at most {POSTS_PER_MINUTE_MAX} messages in a minute."


class Webhooks(Protocol):
    """Of groups and channels; for admins with the right `info`. What somebody made ends when they are that no more.

    Raises ChatNotFound, NotAGroup, RightMissing, WebhookNotFound.
    """

    @repeatable
    async def list_webhooks(self, actor: Actor, request: GetChat) -> WebhookList: ...

    async def make_webhook(self, actor: Actor, request: MakeWebhook) -> WebhookWithPath:
        """Raises BadWebhookName, TooManyWebhooks, TopicNotFound."""
        ...

    @repeatable
    async def change_webhook(self, actor: Actor, request: ChangeWebhook) -> Webhook:
        """Raises TopicNotFound."""
        ...

    async def renew_webhook(self, actor: Actor, request: OfWebhook) -> WebhookWithPath:
        """Another address in the place of the one that it had."""
        ...

    @repeatable
    async def revoke_webhook(self, actor: Actor, request: OfWebhook) -> Nothing: ...

    async def post_by_webhook(self, actor: Actor, request: PostByWebhook) -> Posted:
        """For whoever has the address, while its maker may use the server; into closed topics as well.

        Raises WebhookGone, WebhookTooFast, ChatSuspended (in `suspension`), BadText, BadButtons, TopicNotFound.
        """
        ...
