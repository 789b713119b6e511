"""A passkey proves who its owner is: for a sign-in, for its second step, or in a session that steps up."""

from webauthn.helpers import bytes_to_base64url
from webauthn.helpers.structs import CollectedClientData

from kaif.engines.database import Transaction
from kaif.interfaces.auth.passkeys import (
    Assertion,
    PasskeyCeremonyEnded,
    PasskeyCloned,
    PasskeyElsewhere,
    PasskeyRefused,
    PasskeyUnknown,
)
from kaif.kernel.actor import NOBODY, Actor, UserId
from kaif.kernel.errors import KaifError
from kaif.services.auth import model
from kaif.services.auth.audit.log import AuditLog
from kaif.services.auth.letters.telling import tell
from kaif.services.auth.passkeys import credentials
from kaif.services.auth.passkeys.credentials import Credential, Purpose
from kaif.services.auth.passkeys.relying_party import RelyingParty, client_data_of


class Assertions:
    def __init__(self, party: RelyingParty, audit: AuditLog) -> None:
        self._party, self._audit = party, audit

    async def accept(
        self,
        tx: Transaction,
        actor: Actor,
        assertion: Assertion,
        purpose: Purpose,
        now_us: int,
        user_id: UserId = NOBODY.user_id,
    ) -> UserId | KaifError:
        """Whose passkey made it; of that account alone when one is given.

        What a refused one has changed must be kept, so the error is for the caller to raise after the transaction.
        """
        client_data = client_data_of(assertion.response.client_data_json)
        if client_data is None:
            return PasskeyRefused()
        if refusal := await answered(tx, self._party, client_data, purpose, user_id, now_us):
            return refusal
        found = await credentials.find(tx, assertion.id)
        if found is None or user_id not in (NOBODY.user_id, found.user_id):
            return PasskeyUnknown()
        if not await _names_owner(tx, assertion, found, required=not user_id):
            return PasskeyRefused()
        return await self._use(tx, actor, assertion, client_data, found, now_us)

    async def _use(
        self,
        tx: Transaction,
        actor: Actor,
        assertion: Assertion,
        client_data: CollectedClientData,
        found: Credential,
        now_us: int,
    ) -> UserId | KaifError:
        used = self._party.used(assertion, client_data, found.public_key)
        if used is None or used.backup_eligible != bool(found.backup_eligible):
            return PasskeyRefused()
        if await credentials.count_use(tx, found.id, used, now_us):
            return found.user_id
        if await credentials.mark_cloned(tx, found.id, now_us):
            await tell(tx, found.user_id, "passkey_cloned")
            await self._audit.record(tx, actor, "passkey_cloned", found.user_id, passkey=found.id)
        return PasskeyCloned()


async def answered(
    tx: Transaction,
    party: RelyingParty,
    client_data: CollectedClientData,
    purpose: Purpose,
    user_id: UserId,
    now_us: int,
) -> KaifError | None:
    """End the ceremony that this answers; why it does not count, if so."""
    challenge_hash = model.hash_of(bytes_to_base64url(client_data.challenge))
    if not await credentials.end_ceremony(tx, challenge_hash, purpose, user_id, now_us):
        return PasskeyCeremonyEnded()
    return None if client_data.origin == party.origin else PasskeyElsewhere()


async def _names_owner(tx: Transaction, assertion: Assertion, found: Credential, *, required: bool) -> bool:
    """WebAuthn level 3, 7.2, step 6: who has not said who they are is said by the authenticator."""
    named = assertion.response.user_handle
    if named is None:
        return not required
    return named == await credentials.find_user_handle(tx, found.user_id)
