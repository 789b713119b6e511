"""The HTTP surface of auth."""

from kaif.interfaces.auth import SIGN_IN, Auth
from kaif.interfaces.auth.accounts import Accounts
from kaif.interfaces.auth.api_keys import READ_PEOPLE, READ_PROFILE, ApiKeys
from kaif.interfaces.auth.applications import Applications
from kaif.interfaces.auth.audit import Audit
from kaif.interfaces.auth.avatars import Avatars
from kaif.interfaces.auth.bots import Bots
from kaif.interfaces.auth.captcha import Captchas
from kaif.interfaces.auth.digest_letters import DECLINE, DigestLetters
from kaif.interfaces.auth.directory import Directory
from kaif.interfaces.auth.factors import SecondFactors
from kaif.interfaces.auth.identities import Identities
from kaif.interfaces.auth.invitations import Invitations
from kaif.interfaces.auth.openid import Authorizations, OpenId
from kaif.interfaces.auth.own_data import OwnData
from kaif.interfaces.auth.parked_events import ParkedEvents
from kaif.interfaces.auth.passkeys import Passkeys
from kaif.interfaces.auth.providers import Providers
from kaif.interfaces.auth.required_factors import FactorRequirement
from kaif.interfaces.auth.roles import (
    MANAGE_APPLICATIONS,
    MANAGE_EVENTS,
    MANAGE_INVITATIONS,
    MANAGE_PEOPLE,
    MANAGE_PROVIDERS,
    MANAGE_ROLES,
    READ_AUDIT,
    Roles,
)
from kaif.interfaces.auth.sessions import Sessions
from kaif.interfaces.auth.staff import Staff
from kaif.interfaces.auth.wallets import Wallets
from kaif.kernel.actor import Scope
from kaif.kernel.http import Route, delete, get, post
from kaif.kernel.limits import Limit

# Making accounts by the thousand is what this stops, as SIGN_IN stops guessing.
SIGN_UP = Limit("sign_up", per_minute=20, burst=40)
# Each of these sends a letter to somebody, perhaps to somebody who did not ask for it.
LETTERS = Limit("letters", per_minute=1, burst=5)
FORGOT = Limit("forgot_password", per_minute=5, burst=10)
LINKS = Limit("letter_links", per_minute=20, burst=20)
# A page that lets people sign in asks for a challenge each time it is opened, and every few minutes again.
PASSKEY = Limit("passkey", per_minute=60, burst=60)
# Invitations, resets, confirmations: letters to people who may not have asked; after a leak there are many at once.
OPERATORS_LETTERS = Limit("operators_letters", per_minute=20, burst=40)
# Each time somebody is sent here the page asks a few times, signed in or not.
AUTHORIZATION = Limit("authorization", per_minute=60, burst=60)
# Who begins sends their browser away, and rarely comes back to begin again.
SERVICE = Limit("sign_in_service", per_minute=20, burst=20)
# Each asks a server elsewhere.
PROVIDERS = Limit("providers", per_minute=30, burst=30)
# All that there is of somebody, up to ten thousand entries of the log.
OWN_DATA = Limit("own_data", per_minute=1, burst=5)
SEARCH = Limit("search", per_minute=120, burst=60)
# A page asks for one each time that somebody chooses a wallet.
WALLET = Limit("wallet", per_minute=60, burst=60)
# Everyone who sees the person asks for each.
PICTURE = Limit("picture", per_minute=20, burst=20)
# Everyone who is with the person in a chat is told at once.
NAME = Limit("name", per_minute=20, burst=20)
# Names that nobody else can have afterwards.
MAKE_BOT = Limit("make_bot", per_minute=10, burst=20)
# Each sends a letter.
MAKE_KEY = Limit("make_api_key", per_minute=5, burst=20)

