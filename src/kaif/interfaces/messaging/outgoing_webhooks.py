"""What messaging promises bots that would rather be called: an address to which all they may see is posted, signed."""

from datetime import datetime
from typing import Annotated, Literal, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import Nothing
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Invalid, NotFound, Unavailable
from kaif.kernel.ids import PATTERN
from kaif.kernel.remote import repeatable

# For one answer, from the look-up of the name to its last byte.
TAKEN_WITHIN_S = 10
# Nothing is read of what it says, but it must end.
ANSWER_BYTES_MAX = 16 * 1024
# Of failing without a break.
GIVEN_UP_AFTER_S = 24 * 3600
PAUSE_S_MAX = 3600

WebhookUrl = Annotated[str, Meta(min_length=1, max_length=2048)]
# A bot says "me" of itself.
BotOrMe = Annotated[str, Meta(pattern=PATTERN)]

# "bot_stopped": its key, or the account of the bot or of its owner, is not good; it is waited for that.
ProblemKind = Literal[
    "unreachable",
    "too_slow",
    "refused",
    "redirected",
    "oversized",
    "forbidden_address",
    "secret_lost",
    "bot_stopped",
]


class DeliveryProblem(msgspec.Struct, frozen=True):
    """Why nothing comes through. `status` is what was answered, 0 without an answer.

    It is tried again at `again_at`, or not before somebody asks for it: `stopped`.
    """

    kind: ProblemKind
    status: int
    since: datetime
    again_at: datetime | None
    stopped: bool


class OutgoingWebhook(msgspec.Struct, frozen=True):
    url: str
    set_at: datetime
    problem: DeliveryProblem | None


class OutgoingWebhookState(msgspec.Struct, frozen=True):
    """None where the bot has none."""

    webhook: OutgoingWebhook | None


class OutgoingWebhookOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bot_id: BotOrMe


class SetOutgoingWebhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bot_id: BotOrMe
    url: WebhookUrl


class OutgoingWebhookWithSecret(msgspec.Struct, frozen=True):
    """`secret` signs what is posted: shown this once."""

    webhook: OutgoingWebhook
    secret: str


class BadWebhookUrl(Invalid):
    code, detail = "bad_webhook_url", "The address must begin with https:// and lie on the public network."


class OutgoingWebhookNotFound(NotFound):
    code, detail = "outgoing_webhook_not_found", "The bot has no address to be called at."


class OutgoingWebhooksOff(Unavailable):
    code, detail = "outgoing_webhooks_off", "This server calls no bots: it has no key to seal their secrets with."


class OutgoingWebhooks(Protocol):
    """Of a bot, for itself by its key and for its owner, but not for the owner's own API keys.

    Every entry of the bot's chats from then on, and every press of its buttons, is posted at least once, and those of a
    chat in their order (docs/bots.md). Raises BotNotFound (in `auth.bots`) and, for people, OnlyBots of "me".
    """

    @repeatable
    async def get_outgoing_webhook(self, actor: Actor, request: OutgoingWebhookOf) -> OutgoingWebhookState: ...

    async def set_outgoing_webhook(self, actor: Actor, request: SetOutgoingWebhook) -> OutgoingWebhookWithSecret:
        """With another secret than before. Another address goes on where the old one stopped.

        Raises BadWebhookUrl, OutgoingWebhooksOff and, for the owner, StepUpRequired (in `auth.factors`).
        """
        ...

    @repeatable
    async def resume_outgoing_webhook(self, actor: Actor, request: OutgoingWebhookOf) -> OutgoingWebhookState:
        """Try again at once, from where it stopped. Raises OutgoingWebhookNotFound."""
        ...

    @repeatable
    async def remove_outgoing_webhook(self, actor: Actor, request: OutgoingWebhookOf) -> Nothing: ...
