"""What one can do with second factors; each method is one transaction, but stepping up counts its guess first."""

from kaif.engines.cache import Cache
from kaif.engines.database import AlreadyExists, Database, Transaction
from kaif.interfaces.auth import Nothing, SessionEnded, Tokens, WrongPassword
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
    StepUpRequired,
    TotpAlreadyOn,
    TotpBegun,
    TotpNotBegun,
)
from kaif.interfaces.auth.identities import ServiceSignInEnded
from kaif.interfaces.auth.passkeys import Assertion
from kaif.interfaces.auth.wallets import EthereumProof, TonProof, WalletNotFound
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import Clock, as_datetime
from kaif.kernel.errors import KaifError
from kaif.kernel.sealing import Sealer
from kaif.services.auth import (
    challenges,
    enrolments,
    factor_rule,
    model,
    recovery_codes,
    store,
    stored_sessions,
    totp,
    wallet_store,
    ways_in,
)
from kaif.services.auth.announcing import announce_changes
from kaif.services.auth.assertions import Assertions
from kaif.services.auth.audit import AuditLog
from kaif.services.auth.challenges import Purpose
from kaif.services.auth.entering import OpenSession
from kaif.services.auth.model import present
from kaif.services.auth.passwords import Passwords
from kaif.services.auth.stepping_up import count_guess, require_recent_authentication, too_many_tries
from kaif.services.auth.telling import tell
from kaif.services.auth.tokens import Signer
from kaif.services.auth.wallet_proofs import WalletProofs


