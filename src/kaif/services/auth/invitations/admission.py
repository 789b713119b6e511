"""Who may make an account: asked before any work is done for it, and again in the transaction that makes it."""

from collections.abc import Mapping

import msgspec

from kaif.engines.database import Database, Reads, Transaction
from kaif.interfaces.auth.invitations import (
    InvitationExpired,
    InvitationForAnother,
    InvitationRequired,
    InvitationRevoked,
    InvitationState,
    InvitationUnknown,
    InvitationUsedUp,
    RegistrationClosed,
)
from kaif.interfaces.auth.roles import MANAGE_INVITATIONS, MANAGE_ROLES
from kaif.kernel.actor import Permission
from kaif.kernel.clock import Clock
from kaif.kernel.errors import KaifError
from kaif.services.auth import store
from kaif.services.auth.invitations import store as invitation_store
from kaif.services.auth.invitations.store import StoredInvitation
from kaif.services.auth.model import Account
from kaif.services.auth.roles import grants
from kaif.services.auth.roles.permissions import BUILT_IN, Permissions, permitted
from kaif.services.auth.tokens import Signer

REFUSALS: dict[InvitationState, type[KaifError]] = {
    "used_up": InvitationUsedUp,
    "expired": InvitationExpired,
    "revoked": InvitationRevoked,
    "void": InvitationRevoked,
}


class Admitted(msgspec.Struct, frozen=True):
    """With what somebody comes in; nothing more than a member has unless an invitation says so."""

    role: str = ""
    email_confirmed: bool = False
    invitation_id: str = ""

    @property
    def by(self) -> dict[str, str]:
        """For the audit log."""
        return {"invitation": self.invitation_id} if self.invitation_id else {}


class Admission:
    def __init__(self, database: Database, signer: Signer, clock: Clock) -> None:
        self._database, self._signer, self._clock = database, signer, clock

    async def refuse_uninvited(self, token: str, email: str) -> None:
        """Raises as `admit` does, and spends nothing."""
        await self._invitation(self._database, token, email)

    async def admit(self, tx: Transaction, token: str, email: str) -> Admitted:
        """Spend a use of the invitation, if there is one: it counts once the transaction commits.

        Raises what the interface's `register` names.
        """
        invitation = await self._invitation(tx, token, email)
        if invitation is None:
            return Admitted()
        if not await invitation_store.use(tx, invitation.id, self._clock()):
            # Between the look and the use it was used up, revoked, or its time ran out.
            await self._invitation(tx, token, email)
            raise InvitationUsedUp
        return Admitted(invitation.role, bool(invitation.email), invitation.id)

    async def look(self, token: str) -> StoredInvitation:
        """The invitation, if somebody could come by it now."""
        if await invitation_store.mode(self._database) == "closed":
            raise RegistrationClosed
        return await self._good(self._database, token)

    async def _invitation(self, reads: Reads, token: str, email: str) -> StoredInvitation | None:
        """The one that admits this address; None where nobody needs one and none was given."""
        mode = await invitation_store.mode(reads)
        if mode == "closed":
            raise RegistrationClosed
        if not token:
            if mode == "invitation":
                raise InvitationRequired
            return None
        invitation = await self._good(reads, token)
        if invitation.email not in ("", email):
            raise InvitationForAnother(path="$.email")
        return invitation

    async def _good(self, reads: Reads, token: str) -> StoredInvitation:
        invitation_id = self._signer.link_of(token)
        invitation = await invitation_store.find(reads, invitation_id) if invitation_id else None
        if invitation is None:
            raise InvitationUnknown
        state = await state_of(reads, invitation, self._clock())
        if state != "good":
            raise REFUSALS[state]
        return invitation


async def state_of(reads: Reads, invitation: StoredInvitation, now_us: int) -> InvitationState:
    state = invitation.state(now_us)
    if state != "good":
        return state
    maker = await store.find_account(reads, invitation.made_by)
    return "good" if maker and may_invite(maker, invitation.role, await grants.own_roles(reads)) else "void"


def may_invite(maker: Account, role: str, own: Mapping[str, Permissions]) -> bool:
    """Whether they could make such an invitation now."""
    if maker.suspended_at_us is not None or maker.deleted_at_us is not None:
        return False
    if role and role not in BUILT_IN and role not in own:
        return False
    return needed_to_invite(role, own) <= permitted(maker.roles.split(), own)


def needed_to_invite(role: str, own: Mapping[str, Permissions]) -> frozenset[Permission]:
    if not role:
        return frozenset({MANAGE_INVITATIONS})
    return permitted([role], own) | {MANAGE_INVITATIONS, MANAGE_ROLES}
