"""The whole system, wired top to bottom: engines, services, subscriptions, the edge."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import kaif
from kaif.app.anchors import Anchors, anchoring
from kaif.app.settings import Misconfigured, Settings
from kaif.engines import database as engines_database
from kaif.engines.bus import Bus
from kaif.engines.bus.outbox import OutboxBus
from kaif.engines.cache import Cache, open_cache
from kaif.engines.database import Database, open_database
from kaif.engines.mail import Mail, open_mail
from kaif.engines.mail.mailbox import DevMailbox
from kaif.gateway import openid, pages
from kaif.gateway.access_log import AccessLog, Sink
from kaif.gateway.api_keys import KeyRing
from kaif.gateway.application import Gateway, Page
from kaif.gateway.hub import Hub
from kaif.gateway.identity import Identity
from kaif.gateway.limits import Limits
from kaif.gateway.metrics import Metrics
from kaif.gateway.presence import PresenceBoard
from kaif.gateway.requests import Request
from kaif.gateway.server import serve
from kaif.gateway.sockets import Sockets
from kaif.gateway.static import StaticFiles
from kaif.interfaces.auth import Auth, Nothing, PersonChanged
from kaif.interfaces.auth.accounts import Accounts, LetterDue, LetterPostponed, PasswordForgotten
from kaif.interfaces.auth.api_keys import ApiKeys
from kaif.interfaces.auth.applications import Applications
from kaif.interfaces.auth.audit import Audit
from kaif.interfaces.auth.captcha import Captchas
from kaif.interfaces.auth.directory import Directory
from kaif.interfaces.auth.factors import SecondFactors
from kaif.interfaces.auth.invitations import Invitations
from kaif.interfaces.auth.openid import Authorizations, OpenId
from kaif.interfaces.auth.own_data import OwnData
from kaif.interfaces.auth.parked_events import ParkedEvents
from kaif.interfaces.auth.passkeys import Passkeys
from kaif.interfaces.auth.roles import READ_MAILBOX, Roles
from kaif.interfaces.auth.sessions import Sessions
from kaif.interfaces.auth.wallets import Wallets
from kaif.interfaces.messaging import Messaging
from kaif.interfaces.personal_data import DataErased, PersonErased
from kaif.kernel.actor import NOBODY
from kaif.kernel.clock import Clock, now_us
from kaif.kernel.http import Endpoint, Route, Table
from kaif.kernel.http.openapi import openapi_document
from kaif.kernel.remote import Caller, Listener
from kaif.services import auth, messaging
from kaif.services.auth import reactions as auth_reactions
from kaif.services.auth.accounts import AccountsService
from kaif.services.auth.admission import Admission
from kaif.services.auth.api_keys import ApiKeysService
from kaif.services.auth.applications import ApplicationsService
from kaif.services.auth.assertions import Assertions
from kaif.services.auth.audit import AuditLog, AuditService
from kaif.services.auth.authorizations import AuthorizationsService
from kaif.services.auth.breached import BreachedPasswords
from kaif.services.auth.captcha import Captcha
from kaif.services.auth.directory import DirectoryService
from kaif.services.auth.factors import SecondFactorsService
from kaif.services.auth.invitations import InvitationsService
from kaif.services.auth.letters import Letters
from kaif.services.auth.openid import OpenIdService
from kaif.services.auth.own_data import OwnDataService
from kaif.services.auth.parked_events import ParkedEventsService
from kaif.services.auth.passkeys import PasskeysService
from kaif.services.auth.passwords import Passwords
from kaif.services.auth.relying_party import relying_party_at
from kaif.services.auth.roles import RolesService
from kaif.services.auth.routes import (
    ACCOUNTS_ROUTES,
    API_KEYS_ROUTES,
    APPLICATIONS_ROUTES,
    AUDIT_ROUTES,
    AUTHORIZATIONS_ROUTES,
    CAPTCHA_ROUTES,
    DIRECTORY_ROUTES,
    INVITATIONS_ROUTES,
    OWN_DATA_ROUTES,
    PARKED_EVENTS_ROUTES,
    PASSKEYS_ROUTES,
    ROLES_ROUTES,
    SECOND_FACTOR_ROUTES,
    SESSIONS_ROUTES,
    WALLETS_ROUTES,
)
from kaif.services.auth.routes import ROUTES as AUTH_ROUTES
from kaif.services.auth.sealing import Sealer
from kaif.services.auth.service import AuthService
from kaif.services.auth.sessions import SessionsService
from kaif.services.auth.signing_keys import SigningKeys
from kaif.services.auth.tokens import Signer
from kaif.services.auth.wallet_proofs import WalletProofs
from kaif.services.auth.wallets import WalletsService
from kaif.services.messaging.announcing import Announcer
from kaif.services.messaging.reactions import Reactions
from kaif.services.messaging.routes import ROUTES as MESSAGING_ROUTES
from kaif.services.messaging.sending import Sender
from kaif.services.messaging.service import MessagingService

# The interfaces of each process's services, and the routes on which the world reaches them.
AUTH: list[tuple[type, list[Route]]] = [
    (Auth, AUTH_ROUTES),
    (Accounts, ACCOUNTS_ROUTES),
    (OwnData, OWN_DATA_ROUTES),
    (Captchas, CAPTCHA_ROUTES),
    (Sessions, SESSIONS_ROUTES),
    (SecondFactors, SECOND_FACTOR_ROUTES),
    (Passkeys, PASSKEYS_ROUTES),
    (Roles, ROLES_ROUTES),
    (Audit, AUDIT_ROUTES),
    (Invitations, INVITATIONS_ROUTES),
    (Directory, DIRECTORY_ROUTES),
    (ParkedEvents, PARKED_EVENTS_ROUTES),
    (Applications, APPLICATIONS_ROUTES),
    (Authorizations, AUTHORIZATIONS_ROUTES),
    # The gateway has pages for it: it speaks another wire than routes do.
    (OpenId, []),
    (ApiKeys, API_KEYS_ROUTES),
    (Wallets, WALLETS_ROUTES),
]
MESSAGING: list[tuple[type, list[Route]]] = [(Messaging, MESSAGING_ROUTES)]
ROUTES: list[Route] = [route for _, routes in AUTH + MESSAGING for route in routes]
# What API keys can be made for: no more than some route asks for.
SCOPES = frozenset(route.scope for route in ROUTES if route.scope)
# Who serves an interface: the service itself, or a proxy of it.
Services = dict[type, Any]
CLIENT = Path(kaif.__file__).parent / "web"

# Processes are started in any order: whoever needs another one waits so long for it.
PATIENCE_S = 30

log = logging.getLogger("kaif")


def document() -> dict[str, Any]:
    """The public HTTP interface as OpenAPI 3.1."""
    return openapi_document(ROUTES, "Kaif Ozero", kaif.__version__, "The public HTTP interface of Kaif Ozero.")


# Engines, each closed again when its block ends


@asynccontextmanager
async def database_of(settings: Settings) -> AsyncIterator[Database]:
    database = await open_database(settings.database_url)
    try:
        await database.migrate("outbox", _migrations(engines_database))
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def cache_of(settings: Settings) -> AsyncIterator[Cache]:
    cache = await open_cache(settings.cache_url)
    try:
        yield cache
    finally:
        await cache.close()


# Services


@asynccontextmanager
async def auth_services(
    settings: Settings, database: Database, cache: Cache, clock: Clock = now_us
) -> AsyncIterator[Services]:
    await database.migrate("auth", _migrations(auth))
    passwords, signer = Passwords(_breached_passwords(settings)), _signer(settings)
    audit = AuditLog(settings.audit_key, clock)
    captcha = Captcha(wanted=settings.captcha, key=signer.key_for("puzzles"), cache=cache)
    admission = Admission(database, signer, clock)
    auth_service = AuthService(
        database, cache, passwords, signer, captcha, audit, admission, clock, settings.setup_code
    )
    party, open_session = relying_party_at(settings.public_url), auth_service.open_session
    assertions, wallet_proofs = Assertions(party, audit), WalletProofs(settings.public_url)
    factors = SecondFactorsService(database, passwords, signer, assertions, wallet_proofs, audit, clock, open_session)
    keys = SigningKeys(database, Sealer(signer.key_for("keys of ID tokens")), clock)
    issuer = settings.public_url
    mail, letters = await open_mail(settings.mail_url), Letters(settings.public_url, signer)
    reactions = auth_reactions.Reactions(database, mail, letters, clock)
    bus: Bus = OutboxBus(database)
    bus.subscribe("auth.letters", LetterDue, reactions.send_letter, auth_reactions.LETTERS)
    bus.subscribe("auth.postponed_letters", LetterPostponed, reactions.send_postponed_letter, auth_reactions.POSTPONED)
    bus.subscribe("auth.resets", PasswordForgotten, reactions.offer_reset)
    bus.subscribe("auth.erasures", DataErased, reactions.note_erasure)
    await bus.start()
    try:
        async with anchoring(database, Anchors(settings.audit_anchors)):
            yield {
                Auth: auth_service,
                Accounts: AccountsService(database, cache, passwords, signer, captcha, audit, clock),
                OwnData: OwnDataService(database, clock),
                Captchas: captcha,
                Sessions: SessionsService(database, cache, audit, clock),
                SecondFactors: factors,
                Passkeys: PasskeysService(database, party, assertions, audit, clock, open_session),
                Roles: RolesService(database, cache, audit, clock),
                Audit: AuditService(database),
                Invitations: InvitationsService(database, signer, admission, audit, clock),
                Directory: DirectoryService(database, cache, audit, clock),
                ParkedEvents: ParkedEventsService(database, audit),
                Applications: ApplicationsService(database, keys, audit, clock),
                Authorizations: AuthorizationsService(database, signer, keys, audit, clock, issuer),
                OpenId: OpenIdService(database, signer, keys, audit, clock, issuer),
                Wallets: WalletsService(
                    database, wallet_proofs, audit, clock, auth_service.enter, auth_service.register_on_claim
                ),
                ApiKeys: ApiKeysService(database, cache, signer, audit, clock, SCOPES),
            }
    finally:
        await bus.close()
        passwords.close()


def _breached_passwords(settings: Settings) -> BreachedPasswords | None:
    path = settings.breached_passwords
    try:
        return BreachedPasswords(path) if path else None
    except (OSError, ValueError) as error:
        raise Misconfigured(f"KAIF_BREACHED_PASSWORDS: {path} is no list of breached passwords ({error}).") from error


def _signer(settings: Settings) -> Signer:
    try:
        return Signer(settings.signing_key)
    except ValueError:
        # What was read may be a secret in the wrong place, so it is not repeated.
        raise Misconfigured("The signing key is not one that `kaif keys` prints.") from None


@asynccontextmanager
async def messaging_service(database: Database, cache: Cache, auth: Auth) -> AsyncIterator[MessagingService]:
    await database.migrate("messaging", _migrations(messaging))
    announcer = Announcer(cache)
    sender = Sender(database, announcer, now_us)
    bus: Bus = OutboxBus(database)
    reactions = Reactions(database)
    bus.subscribe("messaging.people", PersonChanged, reactions.remember_person)
    bus.subscribe("messaging.people", PersonErased, reactions.forget_person)
    await bus.start()
    try:
        yield MessagingService(database, auth, announcer, sender, now_us)
    finally:
        await bus.close()


def _migrations(owner: Any) -> Path:
    return Path(owner.__file__).parent / "migrations"


# The edge


@asynccontextmanager
async def edge(
    settings: Settings, services: Services, cache: Cache, mail: Mail, access_log: Sink
) -> AsyncIterator[tuple[Gateway, Sockets]]:
    auth, messaging = services[Auth], services[Messaging]
    identity = Identity(auth, cache)
    limits = Limits(settings.limits_scale)
    key_ring = KeyRing(services[ApiKeys], identity, limits)
    metrics = Metrics()
    hub = Hub(messaging, cache, PresenceBoard(cache))
    sockets = Sockets(identity, key_ring, hub, messaging, limits, settings.trusted_proxies)
    lines = AccessLog(access_log)
    table = Table(Endpoint(route, services[interface]) for interface, routes in AUTH + MESSAGING for route in routes)
    own: dict[str, Page] = {}
    client = StaticFiles(CLIENT)
    gateway = Gateway(table, own, identity, key_ring, limits, client, metrics, lines, sockets)
    metrics.gauge("kaif_sockets", "Connected devices.", lambda: hub.readers_count)
    metrics.gauge("kaif_access_log_dropped_lines", "Lines that could not be written.", lambda: lines.dropped)
    own.update(_own_pages(settings, gateway, sockets, auth, metrics, mail))
    own.update(openid.pages(services[OpenId], client))
    await identity.start()
    await hub.start()
    sockets.start()
    try:
        yield gateway, sockets
    finally:
        await sockets.close()
        await hub.close()
        await identity.close()
        lines.flush()


def _own_pages(
    settings: Settings, gateway: Gateway, sockets: Sockets, auth: Auth, metrics: Metrics, mail: Mail
) -> dict[str, Page]:
    async def auth_answers() -> None:
        await auth.get_setup(NOBODY, Nothing())

    def may_read_mailbox(request: Request) -> None:
        gateway.require(request, READ_MAILBOX)

    own = {
        "/health": pages.health(),
        "/ready": pages.ready(lambda: sockets.draining, {"auth": auth_answers}),
        "/metrics": pages.metrics(metrics, settings.metrics_token),
        "/openapi.json": pages.openapi(document()),
        "/tonconnect-manifest.json": pages.ton_manifest(settings.public_url),
        "/v1/csp-reports": pages.csp_reports(),
    }
    own["/operator/mailbox"] = pages.mailbox(mail if isinstance(mail, DevMailbox) else None, may_read_mailbox)
    return own


# Processes


async def run_everything(
    settings: Settings,
    listener: socket.socket,
    access_log: Sink,
    stop: asyncio.Event,
    started: Callable[[bool], None],
) -> None:
    """`kaif up`: all of it in this process. `started` is told whether the server still has to be set up."""
    async with (
        database_of(settings) as database,
        cache_of(settings) as cache,
        auth_services(settings, database, cache) as auths,
        messaging_service(database, cache, auths[Auth]) as messaging,
        edge(settings, {**auths, Messaging: messaging}, cache, await open_mail(settings.mail_url), access_log) as (
            gateway,
            sockets,
        ),
    ):
        setup = await auths[Auth].get_setup(NOBODY, Nothing())
        await serve(gateway, sockets, listener, stop, lambda: started(setup.needed))


async def run_gateway(
    settings: Settings,
    listener: socket.socket,
    access_log: Sink,
    stop: asyncio.Event,
    started: Callable[[bool], None],
) -> None:
    """`kaif serve gateway`: the edge, with the services elsewhere."""
    secret = _internal_secret(settings)
    async with (
        cache_of(settings) as cache,
        _calling(settings.auth_addresses, "KAIF_AUTH", secret) as auths,
        _calling(settings.messaging_addresses, "KAIF_MESSAGING", secret) as messagings,
        edge(
            settings,
            {interface: auths.remote(interface) for interface, _ in AUTH}
            | {interface: messagings.remote(interface) for interface, _ in MESSAGING},
            cache,
            await open_mail(settings.mail_url),
            access_log,
        ) as (gateway, sockets),
    ):
        await serve(gateway, sockets, listener, stop, lambda: started(False))


async def run_auth(settings: Settings, stop: asyncio.Event, started: Callable[[bool], None]) -> None:
    """`kaif serve auth`: the service behind an internal port."""
    async with (
        database_of(settings) as database,
        cache_of(settings) as cache,
        auth_services(settings, database, cache) as services,
    ):
        setup = await services[Auth].get_setup(NOBODY, Nothing())
        await _expose(settings, services, stop, lambda: started(setup.needed))


async def run_messaging(settings: Settings, stop: asyncio.Event, started: Callable[[bool], None]) -> None:
    """`kaif serve messaging`: the service behind an internal port, beside others of its kind."""
    secret = _internal_secret(settings)
    async with (
        database_of(settings) as database,
        cache_of(settings) as cache,
        _calling(settings.auth_addresses, "KAIF_AUTH", secret) as auths,
        messaging_service(database, cache, auths.remote(Auth)) as messaging,
    ):
        await _expose(settings, {Messaging: messaging}, stop, lambda: started(False))


async def _expose(settings: Settings, services: Services, stop: asyncio.Event, started: Callable[[], None]) -> None:
    listener = Listener(_internal_secret(settings))
    for interface, service in services.items():
        listener.expose(interface, service)
    await listener.start(settings.host, settings.port)
    started()
    await stop.wait()
    await listener.close()


@asynccontextmanager
async def _calling(addresses: list[tuple[str, int]], variable: str, secret: bytes) -> AsyncIterator[Caller]:
    if not addresses:
        raise Misconfigured(f"{variable} must name where that service listens, such as 127.0.0.1:9001.")
    caller = Caller(addresses, secret)
    await caller.start(PATIENCE_S)
    try:
        yield caller
    finally:
        await caller.close()


def _internal_secret(settings: Settings) -> bytes:
    if len(settings.internal_secret) < 32:
        raise Misconfigured("KAIF_INTERNAL_SECRET must be the same 32 or more characters in every process.")
    return settings.internal_secret.encode()
