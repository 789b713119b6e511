"""What operators do about who may join; each method is one transaction."""

from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import EmailTaken, Nothing, Person
from kaif.interfaces.auth.accounts import LetterDue
from kaif.interfaces.auth.invitations import (
    Invitation,
    InvitationNotFound,
    InvitationOffer,
    InvitationPage,
    Invite,
    Invited,
    ListInvitations,
    LookAtInvitation,
    OneAddressOneUse,
    Registration,
    RevokeInvitation,
    SetRegistration,
)
from kaif.interfaces.auth.roles import MANAGE_INVITATIONS, MANAGE_ROLES, RoleNotFound
from kaif.kernel.actor import Actor, require_permission
from kaif.kernel.clock import DAY_US, Clock, as_datetime
from kaif.kernel.errors import Forbidden
from kaif.kernel.ids import new_id
from kaif.services.auth import store
from kaif.services.auth.audit.log import NO_ONE, AuditLog
from kaif.services.auth.factors.stepping_up import require_recent_authentication
from kaif.services.auth.invitations import store as invitation_store
from kaif.services.auth.invitations.admission import Admission, may_invite
from kaif.services.auth.invitations.store import StoredInvitation
from kaif.services.auth.roles import grants
from kaif.services.auth.roles.permissions import must_hold, permitted
from kaif.services.auth.tokens import Signer


class InvitationsService:
    def __init__(self, database: Database, signer: Signer, admission: Admission, audit: AuditLog, clock: Clock) -> None:
        self._database, self._signer, self._audit, self._clock = database, signer, audit, clock
        self._admission = admission

    # The mode

    async def get_registration(self, actor: Actor, request: Nothing) -> Registration:
        return Registration(await invitation_store.mode(self._database))

    async def set_registration(self, actor: Actor, request: SetRegistration) -> Registration:
        require_permission(actor, MANAGE_INVITATIONS)
        async with self._database.transaction() as tx:
            await require_recent_authentication(tx, actor, self._clock())
            if await invitation_store.set_mode(tx, request.mode):
                await self._audit.record(tx, actor, "registration_changed", NO_ONE, mode=request.mode)
        return Registration(request.mode)

    # Invitations

    async def look_at_invitation(self, actor: Actor, request: LookAtInvitation) -> InvitationOffer:
        invitation = await self._admission.look(request.token)
        return InvitationOffer(invitation.email or None)

    async def invite(self, actor: Actor, request: Invite) -> Invited:
        require_permission(actor, MANAGE_INVITATIONS)
        invitation = self._new(actor, request)
        if invitation.email and invitation.uses_max > 1:
            raise OneAddressOneUse(path="$.uses")
        # Whoever may invite is an operator, and may know.
        if await store.owner_of_address(self._database, invitation.email):
            raise EmailTaken(path="$.email")
        async with self._database.transaction() as tx:
            if invitation.role:
                await _require_role(tx, actor, invitation.role)
            maker = await store.locked_account(tx, actor.user_id)
            if maker is None or maker.suspended_at_us is not None:
                raise Forbidden
            await require_recent_authentication(tx, actor, self._clock())
            await invitation_store.add(tx, invitation)
            if invitation.email:
                await tx.publish(_letter(invitation, request))
            await self._audit.record(
                tx,
                actor,
                "invitation_made",
                NO_ONE,
                invitation=invitation.id,
                uses=invitation.uses_max,
                role=invitation.role,
            )
        token = None if invitation.email else self._signer.link_token(invitation.id)
        return Invited(_shown(invitation, maker.person, True, self._clock()), token)

    def _new(self, actor: Actor, request: Invite) -> StoredInvitation:
        now_us = self._clock()
        return StoredInvitation(
            id=new_id(),
            made_by=actor.user_id,
            note=request.note.strip(),
            email=(request.email or "").lower(),
            # Everybody is a member.
            role=request.role if request.role and request.role != "member" else "",
            uses=0,
            uses_max=request.uses,
            made_at_us=now_us,
            expires_at_us=now_us + request.days * DAY_US,
        )

    async def list_invitations(self, actor: Actor, request: ListInvitations) -> InvitationPage:
        require_permission(actor, MANAGE_INVITATIONS)
        found = await invitation_store.newest(self._database, request.before, request.limit + 1)
        page, now_us = found[: request.limit], self._clock()
        own = await grants.own_roles(self._database)
        makers = {one.id: one for one in await store.accounts_of(self._database, [one.made_by for one in page])}
        shown = [
            _shown(one, makers[one.made_by].person, may_invite(makers[one.made_by], one.role, own), now_us)
            for one in page
        ]
        return InvitationPage(shown, page[-1].id if len(found) > request.limit else None)

    async def revoke_invitation(self, actor: Actor, request: RevokeInvitation) -> Nothing:
        require_permission(actor, MANAGE_INVITATIONS)
        async with self._database.transaction() as tx:
            invitation = await invitation_store.find(tx, request.invitation_id)
            if invitation is None:
                raise InvitationNotFound
            if invitation.role:
                must_hold(actor.permissions, permitted([invitation.role], await grants.own_roles(tx)))
            if await invitation_store.revoke(tx, invitation.id, self._clock()):
                await self._audit.record(tx, actor, "invitation_revoked", NO_ONE, invitation=invitation.id)
        return Nothing()


async def _require_role(tx: Transaction, actor: Actor, role: str) -> None:
    """That the actor may give it. It stays as it is: who drops it after this finds the invitation, and revokes it."""
    require_permission(actor, MANAGE_ROLES)
    permissions = await grants.locked_role(tx, role)
    if permissions is None:
        raise RoleNotFound(path="$.role")
    must_hold(actor.permissions, permissions)


def _shown(invitation: StoredInvitation, maker: Person, stands: bool, now_us: int) -> Invitation:
    state = invitation.state(now_us)
    return Invitation(
        id=invitation.id,
        note=invitation.note,
        email=invitation.shown_email,
        role=invitation.role or None,
        uses=invitation.uses,
        uses_max=invitation.uses_max,
        state="void" if state == "good" and not stands else state,
        made_by=maker,
        made_at=as_datetime(invitation.made_at_us),
        expires_at=as_datetime(invitation.expires_at_us),
    )


def _letter(invitation: StoredInvitation, request: Invite) -> LetterDue:
    """Of whoever invites: what is not sent by the time they leave is not sent at all."""
    return LetterDue(
        kind="invitation",
        user_id=invitation.made_by,
        address=invitation.email,
        language=request.language,
        link_id=invitation.id,
    )
