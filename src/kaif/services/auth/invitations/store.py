"""What auth's database keeps of who may join: the mode of registration, and invitations."""

from typing import cast

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.auth.invitations import InvitationState, RegistrationMode
from kaif.interfaces.auth.own_data import OwnInvitation
from kaif.kernel.actor import UserId
from kaif.kernel.clock import as_datetime
from kaif.services.auth.store import AFTER_ALL_IDS, columns_of, insert

# In the place of an address that was forgotten: no address, and not nothing, which would mean anybody's.
ERASED = "erased"
# Of a person's, in what they take along; an operator who made more has them page by page.
OWN_MAX = 10_000


class StoredInvitation(msgspec.Struct, frozen=True):
    """A row of auth_invitations; `email` and `role` are empty for anybody, as a member."""

    id: str
    made_by: UserId
    note: str
    email: str
    role: str
    uses: int
    uses_max: int
    made_at_us: int
    expires_at_us: int
    revoked_at_us: int | None = None

    def state(self, now_us: int) -> InvitationState:
        """So far as it can be told from the invitation alone."""
        if self.revoked_at_us is not None:
            return "revoked"
        if self.uses >= self.uses_max:
            return "used_up"
        return "good" if now_us < self.expires_at_us else "expired"

    @property
    def shown_email(self) -> str | None:
        return self.email if self.email not in ("", ERASED) else None

    @property
    def own(self) -> OwnInvitation:
        """As whoever made it takes it along."""
        return OwnInvitation(
            id=self.id,
            note=self.note,
            email=self.shown_email,
            role=self.role or None,
            uses=self.uses,
            uses_max=self.uses_max,
            made_at=as_datetime(self.made_at_us),
            expires_at=as_datetime(self.expires_at_us),
            revoked_at=as_datetime(self.revoked_at_us),
        )


_COLUMNS = columns_of(StoredInvitation)


async def mode(reads: Reads) -> RegistrationMode:
    rows: list[tuple[str]] = await reads.fetch(tuple, "SELECT mode FROM auth_registration WHERE id = 1")
    return cast(RegistrationMode, rows[0][0])


async def set_mode(tx: Transaction, mode: RegistrationMode) -> bool:
    """False when it was that before."""
    sql = "UPDATE auth_registration SET mode = :mode WHERE id = 1 AND mode <> :mode"
    return await tx.execute(sql, mode=mode) == 1


async def add(tx: Transaction, invitation: StoredInvitation) -> None:
    await insert(tx, "auth_invitations", invitation)


async def find(reads: Reads, invitation_id: str) -> StoredInvitation | None:
    sql = f"SELECT {_COLUMNS} FROM auth_invitations WHERE id = :id"
    found = await reads.fetch(StoredInvitation, sql, id=invitation_id)
    return found[0] if found else None


async def newest(reads: Reads, before: str | None, limit: int) -> list[StoredInvitation]:
    # Ids are in the order of their making.
    sql = f"SELECT {_COLUMNS} FROM auth_invitations WHERE id < :before ORDER BY id DESC LIMIT :limit"
    return await reads.fetch(StoredInvitation, sql, before=before or AFTER_ALL_IDS, limit=limit)


async def made_by(reads: Reads, user_id: UserId) -> list[StoredInvitation]:
    """The newest first."""
    sql = f"SELECT {_COLUMNS} FROM auth_invitations WHERE made_by = :user_id ORDER BY id DESC LIMIT :limit"
    return await reads.fetch(StoredInvitation, sql, user_id=user_id, limit=OWN_MAX)


async def use(tx: Transaction, invitation_id: str, now_us: int) -> bool:
    """Take one of its uses, in one statement: of those who come at once for the last one, one gets it."""
    used = await tx.execute(
        """
        UPDATE auth_invitations SET uses = uses + 1
        WHERE id = :id AND uses < uses_max AND revoked_at_us IS NULL AND expires_at_us > :now_us
        """,
        id=invitation_id,
        now_us=now_us,
    )
    return used == 1


async def revoke(tx: Transaction, invitation_id: str, now_us: int) -> bool:
    """False when it was revoked before."""
    sql = "UPDATE auth_invitations SET revoked_at_us = :now_us WHERE id = :id AND revoked_at_us IS NULL"
    return await tx.execute(sql, id=invitation_id, now_us=now_us) == 1


async def forget_address(tx: Transaction, email: str) -> int:
    """Of invitations by which somebody came who leaves now; how many there were. They stay used up."""
    sql = "UPDATE auth_invitations SET email = :erased, note = '' WHERE email = :email AND uses > 0"
    return await tx.execute(sql, erased=ERASED, email=email)


async def revoke_into(tx: Transaction, role: str, now_us: int) -> None:
    """Those that give this role: one of the same name may mean something else later."""
    sql = "UPDATE auth_invitations SET revoked_at_us = :now_us WHERE role = :role AND revoked_at_us IS NULL"
    await tx.execute(sql, role=role, now_us=now_us)
