"""Letters about what people have missed, and their end; each method is one transaction but for the mail between two."""

import hmac

from kaif.engines.database import Database
from kaif.engines.mail import Mail
from kaif.interfaces.auth import Nothing
from kaif.interfaces.auth.digest_letters import (
    DeclineDigests,
    DigestsDeclined,
    DigestUnderWay,
    NoConfirmedAddress,
    SendDigest,
    UnknownToken,
)
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import MINUTE_US, Clock
from kaif.services.auth import store
from kaif.services.auth.letters import digest_store, digest_wording
from kaif.services.auth.letters.writing import Letters
from kaif.services.auth.model import Account

# Longer than a mail server is waited for: whoever died in between is not waited for longer.
CLAIM_US = 1 * MINUTE_US


class DigestLettersService:
    def __init__(
        self, database: Database, mail: Mail, letters: Letters, key: bytes, public_url: str, clock: Clock
    ) -> None:
        """`key` seals what declines further letters."""
        self._database, self._mail, self._letters, self._clock = database, mail, letters, clock
        self._key, self._public_url = key, public_url

    async def send_digest(self, actor: Actor, request: SendDigest) -> Nothing:
        account = await store.find_account(self._database, request.user_id)
        if account is None or not _may_be_written_to(account):
            raise NoConfirmedAddress
        now_us = self._clock()
        async with self._database.transaction() as tx:
            claimed = await digest_store.claim(tx, account.id, request.digest_id, now_us, now_us + CLAIM_US)
        if not claimed:
            if await digest_store.was_sent(self._database, account.id, request.digest_id):
                return Nothing()
            raise DigestUnderWay(retry_after_ms=CLAIM_US // 1000)
        token = self._token(account.id)
        try:
            await self._mail.send(digest_wording.write(self._letters, self._public_url, request, account, token))
        except BaseException:
            async with self._database.transaction() as tx:
                await digest_store.release(tx, account.id)
            raise
        async with self._database.transaction() as tx:
            await digest_store.note_sent(tx, account.id, request.digest_id)
        return Nothing()

    async def decline_digests(self, actor: Actor, request: DeclineDigests) -> Nothing:
        user_id = UserId(request.token.partition(".")[0])
        if not request.token.isascii() or not hmac.compare_digest(request.token, self._token(user_id)):
            raise UnknownToken(path="$.token")
        async with self._database.transaction() as tx:
            await tx.publish(DigestsDeclined(user_id=user_id))
        return Nothing()

    def _token(self, user_id: UserId) -> str:
        """It says whose letters end, and does nothing else; so it need not end itself."""
        return f"{user_id}.{hmac.digest(self._key, user_id.encode(), 'sha256').hex()}"


def _may_be_written_to(account: Account) -> bool:
    is_here = account.deleted_at_us is None and account.suspended_at_us is None
    return is_here and account.email_confirmed_at_us is not None
