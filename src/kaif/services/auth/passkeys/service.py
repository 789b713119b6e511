"""What one can do with passkeys; each method is one transaction, and a sign-in opens its session in another."""

from collections.abc import Sequence

import msgspec

from kaif.engines.cache import Cache
from kaif.engines.database import AlreadyExists, Database, Transaction
from kaif.interfaces.auth import Nothing, Tokens
from kaif.interfaces.auth.factors import ChallengeEnded
from kaif.interfaces.auth.passkeys import (
    CEREMONY_SECONDS,
    PASSKEYS_MAX,
    AddPasskey,
    AuthenticatorSelection,
    BadPasskeyName,
    BeginSecondStep,
    CreationOptions,
    KeyParameters,
    NewCredential,
    Passkey,
    PasskeyAlreadyAdded,
    PasskeyId,
    PasskeyList,
    PasskeyNotFound,
    PasskeyRefused,
    PasskeysNeedAName,
    RelyingPartyEntity,
    RemovePasskey,
    RenamePasskey,
    RequestOptions,
    SignInWithPasskey,
    TooManyPasskeys,
    UserEntity,
)
from kaif.kernel.actor import NOBODY, Actor, UserId
from kaif.kernel.clock import SECOND_US, Clock
from kaif.kernel.errors import KaifError
from kaif.kernel.ids import new_id
from kaif.kernel.text import name_of
from kaif.services.auth import model, store, ways_in
from kaif.services.auth.audit.log import NO_ONE, AuditLog
from kaif.services.auth.factors import challenges
from kaif.services.auth.factors import rule as factor_rule
from kaif.services.auth.factors.stepping_up import require_recent_authentication
from kaif.services.auth.letters.telling import tell
from kaif.services.auth.model import present
from kaif.services.auth.passkeys import credentials, relying_party
from kaif.services.auth.passkeys.assertions import Assertions, answered
from kaif.services.auth.passkeys.authenticators import distinguished, provider_of
from kaif.services.auth.passkeys.credentials import Credential, Purpose
from kaif.services.auth.passkeys.relying_party import Attested, RelyingParty
from kaif.services.auth.sessions.announcing import announce_changes
from kaif.services.auth.sessions.entering import OpenSession

TIMEOUT_MS = CEREMONY_SECONDS * 1000
KEY_PARAMETERS = [KeyParameters("public-key", int(algorithm)) for algorithm in relying_party.ALGORITHMS]
SELECTION = AuthenticatorSelection("required", require_resident_key=True, user_verification="required")


