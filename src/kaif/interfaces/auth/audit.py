"""What the audit log promises: every security-relevant action, in an order that nobody can change unnoticed."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import GivenUserId, Person
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.events import Event
from kaif.kernel.remote import repeatable

Action = Literal[
    "account_created",
    "signed_in",
    "sign_in_failed",
    "stuffing_suspected",
    "stepped_up",
    "step_up_failed",
    "signed_out",
    "session_stolen",
    "email_confirmed",
    "email_change_asked",
    "email_disowned",
    "password_changed",
    "password_reset",
    "account_deleted",
    "session_ended",
    "other_sessions_ended",
    "sessions_displaced",
    "account_suspended",
    "account_restored",
    "avatar_taken",
    "chat_picture_taken",
    "role_defined",
    "role_dropped",
    "role_granted",
    "role_revoked",
    "second_factor_added",
    "second_factor_removed",
    "recovery_codes_renewed",
    "passkey_added",
    "passkey_removed",
    "passkey_cloned",
    "registration_changed",
    "required_factors_changed",
    "invitation_made",
    "invitation_revoked",
    "sessions_taken",
    "password_reset_forced",
    "reset_link_handed_out",
    "confirmation_sent",
    "second_factors_taken",
    "event_retried",
    "event_dropped",
    "application_added",
    "application_changed",
    "application_secret_renewed",
    "application_removed",
    "application_allowed",
    "application_signed_in",
    "application_access_ended",
    "application_code_reused",
    "application_token_stolen",
    "signing_keys_rotated",
    "api_key_made",
    "api_key_revoked",
    "api_key_used",
    "api_key_taken",
    "bot_made",
    "bot_key_renewed",
    "bot_webhook_set",
    "bot_webhook_removed",
    "bot_key_revoked",
    "bot_deleted",
    "wallet_linked",
    "wallet_unlinked",
    "provider_added",
    "provider_changed",
    "provider_removed",
    "identity_linked",
    "identity_unlinked",
    "report_decided",
    "chat_restored",
    "person_purged",
    "media_job_retried",
    "media_job_discarded",
    "media_job_stopped",
    "cdn_purges_retried",
    "quota_set",
]


# With its offset from UTC.
Moment = Annotated[datetime, Meta(tz=True)]


class Audited(msgspec.Struct, frozen=True):
    """Who did what to whom; `actor_id` is empty for nobody, `subject_id` where it concerns no account."""

    seq: int
    at: datetime
    action: str
    actor_id: UserId
    subject_id: UserId
    details: dict[str, Any]


class SecurityEvent(Event, frozen=True, kw_only=True):
    """Something that the audit log now holds, for whoever watches: other services, an operator's alarms."""

    name: ClassVar[str] = "auth.security_event.v1"
    entry: Audited

    @property
    def key(self) -> str:
        return self.entry.subject_id or self.entry.actor_id


class ListAudit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Newest first, before `before`; of one action, of what one person did or what was done to them, of a time from
    `since` on and before `until`."""

    action: Action | None = None
    user_id: GivenUserId | None = None
    since: Moment | None = None
    until: Moment | None = None
    before: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class AuditPage(msgspec.Struct, frozen=True):
    """`people` are those whom the entries name, as they are called now."""

    entries: list[Audited]
    people: list[Person]
    next_before: int | None


class Audit(Protocol):
    @repeatable
    async def list_audit(self, actor: Actor, request: ListAudit) -> AuditPage:
        """A page of the log; `next_before` is null on the last one. Needs READ_AUDIT.

        Raises MissingPermission.
        """
        ...
