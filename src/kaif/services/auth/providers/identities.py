"""Signing in, linking and proving oneself by a service elsewhere; a transaction before it is asked, one after."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from kaif.engines.database import AlreadyExists, Database, Transaction
from kaif.interfaces.auth import Nothing, Tokens
from kaif.interfaces.auth.factors import CHALLENGE_SECONDS
from kaif.interfaces.auth.identities import (
    AUTHORIZATION_SECONDS,
    REGISTRATION_SECONDS,
    Authorization,
    BeginAtService,
    GivenIdentity,
    Identity,
    IdentityId,
    IdentityList,
    IdentityNotFound,
    IdentityNotYours,
    IdentityTaken,
    LinkInSettings,
    RegisterByService,
    RegistrationEnded,
    RegistrationNeeded,
    ServiceAlreadyLinked,
    ServiceAnswer,
    ServiceDenied,
    ServiceNotFound,
    ServiceProof,
    ServiceSignInEnded,
    ServiceUnavailable,
    SignInService,
    SignInServices,
)
from kaif.interfaces.auth.providers import ProviderId, ProviderKind
from kaif.kernel.actor import NOBODY, Actor, UserId
from kaif.kernel.clock import SECOND_US, Clock
from kaif.kernel.errors import KaifError
from kaif.kernel.ids import new_id
from kaif.kernel.sealing import Sealer
from kaif.services.auth import model, store, ways_in
from kaif.services.auth.audit.log import NO_ONE, AuditLog
from kaif.services.auth.factors import challenges, enrolments
from kaif.services.auth.factors.stepping_up import require_recent_authentication
from kaif.services.auth.letters.telling import tell
from kaif.services.auth.model import Account, present
from kaif.services.auth.providers import authorization
from kaif.services.auth.providers import store as identity_store
from kaif.services.auth.providers.asking import RETRY_AFTER_MS, SignInClient
from kaif.services.auth.providers.authorization import Profile, Returned, StoredProvider
from kaif.services.auth.providers.store import Newcomer, Purpose, StoredIdentity
from kaif.services.auth.sessions.entering import Claim, Enter, RegisterOnClaim

T = TypeVar("T")

# All that is asked of a provider for one sign-in; a call between our processes waits for 15 s.
REDEEMED_WITHIN_S = 10


class IdentitiesService:
    def __init__(
        self,
        database: Database,
        clients: dict[ProviderKind, SignInClient],
        sealer: Sealer,
        key: bytes,
        audit: AuditLog,
        clock: Clock,
        redirect_uri: str,
        enter: Enter,
        register: RegisterOnClaim,
    ) -> None:
        """`key` is what verifiers and nonces are derived by; `enter` and `register` are those of accounts."""
        self._database, self._clients, self._sealer, self._key = database, clients, sealer, key
        self._audit, self._clock, self._redirect_uri = audit, clock, redirect_uri
        self._enter, self._register = enter, register
        self._accounts = store.accounts(database)

    async def list_services(self, actor: Actor, request: Nothing) -> SignInServices:
        found = await identity_store.enabled_providers(self._database)
        return SignInServices([SignInService(each.id, each.kind, each.name) for each in found])

    # To the provider

    async def begin_service_sign_in(self, actor: Actor, request: BeginAtService) -> Authorization:
        return await self._begin(await self._provider(request.provider_id), "sign_in", NOBODY.user_id)

    async def begin_link(self, actor: Actor, request: BeginAtService) -> Authorization:
        provider = await self._provider(request.provider_id)
        await require_recent_authentication(self._database, actor, self._clock())
        if await self._linked(actor.user_id, provider.id):
            raise ServiceAlreadyLinked
        return await self._begin(provider, "link", actor.user_id)

    async def begin_service_step_up(self, actor: Actor, request: BeginAtService) -> Authorization:
        provider = await self._provider(request.provider_id)
        if not await self._linked(actor.user_id, provider.id):
            raise IdentityNotFound
        return await self._begin(provider, "step_up", actor.user_id)

    async def _linked(self, user_id: UserId, provider_id: ProviderId) -> bool:
        found = await identity_store.identities(self._database, user_id)
        return any(identity.provider_id == provider_id for identity in found)

    async def _begin(self, provider: StoredProvider, purpose: Purpose, user_id: UserId) -> Authorization:
        state, secret, now_us = model.new_secret(), model.new_secret(), self._clock()
        asked = authorization.asked(self._key, state, self._redirect_uri)
        url = await self._patiently(self._clients[provider.kind].authorization_url(provider, asked))
        expires_at_us = now_us + AUTHORIZATION_SECONDS * SECOND_US
        async with self._database.transaction() as tx:
            await identity_store.begin(
                tx, model.hash_of(state), model.hash_of(secret), purpose, provider.id, user_id, now_us, expires_at_us
            )
        return Authorization(url, state, secret, AUTHORIZATION_SECONDS)

    # Back from the provider

    async def _identified(self, actor: Actor, answer: ServiceAnswer, purpose: Purpose) -> tuple[ProviderId, Profile]:
        """Who the browser's owner is, and by whose word. Spends the state."""
        user_id = NOBODY.user_id if purpose == "sign_in" else actor.user_id
        state_hash, secret_hash = model.hash_of(answer.state), model.hash_of(answer.secret)
        async with self._database.transaction() as tx:
            provider_id = await identity_store.end(tx, state_hash, secret_hash, purpose, user_id, self._clock())
        if provider_id is None:
            raise ServiceSignInEnded
        provider = await self._provider(provider_id)
        try:
            return provider.id, await self._redeem(provider, answer)
        except ServiceUnavailable:
            raise
        except KaifError as error:
            await self._record_failure(actor, user_id, provider, error)
            raise

    async def _redeem(self, provider: StoredProvider, answer: ServiceAnswer) -> Profile:
        if answer.error == "access_denied":
            raise ServiceDenied
        if answer.error or not answer.code:
            raise authorization.refused(answer.error or "no_code")
        secret = self._sealer.unseal(provider.sealed_secret, provider.id) if provider.sealed_secret else ""
        asked = authorization.asked(self._key, answer.state, self._redirect_uri)
        returned = Returned(answer.code, answer.iss, answer.device_id)
        return await self._patiently(self._clients[provider.kind].redeem(provider, secret, asked, returned))

    async def _patiently(self, asking: Awaitable[T]) -> T:
        try:
            return await asyncio.wait_for(asking, REDEEMED_WITHIN_S)
        except TimeoutError:
            raise ServiceUnavailable(retry_after_ms=RETRY_AFTER_MS) from None

    async def _record_failure(self, actor: Actor, user_id: UserId, provider: StoredProvider, error: KaifError) -> None:
        reason = error.details.get("reason", "")
        async with self._database.transaction() as tx:
            await self._audit.record(
                tx, actor, "sign_in_failed", user_id or NO_ONE, provider=provider.id, code=error.code, reason=reason
            )

    # Signing in

    async def sign_in_by_service(self, actor: Actor, request: ServiceAnswer) -> Tokens:
        provider_id, profile = await self._identified(actor, request, "sign_in")
        async with self._database.transaction() as tx:
            known = await identity_store.find_identity(tx, provider_id, profile.subject)
            # As it is while the service vouches for it: who changes it after this is seen when the session opens.
            account = await store.find_account(tx, known.user_id) if known else None
        if known is None:
            raise await self._newcomer(provider_id, profile)
        identity_id = known.id

        async def still_linked(tx: Transaction) -> None:
            if not await identity_store.count_use(tx, identity_id, profile.label, self._clock()):
                raise ServiceSignInEnded

        return await self._enter(actor, present(account), still_linked)

    async def _newcomer(self, provider_id: ProviderId, profile: Profile) -> KaifError:
        """What somebody is told whom nobody here knows."""
        verified_email = profile.email if profile.email_verified else ""
        # Told to nobody but whoever has proved there that the address is theirs.
        if verified_email and await store.owner_of_address(self._database, verified_email):
            return LinkInSettings()
        ticket, now_us = model.new_secret(), self._clock()
        newcomer = Newcomer(provider_id, profile.subject, profile.label, verified_email)
        expires_at_us = now_us + REGISTRATION_SECONDS * SECOND_US
        async with self._database.transaction() as tx:
            provider = await identity_store.find_provider(tx, provider_id)
            if provider is None or not provider.enabled:
                return ServiceNotFound()
            await identity_store.keep_newcomer(tx, model.hash_of(ticket), newcomer, now_us, expires_at_us)
        return RegistrationNeeded(
            ticket=ticket,
            service=provider.name,
            username=profile.username,
            display_name=profile.display_name,
            email=profile.email,
            email_verified=profile.email_verified,
        )

    async def register_by_service(self, actor: Actor, request: RegisterByService) -> Tokens:
        ticket_hash, now_us = model.hash_of(request.ticket), self._clock()
        newcomer = await identity_store.find_newcomer(self._database, ticket_hash, now_us)
        if newcomer is None:
            raise RegistrationEnded
        provider = await self._provider(newcomer.provider_id)

        async def link(tx: Transaction, user_id: UserId) -> None:
            if not await identity_store.spend_ticket(tx, ticket_hash, now_us):
                raise RegistrationEnded
            # Two sign-ins of one stranger have two tickets.
            if await identity_store.find_identity(tx, newcomer.provider_id, newcomer.subject):
                raise IdentityTaken
            await identity_store.add_identity(tx, IdentityId(new_id()), user_id, newcomer, now_us)

        email_confirmed = request.email.lower() == newcomer.verified_email
        return await self._register(
            actor, request, Claim(link, {"provider": provider.id}, IdentityTaken, email_confirmed)
        )

    # Links

    async def list_identities(self, actor: Actor, request: Nothing) -> IdentityList:
        found = await identity_store.identities(self._database, actor.user_id)
        return IdentityList([identity.identity for identity in found])

    async def link_identity(self, actor: Actor, request: ServiceAnswer) -> Identity:
        account, now_us = present(await self._accounts(actor.user_id)), self._clock()
        # Before the state is spent, so that whoever proves themselves now can go on.
        await require_recent_authentication(self._database, actor, now_us)
        provider_id, profile = await self._identified(actor, request, "link")
        newcomer = Newcomer(provider_id, profile.subject, profile.label, "")
        try:
            async with self._database.transaction() as tx:
                # Whoever leaves or ends the session at this moment holds the row: nothing slips in behind them.
                present(await store.locked_account(tx, account.id))
                await require_recent_authentication(tx, actor, now_us)
                linked = await self._link(tx, account, newcomer)
                await tell(tx, account.id, "service_linked", {"service": linked.name})
                await self._audit.record(tx, actor, "identity_linked", actor.user_id, provider=provider_id)
        except AlreadyExists:
            # Somebody links the same at this moment.
            raise IdentityTaken from None
        return linked.identity

    async def _link(self, tx: Transaction, account: Account, newcomer: Newcomer) -> StoredIdentity:
        known = await identity_store.find_identity(tx, newcomer.provider_id, newcomer.subject)
        if known:
            raise ServiceAlreadyLinked if known.user_id == account.id else IdentityTaken
        if any(each.provider_id == newcomer.provider_id for each in await identity_store.identities(tx, account.id)):
            raise ServiceAlreadyLinked
        await identity_store.add_identity(tx, IdentityId(new_id()), account.id, newcomer, self._clock())
        linked = await identity_store.find_identity(tx, newcomer.provider_id, newcomer.subject)
        if linked is None or not linked.enabled:
            raise ServiceNotFound
        return linked

    async def unlink_identity(self, actor: Actor, request: GivenIdentity) -> Nothing:
        async with self._database.transaction() as tx:
            # First of all, as it locks the row that whoever ends sessions holds.
            await ways_in.require_another(tx, actor.user_id, request.identity_id)
            await require_recent_authentication(tx, actor, self._clock())
            found = [
                each for each in await identity_store.identities(tx, actor.user_id) if each.id == request.identity_id
            ]
            if not found or not await identity_store.remove_identity(tx, actor.user_id, request.identity_id):
                raise IdentityNotFound
            # Proofs and sign-ins under way may have come by it.
            await challenges.end_all(tx, actor.user_id)
            await tell(tx, actor.user_id, "service_unlinked", {"service": found[0].name})
            await self._audit.record(tx, actor, "identity_unlinked", actor.user_id, provider=found[0].provider_id)
        return Nothing()

    # Stepping up

    async def prove_by_service(self, actor: Actor, request: ServiceAnswer) -> ServiceProof:
        provider_id, profile = await self._identified(actor, request, "step_up")
        challenge, now_us = model.new_secret(), self._clock()
        async with self._database.transaction() as tx:
            known = await identity_store.find_identity(tx, provider_id, profile.subject)
            is_theirs = known is not None and known.user_id == actor.user_id
            if known and is_theirs:
                if not await identity_store.count_use(tx, known.id, profile.label, now_us):
                    raise ServiceSignInEnded
                expires_at_us = now_us + CHALLENGE_SECONDS * SECOND_US
                await challenges.add(tx, model.hash_of(challenge), "step_up", actor.user_id, now_us, expires_at_us)
            else:
                code = IdentityNotYours.code
                await self._audit.record(tx, actor, "step_up_failed", actor.user_id, by="service", code=code)
            methods = await enrolments.methods(tx, actor.user_id)
        if not is_theirs:
            raise IdentityNotYours
        return ServiceProof(challenge, methods)

    # Who and whose

    async def _provider(self, provider_id: ProviderId) -> StoredProvider:
        """One that is enabled. Raises ServiceNotFound."""
        provider = await identity_store.find_provider(self._database, provider_id)
        if provider is None or not provider.enabled:
            raise ServiceNotFound
        return provider
