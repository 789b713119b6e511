"""What the operator does with sign-in services; each method is one transaction, after the issuer was asked."""

import msgspec

from kaif.engines.database import AlreadyExists, Database, Transaction
from kaif.interfaces.auth import Nothing
from kaif.interfaces.auth.providers import (
    PROVIDERS_MAX,
    AddProvider,
    BadIssuer,
    BadProviderName,
    ChangeProvider,
    GivenProvider,
    Provider,
    ProviderAlreadyAdded,
    ProviderId,
    ProviderKind,
    ProviderList,
    ProviderNotFound,
    TooManyProviders,
)
from kaif.interfaces.auth.roles import MANAGE_PROVIDERS
from kaif.kernel.actor import Actor, require_permission
from kaif.kernel.clock import Clock, as_datetime
from kaif.kernel.ids import new_id
from kaif.kernel.sealing import Sealer
from kaif.kernel.text import name_of
from kaif.services.auth.audit.log import NO_ONE, AuditLog
from kaif.services.auth.factors import challenges
from kaif.services.auth.factors.stepping_up import require_recent_authentication
from kaif.services.auth.providers import authorization
from kaif.services.auth.providers import store as identity_store
from kaif.services.auth.providers.authorization import PRESETS, StoredProvider
from kaif.services.auth.providers.issuers import Issuers

# Those that have a document to read.
DISCOVERED: set[ProviderKind] = {"oidc", "google"}


class ProvidersService:
    def __init__(
        self,
        database: Database,
        issuers: Issuers,
        sealer: Sealer,
        audit: AuditLog,
        clock: Clock,
        redirect_uri: str,
    ) -> None:
        self._database, self._issuers, self._sealer = database, issuers, sealer
        self._audit, self._clock, self._redirect_uri = audit, clock, redirect_uri

    async def list_providers(self, actor: Actor, request: Nothing) -> ProviderList:
        require_permission(actor, MANAGE_PROVIDERS)
        linked = await identity_store.linked_counts(self._database)
        found = await identity_store.providers(self._database)
        return ProviderList([_shown(each, linked.get(each.id, 0)) for each in found], PRESETS, self._redirect_uri)

    async def add_provider(self, actor: Actor, request: AddProvider) -> Provider:
        require_permission(actor, MANAGE_PROVIDERS)
        provider = self._new(request)
        # Before anything is fetched in the actor's name.
        await require_recent_authentication(self._database, actor, self._clock())
        if provider.kind in DISCOVERED:
            await self._issuers.check(provider.issuer)
        try:
            async with self._database.transaction() as tx:
                if len(await identity_store.providers(tx)) >= PROVIDERS_MAX:
                    raise TooManyProviders
                await identity_store.add_provider(tx, provider)
                await self._audit.record(tx, actor, "provider_added", NO_ONE, **_told(provider))
        except AlreadyExists:
            raise ProviderAlreadyAdded from None
        return _shown(provider, 0)

    def _new(self, request: AddProvider) -> StoredProvider:
        preset = authorization.preset(request.kind)
        issuer = request.issuer or preset.issuer
        # An issuer's address is its name, letter by letter; of the others it is only where they are.
        if request.kind not in DISCOVERED:
            issuer = issuer.rstrip("/")
        if not authorization.is_issuer(issuer):
            raise BadIssuer(path="$.issuer")
        provider_id = ProviderId(new_id())
        return StoredProvider(
            provider_id,
            request.kind,
            name_of(request.name or preset.name, BadProviderName),
            issuer,
            request.client_id,
            self._sealed(request.client_secret, provider_id),
            int(request.enabled),
            self._clock(),
        )

    async def change_provider(self, actor: Actor, request: ChangeProvider) -> Provider:
        require_permission(actor, MANAGE_PROVIDERS)
        try:
            async with self._database.transaction() as tx:
                await require_recent_authentication(tx, actor, self._clock())
                before = await self._get(tx, request.provider_id)
                provider = self._changed(before, request)
                if not await identity_store.change_provider(tx, provider):
                    raise ProviderNotFound
                if not provider.enabled:
                    await _disbelieve(tx, provider.id)
                linked = (await identity_store.linked_counts(tx)).get(provider.id, 0)
                secret_changed = provider.sealed_secret != before.sealed_secret
                await self._audit.record(
                    tx, actor, "provider_changed", NO_ONE, **_told(provider), secret_changed=secret_changed
                )
        except AlreadyExists:
            raise ProviderAlreadyAdded from None
        return _shown(provider, linked)

    def _changed(self, before: StoredProvider, request: ChangeProvider) -> StoredProvider:
        changes: dict[str, object] = {}
        if request.name is not None:
            changes["name"] = name_of(request.name or authorization.preset(before.kind).name, BadProviderName)
        if request.client_id is not None:
            changes["client_id"] = request.client_id
        if request.client_secret is not None:
            changes["sealed_secret"] = self._sealed(request.client_secret, before.id)
        if request.enabled is not None:
            changes["enabled"] = int(request.enabled)
        return msgspec.structs.replace(before, **changes)

    async def check_provider(self, actor: Actor, request: GivenProvider) -> Nothing:
        require_permission(actor, MANAGE_PROVIDERS)
        provider = await identity_store.find_provider(self._database, request.provider_id)
        if provider is None:
            raise ProviderNotFound
        if provider.kind in DISCOVERED:
            await self._issuers.check(provider.issuer)
        return Nothing()

    async def remove_provider(self, actor: Actor, request: GivenProvider) -> Nothing:
        require_permission(actor, MANAGE_PROVIDERS)
        async with self._database.transaction() as tx:
            await require_recent_authentication(tx, actor, self._clock())
            provider = await self._get(tx, request.provider_id)
            linked = (await identity_store.linked_counts(tx)).get(provider.id, 0)
            await _disbelieve(tx, provider.id)
            if not await identity_store.remove_provider(tx, provider.id):
                raise ProviderNotFound
            await self._audit.record(tx, actor, "provider_removed", NO_ONE, **_told(provider), linked=linked)
        return Nothing()

    async def _get(self, tx: Transaction, provider_id: ProviderId) -> StoredProvider:
        provider = await identity_store.find_provider(tx, provider_id)
        if provider is None:
            raise ProviderNotFound
        return provider

    def _sealed(self, secret: str, provider_id: ProviderId) -> str:
        return self._sealer.seal(secret, provider_id) if secret else ""


async def _disbelieve(tx: Transaction, provider_id: ProviderId) -> None:
    """What it has vouched for a moment ago proves nothing any more."""
    await identity_store.hold_identities(tx, provider_id)
    await challenges.end_all_by_provider(tx, provider_id)


def _shown(provider: StoredProvider, linked: int) -> Provider:
    return Provider(
        provider.id,
        provider.kind,
        provider.name,
        provider.issuer,
        provider.client_id,
        has_secret=bool(provider.sealed_secret),
        enabled=bool(provider.enabled),
        linked=linked,
        created_at=as_datetime(provider.created_at_us),
    )


def _told(provider: StoredProvider) -> dict[str, object]:
    """For the audit log."""
    return {
        "provider": provider.id,
        "name": provider.name,
        "issuer": provider.issuer,
        "client_id": provider.client_id,
        "enabled": bool(provider.enabled),
    }