# Those with `before_enrolment` are what it takes to set up a second factor, to say who one is, and to leave.
ROUTES = [
    get("/v1/auth/setup", Auth.get_setup, public=True),
    post("/v1/auth/setup", Auth.set_up, status=201, public=True, limit=SIGN_IN, wants_origin=True),
    post("/v1/auth/register", Auth.register, status=201, public=True, limit=SIGN_UP, wants_origin=True),
    post("/v1/auth/login", Auth.log_in, public=True, limit=SIGN_IN, wants_origin=True),
    post("/v1/auth/refresh", Auth.refresh, public=True),
    post("/v1/auth/logout", Auth.log_out, status=204, public=True),
    get("/v1/auth/me", Auth.get_me, scope=READ_PROFILE, before_enrolment=True),
    get("/v1/auth/people", Auth.find_people, limit=SEARCH, scope=READ_PEOPLE),
    get("/v1/auth/people/{user_id}", Auth.get_person, scope=READ_PEOPLE),
    get("/.well-known/jwks.json", Auth.get_keys, public=True),
]

ACCOUNTS_ROUTES = [
    post("/v1/auth/email/confirm", Accounts.confirm_email, public=True, limit=LINKS),
    post("/v1/auth/email/consider", Accounts.consider_email, public=True, limit=LINKS),
    post("/v1/auth/email/disown", Accounts.disown_email, status=204, public=True, limit=LINKS),
    post("/v1/auth/email/confirmation", Accounts.resend_confirmation, status=204, limit=LETTERS),
    post("/v1/auth/email", Accounts.change_email, status=204, limit=LETTERS, wants_origin=True),
    post("/v1/auth/password/forgot", Accounts.forget_password, status=204, public=True, limit=FORGOT),
    post("/v1/auth/password/reset", Accounts.reset_password, status=204, public=True, limit=LINKS, wants_origin=True),
    post("/v1/auth/password", Accounts.change_password, status=204, limit=SIGN_IN, wants_origin=True),
    post("/v1/auth/display-name", Accounts.change_display_name, limit=NAME),
    post("/v1/auth/avatar-colour", Accounts.change_avatar_colour, limit=NAME),
    post("/v1/auth/language", Accounts.change_language, before_enrolment=True),
    post("/v1/auth/account/delete", Accounts.delete_account, limit=SIGN_IN, before_enrolment=True, wants_origin=True),
]

AVATARS_ROUTES = [
    post("/v1/auth/avatar", Avatars.set_avatar, limit=PICTURE),
    delete("/v1/auth/avatar", Avatars.remove_avatar),
    post("/v1/auth/bots/{bot_id}/avatar", Avatars.set_bot_avatar, limit=PICTURE),
    delete("/v1/auth/bots/{bot_id}/avatar", Avatars.remove_bot_avatar),
    delete(
        "/v1/auth/accounts/{user_id}/avatar",
        Avatars.take_avatar,
        needs=MANAGE_PEOPLE,
        wants_origin=True,
    ),
]

CAPTCHA_ROUTES = [get("/v1/auth/captcha", Captchas.get_captcha, public=True)]

OWN_DATA_ROUTES = [
    get("/v1/auth/own-data", OwnData.export_own_data, limit=OWN_DATA),
    get("/v1/auth/erasures/{erasure_id}", OwnData.get_erasure, public=True),
]

SESSIONS_ROUTES = [
    get("/v1/auth/sessions", Sessions.list_sessions, before_enrolment=True),
    delete("/v1/auth/sessions", Sessions.end_other_sessions, before_enrolment=True),
    delete("/v1/auth/sessions/{session_id}", Sessions.end_session, before_enrolment=True),
    post(
        "/v1/auth/people/{user_id}/suspend",
        Sessions.suspend,
        status=204,
        needs=MANAGE_PEOPLE,
        wants_origin=True,
        scope=Scope(MANAGE_PEOPLE),
    ),
    post(
        "/v1/auth/people/{user_id}/restore",
        Sessions.restore,
        status=204,
        needs=MANAGE_PEOPLE,
        wants_origin=True,
        scope=Scope(MANAGE_PEOPLE),
    ),
]

ROLES_ROUTES = [
    get("/v1/auth/roles", Roles.list_roles, needs=MANAGE_ROLES),
    post("/v1/auth/roles", Roles.define_role, needs=MANAGE_ROLES, wants_origin=True),
    delete("/v1/auth/roles/{name}", Roles.drop_role, needs=MANAGE_ROLES, wants_origin=True),
    post("/v1/auth/people/{user_id}/roles", Roles.grant_role, needs=MANAGE_ROLES, wants_origin=True),
    delete("/v1/auth/people/{user_id}/roles/{role}", Roles.revoke_role, needs=MANAGE_ROLES, wants_origin=True),
]