class PasskeysService:
    def __init__(
        self,
        database: Database,
        cache: Cache,
        party: RelyingParty,
        assertions: Assertions,
        audit: AuditLog,
        clock: Clock,
        open_session: OpenSession,
    ) -> None:
        self._database, self._cache, self._party, self._assertions = database, cache, party, assertions
        self._audit, self._clock, self._open_session = audit, clock, open_session
        self._accounts = store.accounts(database)

    # One's own passkeys

    async def get_passkeys(self, actor: Actor, request: Nothing) -> PasskeyList:
        found = await credentials.of_account(self._database, actor.user_id)
        return PasskeyList([credential.passkey for credential in found])

    async def begin_passkey(self, actor: Actor, request: Nothing) -> CreationOptions:
        self._require_name()
        account = present(await self._accounts(actor.user_id))
        async with self._database.transaction() as tx:
            await require_recent_authentication(tx, actor, self._clock())
            known = await _not_too_many(tx, account.id)
            handle = await credentials.user_handle(tx, account.id, model.new_secret())
            challenge = await self._begin(tx, "registration", account.id)
        return CreationOptions(
            challenge=challenge,
            rp=RelyingPartyEntity(self._party.id, relying_party.NAME),
            user=UserEntity(handle, account.username, account.display_name),
            pub_key_cred_params=KEY_PARAMETERS,
            exclude_credentials=[credential.descriptor for credential in known],
            authenticator_selection=SELECTION,
            attestation="none",
            timeout=TIMEOUT_MS,
        )

    async def add_passkey(self, actor: Actor, request: AddPasskey) -> Passkey:
        name, now_us = name_of(request.name, BadPasskeyName), self._clock()
        try:
            async with self._database.transaction() as tx:
                # Of two that are added at once the second one counts the first; and whoever ends the session holds this
                # row, so that nothing slips in behind them.
                present(await store.locked_account(tx, actor.user_id))
                await require_recent_authentication(tx, actor, now_us)
                added = await self._add(tx, actor, msgspec.structs.replace(request, name=name), now_us)
                if not isinstance(added, KaifError):
                    changes = await factor_rule.note_change(tx, actor.user_id, now_us)
                    await self._audit.record(tx, actor, "passkey_added", actor.user_id, passkey=added.id)
        except AlreadyExists:
            raise PasskeyAlreadyAdded from None
        if isinstance(added, KaifError):
            raise added
        await announce_changes(self._cache, changes)
        return added.passkey

    async def _add(self, tx: Transaction, actor: Actor, wanted: AddPasskey, now_us: int) -> Credential | KaifError:
        attested = await self._attest(tx, actor.user_id, wanted.credential, now_us)
        if isinstance(attested, KaifError):
            return attested
        name = _name_of(wanted, attested, await _not_too_many(tx, actor.user_id))
        transports = relying_party.known_transports(wanted.credential.response.transports)
        credential = credentials.new_credential(PasskeyId(new_id()), actor.user_id, name, transports, attested, now_us)
        await credentials.add(tx, credential)
        await tell(tx, actor.user_id, "passkey_added", {"passkey": name})
        return credential

    async def _attest(
        self, tx: Transaction, user_id: UserId, credential: NewCredential, now_us: int
    ) -> Attested | KaifError:
        client_data = relying_party.client_data_of(credential.response.client_data_json)
        if client_data is None:
            return PasskeyRefused()
        if refusal := await answered(tx, self._party, client_data, "registration", user_id, now_us):
            return refusal
        return self._party.attested(credential, client_data) or PasskeyRefused()

    async def rename_passkey(self, actor: Actor, request: RenamePasskey) -> Passkey:
        name = name_of(request.name, BadPasskeyName)
        async with self._database.transaction() as tx:
            renamed = await credentials.rename(tx, actor.user_id, request.passkey_id, name)
        if renamed is None:
            raise PasskeyNotFound
        return renamed.passkey

    async def remove_passkey(self, actor: Actor, request: RemovePasskey) -> Nothing:
        async with self._database.transaction() as tx:
            # First of all, as it locks the row that whoever ends sessions holds.
            await ways_in.require_another(tx, actor.user_id, request.passkey_id)
            await require_recent_authentication(tx, actor, self._clock())
            await factor_rule.refuse_last(tx, actor.user_id, request.passkey_id)
            removed = await credentials.remove(tx, actor.user_id, request.passkey_id)
            if removed is None:
                raise PasskeyNotFound
            await tell(tx, actor.user_id, "passkey_removed", {"passkey": removed.name})
            await self._audit.record(tx, actor, "passkey_removed", actor.user_id, passkey=request.passkey_id)
        return Nothing()

    # Proofs

    async def begin_passkey_sign_in(self, actor: Actor, request: Nothing) -> RequestOptions:
        self._require_name()
        async with self._database.transaction() as tx:
            challenge = await self._begin(tx, "sign_in", NOBODY.user_id)
        return self._request(challenge, [])

    async def sign_in_with_passkey(self, actor: Actor, request: SignInWithPasskey) -> Tokens:
        account = None
        async with self._database.transaction() as tx:
            proved = await self._assertions.accept(tx, actor, request.credential, "sign_in", self._clock())
            if isinstance(proved, KaifError):
                await self._audit.record(tx, actor, "sign_in_failed", NO_ONE, passkey=proved.code)
            else:
                # As it is while the passkey proves it: who changes it after this is seen when the session opens.
                account = await store.find_account(tx, proved)
        if isinstance(proved, KaifError):
            raise proved
        owner = present(account)

        async def still_there(tx: Transaction) -> None:
            await credentials.require_usable(tx, owner.id, request.credential.id)

        return await self._open_session(actor, owner, still_there)

    async def begin_passkey_second_step(self, actor: Actor, request: BeginSecondStep) -> RequestOptions:
        async with self._database.transaction() as tx:
            user_id = await challenges.find(tx, model.hash_of(request.challenge), "sign_in", self._clock())
            if user_id is None:
                raise ChallengeEnded
            return await self._ask(tx, "second_step", user_id)

    async def begin_passkey_step_up(self, actor: Actor, request: Nothing) -> RequestOptions:
        async with self._database.transaction() as tx:
            return await self._ask(tx, "step_up", actor.user_id)

    async def _ask(self, tx: Transaction, purpose: Purpose, user_id: UserId) -> RequestOptions:
        """For one of the account's passkeys."""
        usable = await credentials.usable(tx, user_id)
        if not usable:
            raise PasskeyNotFound
        return self._request(await self._begin(tx, purpose, user_id), usable)

    def _request(self, challenge: str, allowed: Sequence[Credential]) -> RequestOptions:
        descriptors = [credential.descriptor for credential in allowed]
        return RequestOptions(challenge, self._party.id, descriptors, "required", TIMEOUT_MS)

    async def _begin(self, tx: Transaction, purpose: Purpose, user_id: UserId) -> str:
        """The challenge."""
        challenge, now_us = model.new_secret(), self._clock()
        expires_at_us = now_us + CEREMONY_SECONDS * SECOND_US
        await credentials.begin_ceremony(tx, model.hash_of(challenge), purpose, user_id, now_us, expires_at_us)
        return challenge

    def _require_name(self) -> None:
        if not self._party.id:
            raise PasskeysNeedAName


async def _not_too_many(tx: Transaction, user_id: UserId) -> list[Credential]:
    """Those there are, of which one more is allowed. Raises TooManyPasskeys."""
    known = await credentials.of_account(tx, user_id)
    if len(known) >= PASSKEYS_MAX:
        raise TooManyPasskeys
    return known


def _name_of(wanted: AddPasskey, attested: Attested, known: Sequence[Credential]) -> str:
    provider = provider_of(attested.aaguid) if wanted.suggested else ""
    return distinguished(provider, [one.name for one in known]) if provider else wanted.name
