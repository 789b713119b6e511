"""A session for whoever has proved who they are, or the second step that their account wants before."""

from typing import NamedTuple

import msgspec

from kaif.engines.cache import Cache
from kaif.engines.database import Database, Transaction
from kaif.engines.places import Places
from kaif.interfaces.auth import (
    ACCESS_TOKEN_SECONDS,
    InvalidCredentials,
    PasswordResetRequired,
    Tokens,
)
from kaif.interfaces.auth.factors import CHALLENGE_SECONDS, SecondFactorRequired
from kaif.interfaces.auth.sessions import AccountSuspended
from kaif.kernel.actor import Actor, SessionId
from kaif.kernel.clock import MINUTE_US, SECOND_US, Clock
from kaif.kernel.ids import new_id
from kaif.services.auth import model, store, ways_in
from kaif.services.auth.audit.log import AuditLog
from kaif.services.auth.factors import challenges
from kaif.services.auth.factors import rule as factor_rule
from kaif.services.auth.factors.rule import Standing
from kaif.services.auth.model import Account, NewSession
from kaif.services.auth.sessions import store as stored_sessions
from kaif.services.auth.sessions.announcing import announce_ends
from kaif.services.auth.sessions.entering import ToTheEnd
from kaif.services.auth.sessions.issuing import TokenIssuer
from kaif.services.auth.sessions.whereabouts import place_in

FORGET_EVERY_US = 1 * MINUTE_US


class Opened(NamedTuple):
    """A session that was just added, with its owner and their standing as they were then."""

    account: Account
    standing: Standing
    session: NewSession
    refresh_token: str
    displaced: list[SessionId]


class Entrance:
    def __init__(
        self, database: Database, cache: Cache, issuer: TokenIssuer, places: Places, audit: AuditLog, clock: Clock
    ) -> None:
        self._database, self._cache, self._issuer = database, cache, issuer
        self._places, self._audit, self._clock = places, audit, clock
        self._forget_at_us = 0

    async def enter(self, actor: Actor, account: Account, to_the_end: ToTheEnd) -> Tokens:
        """For someone who has proved who they are by one factor.

        Raises SecondFactorRequired where that is not all.
        """
        await self._forget_expired()
        challenge, opened = model.new_secret(), None
        async with self._database.transaction() as tx:
            now = await _locked_unchanged(tx, account)
            # Whoever turns a second factor on waits for the row, or is seen here.
            methods = await ways_in.steps_after_one(tx, account.id)
            if methods:
                await to_the_end(tx)
                await self._add_challenge(tx, account, challenge)
            else:
                opened = await self._open(tx, actor, now, to_the_end)
        if opened is None:
            raise SecondFactorRequired(challenge=challenge, methods=methods, username=account.username)
        return await self._let_in(opened)

    async def _add_challenge(self, tx: Transaction, account: Account, challenge: str) -> None:
        now_us = self._clock()
        expires_at_us = now_us + CHALLENGE_SECONDS * SECOND_US
        await challenges.add(tx, model.hash_of(challenge), "sign_in", account.id, now_us, expires_at_us)

    async def open_session(
        self, actor: Actor, account: Account, to_the_end: ToTheEnd, *, is_first: bool = False
    ) -> Tokens:
        """For someone who has proved all that is asked."""
        await self._forget_expired()
        async with self._database.transaction() as tx:
            now = await _locked_unchanged(tx, account)
            opened = await self._open(tx, actor, now, to_the_end, is_first=is_first)
        return await self._let_in(opened)

    async def _open(
        self, tx: Transaction, actor: Actor, account: Account, to_the_end: ToTheEnd, *, is_first: bool = False
    ) -> Opened:
        """The account's row must be locked."""
        if account.suspended_at_us is not None:
            raise AccountSuspended
        if account.reset_required_at_us is not None:
            raise PasswordResetRequired
        refresh_token, now_us = self._issuer.refresh_tokens.new(new_id()), self._clock()
        session = model.new_session(actor, account.id, refresh_token, now_us)
        standing = await factor_rule.standing_of(tx, account)
        was_new, displaced = await self._add(tx, account, session, is_first=is_first)
        await to_the_end(tx)
        person = msgspec.structs.replace(actor, user_id=account.id, session_id=session.id)
        details = {"session": session.id, "device": session.device, "new_device": was_new}
        await self._audit.record(tx, person, "signed_in", account.id, **details)
        if displaced:
            await self._audit.record(tx, person, "sessions_displaced", account.id, count=len(displaced))
        return Opened(account, standing, session, refresh_token, displaced)

    async def _let_in(self, opened: Opened) -> Tokens:
        session = opened.session
        await announce_ends(self._cache, opened.displaced)
        return await self._issuer.tokens_of(
            opened.account, opened.standing, session.id, opened.refresh_token, session.opened_at_us
        )

    async def _add(
        self, tx: Transaction, account: Account, session: NewSession, *, is_first: bool
    ) -> tuple[bool, list[SessionId]]:
        """Whether its device is a new one, and the sessions that it displaces. The account's row must be locked."""
        unseen = await stored_sessions.remember_device(tx, session)
        # Whoever has just made the account knows where they did it.
        was_new = unseen and not is_first
        await stored_sessions.add(tx, session, device_was_new=was_new)
        displaced = await stored_sessions.end_beyond(tx, session, model.SESSIONS_MAX)
        # An address that nobody has proved may be a stranger's, who has no part in this.
        if was_new and account.email_confirmed_at_us:
            place = place_in(self._places, session.address, account.language)
            await tx.publish(model.letter_due(account, "new_device", details=session.details(place)))
        return was_new, displaced

    async def _forget_expired(self) -> None:
        """What has run out counts no more anyway. Apart from those who come in, who would wait for each other."""
        now_us = self._clock()
        if now_us < self._forget_at_us:
            return
        self._forget_at_us = now_us + FORGET_EVERY_US
        async with self._database.transaction() as tx:
            await stored_sessions.forget_expired(tx, now_us, now_us - ACCESS_TOKEN_SECONDS * SECOND_US)


async def _locked_unchanged(tx: Transaction, account: Account) -> Account:
    """As it is now, until the transaction ends: whoever suspends it, ends its sessions or changes its password comes
    before or after, and none slips in behind them with what was good before. Raises InvalidCredentials."""
    now = await store.locked_account(tx, account.id)
    if now is None or now.password_hash != account.password_hash:
        raise InvalidCredentials
    return now
