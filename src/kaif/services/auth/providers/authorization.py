"""A sign-in elsewhere as both sides see it: what is asked, what comes back, and what is made of it. Free of I/O."""

import contextlib
import hmac
import re
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from kaif.interfaces.auth import Email, Username
from kaif.interfaces.auth.identities import ServiceAnswerInvalid, ServiceRefused
from kaif.interfaces.auth.providers import Preset, ProviderId, ProviderKind
from kaif.kernel.base64url import base64url
from kaif.kernel.text import clean_name
from kaif.services.auth.oauth.pkce import challenge_of

SUBJECT_CHARS_MAX = 255
LABEL_CHARS_MAX = 254
DISPLAY_NAME_CHARS_MAX = 64
USERNAME_CHARS_MAX = 32

PRESETS = [
    Preset("google", "Google", "https://accounts.google.com"),
    Preset("github", "GitHub", "https://github.com"),
    Preset("vk", "VK ID", "https://id.vk.com"),
    Preset("oidc", "", ""),
]

_ERROR_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class StoredProvider(msgspec.Struct, frozen=True):
    """A row of auth_providers."""

    id: ProviderId
    kind: ProviderKind
    name: str
    issuer: str
    client_id: str
    sealed_secret: str
    enabled: int
    created_at_us: int


class Asked(msgspec.Struct, frozen=True):
    """Of one sign-in. The verifier and the nonce are known to us alone until they are used."""

    redirect_uri: str
    state: str
    nonce: str
    verifier: str

    @property
    def code_challenge(self) -> str:
        return challenge_of(self.verifier)

    def url(self, endpoint: str, client_id: str, scope: str, **more: str) -> str:
        """RFC 6749, 4.1.1. What the endpoint's own query says stays."""
        parts = urlsplit(endpoint)
        query = {
            **dict(parse_qsl(parts.query)),
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": self.redirect_uri,
            "scope": scope,
            "state": self.state,
            "code_challenge": self.code_challenge,
            "code_challenge_method": "S256",
            **more,
        }
        return urlunsplit(parts._replace(query=urlencode(query)))


class Returned(msgspec.Struct, frozen=True):
    """What the browser brought back."""

    code: str
    iss: str
    device_id: str


class Profile(msgspec.Struct, frozen=True):
    """Who somebody is elsewhere; only the subject is sure to be there, and only it identifies them."""

    subject: str
    username: str = ""
    display_name: str = ""
    email: str = ""
    email_verified: bool = False

    @property
    def label(self) -> str:
        return (self.email or self.username or self.display_name or self.subject)[:LABEL_CHARS_MAX]


def asked(key: bytes, state: str, redirect_uri: str) -> Asked:
    """The same again for the same state: what has to stay secret follows from it by the key."""
    return Asked(redirect_uri, state, _derived(key, "nonce", state), _derived(key, "code verifier", state))


def profile(subject: object, *, username: object, display_name: object, email: object, verified: object) -> Profile:
    """What a provider says of somebody, without what can't stand here. Raises ServiceAnswerInvalid."""
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_CHARS_MAX or not subject.isprintable():
        raise ServiceAnswerInvalid(reason="subject")
    address = _email(email)
    return Profile(
        subject,
        _username(username, address),
        _display_name(display_name),
        address,
        # Only the word itself: "true" in quotes is no statement of OpenID Connect's.
        bool(address) and verified is True,
    )


def _email(given: object) -> str:
    try:
        return msgspec.convert(given, Email).lower()
    except msgspec.ValidationError:
        return ""


def _username(given: object, email: str) -> str:
    """A suggestion; some say an address here."""
    for words in (given, email):
        kept = re.sub(r"[^A-Za-z0-9._-]", "", words.partition("@")[0] if isinstance(words, str) else "")
        with contextlib.suppress(msgspec.ValidationError):
            return msgspec.convert(kept.lstrip("._-")[:USERNAME_CHARS_MAX].lower(), Username)
    return ""


def _display_name(given: object) -> str:
    name = clean_name(given) if isinstance(given, str) else None
    return name if name and len(name) <= DISPLAY_NAME_CHARS_MAX else ""


def answered_elsewhere(provider: StoredProvider, returned: Returned) -> bool:
    """RFC 9207, for services that do not promise to say who answers: if one says so, it is at the same host."""
    try:
        return bool(returned.iss) and urlsplit(returned.iss).hostname != urlsplit(provider.issuer).hostname
    except ValueError:
        return True


def refused(error: object) -> ServiceRefused:
    """With the provider's code, if it has the form of one."""
    code = error if isinstance(error, str) and _ERROR_CODE.fullmatch(error) else "unknown"
    return ServiceRefused(reason=code)


# Addresses


def preset(kind: ProviderKind) -> Preset:
    return next(each for each in PRESETS if each.kind == kind)


def is_acceptable(url: object, *, near: bool) -> bool:
    """Over TLS; without it on this machine alone, and that only where `near` says so."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or port == 0 or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and near and _is_here(host))


def is_issuer(url: str) -> bool:
    """OpenID Connect Discovery 1.0, 3: no query, no fragment."""
    return is_acceptable(url, near=True) and "?" not in url and "#" not in url


def is_near(url: str) -> bool:
    """On this machine, so that its parts may be, too. An issuer elsewhere must not lead us to our own ports."""
    return urlsplit(url).scheme == "http"


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _derived(key: bytes, purpose: str, state: str) -> str:
    return base64url(hmac.digest(key, f"{purpose} of {state}".encode(), "sha256"))
