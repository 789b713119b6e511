"""Of whom a second factor is required, and who has one."""

from typing import Any, Literal

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.auth import EVERYBODY, PermissionChange
from kaif.interfaces.auth.passkeys import PasskeyId
from kaif.interfaces.auth.required_factors import LastSecondFactor, RequiredOf
from kaif.kernel.actor import UserId
from kaif.kernel.errors import Unauthenticated
from kaif.services.auth.factors import enrolments
from kaif.services.auth.model import Account
from kaif.services.auth.passkeys import credentials
from kaif.services.auth.roles import grants
from kaif.services.auth.roles.permissions import Permissions, permitted
from kaif.services.auth.store import ACCOUNT


class Standing(msgspec.Struct, frozen=True):
    """What an account may do and what is required of it, as it was at one moment."""

    roles: str
    permitted_at_us: int
    mode: RequiredOf
    changed_at_us: int

    @property
    def since_us(self) -> int:
        """When any of it last changed."""
        return max(self.permitted_at_us, self.changed_at_us)

    def requires(self, permissions: Permissions) -> bool:
        return self.mode == "everyone" or (self.mode == "operators" and bool(permissions))


async def mode(reads: Reads) -> RequiredOf:
    rows: list[tuple[RequiredOf]] = await reads.fetch(tuple, "SELECT mode FROM auth_required_factors WHERE id = 1")
    return rows[0][0]


async def set_mode(tx: Transaction, mode: RequiredOf, now_us: int) -> PermissionChange | None:
    """What has to be announced; None when it was that before."""
    await _hold(tx)
    # Later than what any token says, by whichever machine's clock.
    rows: list[tuple[int]] = await tx.fetch(
        tuple,
        """
        UPDATE auth_required_factors
        SET mode = :mode, changed_at_us = (
          SELECT max(at_us) FROM (
            SELECT CAST(:now_us AS BIGINT) AS at_us
            UNION ALL SELECT changed_at_us + 1 FROM auth_required_factors
            UNION ALL SELECT permitted_at_us + 1 FROM auth_users WHERE permitted_at_us > 0
          ) AS moments
        )
        WHERE id = 1 AND mode <> :mode
        RETURNING changed_at_us
        """,
        mode=mode,
        now_us=now_us,
    )
    return PermissionChange(EVERYBODY, rows[0][0]) if rows else None


async def _hold(tx: Transaction) -> None:
    """The rule stays as it is until the transaction ends."""
    await tx.fetch(tuple, "SELECT mode FROM auth_required_factors WHERE id = 1 FOR UPDATE")


async def changed_since(reads: Reads, since_us: int) -> list[PermissionChange]:
    sql = "SELECT changed_at_us FROM auth_required_factors WHERE changed_at_us > 0 AND changed_at_us >= :since_us"
    rows: list[tuple[int]] = await reads.fetch(tuple, sql, since_us=since_us)
    return [PermissionChange(EVERYBODY, at_us) for (at_us,) in rows]


async def standing(reads: Reads, user_id: UserId) -> Standing:
    """Raises Unauthenticated for nobody."""
    # In one statement: of two, the second could hide a change that came after the first.
    sql = """
        SELECT roles, permitted_at_us, mode, changed_at_us FROM auth_users, auth_required_factors
        WHERE auth_users.id = :user_id AND auth_required_factors.id = 1
    """
    found = await reads.fetch(Standing, sql, user_id=user_id)
    if not found:
        raise Unauthenticated
    return found[0]


async def standing_of(tx: Transaction, account: Account) -> Standing:
    """Its row must be locked: then nothing of it changes before the rule is read."""
    sql = "SELECT mode, changed_at_us FROM auth_required_factors WHERE id = 1"
    rows: list[tuple[RequiredOf, int]] = await tx.fetch(tuple, sql)
    return Standing(account.roles, account.permitted_at_us, *rows[0])


async def account_and_standing(reads: Reads, user_id: UserId) -> tuple[Account, Standing] | None:
    """Both as they were at one moment; None for nobody."""
    sql = f"""
        SELECT {ACCOUNT}, mode, changed_at_us
        FROM auth_users, (SELECT mode, changed_at_us FROM auth_required_factors WHERE id = 1) AS rule
        WHERE id = :user_id
    """
    rows: list[tuple[Any, ...]] = await reads.fetch(tuple, sql, user_id=user_id)
    if not rows:
        return None
    *values, mode, changed_at_us = rows[0]
    account = Account(*values)
    return account, Standing(account.roles, account.permitted_at_us, mode, changed_at_us)


async def is_required(reads: Reads, user_id: UserId) -> bool:
    found = await standing(reads, user_id)
    if found.mode == "optional":
        return False
    return found.requires(permitted(found.roles.split(), await grants.own_roles(reads)))


async def has_factor(reads: Reads, user_id: UserId) -> bool:
    if await enrolments.find_totp(reads, user_id) is not None:
        return True
    return bool(await credentials.usable(reads, user_id))


async def refuse_last(tx: Transaction, user_id: UserId, removed: PasskeyId | Literal["totp"]) -> None:
    """Raises LastSecondFactor when the account has no other and needs one. Its row must be locked, so that of two
    removals at once the second one sees the first."""
    factors: set[str] = {credential.id for credential in await credentials.usable(tx, user_id)}
    factors |= {"totp"} if await enrolments.find_totp(tx, user_id) else set()
    if factors != {removed}:
        return
    # Whoever changes the rule waits, and then has all tokens made anew.
    await _hold(tx)
    if await is_required(tx, user_id):
        raise LastSecondFactor


async def note_change(tx: Transaction, user_id: UserId, now_us: int) -> list[PermissionChange]:
    """After factors were added or taken: what has to be announced, for tokens of before say something else now. Where
    nothing is required they say nothing of it."""
    if not await is_required(tx, user_id):
        return []
    found = await standing(tx, user_id)
    # Later than what the tokens say, by whichever machine's clock.
    at_us = max(now_us, found.since_us + 1)
    await grants.set_roles(tx, user_id, found.roles, at_us)
    return [PermissionChange(user_id, at_us)]
