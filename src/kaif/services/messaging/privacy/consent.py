"""Whom a person lets reach them: asked by every use case that brings people together."""

from collections.abc import Sequence

from kaif.engines.database import Reads
from kaif.interfaces.messaging.errors import InvitationNeeded, PersonNotReachable
from kaif.kernel.actor import UserId
from kaif.services.messaging.privacy import store as privacy_store


async def require_reachable(reads: Reads, user_id: UserId, other: UserId) -> bool:
    """Whether the two are acquainted. Raises PersonNotReachable: a block and a choice look alike from outside."""
    if await privacy_store.count_between(reads, user_id, other):
        raise PersonNotReachable
    acquainted = bool(await privacy_store.acquaintances_among(reads, other, [user_id]))
    for choice in await privacy_store.choices_of(reads, [other]):
        if choice.write_first == "nobody" or (choice.write_first == "acquaintances" and not acquainted):
            raise PersonNotReachable
    return acquainted


async def require_addable(reads: Reads, user_id: UserId, others: Sequence[UserId]) -> None:
    """Raises InvitationNeeded."""
    refusing = await privacy_store.blocking(reads, user_id, others)
    choices = {choice.user_id: choice.add_to_groups for choice in await privacy_store.choices_of(reads, others)}
    for other in others:
        chosen = choices.get(other, "everybody")
        known = chosen == "acquaintances" and await privacy_store.acquaintances_among(reads, other, [user_id])
        if chosen != "everybody" and not known:
            refusing.add(other)
    if refusing:
        raise InvitationNeeded(user_ids=sorted(refusing))
