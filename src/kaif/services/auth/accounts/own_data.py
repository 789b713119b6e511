"""What people can learn of their own data: all that auth holds, and what has become of it after they left."""

import msgspec

from kaif.engines.database import Database
from kaif.interfaces.auth import Nothing
from kaif.interfaces.auth.audit import Audited, ListAudit
from kaif.interfaces.auth.factors import SecondFactorState
from kaif.interfaces.auth.own_data import Erasure, ErasureNotFound, GetErasure, OwnAuthData
from kaif.kernel.actor import NOBODY, Actor, UserId
from kaif.kernel.clock import Clock, as_datetime
from kaif.services.auth import store
from kaif.services.auth.accounts import erasure_store
from kaif.services.auth.api_keys import store as stored_keys
from kaif.services.auth.audit import store as audit_store
from kaif.services.auth.bots import store as bots_store
from kaif.services.auth.factors import enrolments
from kaif.services.auth.factors.stepping_up import require_recent_authentication
from kaif.services.auth.invitations import store as invitation_store
from kaif.services.auth.letters import digest_store, links
from kaif.services.auth.model import present
from kaif.services.auth.openid import applications_store
from kaif.services.auth.passkeys import credentials
from kaif.services.auth.providers import store as identity_store
from kaif.services.auth.sessions import store as stored_sessions
from kaif.services.auth.wallets import store as wallet_store

SESSIONS_MAX = 1000
HISTORY_MAX = 10_000


class OwnDataService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._accounts = store.accounts(database)

    async def export_own_data(self, actor: Actor, request: Nothing) -> OwnAuthData:
        database, now_us = self._database, self._clock()
        await require_recent_authentication(database, actor, now_us)
        account = present(await self._accounts(actor.user_id))
        sessions = await stored_sessions.newest(database, account.id, actor.session_id, now_us, SESSIONS_MAX)
        codes = await enrolments.find_totp(database, account.id)
        codes_left = await enrolments.recovery_codes_left(database, account.id)
        consents = await applications_store.of_person(database, account.id)
        history = await audit_store.newest(database, ListAudit(user_id=account.id), HISTORY_MAX)
        return OwnAuthData(
            account=account.user(actor.permissions),
            sessions=[session.seen_from(actor.session_id, now_us) for session in sessions],
            known_devices=await stored_sessions.known_devices(database, account.id),
            second_factors=SecondFactorState(as_datetime(codes.since_us) if codes else None, codes_left),
            passkeys=[credential.passkey for credential in await credentials.of_account(database, account.id)],
            api_keys=[key.api_key for key in await stored_keys.of_account(database, account.id, 0)],
            bots=[await bots_store.seen(database, bot) for bot in await bots_store.of_owner(database, account.id)],
            wallets=[wallet.wallet for wallet in await wallet_store.of_account(database, account.id)],
            linked_services=[each.identity for each in await identity_store.identities(database, account.id)],
            open_links=await links.still_open(database, account.id, now_us),
            invitations=[one.own for one in await invitation_store.made_by(database, account.id)],
            last_digest=await digest_store.last(database, account.id),
            allowed_applications=[consent.allowed_application for consent in consents],
            history=[_seen_by(account.id, link.audited) for link in history],
        )

    async def get_erasure(self, actor: Actor, request: GetErasure) -> Erasure:
        erasure = await erasure_store.find(self._database, request.erasure_id)
        if erasure is None:
            raise ErasureNotFound
        return erasure


def _seen_by(person: UserId, entry: Audited) -> Audited:
    """Without the place from which somebody else, such as an operator, did it: that is theirs."""
    if entry.actor_id in (person, NOBODY.user_id):
        return entry
    details = {name: value for name, value in entry.details.items() if name != "address"}
    return msgspec.structs.replace(entry, details=details)
