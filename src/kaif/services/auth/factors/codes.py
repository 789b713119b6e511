"""Codes of apps and recovery codes: what proves a person beside something else."""

from collections.abc import Iterable

from kaif.engines.database import Transaction
from kaif.interfaces.auth.factors import InvalidCode
from kaif.kernel.actor import UserId
from kaif.kernel.errors import KaifError
from kaif.kernel.sealing import Sealer
from kaif.services.auth.factors import challenges, enrolments, recovery_codes, totp
from kaif.services.auth.factors.challenges import Guessed
from kaif.services.auth.tokens import Signer


class Codes:
    def __init__(self, signer: Signer) -> None:
        self._sealer = Sealer(signer.key_for("secrets of apps"))
        self._recovery_key = signer.key_for("recovery codes")

    def seal(self, secret: str, user_id: UserId) -> str:
        """The secret of an app, as it is kept."""
        return self._sealer.seal(secret, user_id)

    def step_of(self, sealed_secret: str, user_id: UserId, code: str, now_us: int) -> int | None:
        """The step of time at which the app shows this code; None when it does not now."""
        return totp.step_of(self._sealer.unseal(sealed_secret, user_id), digits_of(code), now_us)

    def hashes(self, user_id: UserId, codes: Iterable[str]) -> list[str]:
        """Of recovery codes, as they are kept."""
        return [recovery_codes.hash_of(self._recovery_key, user_id, code) for code in codes]

    async def refusal(
        self, tx: Transaction, user_id: UserId, code: str, purpose: Guessed, now_us: int
    ) -> KaifError | None:
        """Why the code is not the account's, if so; a guess is counted. What is right is spent."""
        # Only what can be guessed is counted: whoever knows a password must not keep its owner out.
        if totp.has_form(digits_of(code)) and (wait_us := await challenges.count_guess(tx, user_id, purpose, now_us)):
            return challenges.too_many_tries(wait_us)
        return None if await self.spend(tx, user_id, code, now_us) else InvalidCode(path="$.code")

    async def spend(self, tx: Transaction, user_id: UserId, code: str, now_us: int) -> bool:
        """Of an app or for recovery, whichever it has the form of; False when it is not right, or was spent."""
        if not totp.has_form(digits_of(code)):
            [code_hash] = self.hashes(user_id, [code])
            return await enrolments.spend_recovery_code(tx, user_id, code_hash)
        found = await enrolments.find_totp(tx, user_id)
        step = self.step_of(found.sealed_secret, user_id, code, now_us) if found else None
        return step is not None and await enrolments.spend_step(tx, user_id, step)


def digits_of(code: str) -> str:
    """Apps show "123 456"."""
    return "".join(code.split())
