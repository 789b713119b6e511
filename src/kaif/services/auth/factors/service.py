"""What one can do with second factors; each method is one transaction."""

from kaif.engines.cache import Cache
from kaif.engines.database import AlreadyExists, Database, Transaction
from kaif.interfaces.auth import Nothing, Tokens
from kaif.interfaces.auth.factors import (
    ChallengeEnded,
    ConfirmTotp,
    InvalidCode,
    LogInWithSecondFactor,
    PasswordTooShortAlone,
    RecoveryCodes,
    SecondFactorOff,
    SecondFactorState,
    StepUp,
    TotpAlreadyOn,
    TotpBegun,
    TotpNotBegun,
)
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import Clock, as_datetime
from kaif.kernel.errors import KaifError
from kaif.services.auth import model, store
from kaif.services.auth.audit.log import AuditLog
from kaif.services.auth.factors import challenges, enrolments, recovery_codes, totp
from kaif.services.auth.factors import rule as factor_rule
from kaif.services.auth.factors.codes import Codes
from kaif.services.auth.factors.step_ups import StepUps
from kaif.services.auth.factors.stepping_up import require_recent_authentication
from kaif.services.auth.letters.telling import tell
from kaif.services.auth.model import present
from kaif.services.auth.passkeys import credentials
from kaif.services.auth.passkeys.assertions import Assertions
from kaif.services.auth.sessions import store as stored_sessions
from kaif.services.auth.sessions.announcing import announce_changes
from kaif.services.auth.sessions.entering import OpenSession


