"""What operators do about people: find them, see how they stand, help or stop them; each method is one transaction."""

from kaif.engines.cache import Cache
from kaif.engines.database import Database, Transaction
from kaif.engines.places import Places
from kaif.interfaces.auth import Nothing, Person, PersonNotFound
from kaif.interfaces.auth.api_keys import ApiKeyNotFound
from kaif.interfaces.auth.audit import ListAudit
from kaif.interfaces.auth.directory import (
    RECENT_ENTRIES,
    AccountDetails,
    AccountIsBot,
    AccountPage,
    AccountSecurity,
    AccountSummary,
    AddressUnconfirmed,
    FindAccounts,
    NoSecondFactors,
    NothingToConfirm,
    OfAccount,
    PasskeySeen,
    TakeApiKey,
)
from kaif.interfaces.auth.roles import MANAGE_PEOPLE, READ_AUDIT
from kaif.interfaces.auth.sessions import OwnAccount
from kaif.kernel.actor import Actor, SessionId, UserId, require_permission
from kaif.kernel.clock import Clock, as_datetime
from kaif.services.auth import store
from kaif.services.auth.accounts import people
from kaif.services.auth.api_keys import store as stored_keys
from kaif.services.auth.audit.log import AuditLog, page_of
from kaif.services.auth.bots import store as bots_store
from kaif.services.auth.factors import challenges, enrolments
from kaif.services.auth.factors import rule as factor_rule
from kaif.services.auth.factors.stepping_up import require_recent_authentication
from kaif.services.auth.letters import links
from kaif.services.auth.letters.links import CONFIRM, NEW_EMAIL, RESET
from kaif.services.auth.letters.telling import tell
from kaif.services.auth.model import Account, letter_due
from kaif.services.auth.openid import store as openid_store
from kaif.services.auth.operating import directory_store
from kaif.services.auth.passkeys import credentials
from kaif.services.auth.roles import grants
from kaif.services.auth.roles.authority import require_authority
from kaif.services.auth.roles.permissions import permitted
from kaif.services.auth.sessions import store as stored_sessions
from kaif.services.auth.sessions.announcing import announce_changes, announce_ends
from kaif.services.auth.sessions.whereabouts import place_of

SESSIONS_SHOWN_MAX = 100


