"""Auth, wired top to bottom: what its services share, the services, and the reactions beside them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from kaif.app.anchors import Anchors, anchoring
from kaif.app.settings import Misconfigured, Settings
from kaif.app.surface import BOT_SCOPES, SCOPES, Services
from kaif.engines.bus import Bus
from kaif.engines.bus.outbox import OutboxBus
from kaif.engines.cache import Cache
from kaif.engines.database import Database
from kaif.engines.mail import Mail, open_mail
from kaif.engines.places import Places, open_places
from kaif.engines.web import Web
from kaif.engines.web.client import HttpxWeb
from kaif.interfaces.auth import Auth
from kaif.interfaces.auth.accounts import Accounts, LetterDue, LetterPostponed, PasswordForgotten
from kaif.interfaces.auth.api_keys import ApiKeys
from kaif.interfaces.auth.applications import Applications
from kaif.interfaces.auth.audit import Audit
from kaif.interfaces.auth.avatars import AvatarLeft, Avatars
from kaif.interfaces.auth.bots import Bots
from kaif.interfaces.auth.captcha import Captchas
from kaif.interfaces.auth.digest_letters import DigestLetters
from kaif.interfaces.auth.directory import Directory
from kaif.interfaces.auth.factors import SecondFactors
from kaif.interfaces.auth.identities import Identities
from kaif.interfaces.auth.invitations import Invitations
from kaif.interfaces.auth.openid import Authorizations, OpenId
from kaif.interfaces.auth.own_data import OwnData
from kaif.interfaces.auth.parked_events import ParkedEvents
from kaif.interfaces.auth.passkeys import Passkeys
from kaif.interfaces.auth.providers import ProviderKind, Providers
from kaif.interfaces.auth.required_factors import FactorRequirement
from kaif.interfaces.auth.roles import Roles
from kaif.interfaces.auth.sessions import Sessions
from kaif.interfaces.auth.staff import Staff
from kaif.interfaces.auth.wallets import Wallets
from kaif.interfaces.media.purges import CdnPurgesRetried
from kaif.interfaces.media.quotas import QuotaChanged
from kaif.interfaces.media.work import MediaJobDecided
from kaif.interfaces.messaging.pictures import ChatPictureTaken
from kaif.interfaces.messaging.purging import PersonPurged
from kaif.interfaces.messaging.reports import ReportDecided
from kaif.interfaces.messaging.suspension import ChatRestored
from kaif.interfaces.personal_data import DataErased
from kaif.kernel.clock import Clock, now_us
from kaif.kernel.sealing import Sealer
from kaif.services import auth
from kaif.services.auth.accounts.avatars import AvatarsService, HoldsPictures, NoPictures
from kaif.services.auth.accounts.own_data import OwnDataService
from kaif.services.auth.accounts.registration import Registration
from kaif.services.auth.accounts.service import AccountsService
from kaif.services.auth.api_keys.service import ApiKeysService
from kaif.services.auth.audit.decisions import AuditedDecisions
from kaif.services.auth.audit.log import AuditLog, AuditService
from kaif.services.auth.bots.service import BotsService
from kaif.services.auth.defences.captcha import Captcha
from kaif.services.auth.defences.sign_in_guard import SignInGuard
from kaif.services.auth.factors.codes import Codes
from kaif.services.auth.factors.requirement import FactorRequirementService
from kaif.services.auth.factors.service import SecondFactorsService
from kaif.services.auth.factors.step_ups import StepUps
from kaif.services.auth.invitations.admission import Admission
from kaif.services.auth.invitations.service import InvitationsService
from kaif.services.auth.letters.digests import DigestLettersService
from kaif.services.auth.letters.writing import Letters
from kaif.services.auth.openid.applications import ApplicationsService
from kaif.services.auth.openid.authorizations import AuthorizationsService
from kaif.services.auth.openid.service import OpenIdService
from kaif.services.auth.openid.signing_keys import SigningKeys
from kaif.services.auth.operating.directory import DirectoryService
from kaif.services.auth.operating.parked_events import ParkedEventsService
from kaif.services.auth.passkeys.assertions import Assertions
from kaif.services.auth.passkeys.relying_party import relying_party_at
from kaif.services.auth.passkeys.service import PasskeysService
from kaif.services.auth.passwords.breached import BreachedPasswords
from kaif.services.auth.passwords.hashing import GREATEST_COST, LEAST_COST, HashCost, Passwords
from kaif.services.auth.passwords.proofs import PasswordProofs
from kaif.services.auth.passwords.sign_in import PasswordSignIn
from kaif.services.auth.providers.asking import SignInClient
from kaif.services.auth.providers.github import GitHub
from kaif.services.auth.providers.identities import IdentitiesService
from kaif.services.auth.providers.issuers import Issuers
from kaif.services.auth.providers.service import ProvidersService
from kaif.services.auth.providers.vk import VkId
from kaif.services.auth.reactions import LETTERS, POSTPONED, Reactions
from kaif.services.auth.roles.service import RolesService
from kaif.services.auth.roles.staff import StaffService
from kaif.services.auth.service import AuthService
from kaif.services.auth.sessions.entrance import Entrance
from kaif.services.auth.sessions.issuing import TokenIssuer
from kaif.services.auth.sessions.renewal import Renewal
from kaif.services.auth.sessions.service import SessionsService
from kaif.services.auth.tokens import Signer
from kaif.services.auth.wallets.proofs import WalletProofs
from kaif.services.auth.wallets.service import WalletsService

MIGRATIONS = Path(auth.__file__).parent / "migrations"
# The page of the client to which sign-in services send people back.
SIGN_IN_CALLBACK = "/sign-in/callback"


@asynccontextmanager
async def auth_services(
    settings: Settings,
    database: Database,
    cache: Cache,
    clock: Clock = now_us,
    *,
    pictures: HoldsPictures | None = None,
    hash_cost: HashCost | None = None,
) -> AsyncIterator[Services]:
    """Without `pictures` nobody has one. Without `hash_cost` a guess at a password costs what the settings say."""
    await database.migrate("auth", MIGRATIONS)
    passwords = Passwords(_breached_passwords(settings), hash_cost or _hash_cost(settings))
    signer, web = signer_of(settings.signing_key), HttpxWeb()
    places = _places(settings)
    audit = AuditLog(settings.audit_key, clock)
    avatars = AvatarsService(database, pictures or NoPictures(), audit, clock)
    mail, letters = await open_mail(settings.mail_url), Letters(settings.public_url, signer)
    try:
        async with (
            _reacting(settings, database, mail, letters, signer, avatars, clock),
            anchoring(database, Anchors(settings.audit_anchors)),
        ):
            door = _door(settings, database, cache, passwords, signer, places, audit, clock)
            yield (
                _people(settings, database, cache, passwords, signer, places, door, audit, clock)
                | _sign_in_services(settings, database, web, signer, audit, clock, door)
                | _openid_provider(settings, database, signer, audit, clock)
                | _operating(database, cache, places, audit, clock)
                | _writing(settings, database, mail, letters, signer, clock)
                | {Avatars: avatars}
            )
    finally:
        await web.close()
        places.close()
        passwords.close()


class Door(NamedTuple):
    """By which people come in, whatever proves who they are."""

    captcha: Captcha
    admission: Admission
    guard: SignInGuard
    issuer: TokenIssuer
    entrance: Entrance
    registration: Registration


def _door(
    settings: Settings,
    database: Database,
    cache: Cache,
    passwords: Passwords,
    signer: Signer,
    places: Places,
    audit: AuditLog,
    clock: Clock,
) -> Door:
    captcha = Captcha(wanted=settings.captcha, key=signer.key_for("puzzles"), cache=cache)
    admission = Admission(database, signer, clock)
    issuer = TokenIssuer(database, signer)
    guard = SignInGuard(database, signer.key_for("attempts"), captcha, audit, clock)
    entrance = Entrance(database, cache, issuer, places, audit, clock)
    registration = Registration(
        database,
        passwords,
        captcha,
        admission,
        entrance,
        audit,
        clock,
        setup_code=settings.setup_code,
        welcome_key=signer.key_for("welcomes"),
    )
    return Door(captcha, admission, guard, issuer, entrance, registration)


def _people(
    settings: Settings,
    database: Database,
    cache: Cache,
    passwords: Passwords,
    signer: Signer,
    places: Places,
    door: Door,
    audit: AuditLog,
    clock: Clock,
) -> Services:
    """Their accounts, the ways in that are our own, and what they do with both."""
    party, enter, open_session = relying_party_at(settings.public_url), door.entrance.enter, door.entrance.open_session
    assertions, proofs, codes = Assertions(party, audit), WalletProofs(settings.public_url), Codes(signer)
    again = PasswordProofs(database, passwords, audit, clock)
    sign_in = PasswordSignIn(database, passwords, door.guard, audit, enter)
    renewal = Renewal(database, cache, door.issuer, audit, clock)
    step_ups = StepUps(database, again, codes, assertions, proofs, audit, clock)
    return {
        Auth: AuthService(database, door.registration, sign_in, renewal, signer.public_keys, clock),
        Accounts: AccountsService(database, cache, passwords, again, signer, door.captcha, audit, clock),
        OwnData: OwnDataService(database, clock),
        Captchas: door.captcha,
        Sessions: SessionsService(database, cache, places, audit, clock),
        SecondFactors: SecondFactorsService(database, cache, codes, assertions, step_ups, audit, clock, open_session),
        Passkeys: PasskeysService(database, cache, party, assertions, audit, clock, open_session),
        Wallets: WalletsService(database, proofs, audit, clock, enter, door.registration.register_on_claim),
        ApiKeys: ApiKeysService(database, cache, signer, audit, clock, SCOPES),
        Bots: BotsService(database, cache, audit, clock, BOT_SCOPES),
        Invitations: InvitationsService(database, signer, door.admission, audit, clock),
    }


def _sign_in_services(
    settings: Settings,
    database: Database,
    web: Web,
    signer: Signer,
    audit: AuditLog,
    clock: Clock,
    door: Door,
) -> Services:
    """Other people's services, by which ours sign in."""
    redirect_uri = f"{settings.public_url}{SIGN_IN_CALLBACK}"
    issuers, sealer = Issuers(web, clock), Sealer(signer.key_for("secrets of sign-in services"))
    clients: dict[ProviderKind, SignInClient] = {
        "oidc": issuers,
        "google": issuers,
        "github": GitHub(web),
        "vk": VkId(web),
    }
    return {
        Providers: ProvidersService(database, issuers, sealer, audit, clock, redirect_uri),
        Identities: IdentitiesService(
            database,
            clients,
            sealer,
            signer.key_for("sign-ins elsewhere"),
            audit,
            clock,
            redirect_uri,
            door.entrance.enter,
            door.registration.register_on_claim,
        ),
    }


