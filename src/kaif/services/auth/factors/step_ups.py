"""A person is seen again in a session: by the password, a passkey, a wallet or a sign-in service."""

from typing import Literal

from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import SessionEnded
from kaif.interfaces.auth.factors import InvalidCode, StepUp, StepUpRequired
from kaif.interfaces.auth.identities import ServiceSignInEnded
from kaif.interfaces.auth.wallets import EthereumProof, TonProof, WalletNotFound
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import Clock
from kaif.kernel.errors import KaifError
from kaif.services.auth import model, store, ways_in
from kaif.services.auth.audit.log import AuditLog
from kaif.services.auth.factors import challenges, enrolments
from kaif.services.auth.factors.codes import Codes
from kaif.services.auth.passkeys.assertions import Assertions
from kaif.services.auth.passwords.proofs import PasswordProofs
from kaif.services.auth.sessions import store as stored_sessions
from kaif.services.auth.wallets import store as wallet_store
from kaif.services.auth.wallets.proofs import WalletProofs

Proof = Literal["passkey", "wallet", "service", "password"]


class StepUps:
    def __init__(
        self,
        database: Database,
        passwords: PasswordProofs,
        codes: Codes,
        assertions: Assertions,
        wallets: WalletProofs,
        audit: AuditLog,
        clock: Clock,
    ) -> None:
        self._database, self._audit, self._clock = database, audit, clock
        self._passwords, self._codes, self._assertions, self._wallets = passwords, codes, assertions, wallets
        self._accounts = store.accounts(database)

    async def step_up(self, actor: Actor, request: StepUp) -> None:
        """As `SecondFactors.step_up` promises."""
        by = _proof_in(request)
        # The slow hash comes before the transaction, which would wait for it.
        refusal = await self._password_refusal(actor, request) if by == "password" else None
        # What was spent or counted stays so, and the attempt is told: it is refused only after the transaction.
        async with self._database.transaction() as tx:
            # First of all, as whoever ends sessions or turns on a second factor does: what is asked stays the same.
            model.present(await store.locked_account(tx, actor.user_id))
            refusal = refusal or await self._refusal(tx, actor, request, by, self._clock())
            if refusal is None:
                await self._renew(tx, actor, by)
            else:
                await self._audit.record(tx, actor, "step_up_failed", actor.user_id, by=by, code=refusal.code)
        if refusal:
            raise refusal

    async def _renew(self, tx: Transaction, actor: Actor, by: Proof) -> None:
        """The person has just been seen in this session. Raises SessionEnded."""
        # A passkey is no guess, so it forgives none: whoever has it may not be the one who guesses.
        if by != "passkey":
            await challenges.forget_guesses(tx, actor.user_id, "step_up")
        if not await stored_sessions.renew_authentication(tx, actor.user_id, actor.session_id, self._clock()):
            raise SessionEnded
        await self._audit.record(tx, actor, "stepped_up", actor.user_id, by=by)

    async def _password_refusal(self, actor: Actor, request: StepUp) -> KaifError | None:
        account = model.present(await self._accounts(actor.user_id))
        return await self._passwords.refusal(account, request.password)

    async def _refusal(
        self, tx: Transaction, actor: Actor, request: StepUp, by: Proof, now_us: int
    ) -> KaifError | None:
        """Why this does not prove that it is the actor, if so."""
        if request.credential:
            proved = await self._assertions.accept(tx, actor, request.credential, "step_up", now_us, actor.user_id)
            return proved if isinstance(proved, KaifError) else None
        if request.wallet:
            refusal = await self._wallet_refusal(tx, actor.user_id, request.wallet, now_us)
            return refusal or await self._code_refusal(tx, actor.user_id, request.code, now_us)
        if request.challenge:
            return await self._service_refusal(tx, actor.user_id, request, now_us)
        return await self._code_beside_password_refusal(tx, actor.user_id, request.code, now_us)

    async def _wallet_refusal(
        self, tx: Transaction, user_id: UserId, proof: EthereumProof | TonProof, now_us: int
    ) -> KaifError | None:
        proved = await self._wallets.accept(tx, proof, "step_up", user_id, now_us)
        if isinstance(proved, KaifError):
            return proved
        linked = await wallet_store.find(tx, proved)
        return None if linked and linked.user_id == user_id else WalletNotFound()

    async def _service_refusal(
        self, tx: Transaction, user_id: UserId, request: StepUp, now_us: int
    ) -> KaifError | None:
        challenge_hash = model.hash_of(request.challenge)
        if await challenges.take_try(tx, challenge_hash, "step_up", now_us) != user_id:
            return ServiceSignInEnded()
        refusal = await self._code_refusal(tx, user_id, request.code, now_us)
        if refusal is None:
            await challenges.end(tx, challenge_hash)
        return refusal

    async def _code_refusal(self, tx: Transaction, user_id: UserId, code: str, now_us: int) -> KaifError | None:
        """Why the code is not what the account's second factor wants, if it has one."""
        if await enrolments.find_totp(tx, user_id) is None:
            return await _passkey_wanted(tx, user_id)
        return await self._codes.refusal(tx, user_id, code, "step_up", now_us)

    async def _code_beside_password_refusal(
        self, tx: Transaction, user_id: UserId, code: str, now_us: int
    ) -> KaifError | None:
        """As above, but that the guess was counted with the password."""
        if await enrolments.find_totp(tx, user_id) is None:
            return await _passkey_wanted(tx, user_id)
        return None if await self._codes.spend(tx, user_id, code, now_us) else InvalidCode(path="$.code")


def _proof_in(request: StepUp) -> Proof:
    if request.credential:
        return "passkey"
    if request.wallet:
        return "wallet"
    return "service" if request.challenge else "password"


async def _passkey_wanted(tx: Transaction, user_id: UserId) -> KaifError | None:
    """Why nothing but a passkey will do, if so."""
    return StepUpRequired(methods=["passkey"]) if await ways_in.only_passkeys_count(tx, user_id) else None
