"""New accounts: the first one, those that are registered with a password, and those made on a claim."""

import hmac

import msgspec

from kaif.engines.database import AlreadyExists, Database, Transaction
from kaif.interfaces.auth import (
    EmailTaken,
    NewAccount,
    PersonChanged,
    Register,
    SetUp,
    SetupCodeWrong,
    SetupRequired,
    Tokens,
    UsernameImitates,
    UsernameTaken,
)
from kaif.interfaces.auth.accounts import LetterKind
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import Clock
from kaif.kernel.ids import new_id
from kaif.services.auth import model, store
from kaif.services.auth.audit.log import AuditLog
from kaif.services.auth.defences import attempts
from kaif.services.auth.defences.captcha import Captcha
from kaif.services.auth.invitations.admission import Admission, Admitted
from kaif.services.auth.letters import links
from kaif.services.auth.model import NO_PASSWORD, Account
from kaif.services.auth.passwords.hashing import Passwords
from kaif.services.auth.roles.permissions import OWNER
from kaif.services.auth.sessions.entering import Claim, Claimant, nothing_more
from kaif.services.auth.sessions.entrance import Entrance

# Letters of welcome to one address, until an hour has passed without one.
WELCOMES_MAX = 5


class Registration:
    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        captcha: Captcha,
        admission: Admission,
        entrance: Entrance,
        audit: AuditLog,
        clock: Clock,
        *,
        setup_code: str,
        welcome_key: bytes,
    ) -> None:
        """`welcome_key` seals the addresses to which letters of welcome are counted."""
        self._database, self._passwords, self._captcha = database, passwords, captcha
        self._admission, self._entrance, self._audit, self._clock = admission, entrance, audit, clock
        self._setup_code, self._welcome_key = setup_code, welcome_key

    async def set_up(self, actor: Actor, request: SetUp) -> Tokens:
        if not model.same_code(request.code, self._setup_code) or await store.is_set_up(self._database):
            raise SetupCodeWrong
        return await self._create_account(actor, request, is_first=True)

    async def register(self, actor: Actor, request: Register) -> Tokens:
        return await self._register(actor, request)

    async def register_on_claim(self, actor: Actor, wanted: Claimant, claim: Claim) -> Tokens:
        """For somebody who has proved who they are, but has no account here."""
        return await self._register(actor, wanted, claim)

    async def _register(self, actor: Actor, wanted: Register | Claimant, claim: Claim | None = None) -> Tokens:
        if not await store.is_set_up(self._database):
            raise SetupRequired
        # Before anything is told of the names that are taken, or hashed.
        await self._admission.refuse_uninvited(wanted.invitation, wanted.email.lower())
        await self._captcha.require(wanted.captcha)
        return await self._create_account(actor, wanted, wanted.invitation, claim=claim)

    async def _create_account(
        self,
        actor: Actor,
        wanted: NewAccount | Claimant,
        invitation: str = "",
        *,
        claim: Claim | None = None,
        is_first: bool = False,
    ) -> Tokens:
        """The one place where accounts are made: by a password, or on a claim."""
        account = await self._new_account(wanted)
        try:
            async with self._database.transaction() as tx:
                if is_first:
                    await store.claim_setup(tx, account.id)
                    admitted = Admitted(OWNER)
                else:
                    admitted = await self._admission.admit(tx, invitation, account.email)
                account = _admitted_as(account, admitted, claim)
                await self._add_account(tx, actor, account, admitted, claim)
        except AlreadyExists:
            # Somebody was faster while the password was being hashed, or the address that this account would have
            # confirmed is somebody's: whoever hears that has proved to read it.
            await self._refuse_taken(account.username)
            if account.email_confirmed_at_us and await store.owner_of_address(self._database, account.email):
                raise EmailTaken(path="$.email") from None
            raise (claim.taken if claim else SetupCodeWrong) from None
        return await self._entrance.open_session(actor, account, nothing_more, is_first=True)

    async def _new_account(self, wanted: NewAccount | Claimant) -> Account:
        """As it is wanted, with a name that was free just now, and a password that is not weak.

        Nobody is looked up by the address: whether it is somebody's shows neither here nor in the time that this takes.
        """
        username, email, password_hash = wanted.username.lower(), wanted.email.lower(), NO_PASSWORD
        display_name = model.display_name_of(wanted.display_name, wanted.username)
        if isinstance(wanted, NewAccount):
            await self._passwords.refuse_weak(wanted.password, [username, email, display_name])
        await self._refuse_taken(username)
        if isinstance(wanted, NewAccount):
            password_hash = await self._passwords.hash(wanted.password)
        user_id, now_us = UserId(new_id()), self._clock()
        return Account(user_id, username, email, display_name, password_hash, now_us, language=wanted.language)

    async def _add_account(
        self, tx: Transaction, actor: Actor, account: Account, admitted: Admitted, claim: Claim | None
    ) -> None:
        if claim:
            await claim.link(tx, account.id)
        await store.add_account(tx, account)
        await tx.publish(PersonChanged(person=account.person))
        # What vouches for the address, if anything does: the service by which somebody came, or their invitation.
        by_service = claim is not None and claim.email_confirmed
        await self._welcome(tx, account, "welcome_confirmed" if by_service else "welcome_invited")
        person = msgspec.structs.replace(actor, user_id=account.id)
        by = {**(claim.by if claim else {}), **admitted.by}
        await self._audit.record(tx, person, "account_created", account.id, roles=account.roles, **by)

    async def _welcome(self, tx: Transaction, account: Account, confirmed: LetterKind) -> None:
        """With a link that confirms the address, unless it is confirmed already."""
        if account.email_confirmed_at_us is not None:
            await tx.publish(model.letter_due(account, confirmed))
            return
        # The address may be a stranger's: however many accounts are made with it, its mailbox is not filled. Who gets
        # no letter can still ask for one.
        subject = self._welcomed(account.email)
        sent = (await attempts.lock(tx, [subject], account.created_at_us))[subject][0]
        if sent >= WELCOMES_MAX:
            return
        await attempts.count(tx, [subject], account.created_at_us)
        link_id = await links.issue(tx, account.id, links.CONFIRM, account.email, account.created_at_us)
        await tx.publish(model.letter_due(account, "welcome", link_id or ""))

    def _welcomed(self, email: str) -> str:
        """Sealed: what is counted outlives the account that named the address."""
        return f"welcome:{hmac.digest(self._welcome_key, email.encode(), 'sha256').hex()}"

    async def _refuse_taken(self, username: str) -> None:
        if await store.is_username_taken(self._database, username):
            raise UsernameTaken(path="$.username")
        if await store.is_username_imitated(self._database, username):
            raise UsernameImitates(path="$.username")


def _admitted_as(account: Account, admitted: Admitted, claim: Claim | None) -> Account:
    confirmed = admitted.email_confirmed or (claim is not None and claim.email_confirmed)
    confirmed_at_us = account.created_at_us if confirmed else None
    return msgspec.structs.replace(account, roles=admitted.role, email_confirmed_at_us=confirmed_at_us)
