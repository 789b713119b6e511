"""Sessions go on, by a refresh token that is good once, until they are ended."""

from kaif.engines.cache import Cache
from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import Nothing, Refresh, SessionEnded, Tokens
from kaif.kernel.actor import NOBODY, Actor, SessionId, UserId
from kaif.kernel.clock import Clock
from kaif.services.auth import model
from kaif.services.auth.audit.log import AuditLog
from kaif.services.auth.sessions import store as stored_sessions
from kaif.services.auth.sessions.announcing import announce_ends
from kaif.services.auth.sessions.issuing import TokenIssuer


class Renewal:
    def __init__(self, database: Database, cache: Cache, issuer: TokenIssuer, audit: AuditLog, clock: Clock) -> None:
        self._database, self._cache, self._issuer = database, cache, issuer
        self._audit, self._clock = audit, clock

    async def refresh(self, actor: Actor, request: Refresh) -> Tokens:
        """As `Auth.refresh` promises."""
        session_id, now_us = model.session_of(request.refresh_token), self._clock()
        refresh_token = self._issuer.refresh_tokens.after(request.refresh_token, session_id, request.attempt)
        is_stolen = False
        async with self._database.transaction() as tx:
            user_id = await _renewed(tx, session_id, request, refresh_token, now_us)
            if user_id is None:
                is_stolen = await self._end_if_stolen(tx, session_id, request.refresh_token, now_us)
        if is_stolen:
            await announce_ends(self._cache, [session_id])
        if user_id is None:
            raise SessionEnded
        return await self._issuer.tokens(user_id, session_id, refresh_token, now_us)

    async def _end_if_stolen(self, tx: Transaction, session_id: SessionId, refresh_token: str, now_us: int) -> bool:
        """A token that was good once and comes again is in two hands: neither keeps the session."""
        if self._issuer.refresh_tokens.renewed_by(refresh_token) is None:
            return False
        user_id = await stored_sessions.end_if_spent(tx, session_id, model.hash_of(refresh_token), now_us)
        if user_id is None:
            return False
        await self._audit.record(tx, NOBODY, "session_stolen", user_id, session=session_id)
        return True

    async def log_out(self, actor: Actor, request: Refresh) -> Nothing:
        """As `Auth.log_out` promises."""
        session_id = await self._session_to_end(actor, request)
        if session_id is None:
            return Nothing()
        async with self._database.transaction() as tx:
            user_id = await stored_sessions.end(tx, session_id, self._clock())
            if user_id:
                await self._audit.record(tx, actor, "signed_out", user_id, session=session_id)
        if user_id:
            await announce_ends(self._cache, [session_id])
        return Nothing()

    async def _session_to_end(self, actor: Actor, request: Refresh) -> SessionId | None:
        """The actor's, or the one whose current refresh token was given: a session's id alone ends nothing."""
        if actor.session_id:
            return actor.session_id
        return await stored_sessions.find(self._database, model.hash_of(request.refresh_token))


async def _renewed(
    tx: Transaction, session_id: SessionId, request: Refresh, refresh_token: str, now_us: int
) -> UserId | None:
    """Whose session goes on by the new token. None when the one that was given is spent, or was never good."""
    fresh_hash = model.hash_of(refresh_token)
    user_id = await stored_sessions.rotate(
        tx,
        session_id,
        model.hash_of(request.refresh_token),
        fresh_hash,
        now_us,
        now_us + model.SESSION_IDLE_US,
        model.SESSION_LIFETIME_US,
    )
    if user_id is None and request.attempt:
        # By the one who spent it, as only they know the attempt: their answer was lost.
        return await stored_sessions.find_rotated(
            tx, session_id, fresh_hash, now_us - model.REFRESH_REPEATED_US, now_us
        )
    return user_id