class DirectoryService:
    def __init__(self, database: Database, cache: Cache, places: Places, audit: AuditLog, clock: Clock) -> None:
        self._database, self._cache, self._audit, self._clock = database, cache, audit, clock
        self._places = places

    # To see

    async def find_accounts(self, actor: Actor, request: FindAccounts) -> AccountPage:
        require_permission(actor, MANAGE_PEOPLE)
        found = await directory_store.find_accounts(self._database, request, request.limit + 1)
        page = found[: request.limit]
        return AccountPage([_summary(account) for account in page], page[-1].id if len(found) > request.limit else None)

    async def get_account(self, actor: Actor, request: OfAccount) -> AccountDetails:
        require_permission(actor, MANAGE_PEOPLE)
        account = await store.find_account(self._database, request.user_id)
        if account is None:
            raise PersonNotFound
        permissions = permitted(account.roles.split(), await grants.own_roles(self._database))
        in_authority = permissions <= actor.permissions
        about = ListAudit(user_id=account.id, limit=RECENT_ENTRIES)
        return AccountDetails(
            account=_summary(account),
            bot_owner=await self._owner_of(account),
            permissions=sorted(permissions),
            language=account.language,
            suspended_since=as_datetime(account.suspended_at_us),
            left_at=as_datetime(account.deleted_at_us),
            security=await self._security(actor, account) if in_authority else None,
            audit=await page_of(self._database, about) if READ_AUDIT in actor.permissions else None,
        )

    async def _owner_of(self, account: Account) -> Person | None:
        owner_id = await bots_store.owner_of(self._database, account.id) if account.kind == "bot" else None
        owner = await store.find_account(self._database, owner_id) if owner_id else None
        return owner.person if owner else None

    async def _security(self, actor: Actor, account: Account) -> AccountSecurity:
        now_us = self._clock()
        sessions = await stored_sessions.newest(
            self._database, account.id, actor.session_id, now_us, SESSIONS_SHOWN_MAX
        )
        totp = await enrolments.find_totp(self._database, account.id)
        passkeys = [one.passkey for one in await credentials.of_account(self._database, account.id)]
        return AccountSecurity(
            sessions=[one.seen_from(actor.session_id, now_us, place_of(self._places, one.address)) for one in sessions],
            has_password=bool(account.password_hash),
            password_changed_at=as_datetime(account.password_changed_at_us or account.created_at_us),
            reset_required_since=as_datetime(account.reset_required_at_us),
            totp_since=as_datetime(totp.since_us if totp else None),
            recovery_codes_left=await enrolments.recovery_codes_left(self._database, account.id),
            passkeys=[PasskeySeen(one.name, one.created_at, one.last_used_at) for one in passkeys],
            api_keys=[one.api_key for one in await stored_keys.of_account(self._database, account.id, now_us)],
            last_sign_in_at=as_datetime(await directory_store.last_sign_in(self._database, account.id)),
        )

    # To do

    async def take_sessions(self, actor: Actor, request: OfAccount) -> Nothing:
        now_us = self._clock()
        async with self._database.transaction() as tx:
            account = await _target(tx, actor, request.user_id)
            await require_recent_authentication(tx, actor, now_us)
            ended = await stored_sessions.end_all(tx, account.id, now_us)
            if ended:
                await self._audit.record(tx, actor, "sessions_taken", account.id, count=len(ended))
        await announce_ends(self._cache, ended)
        return Nothing()

    async def take_api_key(self, actor: Actor, request: TakeApiKey) -> Nothing:
        now_us = self._clock()
        async with self._database.transaction() as tx:
            account = await _target(tx, actor, request.user_id)
            await require_recent_authentication(tx, actor, now_us)
            key = await stored_keys.revoke(tx, account.id, request.key_id, now_us)
            if key is None:
                raise ApiKeyNotFound
            # By its ending alone: its name is the owner's to choose.
            await tell(tx, account.id, "api_key_taken", {"ending": key.ending})
            await self._audit.record(tx, actor, "api_key_taken", account.id, key=key.id)
        await announce_ends(self._cache, [key.id])
        return Nothing()

    async def force_reset(self, actor: Actor, request: OfAccount) -> Nothing:
        now_us = self._clock()
        async with self._database.transaction() as tx:
            account = await _person(tx, actor, request.user_id)
            await require_recent_authentication(tx, actor, now_us)
            ended = await _require_new_password(tx, account, now_us)
            await self._audit.record(tx, actor, "password_reset_forced", account.id)
        await announce_ends(self._cache, ended)
        return Nothing()

    async def send_confirmation(self, actor: Actor, request: OfAccount) -> Nothing:
        async with self._database.transaction() as tx:
            account = await _person(tx, actor, request.user_id)
            if account.email_confirmed_at_us is not None:
                raise NothingToConfirm
            link_id = await links.issue(tx, account.id, CONFIRM, account.email, self._clock())
            await tx.publish(letter_due(account, "confirm_asked", link_id or ""))
            await self._audit.record(tx, actor, "confirmation_sent", account.id)
        return Nothing()

    async def take_second_factors(self, actor: Actor, request: OfAccount) -> Nothing:
        now_us = self._clock()
        async with self._database.transaction() as tx:
            account = await _target(tx, actor, request.user_id)
            await require_recent_authentication(tx, actor, now_us)
            has_totp = await enrolments.find_totp(tx, account.id) is not None
            passkeys = len(await credentials.of_account(tx, account.id))
            if not (has_totp or passkeys):
                raise NoSecondFactors
            await enrolments.remove_totp(tx, account.id)
            await credentials.remove_all(tx, account.id)
            await challenges.end_all(tx, account.id)
            await tell(tx, account.id, "second_factors_removed")
            # A password that was short because a factor stood beside it must not open the account alone.
            ended = await _require_new_password(tx, account, now_us) if account.short_password else []
            changes = await factor_rule.note_change(tx, account.id, now_us)
            await self._audit.record(tx, actor, "second_factors_taken", account.id, app=has_totp, passkeys=passkeys)
        await announce_ends(self._cache, ended)
        await announce_changes(self._cache, changes)
        return Nothing()


async def _target(tx: Transaction, actor: Actor, user_id: UserId) -> Account:
    """The account, locked; nobody but who may do all that it may gets it."""
    await require_authority(tx, actor, user_id)
    if user_id == actor.user_id:
        raise OwnAccount
    account = await store.locked_account(tx, user_id)
    if account is None:
        raise PersonNotFound
    return account


async def _person(tx: Transaction, actor: Actor, user_id: UserId) -> Account:
    """As above. Raises AccountIsBot."""
    account = await _target(tx, actor, user_id)
    if account.kind == "bot":
        raise AccountIsBot
    return account


async def _require_new_password(tx: Transaction, account: Account, now_us: int) -> list[SessionId]:
    """Take what whoever has the account now may hold: the password, sign-ins under way, links, what applications
    hold, and sessions, which are named. A letter with a link follows. Raises AddressUnconfirmed."""
    if not account.opens_by_letter:
        raise AddressUnconfirmed
    await people.require_reset(tx, account.id, now_us)
    await challenges.end_all(tx, account.id)
    await links.withdraw(tx, account.id, [NEW_EMAIL, RESET])
    await openid_store.end_all(tx, account.id)
    # Nothing is left in its way, so this one is never too young to take another's place.
    link_id = await links.issue(tx, account.id, RESET, account.email, now_us)
    await tx.publish(letter_due(account, "reset_forced", link_id or ""))
    ended = await stored_sessions.end_all(tx, account.id, now_us)
    # Whoever got hold of the account may have made them; they are good again with the new password.
    return ended + await stored_keys.interrupt_all(tx, account.id, now_us)


def _summary(account: Account) -> AccountSummary:
    return AccountSummary(
        id=account.id,
        username=account.username,
        display_name=account.display_name,
        kind=account.kind,
        email=account.email if account.kind == "person" else "",
        email_confirmed=account.email_confirmed_at_us is not None,
        roles=account.roles.split(),
        suspended=account.suspended_at_us is not None,
        created_at=as_datetime(account.created_at_us),
        avatar=account.avatar,
    )