class SecondFactorsService:
    def __init__(
        self,
        database: Database,
        cache: Cache,
        codes: Codes,
        assertions: Assertions,
        step_ups: StepUps,
        audit: AuditLog,
        clock: Clock,
        open_session: OpenSession,
    ) -> None:
        self._database, self._cache, self._audit, self._clock = database, cache, audit, clock
        self._codes, self._assertions, self._step_ups = codes, assertions, step_ups
        self._open_session = open_session
        self._accounts = store.accounts(database)

    async def get_second_factors(self, actor: Actor, request: Nothing) -> SecondFactorState:
        found = await enrolments.find_totp(self._database, actor.user_id)
        left = await enrolments.recovery_codes_left(self._database, actor.user_id)
        return SecondFactorState(as_datetime(found.since_us) if found else None, left)

    async def begin_totp(self, actor: Actor, request: Nothing) -> TotpBegun:
        account, secret = present(await self._accounts(actor.user_id)), totp.new_secret()
        async with self._database.transaction() as tx:
            await require_recent_authentication(tx, actor, self._clock())
            if await enrolments.find_totp(tx, account.id):
                raise TotpAlreadyOn
            await enrolments.begin_totp(tx, account.id, self._codes.seal(secret, account.id))
        return TotpBegun(secret, totp.uri(secret, account.username))

    async def confirm_totp(self, actor: Actor, request: ConfirmTotp) -> RecoveryCodes:
        now_us, codes = self._clock(), recovery_codes.new_codes()
        try:
            async with self._database.transaction() as tx:
                # First of all, as whoever ends sessions does.
                present(await store.locked_account(tx, actor.user_id))
                await require_recent_authentication(tx, actor, now_us)
                await self._turn_on(tx, actor.user_id, request.code, now_us)
                await self._keep_recovery_codes(tx, actor.user_id, codes)
                # They were opened by a password alone, which no longer proves a person.
                await stored_sessions.age_other_authentications(tx, actor.user_id, actor.session_id)
                await tell(tx, actor.user_id, "second_factor_added")
                changes = await factor_rule.note_change(tx, actor.user_id, now_us)
                await self._audit.record(tx, actor, "second_factor_added", actor.user_id)
        except AlreadyExists:
            # It was begun while another window confirmed.
            raise TotpAlreadyOn from None
        await announce_changes(self._cache, changes)
        return RecoveryCodes(codes)

    async def _turn_on(self, tx: Transaction, user_id: UserId, code: str, now_us: int) -> None:
        sealed_secret = await enrolments.take_begun(tx, user_id)
        if sealed_secret is None:
            raise TotpNotBegun
        step = self._codes.step_of(sealed_secret, user_id, code, now_us)
        if step is None:
            raise InvalidCode(path="$.code")
        await enrolments.add_totp(tx, user_id, sealed_secret, step, now_us)

    async def remove_totp(self, actor: Actor, request: Nothing) -> Nothing:
        async with self._database.transaction() as tx:
            # First of all, as whoever ends sessions does; and so that no short password is chosen meanwhile.
            account = present(await store.locked_account(tx, actor.user_id))
            await require_recent_authentication(tx, actor, self._clock())
            if account.short_password:
                raise PasswordTooShortAlone
            await factor_rule.refuse_last(tx, actor.user_id, "totp")
            # Removing what is not there is no error, and no news.
            if await enrolments.find_totp(tx, actor.user_id):
                await tell(tx, actor.user_id, "second_factor_removed")
            await enrolments.remove_totp(tx, actor.user_id)
            await challenges.end_all(tx, actor.user_id)
            await self._audit.record(tx, actor, "second_factor_removed", actor.user_id)
        return Nothing()

    async def renew_recovery_codes(self, actor: Actor, request: Nothing) -> RecoveryCodes:
        codes = recovery_codes.new_codes()
        async with self._database.transaction() as tx:
            # First of all, as whoever ends sessions does.
            present(await store.locked_account(tx, actor.user_id))
            await require_recent_authentication(tx, actor, self._clock())
            if await enrolments.find_totp(tx, actor.user_id) is None:
                raise SecondFactorOff
            await self._keep_recovery_codes(tx, actor.user_id, codes)
            await tell(tx, actor.user_id, "recovery_codes_renewed")
            await self._audit.record(tx, actor, "recovery_codes_renewed", actor.user_id)
        return RecoveryCodes(codes)

    async def _keep_recovery_codes(self, tx: Transaction, user_id: UserId, codes: list[str]) -> None:
        await enrolments.replace_recovery_codes(tx, user_id, self._codes.hashes(user_id, codes))

    async def log_in_with_second_factor(self, actor: Actor, request: LogInWithSecondFactor) -> Tokens:
        token_hash, now_us = model.hash_of(request.challenge), self._clock()
        # A failure counts, so it is refused only after the transaction.
        async with self._database.transaction() as tx:
            user_id = await challenges.take_try(tx, token_hash, "sign_in", now_us)
            if user_id is None:
                raise ChallengeEnded
            refusal = await self._refusal(tx, actor, user_id, request, now_us)
            # As it is while the challenge holds: who changes the password after this is seen when the session opens.
            account = await store.find_account(tx, user_id)
            if refusal is None:
                await challenges.forget_guesses(tx, user_id, "sign_in")
            else:
                await self._audit.record(tx, actor, "sign_in_failed", user_id, second_factor=True)
        if refusal:
            raise refusal
        owner, passkey = present(account), request.credential

        async def still_all(tx: Transaction) -> None:
            # Whatever takes the first way in away ends what it began, which is why it ends no sooner than here.
            if not await challenges.end(tx, token_hash):
                raise ChallengeEnded
            if passkey:
                await credentials.require_usable(tx, owner.id, passkey.id)

        return await self._open_session(actor, owner, still_all)

    async def _refusal(
        self, tx: Transaction, actor: Actor, user_id: UserId, request: LogInWithSecondFactor, now_us: int
    ) -> KaifError | None:
        """Why this is no second step of that account's, if so."""
        if request.credential:
            proved = await self._assertions.accept(tx, actor, request.credential, "second_step", now_us, user_id)
            return proved if isinstance(proved, KaifError) else None
        return await self._codes.refusal(tx, user_id, request.code, "sign_in", now_us)

    async def step_up(self, actor: Actor, request: StepUp) -> Nothing:
        await self._step_ups.step_up(actor, request)
        return Nothing()
