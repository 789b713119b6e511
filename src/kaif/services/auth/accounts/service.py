"""What people do with their own accounts; each method is one transaction."""

import msgspec

from kaif.engines.cache import Cache
from kaif.engines.database import AlreadyExists, Database, Reads, Transaction
from kaif.interfaces.auth import EmailTaken, Nothing, PersonChanged, SessionEnded, User, WrongPassword
from kaif.interfaces.auth.accounts import (
    ChangeAvatarColour,
    ChangeDisplayName,
    ChangeEmail,
    ChangeLanguage,
    ChangePassword,
    Claimant,
    ConfirmedEmail,
    ConfirmEmail,
    ConfirmSignedIn,
    DeleteAccount,
    ForgetPassword,
    LinkSpent,
    OfLink,
    PasswordForgotten,
    PasswordTooShort,
    ResetPassword,
)
from kaif.interfaces.auth.own_data import Erasure
from kaif.interfaces.auth.roles import LastOwner
from kaif.kernel.actor import Actor, SessionId, UserId
from kaif.kernel.clock import Clock, as_datetime
from kaif.kernel.errors import Unauthenticated
from kaif.services.auth import model, store, ways_in
from kaif.services.auth.accounts import erasure_store, people
from kaif.services.auth.accounts.erasing import erase_account
from kaif.services.auth.audit.log import AuditLog
from kaif.services.auth.bots import store as bots_store
from kaif.services.auth.defences.captcha import Captcha
from kaif.services.auth.factors import challenges
from kaif.services.auth.factors.challenges import too_many_tries
from kaif.services.auth.factors.stepping_up import require_recent_authentication
from kaif.services.auth.letters import links
from kaif.services.auth.letters.links import CONFIRM, NEW_EMAIL, RESET, Link
from kaif.services.auth.letters.telling import tell
from kaif.services.auth.model import Account, NewPassword, letter_due, present
from kaif.services.auth.openid import store as openid_store
from kaif.services.auth.passwords.guessing import is_short
from kaif.services.auth.passwords.hashing import Passwords, normalised
from kaif.services.auth.passwords.proofs import PasswordProofs
from kaif.services.auth.roles import grants
from kaif.services.auth.sessions import store as stored_sessions
from kaif.services.auth.sessions.announcing import announce_ends
from kaif.services.auth.tokens import Signer