REQUIRED_FACTORS_ROUTES = [
    get("/v1/auth/required-factors", FactorRequirement.get_required_factors, needs=MANAGE_ROLES),
    post("/v1/auth/required-factors", FactorRequirement.require_factors, needs=MANAGE_ROLES, wants_origin=True),
]

AUDIT_ROUTES = [get("/v1/auth/audit", Audit.list_audit, needs=READ_AUDIT, scope=Scope(READ_AUDIT))]

INVITATIONS_ROUTES = [
    get("/v1/auth/registration", Invitations.get_registration, public=True),
    post("/v1/auth/registration", Invitations.set_registration, needs=MANAGE_INVITATIONS, wants_origin=True),
    post("/v1/auth/invitations/look", Invitations.look_at_invitation, public=True, limit=LINKS),
    get("/v1/auth/invitations", Invitations.list_invitations, needs=MANAGE_INVITATIONS),
    post(
        "/v1/auth/invitations",
        Invitations.invite,
        status=201,
        needs=MANAGE_INVITATIONS,
        limit=OPERATORS_LETTERS,
        wants_origin=True,
    ),
    delete(
        "/v1/auth/invitations/{invitation_id}",
        Invitations.revoke_invitation,
        needs=MANAGE_INVITATIONS,
        wants_origin=True,
    ),
]

DIRECTORY_ROUTES = [
    get("/v1/auth/accounts", Directory.find_accounts, needs=MANAGE_PEOPLE, limit=SEARCH),
    get("/v1/auth/accounts/{user_id}", Directory.get_account, needs=MANAGE_PEOPLE),
    delete("/v1/auth/accounts/{user_id}/sessions", Directory.take_sessions, needs=MANAGE_PEOPLE, wants_origin=True),
    delete(
        "/v1/auth/accounts/{user_id}/api-keys/{key_id}", Directory.take_api_key, needs=MANAGE_PEOPLE, wants_origin=True
    ),
    post(
        "/v1/auth/accounts/{user_id}/reset",
        Directory.force_reset,
        status=204,
        needs=MANAGE_PEOPLE,
        limit=OPERATORS_LETTERS,
        wants_origin=True,
    ),
    post(
        "/v1/auth/accounts/{user_id}/confirmation",
        Directory.send_confirmation,
        status=204,
        needs=MANAGE_PEOPLE,
        limit=OPERATORS_LETTERS,
        wants_origin=True,
    ),
    delete(
        "/v1/auth/accounts/{user_id}/second-factors",
        Directory.take_second_factors,
        needs=MANAGE_PEOPLE,
        wants_origin=True,
    ),
]

PARKED_EVENTS_ROUTES = [
    get("/v1/auth/parked-events", ParkedEvents.list_parked_events, needs=MANAGE_EVENTS),
    post(
        "/v1/auth/parked-events/retry",
        ParkedEvents.retry_parked_event,
        status=204,
        needs=MANAGE_EVENTS,
        wants_origin=True,
    ),
    post(
        "/v1/auth/parked-events/drop",
        ParkedEvents.drop_parked_event,
        status=204,
        needs=MANAGE_EVENTS,
        wants_origin=True,
    ),
]

SECOND_FACTOR_ROUTES = [
    get("/v1/auth/second-factors", SecondFactors.get_second_factors, before_enrolment=True),
    post("/v1/auth/totp", SecondFactors.begin_totp, limit=SIGN_IN, before_enrolment=True),
    post("/v1/auth/totp/confirm", SecondFactors.confirm_totp, limit=SIGN_IN, before_enrolment=True),
    post("/v1/auth/totp/remove", SecondFactors.remove_totp, status=204, limit=SIGN_IN),
    post("/v1/auth/recovery-codes", SecondFactors.renew_recovery_codes, limit=SIGN_IN),
    post(
        "/v1/auth/login/second-factor",
        SecondFactors.log_in_with_second_factor,
        public=True,
        limit=SIGN_IN,
        wants_origin=True,
    ),
    post(
        "/v1/auth/step-up", SecondFactors.step_up, status=204, limit=SIGN_IN, before_enrolment=True, wants_origin=True
    ),
]

