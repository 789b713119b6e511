"""What people can do with their sessions, and owners with accounts; each method is one transaction."""

from kaif.engines.cache import Cache
from kaif.engines.database import Database, Transaction
from kaif.engines.places import Places
from kaif.interfaces.auth import Nothing, PersonNotFound
from kaif.interfaces.auth.sessions import EndSession, OwnAccount, Restore, SessionList, SessionNotFound, Suspend
from kaif.kernel.actor import Actor
from kaif.kernel.clock import Clock
from kaif.services.auth import model, store
from kaif.services.auth.api_keys import store as stored_keys
from kaif.services.auth.audit.log import AuditLog
from kaif.services.auth.factors.stepping_up import require_recent_authentication
from kaif.services.auth.openid import store as openid_store
from kaif.services.auth.roles.authority import require_authority
from kaif.services.auth.sessions import store as stored_sessions
from kaif.services.auth.sessions.announcing import announce_ends
from kaif.services.auth.sessions.whereabouts import place_of


class SessionsService:
    def __init__(self, database: Database, cache: Cache, places: Places, audit: AuditLog, clock: Clock) -> None:
        self._database, self._cache, self._audit, self._clock = database, cache, audit, clock
        self._places = places

    async def list_sessions(self, actor: Actor, request: Nothing) -> SessionList:
        now_us = self._clock()
        found = await stored_sessions.newest(
            self._database, actor.user_id, actor.session_id, now_us, model.SESSIONS_MAX
        )
        return SessionList(
            [one.seen_from(actor.session_id, now_us, place_of(self._places, one.address)) for one in found]
        )

    async def end_session(self, actor: Actor, request: EndSession) -> Nothing:
        async with self._database.transaction() as tx:
            ended = await stored_sessions.end_one(tx, actor.user_id, request.session_id, self._clock())
            if ended:
                await self._audit.record(tx, actor, "session_ended", actor.user_id, session=request.session_id)
        if not ended:
            raise SessionNotFound
        await announce_ends(self._cache, ended)
        return Nothing()

    async def end_other_sessions(self, actor: Actor, request: Nothing) -> Nothing:
        async with self._database.transaction() as tx:
            ended = await stored_sessions.end_all(tx, actor.user_id, self._clock(), kept=actor.session_id)
            if ended:
                await self._audit.record(tx, actor, "other_sessions_ended", actor.user_id, count=len(ended))
        await announce_ends(self._cache, ended)
        return Nothing()

    async def suspend(self, actor: Actor, request: Suspend) -> Nothing:
        async with self._database.transaction() as tx:
            await require_authority(tx, actor, request.user_id)
            if request.user_id == actor.user_id:
                raise OwnAccount
            now_us = self._clock()
            await _require_a_recent_person(tx, actor, now_us)
            if not await store.suspend_account(tx, request.user_id, now_us):
                raise PersonNotFound
            ended = await stored_sessions.end_all(tx, request.user_id, now_us)
            await openid_store.end_all(tx, request.user_id)
            # They are good again when the account is, but what they were exchanged for is not.
            ended += await stored_keys.interrupt_all(tx, request.user_id, now_us)
            await self._audit.record(tx, actor, "account_suspended", request.user_id)
        await announce_ends(self._cache, ended)
        return Nothing()

    async def restore(self, actor: Actor, request: Restore) -> Nothing:
        async with self._database.transaction() as tx:
            await require_authority(tx, actor, request.user_id)
            await _require_a_recent_person(tx, actor, self._clock())
            if not await store.restore_account(tx, request.user_id):
                raise PersonNotFound
            await self._audit.record(tx, actor, "account_restored", request.user_id)
        return Nothing()


async def _require_a_recent_person(tx: Transaction, actor: Actor, now_us: int) -> None:
    """Programs may do it too: their key was made for it by somebody who had just proved who they are."""
    if actor.scopes is None:
        await require_recent_authentication(tx, actor, now_us)