def _openid_provider(settings: Settings, database: Database, signer: Signer, audit: AuditLog, clock: Clock) -> Services:
    """Ours, by which people sign in to other people's applications."""
    keys, issuer = SigningKeys(database, Sealer(signer.key_for("keys of ID tokens")), clock), settings.public_url
    return {
        Applications: ApplicationsService(database, keys, audit, clock),
        Authorizations: AuthorizationsService(database, signer, keys, audit, clock, issuer),
        OpenId: OpenIdService(database, signer, keys, audit, clock, issuer),
    }


def _operating(database: Database, cache: Cache, places: Places, audit: AuditLog, clock: Clock) -> Services:
    return {
        Staff: StaffService(database),
        Roles: RolesService(database, cache, audit, clock),
        FactorRequirement: FactorRequirementService(database, cache, audit, clock),
        Audit: AuditService(database),
        Directory: DirectoryService(database, cache, places, audit, clock),
        ParkedEvents: ParkedEventsService(database, audit, clock),
    }


def _writing(
    settings: Settings, database: Database, mail: Mail, letters: Letters, signer: Signer, clock: Clock
) -> Services:
    """What other services have to tell people by letter."""
    key = signer.key_for("declined digests")
    return {DigestLetters: DigestLettersService(database, mail, letters, key, settings.public_url, clock)}