class AccountsService:
    def __init__(
        self,
        database: Database,
        cache: Cache,
        passwords: Passwords,
        password_proofs: PasswordProofs,
        signer: Signer,
        captcha: Captcha,
        audit: AuditLog,
        clock: Clock,
    ) -> None:
        self._database, self._cache = database, cache
        self._passwords, self._signer, self._audit, self._clock = passwords, signer, audit, clock
        self._captcha, self._password_proofs = captcha, password_proofs
        self._accounts = store.accounts(database)

    # The address

    async def confirm_email(self, actor: Actor, request: ConfirmEmail) -> ConfirmedEmail:
        link_id, now_us = self._link_id(request.token), self._clock()
        try:
            async with self._database.transaction() as tx:
                link = await self._confirm(tx, actor, link_id, now_us)
                await self._audit.record(tx, actor, "email_confirmed", link.user_id)
        except AlreadyExists:
            raise EmailTaken from None
        return ConfirmedEmail(link.email)

    async def consider_email(self, actor: Actor, request: OfLink) -> Claimant:
        link = await self._claim(self._database, self._link_id(request.token), self._clock())
        account = await self._accounts(link.user_id)
        if account is None:
            raise LinkSpent
        return Claimant(account.person, as_datetime(account.created_at_us), link.email, actor.user_id == account.id)

    async def disown_email(self, actor: Actor, request: OfLink) -> Nothing:
        link_id, now_us = self._link_id(request.token), self._clock()
        async with self._database.transaction() as tx:
            await self._claim(tx, link_id, now_us)
            link = await links.use_up(tx, link_id, now_us)
            if link is None:
                raise LinkSpent
            await self._audit.record(tx, actor, "email_disowned", link.user_id)
        return Nothing()

    async def _claim(self, reads: Reads, link_id: str, now_us: int) -> Link:
        found = await links.find(reads, link_id, now_us)
        if found is None or found.purpose not in (CONFIRM, NEW_EMAIL):
            raise LinkSpent
        return found

    async def _confirm(self, tx: Transaction, actor: Actor, link_id: str, now_us: int) -> Link:
        """The link, used up. Raises LinkSpent, ConfirmSignedIn, and AlreadyExists when the address is somebody
        else's."""
        found = await self._claim(tx, link_id, now_us)
        # The account before the link, as whoever withdraws links does: neither waits for what the other holds.
        before = await store.locked_account(tx, found.user_id)
        if before and before.roles and actor.user_id != before.id:
            # Whoever reads letters to a mistyped address would prove it as theirs, and set a password by the next one.
            raise ConfirmSignedIn
        link = await links.use_up(tx, link_id, now_us)
        if before is None or link is None:
            raise LinkSpent
        if link.purpose == NEW_EMAIL:
            await self._move(tx, before, link.email, now_us)
        elif not await people.confirm_email(tx, link.user_id, link.email, now_us):
            raise LinkSpent
        return link

    async def _move(self, tx: Transaction, before: Account, email: str, now_us: int) -> None:
        await people.change_email(tx, before.id, email, now_us)
        if before.email_confirmed_at_us is not None:
            await tx.publish(letter_due(before, "email_changed"))

    async def resend_confirmation(self, actor: Actor, request: Nothing) -> Nothing:
        account = present(await self._accounts(actor.user_id))
        if account.email_confirmed_at_us is None:
            async with self._database.transaction() as tx:
                await self._count_letter(tx, account)
                link_id = await links.issue(tx, account.id, CONFIRM, account.email, self._clock())
                await tx.publish(letter_due(account, "confirm", link_id or ""))
        return Nothing()

    async def change_email(self, actor: Actor, request: ChangeEmail) -> Nothing:
        account, email = await self._seen(actor, request.password), request.email.lower()
        # Whose the address is decides, later, what the letter says: nobody can tell it here.
        async with self._database.transaction() as tx:
            await self._still_seen(tx, actor, account)
            await self._count_letter(tx, account)
            link_id = await links.issue(tx, account.id, NEW_EMAIL, email, self._clock())
            await tx.publish(letter_due(account, "new_email", link_id or "", address=email))
            await tell(tx, account.id, "email_change_asked")
            await self._audit.record(tx, actor, "email_change_asked", account.id)
        return Nothing()

    async def _count_letter(self, tx: Transaction, account: Account) -> None:
        """It goes to what may be a stranger's address: no account fills mailboxes. Raises TooManyTries."""
        if wait_us := await challenges.count_guess(tx, account.id, "letters", self._clock()):
            raise too_many_tries(wait_us)

    # The password

    async def forget_password(self, actor: Actor, request: ForgetPassword) -> Nothing:
        await self._captcha.require(request.captcha)
        # Whether there is such an account is looked up later, where nobody can measure it.
        async with self._database.transaction() as tx:
            await tx.publish(PasswordForgotten(email=request.email.lower()))
        return Nothing()

    async def reset_password(self, actor: Actor, request: ResetPassword) -> Nothing:
        link_id = self._link_id(request.token)
        link = await links.find(self._database, link_id, self._clock())
        account = await self._accounts(link.user_id) if link and link.purpose == RESET else None
        if account is None or account.deleted_at_us is not None:
            raise LinkSpent
        new, now_us = await self._new_password(account, request.password), self._clock()
        try:
            async with self._database.transaction() as tx:
                ended = await self._reset(tx, actor, account, link_id, new, now_us)
        except AlreadyExists:
            # By another letter the address has become somebody else's since.
            raise LinkSpent from None
        await announce_ends(self._cache, ended)
        return Nothing()

    async def _reset(
        self, tx: Transaction, actor: Actor, account: Account, link_id: str, new: NewPassword, now_us: int
    ) -> list[SessionId]:
        """What ended. Raises LinkSpent, and AlreadyExists when the address is somebody else's."""
        before = await store.locked_account(tx, account.id)
        used = await links.use_up(tx, link_id, now_us)
        if not (before and used and await self._opens(tx, before, used, now_us)):
            raise LinkSpent
        # Whoever made the account may have given a stranger's address, who is here now.
        first_proof = before.email_confirmed_at_us is None and bool(used.email)
        ended = await self._end_for_reset(tx, account.id, now_us, first_proof=first_proof)
        if not await self._replace_password(tx, account, new, now_us):
            raise LinkSpent
        await links.withdraw(tx, account.id, [NEW_EMAIL])
        await tell(tx, account.id, "password_set_first" if first_proof else "password_changed")
        await self._audit.record(tx, actor, "password_reset", account.id, first_proof=first_proof)
        return ended

    async def _opens(self, tx: Transaction, account: Account, link: Link, now_us: int) -> bool:
        """Whether the link still sets a password. Raises AlreadyExists when the address is somebody else's."""
        if not link.email:
            return True
        # Who has opened the letter has the address; who has another one by now must not come in by the old, and a role
        # may have been given since.
        return account.opens_by_letter and await people.confirm_email(tx, account.id, link.email, now_us)

    async def _end_for_reset(
        self, tx: Transaction, user_id: UserId, now_us: int, *, first_proof: bool
    ) -> list[SessionId]:
        """What somebody else may have let in; of an account whose address nobody had proved, everything."""
        if first_proof:
            return await ways_in.end_all_but_password(tx, user_id, now_us)
        # Whoever resets a password may have lost the account for a while: what was let in then goes as well.
        await openid_store.end_all(tx, user_id)
        await challenges.end_all(tx, user_id)
        return await stored_sessions.end_all(tx, user_id, now_us)

    async def change_password(self, actor: Actor, request: ChangePassword) -> Nothing:
        account = await self._proved(actor, request.current_password)
        new, now_us = await self._new_password(account, request.password), self._clock()
        async with self._database.transaction() as tx:
            if not await self._replace_password(tx, account, new, now_us):
                raise WrongPassword
            await links.withdraw(tx, account.id, [NEW_EMAIL, RESET])
            await challenges.end_all(tx, account.id)
            ended = await stored_sessions.end_all(tx, account.id, now_us, kept=actor.session_id)
            await tell(tx, account.id, "password_changed")
            await self._audit.record(tx, actor, "password_changed", account.id)
        await announce_ends(self._cache, ended)
        return Nothing()

    async def _new_password(self, account: Account, password: str) -> NewPassword:
        about = [account.username, account.email, account.display_name]
        alone = not await ways_in.second_steps(self._database, account.id)
        await self._passwords.refuse_weak(password, about, alone=alone)
        return NewPassword(await self._passwords.hash(password), is_short(normalised(password)))

    async def _replace_password(self, tx: Transaction, account: Account, new: NewPassword, now_us: int) -> bool:
        """False when the password has changed meanwhile. Raises PasswordTooShort when the second factor has gone."""
        changed = await people.change_password(tx, account.id, new, account.password_hash, now_us)
        # The row is locked now, as it is by whoever removes the factor.
        if new.is_short and not await ways_in.second_steps(tx, account.id):
            raise PasswordTooShort(path="$.password")
        return changed

    # Name, colour and language

    async def change_display_name(self, actor: Actor, request: ChangeDisplayName) -> User:
        async with self._database.transaction() as tx:
            # Locked: what is told of the person names their picture too, which may be set at the same time.
            account = present(await store.locked_account(tx, actor.user_id))
            renamed = msgspec.structs.replace(
                account, display_name=model.display_name_of(request.display_name, account.username)
            )
            if not await people.rename(tx, renamed):
                raise Unauthenticated
            if renamed.person != account.person:
                await tx.publish(PersonChanged(person=renamed.person))
        return renamed.user(actor.permissions, must_enrol=actor.must_enrol)

    async def change_avatar_colour(self, actor: Actor, request: ChangeAvatarColour) -> User:
        async with self._database.transaction() as tx:
            account = present(await store.locked_account(tx, actor.user_id))
            if request.avatar_colour != account.avatar_colour:
                account = msgspec.structs.replace(account, avatar_colour=request.avatar_colour)
                await people.change_avatar_colour(tx, account.id, request.avatar_colour)
                await tx.publish(PersonChanged(person=account.person))
        return account.user(actor.permissions, must_enrol=actor.must_enrol)

    async def change_language(self, actor: Actor, request: ChangeLanguage) -> User:
        account = present(await self._accounts(actor.user_id))
        async with self._database.transaction() as tx:
            await people.change_language(tx, account.id, request.language)
        return msgspec.structs.replace(account, language=request.language).user(
            actor.permissions, must_enrol=actor.must_enrol
        )

    # Leaving

    async def delete_account(self, actor: Actor, request: DeleteAccount) -> Erasure:
        account, now_us = await self._seen(actor, request.password), self._clock()
        async with self._database.transaction() as tx:
            await grants.lock_privileged(tx)
            if await grants.owners_with_access(tx) == {account.id}:
                raise LastOwner
            erased = await erase_account(tx, account, now_us)
            if erased is None:
                raise WrongPassword
            bots = await bots_store.accounts_of(tx, account.id)
            for bot in bots:
                # Nobody would answer for it.
                await erase_account(tx, bot, now_us)
            for bot in bots:
                await self._audit.record(tx, actor, "bot_deleted", bot.id)
            await self._audit.record(tx, actor, "account_deleted", account.id, erasure=erased.erasure_id)
        await announce_ends(self._cache, erased.ended)
        erasure = await erasure_store.find(self._database, erased.erasure_id)
        assert erasure, "it was kept just now"
        return erasure

    # Who it is

    def _link_id(self, token: str) -> str:
        """Raises LinkSpent for a token that no letter ever held."""
        link_id = self._signer.link_of(token)
        if link_id is None:
            raise LinkSpent
        return link_id

    async def _seen(self, actor: Actor, password: str) -> Account:
        """The actor's account, proved by its password, or by a recent sign-in if it has none."""
        account = present(await self._accounts(actor.user_id))
        if account.password_hash:
            return await self._proved(actor, password)
        await require_recent_authentication(self._database, actor, self._clock())
        return account

    async def _proved(self, actor: Actor, password: str) -> Account:
        """The actor's account. Raises WrongPassword, TooManyTries, StepUpRequired."""
        account = present(await self._accounts(actor.user_id))
        if await ways_in.steps_after_one(self._database, account.id):
            # Here the password is half of a proof: whoever has it and a session that was left open is not the owner.
            await require_recent_authentication(self._database, actor, self._clock())
        await self._password_proofs.require(actor, account, password)
        return account

    async def _still_seen(self, tx: Transaction, actor: Actor, account: Account) -> None:
        """Whoever changes the password or ends sessions comes before or after, and nothing slips in behind them.

        Raises WrongPassword, SessionEnded.
        """
        now = present(await store.locked_account(tx, account.id))
        if now.password_hash != account.password_hash:
            raise WrongPassword(path="$.password")
        if await stored_sessions.find_authentication(tx, account.id, actor.session_id) is None:
            raise SessionEnded