PASSKEYS_ROUTES = [
    get("/v1/auth/passkeys", Passkeys.get_passkeys, before_enrolment=True),
    post("/v1/auth/passkeys/begin", Passkeys.begin_passkey, limit=PASSKEY, before_enrolment=True),
    post("/v1/auth/passkeys", Passkeys.add_passkey, status=201, limit=PASSKEY, before_enrolment=True),
    post("/v1/auth/passkeys/{passkey_id}/name", Passkeys.rename_passkey),
    delete("/v1/auth/passkeys/{passkey_id}", Passkeys.remove_passkey),
    post("/v1/auth/passkeys/sign-in/begin", Passkeys.begin_passkey_sign_in, public=True, limit=PASSKEY),
    post("/v1/auth/passkeys/sign-in", Passkeys.sign_in_with_passkey, public=True, limit=SIGN_IN, wants_origin=True),
    post("/v1/auth/passkeys/second-step/begin", Passkeys.begin_passkey_second_step, public=True, limit=PASSKEY),
    post("/v1/auth/passkeys/step-up/begin", Passkeys.begin_passkey_step_up, limit=PASSKEY),
]

APPLICATIONS_ROUTES = [
    get("/v1/auth/applications", Applications.list_applications, needs=MANAGE_APPLICATIONS),
    post("/v1/auth/applications", Applications.add_application, status=201, needs=MANAGE_APPLICATIONS),
    post("/v1/auth/applications/{application_id}", Applications.change_application, needs=MANAGE_APPLICATIONS),
    post("/v1/auth/applications/{application_id}/secret", Applications.renew_secret, needs=MANAGE_APPLICATIONS),
    delete("/v1/auth/applications/{application_id}", Applications.remove_application, needs=MANAGE_APPLICATIONS),
    get("/v1/auth/signing-keys", Applications.list_signing_keys, needs=MANAGE_APPLICATIONS),
    post("/v1/auth/signing-keys/rotate", Applications.rotate_signing_keys, needs=MANAGE_APPLICATIONS, limit=SIGN_IN),
]

AUTHORIZATIONS_ROUTES = [
    post(
        "/v1/auth/authorizations/consider",
        Authorizations.consider_authorization,
        public=True,
        limit=AUTHORIZATION,
        wants_origin=True,
    ),
    post("/v1/auth/authorizations/allow", Authorizations.allow_authorization, limit=AUTHORIZATION, wants_origin=True),
    post("/v1/auth/authorizations/refuse", Authorizations.refuse_authorization, public=True, limit=AUTHORIZATION),
    get("/v1/auth/allowed-applications", Authorizations.list_allowed_applications),
    delete("/v1/auth/allowed-applications/{application_id}", Authorizations.end_access),
]

API_KEYS_ROUTES = [
    get("/v1/auth/api-keys", ApiKeys.list_api_keys),
    post("/v1/auth/api-keys", ApiKeys.make_api_key, status=201, limit=MAKE_KEY, wants_origin=True),
    delete("/v1/auth/api-keys/{key_id}", ApiKeys.revoke_api_key),
]

_BOT = "/v1/auth/bots/{bot_id}"

BOTS_ROUTES = [
    get("/v1/auth/bots", Bots.list_bots),
    post("/v1/auth/bots", Bots.make_bot, status=201, limit=MAKE_BOT, wants_origin=True),
    post(f"{_BOT}/name", Bots.rename_bot, limit=MAKE_BOT),
    post(f"{_BOT}/key", Bots.renew_bot_key, limit=MAKE_BOT, wants_origin=True),
    post(f"{_BOT}/key/revoke", Bots.revoke_bot_key, wants_origin=True),
    delete(_BOT, Bots.delete_bot, wants_origin=True),
]