@asynccontextmanager
async def _reacting(
    settings: Settings,
    database: Database,
    mail: Mail,
    letters: Letters,
    signer: Signer,
    avatars: AvatarsService,
    clock: Clock,
) -> AsyncIterator[None]:
    reactions = Reactions(database, mail, letters, signer.key_for("claims of addresses"), clock)
    bus: Bus = OutboxBus(database)
    bus.subscribe("auth.letters", LetterDue, reactions.send_letter, LETTERS)
    bus.subscribe("auth.postponed_letters", LetterPostponed, reactions.send_postponed_letter, POSTPONED)
    bus.subscribe("auth.resets", PasswordForgotten, reactions.offer_reset)
    bus.subscribe("auth.avatars", AvatarLeft, avatars.let_go)
    bus.subscribe("auth.erasures", DataErased, reactions.note_erasure)
    audited = AuditedDecisions(database, AuditLog(settings.audit_key, clock))
    bus.subscribe("auth.reports", ReportDecided, audited.record_report)
    bus.subscribe("auth.chat_restored", ChatRestored, audited.record_chat_restored)
    bus.subscribe("auth.purges", PersonPurged, audited.record_purge)
    bus.subscribe("auth.chat_pictures", ChatPictureTaken, audited.record_chat_picture)
    bus.subscribe("auth.media_jobs", MediaJobDecided, audited.record_media_job)
    bus.subscribe("auth.cdn_purges", CdnPurgesRetried, audited.record_cdn_purges)
    bus.subscribe("auth.quotas", QuotaChanged, audited.record_quota)
    await bus.start()
    try:
        yield
    finally:
        await bus.close()


def _breached_passwords(settings: Settings) -> BreachedPasswords | None:
    path = settings.breached_passwords
    try:
        return BreachedPasswords(path) if path else None
    except (OSError, ValueError) as error:
        raise Misconfigured(f"KAIF_BREACHED_PASSWORDS: {path} is no list of breached passwords ({error}).") from error


def _hash_cost(settings: Settings) -> HashCost:
    cost = HashCost(settings.password_memory // 1024, settings.password_passes)
    if not (
        LEAST_COST.memory_kib <= cost.memory_kib <= GREATEST_COST.memory_kib
        and LEAST_COST.passes <= cost.passes <= GREATEST_COST.passes
    ):
        raise Misconfigured("KAIF_PASSWORD_MEMORY must be from 19M to 1G, and KAIF_PASSWORD_PASSES from 2 to 20.")
    return cost


def _places(settings: Settings) -> Places:
    try:
        return open_places(settings.geoip)
    except (OSError, ValueError) as error:
        raise Misconfigured(f"KAIF_GEOIP: {settings.geoip} is no database of places ({error}).") from error


def signer_of(signing_key: str) -> Signer:
    """Raises Misconfigured."""
    try:
        return Signer(signing_key)
    except ValueError:
        # What was read may be a secret in the wrong place, so it is not repeated.
        raise Misconfigured("The signing key is not one that `kaif keys` prints.") from None
