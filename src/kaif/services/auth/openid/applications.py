"""What the operator does with applications that people may sign in to; each method is one transaction."""

import re

import msgspec

from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import Nothing
from kaif.interfaces.auth.applications import (
    APPLICATIONS_MAX,
    AddApplication,
    Application,
    ApplicationId,
    ApplicationKind,
    ApplicationList,
    ApplicationNotFound,
    ApplicationWithSecret,
    BadApplicationName,
    BadHomepage,
    BadRedirectUri,
    ChangeApplication,
    NoSecret,
    RemoveApplication,
    RenewSecret,
    RotateSigningKeys,
    Scope,
    SigningKeyList,
    TooManyApplications,
)
from kaif.interfaces.auth.roles import MANAGE_APPLICATIONS
from kaif.kernel.actor import Actor, require_permission
from kaif.kernel.clock import Clock
from kaif.kernel.ids import new_id
from kaif.kernel.text import name_of
from kaif.services.auth.audit.log import NO_ONE, AuditLog
from kaif.services.auth.factors.stepping_up import require_recent_authentication
from kaif.services.auth.model import hash_of, new_secret
from kaif.services.auth.openid import applications_store
from kaif.services.auth.openid import store as openid_store
from kaif.services.auth.openid.applications_store import StoredApplication
from kaif.services.auth.openid.authorization_requests import as_scopes
from kaif.services.auth.openid.redirects import is_allowed
from kaif.services.auth.openid.signing_keys import SigningKeys

_HOMEPAGE = re.compile(r"https://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?(/[\x21-\x7e]*)?")


class ApplicationsService:
    def __init__(self, database: Database, keys: SigningKeys, audit: AuditLog, clock: Clock) -> None:
        self._database, self._keys, self._audit, self._clock = database, keys, audit, clock

    async def list_applications(self, actor: Actor, request: Nothing) -> ApplicationList:
        require_permission(actor, MANAGE_APPLICATIONS)
        found = await applications_store.by_name(self._database, APPLICATIONS_MAX)
        usage = await applications_store.usage(self._database)
        return ApplicationList([each.used_by(*usage.get(each.id, (0, None))) for each in found])

    async def add_application(self, actor: Actor, request: AddApplication) -> ApplicationWithSecret:
        require_permission(actor, MANAGE_APPLICATIONS)
        name, homepage = name_of(request.name, BadApplicationName), _homepage_of(request.homepage)
        redirect_uris, now_us = _redirect_uris_of(request.kind, request.redirect_uris), self._clock()
        secret = new_secret() if request.kind == "web" else ""
        application = StoredApplication(
            id=ApplicationId(new_id()),
            name=name,
            kind=request.kind,
            redirect_uris=redirect_uris,
            scopes=_scopes_of(request.scopes),
            id_token_algorithm=request.id_token_algorithm,
            homepage=homepage,
            secret_hash=hash_of(secret) if secret else "",
            created_at_us=now_us,
            changed_at_us=now_us,
            secret_renewed_at_us=now_us if secret else None,
        )
        await self._keys.prepare(request.id_token_algorithm)
        async with self._database.transaction() as tx:
            await require_recent_authentication(tx, actor, now_us)
            if await applications_store.count(tx) >= APPLICATIONS_MAX:
                raise TooManyApplications
            await applications_store.add(tx, application)
            await self._audit.record(
                tx,
                actor,
                "application_added",
                NO_ONE,
                application=application.id,
                name=application.name,
                redirect_uris=redirect_uris,
            )
        return ApplicationWithSecret(application.used_by(0, None), secret)

    async def change_application(self, actor: Actor, request: ChangeApplication) -> Application:
        require_permission(actor, MANAGE_APPLICATIONS)
        name, homepage = name_of(request.name, BadApplicationName), _homepage_of(request.homepage)
        await self._keys.prepare(request.id_token_algorithm)
        async with self._database.transaction() as tx:
            before = await self._locked(tx, actor, request.application_id)
            application = msgspec.structs.replace(
                before,
                name=name,
                redirect_uris=_redirect_uris_of(before.kind, request.redirect_uris),
                scopes=_scopes_of(request.scopes),
                id_token_algorithm=request.id_token_algorithm,
                homepage=homepage,
                changed_at_us=self._clock(),
            )
            await applications_store.change(tx, application)
            await self._audit.record(
                tx,
                actor,
                "application_changed",
                NO_ONE,
                application=application.id,
                name=application.name,
                redirect_uris=application.redirect_uris,
            )
        return await self._shown(application)

    async def renew_secret(self, actor: Actor, request: RenewSecret) -> ApplicationWithSecret:
        require_permission(actor, MANAGE_APPLICATIONS)
        secret, now_us = new_secret(), self._clock()
        async with self._database.transaction() as tx:
            before = await self._locked(tx, actor, request.application_id)
            if before.kind != "web":
                raise NoSecret
            application = msgspec.structs.replace(before, secret_hash=hash_of(secret), secret_renewed_at_us=now_us)
            await applications_store.change(tx, application)
            await self._audit.record(
                tx, actor, "application_secret_renewed", NO_ONE, application=application.id, name=application.name
            )
        return ApplicationWithSecret(await self._shown(application), secret)

    async def remove_application(self, actor: Actor, request: RemoveApplication) -> Nothing:
        require_permission(actor, MANAGE_APPLICATIONS)
        async with self._database.transaction() as tx:
            application = await self._locked(tx, actor, request.application_id)
            await applications_store.remove(tx, application.id)
            await openid_store.end_application(tx, application.id)
            await self._audit.record(
                tx, actor, "application_removed", NO_ONE, application=application.id, name=application.name
            )
        return Nothing()

    async def list_signing_keys(self, actor: Actor, request: Nothing) -> SigningKeyList:
        require_permission(actor, MANAGE_APPLICATIONS)
        await self._keys.prepare("ES256")
        return SigningKeyList(await self._keys.listed())

    async def rotate_signing_keys(self, actor: Actor, request: RotateSigningKeys) -> SigningKeyList:
        require_permission(actor, MANAGE_APPLICATIONS)
        made = await self._keys.new_keys()
        async with self._database.transaction() as tx:
            await require_recent_authentication(tx, actor, self._clock())
            await self._keys.rotate(tx, made, at_once=request.at_once)
            await self._audit.record(tx, actor, "signing_keys_rotated", NO_ONE, at_once=request.at_once)
        return SigningKeyList(await self._keys.listed())

    async def _locked(self, tx: Transaction, actor: Actor, application_id: ApplicationId) -> StoredApplication:
        """For somebody who was seen lately. Raises ApplicationNotFound."""
        await require_recent_authentication(tx, actor, self._clock())
        application = await applications_store.locked(tx, application_id)
        if application is None:
            raise ApplicationNotFound
        return application

    async def _shown(self, application: StoredApplication) -> Application:
        usage = await applications_store.usage(self._database)
        return application.used_by(*usage.get(application.id, (0, None)))


def _homepage_of(given: str) -> str:
    if given and not _HOMEPAGE.fullmatch(given):
        raise BadHomepage(path="$.homepage")
    return given


def _redirect_uris_of(kind: ApplicationKind, given: list[str]) -> str:
    """In the order in which they were given, without repetitions."""
    for uri in given:
        if not is_allowed(kind, uri):
            raise BadRedirectUri(path="$.redirect_uris", uri=uri)
    return " ".join(dict.fromkeys(given))


def _scopes_of(given: list[Scope]) -> str:
    """Without openid there is nothing to ask for."""
    return " ".join(as_scopes(" ".join(["openid", *given])))