WALLETS_ROUTES = [
    post("/v1/auth/wallets/sign-in/begin", Wallets.begin_wallet_sign_in, public=True, limit=WALLET),
    post("/v1/auth/wallets/sign-in", Wallets.sign_in_by_wallet, public=True, limit=SIGN_IN, wants_origin=True),
    post(
        "/v1/auth/wallets/register",
        Wallets.register_by_wallet,
        status=201,
        public=True,
        limit=SIGN_UP,
        wants_origin=True,
    ),
    get("/v1/auth/wallets", Wallets.list_wallets),
    post("/v1/auth/wallets/link/begin", Wallets.begin_wallet_link, limit=WALLET),
    post("/v1/auth/wallets/link", Wallets.link_wallet, status=201, limit=WALLET, wants_origin=True),
    post("/v1/auth/wallets/step-up/begin", Wallets.begin_wallet_step_up, limit=WALLET, before_enrolment=True),
    delete("/v1/auth/wallets/{wallet_id}", Wallets.unlink_wallet),
]

PROVIDERS_ROUTES = [
    get("/v1/auth/providers", Providers.list_providers, needs=MANAGE_PROVIDERS),
    post("/v1/auth/providers", Providers.add_provider, status=201, needs=MANAGE_PROVIDERS, limit=PROVIDERS),
    post("/v1/auth/providers/{provider_id}", Providers.change_provider, needs=MANAGE_PROVIDERS),
    post(
        "/v1/auth/providers/{provider_id}/check",
        Providers.check_provider,
        status=204,
        needs=MANAGE_PROVIDERS,
        limit=PROVIDERS,
    ),
    delete("/v1/auth/providers/{provider_id}", Providers.remove_provider, needs=MANAGE_PROVIDERS),
]

IDENTITIES_ROUTES = [
    get("/v1/auth/services", Identities.list_services, public=True),
    post("/v1/auth/services/sign-in/begin", Identities.begin_service_sign_in, public=True, limit=SERVICE),
    post("/v1/auth/services/sign-in", Identities.sign_in_by_service, public=True, limit=SIGN_IN, wants_origin=True),
    post(
        "/v1/auth/services/register",
        Identities.register_by_service,
        status=201,
        public=True,
        limit=SIGN_UP,
        wants_origin=True,
    ),
    get("/v1/auth/identities", Identities.list_identities, before_enrolment=True),
    post("/v1/auth/identities/begin", Identities.begin_link, limit=SERVICE),
    post("/v1/auth/identities", Identities.link_identity, status=201, limit=SIGN_IN, wants_origin=True),
    delete("/v1/auth/identities/{identity_id}", Identities.unlink_identity),
    post("/v1/auth/services/step-up/begin", Identities.begin_service_step_up, limit=SERVICE, before_enrolment=True),
    post(
        "/v1/auth/services/step-up",
        Identities.prove_by_service,
        limit=SIGN_IN,
        wants_origin=True,
        before_enrolment=True,
    ),
]

DIGEST_LETTERS_ROUTES = [
    post("/v1/auth/digests/decline", DigestLetters.decline_digests, status=204, public=True, limit=DECLINE),
]

# The interfaces of auth, and the routes on which the world reaches them.
SURFACE: list[tuple[type, list[Route]]] = [
    (Auth, ROUTES),
    (Accounts, ACCOUNTS_ROUTES),
    (Avatars, AVATARS_ROUTES),
    (OwnData, OWN_DATA_ROUTES),
    (Captchas, CAPTCHA_ROUTES),
    (Sessions, SESSIONS_ROUTES),
    (SecondFactors, SECOND_FACTOR_ROUTES),
    (Passkeys, PASSKEYS_ROUTES),
    (Providers, PROVIDERS_ROUTES),
    (Identities, IDENTITIES_ROUTES),
    (Roles, ROLES_ROUTES),
    (FactorRequirement, REQUIRED_FACTORS_ROUTES),
    (Audit, AUDIT_ROUTES),
    (Invitations, INVITATIONS_ROUTES),
    (Directory, DIRECTORY_ROUTES),
    (ParkedEvents, PARKED_EVENTS_ROUTES),
    (Applications, APPLICATIONS_ROUTES),
    (Authorizations, AUTHORIZATIONS_ROUTES),
    # The gateway has pages for it: it speaks another wire than routes do.
    (OpenId, []),
    (ApiKeys, API_KEYS_ROUTES),
    (Bots, BOTS_ROUTES),
    (Wallets, WALLETS_ROUTES),
    (DigestLetters, DIGEST_LETTERS_ROUTES),
    # For other services alone.
    (Staff, []),
]