class SecondFactorsService:
    def __init__(
        self,
        database: Database,
        cache: Cache,
        passwords: Passwords,
        signer: Signer,
        assertions: Assertions,
        wallet_proofs: WalletProofs,
        audit: AuditLog,
        clock: Clock,
        open_session: OpenSession,
    ) -> None:
        self._database, self._cache, self._passwords = database, cache, passwords
        self._audit, self._clock = audit, clock
        self._assertions, self._wallet_proofs, self._open_session = assertions, wallet_proofs, open_session
        self._accounts = store.accounts(database)
        self._sealer = Sealer(signer.key_for("secrets of apps"))
        self._recovery_key = signer.key_for("recovery codes")

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
            await enrolments.begin_totp(tx, account.id, self._sealer.seal(secret, account.id))
        return TotpBegun(secret, totp.uri(secret, account.username))

    async def confirm_totp(self, actor: Actor, request: ConfirmTotp) -> RecoveryCodes:
        now_us, codes = self._clock(), recovery_codes.new_codes()
        try:
            async with self._database.transaction() as tx:
                # First of all, as whoever ends sessions does.
                present(await store.locked_account(tx, actor.user_id))
                await require_recent_authentication(tx, actor, now_us)
                await self._turn_on(tx, actor.user_id, _digits(request.code), now_us)
                await self._keep_recovery_codes(tx, actor.user_id, codes)
                # They were opened by a password alone, which no longer proves a person.
                await stored_sessions.age_other_authentications(tx, actor.user_id, actor.session_id)
                await tell(tx, actor.user_id, "second_factor_added")
                await self._audit.record(tx, actor, "second_factor_added", actor.user_id)
                changes = await factor_rule.note_change(tx, actor.user_id, now_us)
        except AlreadyExists:
            # It was begun while another window confirmed.
            raise TotpAlreadyOn from None
        await announce_changes(self._cache, changes)
        return RecoveryCodes(codes)

    async def _turn_on(self, tx: Transaction, user_id: UserId, code: str, now_us: int) -> None:
        sealed_secret = await enrolments.take_begun(tx, user_id)
        if sealed_secret is None:
            raise TotpNotBegun
        step = totp.step_of(self._sealer.unseal(sealed_secret, user_id), code, now_us)
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
        hashes = [recovery_codes.hash_of(self._recovery_key, user_id, code) for code in codes]
        await enrolments.replace_recovery_codes(tx, user_id, hashes)

    async def log_in_with_second_factor(self, actor: Actor, request: LogInWithSecondFactor) -> Tokens:
        token_hash, now_us = model.hash_of(request.challenge), self._clock()
        # A failure counts, so it is refused only after the transaction.
        async with self._database.transaction() as tx:
            user_id = await challenges.take_try(tx, token_hash, now_us)
            if user_id is None:
                raise ChallengeEnded
            refusal = await self._refusal(tx, actor, user_id, request, now_us)
            # As it is while the challenge holds: who changes the password after this is seen when the session opens.
            account = await store.find_account(tx, user_id)
            if refusal is None:
                await challenges.end(tx, token_hash)
                await challenges.forget_guesses(tx, user_id, "sign_in")
            else:
                await self._audit.record(tx, actor, "sign_in_failed", user_id, second_factor=True)
        if refusal:
            raise refusal
        return await self._open_session(actor, present(account))

    async def _refusal(
        self, tx: Transaction, actor: Actor, user_id: UserId, request: LogInWithSecondFactor, now_us: int
    ) -> KaifError | None:
        """Why this is no second step of that account's, if so."""
        if request.credential:
            proved = await self._assertions.accept(tx, actor, request.credential, "second_step", now_us, user_id)
            return proved if isinstance(proved, KaifError) else None
        if wait_us := await self._wait_us(tx, user_id, request.code, "sign_in", now_us):
            return too_many_tries(wait_us)
        return None if await self._accept(tx, user_id, request.code, now_us) else InvalidCode(path="$.code")

    async def _wait_us(self, tx: Transaction, user_id: UserId, code: str, purpose: Purpose, now_us: int) -> int:
        """Only what can be guessed is counted: whoever knows a password must not keep its owner out."""
        if not totp.has_form(_digits(code)):
            return 0
        return await challenges.count_guess(tx, user_id, purpose, now_us)

    async def step_up(self, actor: Actor, request: StepUp) -> Nothing:
        if request.credential:
            await self._step_up_by_passkey(actor, request.credential)
        elif request.wallet:
            await self._step_up_by_wallet(actor, request.wallet, request.code)
        elif request.challenge:
            await self._step_up_by_service(actor, request)
        else:
            await self._step_up_by_password(actor, request)
        return Nothing()

    async def _step_up_by_passkey(self, actor: Actor, credential: Assertion) -> None:
        now_us = self._clock()
        async with self._database.transaction() as tx:
            proved = await self._assertions.accept(tx, actor, credential, "step_up", now_us, actor.user_id)
            renewed = not isinstance(proved, KaifError) and await stored_sessions.renew_authentication(
                tx, actor.user_id, actor.session_id, now_us
            )
        if isinstance(proved, KaifError):
            raise proved
        if not renewed:
            raise SessionEnded

    async def _step_up_by_wallet(self, actor: Actor, proof: EthereumProof | TonProof, code: str) -> None:
        now_us = self._clock()
        # A proof and a guess count, so they are refused only after the transaction.
        async with self._database.transaction() as tx:
            refusal = await self._wallet_refusal(tx, actor, proof, now_us)
            refusal = refusal or await self._code_refusal(tx, actor.user_id, code, now_us)
            if refusal is None:
                await self._renew(tx, actor, now_us)
        if refusal:
            raise refusal

    async def _wallet_refusal(
        self, tx: Transaction, actor: Actor, proof: EthereumProof | TonProof, now_us: int
    ) -> KaifError | None:
        """Why the wallet does not prove that it is the actor, if so."""
        proved = await self._wallet_proofs.accept(tx, proof, "step_up", actor.user_id, now_us)
        if isinstance(proved, KaifError):
            return proved
        linked = await wallet_store.find(tx, proved)
        return None if linked and linked.user_id == actor.user_id else WalletNotFound()

    async def _step_up_by_service(self, actor: Actor, request: StepUp) -> None:
        challenge_hash, now_us = model.hash_of(request.challenge), self._clock()
        # A failure counts, so it is refused only after the transaction.
        async with self._database.transaction() as tx:
            if await challenges.take_try(tx, challenge_hash, now_us) != actor.user_id:
                raise ServiceSignInEnded
            refusal = await self._code_refusal(tx, actor.user_id, request.code, now_us)
            if refusal is None:
                await challenges.end(tx, challenge_hash)
                await self._renew(tx, actor, now_us)
        if refusal:
            raise refusal

    async def _code_refusal(self, tx: Transaction, user_id: UserId, code: str, now_us: int) -> KaifError | None:
        """Why the code is not what the account's second factor wants, if it has one."""
        if await enrolments.find_totp(tx, user_id) is None:
            return await _passkey_wanted(tx, user_id)
        if wait_us := await self._wait_us(tx, user_id, code, "step_up", now_us):
            return too_many_tries(wait_us)
        return None if await self._accept(tx, user_id, code, now_us) else InvalidCode(path="$.code")

    async def _renew(self, tx: Transaction, actor: Actor, now_us: int) -> None:
        """The person has just been seen in this session. Raises SessionEnded."""
        await challenges.forget_guesses(tx, actor.user_id, "step_up")
        if not await stored_sessions.renew_authentication(tx, actor.user_id, actor.session_id, now_us):
            raise SessionEnded

    async def _step_up_by_password(self, actor: Actor, request: StepUp) -> None:
        account, now_us = present(await self._accounts(actor.user_id)), self._clock()
        await count_guess(self._database, account.id, now_us)
        if not await self._passwords.verify(account.password_hash, request.password):
            raise WrongPassword(path="$.password")
        async with self._database.transaction() as tx:
            has_factor = await enrolments.find_totp(tx, account.id) is not None
            if has_factor and not await self._accept(tx, account.id, request.code, now_us):
                raise InvalidCode(path="$.code")
            if not has_factor and (refusal := await _passkey_wanted(tx, account.id)):
                raise refusal
            await self._renew(tx, actor, now_us)

    async def _accept(self, tx: Transaction, user_id: UserId, code: str, now_us: int) -> bool:
        """Spend the code, of an app or for recovery."""
        digits = _digits(code)
        if not totp.has_form(digits):
            code_hash = recovery_codes.hash_of(self._recovery_key, user_id, code)
            return await enrolments.spend_recovery_code(tx, user_id, code_hash)
        found = await enrolments.find_totp(tx, user_id)
        step = totp.step_of(self._sealer.unseal(found.sealed_secret, user_id), digits, now_us) if found else None
        return step is not None and await enrolments.spend_step(tx, user_id, step)


async def _passkey_wanted(tx: Transaction, user_id: UserId) -> KaifError | None:
    """Why nothing but a passkey will do, if so."""
    return StepUpRequired(methods=["passkey"]) if await ways_in.only_passkeys_count(tx, user_id) else None


def _digits(code: str) -> str:
    """Apps show "123 456"."""
    return "".join(code.split())
