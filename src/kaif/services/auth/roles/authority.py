"""Over whom an operator has authority: nobody does anything to somebody who may do more than they."""

from kaif.engines.database import Transaction
from kaif.interfaces.auth.roles import MANAGE_PEOPLE
from kaif.kernel.actor import Actor, UserId, require_permission
from kaif.kernel.errors import Forbidden
from kaif.services.auth import store
from kaif.services.auth.roles import grants
from kaif.services.auth.roles.permissions import must_hold, permitted


async def require_authority(tx: Transaction, actor: Actor, user_id: UserId) -> None:
    """Nobody shuts out, or lets in again, who may do more than they. Raises MissingPermission, BeyondYourOwn."""
    require_permission(actor, MANAGE_PEOPLE)
    # The rows of everybody with a role stay locked: two owners who suspend each other at once do so one after the
    # other, and the second has no access any more. So one always remains.
    privileged = await grants.lock_privileged(tx)
    operator = await store.locked_account(tx, actor.user_id)
    if operator is None or operator.suspended_at_us is not None:
        raise Forbidden
    must_hold(actor.permissions, permitted(privileged.get(user_id, "").split(), await grants.own_roles(tx)))
