"""What one can do with API keys; each method is one transaction."""

from kaif.engines.cache import Cache
from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import Nothing, PasswordResetRequired
from kaif.interfaces.auth.api_keys import (
    API_KEYS_MAX,
    EXPIRED_SHOWN_DAYS,
    ApiKeyList,
    ApiKeyNotFound,
    ApiKeyRefused,
    BadApiKeyName,
    ExchangeApiKey,
    ExchangedApiKey,
    MakeApiKey,
    NewApiKey,
    RevokeApiKey,
    TooManyApiKeys,
    UnknownScope,
)
from kaif.interfaces.auth.roles import PERMISSIONS
from kaif.interfaces.auth.sessions import AccountSuspended
from kaif.kernel.actor import Actor, Scope, UserId
from kaif.kernel.clock import DAY_US, Clock
from kaif.kernel.text import name_of
from kaif.services.auth import model, store
from kaif.services.auth.api_keys import store as stored_keys
from kaif.services.auth.api_keys.store import StoredKey
from kaif.services.auth.audit.log import AuditLog
from kaif.services.auth.bots import store as bots_store
from kaif.services.auth.devices import network_of
from kaif.services.auth.factors.stepping_up import require_recent_authentication
from kaif.services.auth.letters.telling import tell
from kaif.services.auth.model import Account, present
from kaif.services.auth.roles import grants
from kaif.services.auth.roles.permissions import must_hold, permitted
from kaif.services.auth.sessions.announcing import announce_ends
from kaif.services.auth.tokens import Signer

# Of a key that is used from more of them, some are told of again.
KNOWN_NETWORKS_MAX = 20


class ApiKeysService:
    def __init__(
        self,
        database: Database,
        cache: Cache,
        signer: Signer,
        audit: AuditLog,
        clock: Clock,
        scopes: frozenset[Scope],
    ) -> None:
        """`scopes` are those that keys can be made for."""
        self._database, self._cache = database, cache
        self._signer, self._audit, self._clock = signer, audit, clock
        self._scopes = scopes

    # One's own keys

    async def list_api_keys(self, actor: Actor, request: Nothing) -> ApiKeyList:
        found = await stored_keys.of_account(self._database, actor.user_id, self._shown_since_us())
        beyond = PERMISSIONS - actor.permissions
        return ApiKeyList([key.api_key for key in found], sorted(self._scopes - set(map(Scope, beyond))))

    async def make_api_key(self, actor: Actor, request: MakeApiKey) -> NewApiKey:
        now_us, name = self._clock(), name_of(request.name, BadApiKeyName)
        scopes = self._checked(actor, request.scopes)
        key, secret = stored_keys.new_key(actor.user_id, name, scopes, now_us, request.days)
        async with self._database.transaction() as tx:
            # Of two that are made at once the second one counts the first; and whoever ends the session holds this row.
            account = present(await store.locked_account(tx, actor.user_id))
            await require_recent_authentication(tx, actor, now_us)
            await self._make_room(tx, account.id, now_us)
            await stored_keys.add(tx, key, model.hash_of(secret))
            await tell(tx, account.id, "api_key_made")
            await self._audit.record(
                tx, actor, "api_key_made", account.id, key=key.id, scopes=key.scopes.split(), days=request.days
            )
        return NewApiKey(key.api_key, secret)

    def _checked(self, actor: Actor, scopes: list[Scope]) -> list[Scope]:
        """Once each. Raises UnknownScope, BeyondYourOwn."""
        wanted = sorted(set(scopes))
        for scope in wanted:
            if scope not in self._scopes:
                raise UnknownScope(scope=scope, path="$.scopes")
        must_hold(actor.permissions, PERMISSIONS.intersection(wanted))
        return wanted

    async def _make_room(self, tx: Transaction, user_id: UserId, now_us: int) -> None:
        """What has expired gives way. Raises TooManyApiKeys."""
        await stored_keys.forget_expired(tx, user_id, self._shown_since_us())
        if len(await stored_keys.of_account(tx, user_id, 0)) < API_KEYS_MAX:
            return
        await stored_keys.forget_expired(tx, user_id, now_us)
        if len(await stored_keys.of_account(tx, user_id, 0)) >= API_KEYS_MAX:
            raise TooManyApiKeys

    def _shown_since_us(self) -> int:
        return self._clock() - EXPIRED_SHOWN_DAYS * DAY_US

    async def revoke_api_key(self, actor: Actor, request: RevokeApiKey) -> Nothing:
        async with self._database.transaction() as tx:
            revoked = await stored_keys.revoke(tx, actor.user_id, request.key_id, self._clock())
            if revoked is None:
                raise ApiKeyNotFound
            await self._audit.record(tx, actor, "api_key_revoked", actor.user_id, key=revoked.id)
        await announce_ends(self._cache, [revoked.id])
        return Nothing()

    # Their use

    async def exchange(self, actor: Actor, request: ExchangeApiKey) -> ExchangedApiKey:
        now_us = self._clock()
        async with self._database.transaction() as tx:
            key = await stored_keys.find(tx, model.hash_of(request.secret), now_us)
            if key is None:
                raise ApiKeyRefused
            await self._require_owner(tx, key.user_id)
            account = await _answerable(tx, key.user_id)
            own_roles = await grants.own_roles(tx) if account.roles else {}
            await self._note_use(tx, actor, key, now_us)
        scopes = frozenset(map(Scope, key.scopes.split()))
        permissions = permitted(account.roles.split(), own_roles).intersection(scopes)
        speaker = Actor(account.id, key.id, permissions, scopes=scopes)
        return ExchangedApiKey(self._signer.sign(speaker, account.permitted_at_us, now_us, key.expires_at_us))

    async def _require_owner(self, tx: Transaction, user_id: UserId) -> None:
        """A bot is as good as the person who answers for it, who is locked first, as by whoever stops or erases both.

        Raises as `_answerable` does.
        """
        owner_id = await bots_store.owner_of(tx, user_id)
        if owner_id is not None:
            await _answerable(tx, owner_id)

    async def _note_use(self, tx: Transaction, actor: Actor, key: StoredKey, now_us: int) -> None:
        """Raises ApiKeyRefused when it was revoked meanwhile."""
        network, known = network_of(actor.address), key.networks.split()
        is_new = bool(network) and network not in known
        networks = [*known, network][-KNOWN_NETWORKS_MAX:] if is_new else known
        if not await stored_keys.note_use(tx, key.id, now_us, actor.address, " ".join(networks)):
            raise ApiKeyRefused
        if is_new:
            await self._audit.record(tx, actor, "api_key_used", key.user_id, key=key.id)


async def _answerable(tx: Transaction, user_id: UserId) -> Account:
    """The account, locked. Raises ApiKeyRefused for who has left, AccountSuspended, PasswordResetRequired."""
    account = await store.locked_account(tx, user_id)
    if account is None:
        raise ApiKeyRefused
    if account.suspended_at_us is not None:
        raise AccountSuspended
    if account.reset_required_at_us is not None:
        raise PasswordResetRequired
    return account
