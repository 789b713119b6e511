"""The audit log: written in the transaction of what it tells of, read by who may."""

from typing import Any

import msgspec

from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth.audit import Action, AuditPage, ListAudit, SecurityEvent
from kaif.interfaces.auth.roles import READ_AUDIT
from kaif.kernel.actor import Actor, UserId, require_permission
from kaif.kernel.clock import Clock
from kaif.services.auth import store
from kaif.services.auth.audit import store as audit_store
from kaif.services.auth.audit.chain import Link, hash_of

# The subject of what concerns no account.
NO_ONE = UserId("")


class AuditLog:
    def __init__(self, key: str, clock: Clock) -> None:
        self._key, self._clock = key.encode(), clock

    async def record(self, tx: Transaction, actor: Actor, action: Action, subject_id: UserId, **details: Any) -> None:
        """Append what the transaction does, and announce it. Comes last: it locks the log until the commit."""
        head = await audit_store.lock_head(tx)
        if actor.address:
            details["address"] = actor.address
        if actor.scopes is not None:
            # Not the person did it, but a program of theirs.
            details["api_key"] = actor.session_id
        text = msgspec.json.encode(details).decode()
        link = Link(head.seq + 1, self._clock(), action, actor.user_id, subject_id, text)
        signed = msgspec.structs.replace(link, hash=hash_of(self._key, head.hash, link))
        await audit_store.append(tx, signed)
        await tx.publish(SecurityEvent(entry=signed.audited))


class AuditService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_audit(self, actor: Actor, request: ListAudit) -> AuditPage:
        require_permission(actor, READ_AUDIT)
        return await page_of(self._database, request)


async def page_of(database: Database, wanted: ListAudit) -> AuditPage:
    links = await audit_store.newest(database, wanted, wanted.limit + 1)
    page = links[: wanted.limit]
    named = {UserId(one) for link in page for one in (link.actor_id, link.subject_id)} - {NO_ONE}
    people = await store.people(database, sorted(named))
    return AuditPage([link.audited for link in page], people, page[-1].seq if len(links) > wanted.limit else None)
