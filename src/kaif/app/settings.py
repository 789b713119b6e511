"""What an operator can set: options of the command line, and KAIF_* variables of the environment."""

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from kaif.gateway.addresses import Network, parse_networks

Addresses = list[tuple[str, int]]
# Of one file, and of all that somebody has.
Bytes = tuple[int, int]

MEDIA_KEYS = "media-keys"

_QUOTA = re.compile(r"([1-9]\d{0,5})([KMGT])/([1-9]\d{0,5})([KMGT])")
_SIZE = re.compile(r"([1-9]\d{0,5})([KMGT])")
_UNITS = {"K": 10, "M": 20, "G": 30, "T": 40}
_ORIGIN = re.compile(r"https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")

_PLACE = re.compile(_ORIGIN.pattern + r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


class Misconfigured(Exception):
    """Something is set wrongly, missing or in the way; the message is a sentence for the operator."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    data: Path
    host: str
    port: int
    database_url: str
    cache_url: str
    mail_url: str
    index_url: str
    public_url_given: str
    breached_passwords: Path | None
    password_memory: int
    password_passes: int
    geoip: Path | None
    captcha: bool
    setup_code: str
    limits_scale: float
    trusted_proxies: list[Network]
    metrics_token: str
    signing_key: str
    audit_key: str
    audit_anchors: Path
    internal_secret: str
    push_key: str
    push_contact: str
    push_anywhere: bool
    webhooks_anywhere: bool
    fcm_account: str
    apns_key: str
    apns_key_id: str
    apns_team_id: str
    apns_topic: str
    apns_environment: str
    link_previews: str
    auth_addresses: Addresses
    messaging_addresses: Addresses
    search_addresses: Addresses
    media_addresses: Addresses
    blobs_url: str
    media_keys_url: str
    media_work: Path
    media_pictures_max: int
    media_films: int
    straight_uploads: str
    cdn_url: str
    cdn_purge: str
    cdn_token: str
    clamd: str
    clamd_larger: bool
    media_quota: Bytes
    media_quota_more: Bytes

    @property
    def public_url(self) -> str:
        """Where people reach the server: what stands in links."""
        return self.public_url_given or self.listening_url

    @property
    def listening_url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def read_settings(data: Path, host: str, port: int, environment: Mapping[str, str] | None = None) -> Settings:
    """Raises Misconfigured."""
    env = os.environ if environment is None else environment
    settings = Settings(
        data=data,
        host=host,
        port=port,
        database_url=_url(env, "KAIF_DATABASE_URL", f"sqlite:{data / 'kaif.db'}", "sqlite postgresql postgres"),
        cache_url=_url(env, "KAIF_CACHE_URL", "memory:", "memory redis rediss"),
        mail_url=_url(env, "KAIF_MAIL_URL", f"mailbox:{data / 'mailbox'}", "mailbox smtp smtps"),
        index_url=_url(env, "KAIF_INDEX_URL", f"tantivy:{data / 'index'}", "tantivy"),
        public_url_given=_origin(env, "KAIF_PUBLIC_URL"),
        breached_passwords=_file(env, "KAIF_BREACHED_PASSWORDS"),
        password_memory=_size(env, "KAIF_PASSWORD_MEMORY", "64M"),
        password_passes=_count(env, "KAIF_PASSWORD_PASSES", 3),
        geoip=_file(env, "KAIF_GEOIP"),
        captcha=_choice(env, "KAIF_CAPTCHA", ["off", "altcha"]) == "altcha",
        setup_code=env.get("KAIF_SETUP_CODE") or secrets.token_urlsafe(18),
        limits_scale=_number(env, "KAIF_LIMITS_SCALE", "1"),
        trusted_proxies=_networks(env, "KAIF_TRUSTED_PROXIES"),
        metrics_token=_secret(env, "KAIF_METRICS_TOKEN"),
        signing_key=_secret(env, "KAIF_SIGNING_KEY"),
        audit_key=_secret(env, "KAIF_AUDIT_KEY"),
        audit_anchors=Path(env.get("KAIF_AUDIT_ANCHORS") or data / "audit" / "anchors.jsonl"),
        internal_secret=_secret(env, "KAIF_INTERNAL_SECRET"),
        push_key=_secret(env, "KAIF_PUSH_KEY"),
        push_contact=_contact(env, "KAIF_PUSH_CONTACT"),
        push_anywhere=_choice(env, "KAIF_PUSH_ADDRESSES", ["public", "any"]) == "any",
        webhooks_anywhere=_choice(env, "KAIF_WEBHOOK_ADDRESSES", ["public", "any"]) == "any",
        fcm_account=_secret(env, "KAIF_FCM_ACCOUNT"),
        apns_key=_secret(env, "KAIF_APNS_KEY"),
        apns_key_id=env.get("KAIF_APNS_KEY_ID", ""),
        apns_team_id=env.get("KAIF_APNS_TEAM_ID", ""),
        apns_topic=env.get("KAIF_APNS_TOPIC", ""),
        apns_environment=_choice(env, "KAIF_APNS_ENVIRONMENT", ["production", "development"]),
        link_previews=_choice(env, "KAIF_LINK_PREVIEWS", ["public", "any", "off"]),
        auth_addresses=_addresses(env, "KAIF_AUTH"),
        messaging_addresses=_addresses(env, "KAIF_MESSAGING"),
        search_addresses=_addresses(env, "KAIF_SEARCH"),
        media_addresses=_addresses(env, "KAIF_MEDIA"),
        blobs_url=_url(env, "KAIF_BLOBS_URL", f"file:{data / 'blobs'}", "file s3"),
        media_keys_url=_url(env, "KAIF_MEDIA_KEYS", f"file:{data / 'secrets' / MEDIA_KEYS}", "file env kms"),
        media_work=Path(env.get("KAIF_MEDIA_WORK") or data / "work"),
        media_pictures_max=_size(env, "KAIF_MEDIA_PICTURES", "5G"),
        media_films=_count(env, "KAIF_MEDIA_FILMS", max(1, (os.cpu_count() or 1) // 2)),
        straight_uploads=_place(env, "KAIF_STRAIGHT_UPLOADS"),
        cdn_url=_origin(env, "KAIF_CDN_URL").lower(),
        cdn_purge=env.get("KAIF_CDN_PURGE", ""),
        cdn_token=_secret(env, "KAIF_CDN_TOKEN"),
        clamd=env.get("KAIF_CLAMD", ""),
        clamd_larger=_choice(env, "KAIF_CLAMD_LARGER", ["refuse", "accept"]) == "accept",
        media_quota=_quota(env, "KAIF_MEDIA_QUOTA", "2G/10G"),
        media_quota_more=_quota(env, "KAIF_MEDIA_QUOTA_MORE", "20G/200G"),
    )
    _check_cdn(settings)
    if settings.straight_uploads.startswith("http:") and settings.public_url.startswith("https:"):
        raise Misconfigured(
            "KAIF_STRAIGHT_UPLOADS must be of https, as KAIF_PUBLIC_URL is: browsers send nowhere else."
        )
    return settings


def _check_cdn(settings: Settings) -> None:
    """Cookies know hosts, not ports (RFC 6265, 8.5): what is for us alone would go to a CDN that has our name."""
    if settings.cdn_purge and not settings.cdn_url:
        raise Misconfigured("KAIF_CDN_PURGE says how to purge a CDN: KAIF_CDN_URL must say which.")
    if settings.cdn_url.startswith("http:") and settings.public_url.startswith("https:"):
        raise Misconfigured("KAIF_CDN_URL must be of https, as KAIF_PUBLIC_URL is: browsers show nothing else there.")
    if settings.cdn_url and host_of(settings.cdn_url) == host_of(settings.public_url.lower()):
        raise Misconfigured(
            "KAIF_CDN_URL must be another host than KAIF_PUBLIC_URL, such as https://cdn.ozero.example."
        )


def host_of(origin: str) -> str:
    """Without scheme and port."""
    return urlsplit(origin).hostname or ""


def _url(env: Mapping[str, str], name: str, default: str, schemes: str) -> str:
    """A URL of a scheme that there is an engine for; it may hold a password, so it is never repeated."""
    url = env.get(name) or default
    if url.partition(":")[0] not in schemes.split():
        raise Misconfigured(f"{name} must be a URL that begins with one of: {schemes}.")
    return url


def _origin(env: Mapping[str, str], name: str) -> str:
    """ "https://ozero.example", without a path; nothing when it is not set."""
    text = env.get(name, "").rstrip("/")
    if text and not _ORIGIN.fullmatch(text):
        raise Misconfigured(f"{name} must be an address such as https://ozero.example, without a path.")
    return text


def _place(env: Mapping[str, str], name: str) -> str:
    """ "https://bucket.s3.example" or "https://s3.example/bucket"; nothing when it is not set."""
    text = env.get(name, "").rstrip("/")
    if text and not _PLACE.fullmatch(text):
        raise Misconfigured(f"{name} must be the address of a bucket, such as https://bucket.s3.example.")
    return text


def _contact(env: Mapping[str, str], name: str) -> str:
    """Where the makers of push services reach the operator (RFC 8292, 2.1)."""
    text = env.get(name, "")
    if text and not text.startswith(("mailto:", "https://")):
        raise Misconfigured(f"{name} must be an address such as mailto:operator@ozero.example.")
    return text


def _choice(env: Mapping[str, str], name: str, choices: list[str]) -> str:
    """The first one when it is not set."""
    value = env.get(name) or choices[0]
    if value not in choices:
        raise Misconfigured(f"{name} must be one of: {' '.join(choices)}.")
    return value


def _file(env: Mapping[str, str], name: str) -> Path | None:
    path = env.get(name)
    return Path(path) if path else None


def _secret(env: Mapping[str, str], name: str) -> str:
    """The value itself, or the content of the file that NAME_FILE names."""
    path = env.get(f"{name}_FILE")
    if not path:
        return env.get(name, "")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Misconfigured(f"{name}_FILE: {path} can't be read ({error.strerror}).") from error


def _number(env: Mapping[str, str], name: str, default: str) -> float:
    try:
        value = float(env.get(name, default))
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise Misconfigured(f"{name} must be a number greater than zero.")
    return value


def _count(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) <= 3):
        raise Misconfigured(f"{name} must be a number from 0 to 999.")
    return int(text)


def _quota(env: Mapping[str, str], name: str, default: str) -> Bytes:
    """ "500M/10G": of one file, and of all."""
    found = _QUOTA.fullmatch(env.get(name) or default)
    if not found:
        raise Misconfigured(f"{name} must be two sizes such as 500M/10G: of one file, and of all that somebody has.")
    file, file_unit, total, total_unit = found.groups()
    return int(file) << _UNITS[file_unit], int(total) << _UNITS[total_unit]


def _size(env: Mapping[str, str], name: str, default: str) -> int:
    """ "5G"."""
    found = _SIZE.fullmatch(env.get(name) or default)
    if not found:
        raise Misconfigured(f"{name} must be a size such as 5G.")
    return int(found[1]) << _UNITS[found[2]]


def _networks(env: Mapping[str, str], name: str) -> list[Network]:
    try:
        return parse_networks(env.get(name, ""))
    except ValueError as error:
        raise Misconfigured(f"{name} must be addresses or networks, separated by commas ({error}).") from error


def _addresses(env: Mapping[str, str], name: str) -> Addresses:
    """ "127.0.0.1:9001, 127.0.0.1:9002"."""
    addresses = []
    for part in filter(None, (part.strip() for part in env.get(name, "").split(","))):
        host, _, port = part.rpartition(":")
        if not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise Misconfigured(f"{name} must be addresses such as 127.0.0.1:9001, separated by commas.")
        addresses.append((host, int(port)))
    return addresses
