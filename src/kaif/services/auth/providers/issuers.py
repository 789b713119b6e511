"""OpenID Connect issuers, as a client of theirs speaks to them (OpenID Connect Core 1.0 and Discovery 1.0)."""

import asyncio
from collections import defaultdict
from typing import Any

import msgspec

from kaif.engines.web import Web
from kaif.interfaces.auth.identities import ServiceAnswerInvalid, ServiceUnavailable
from kaif.interfaces.auth.providers import IssuerUnfit
from kaif.kernel.clock import MINUTE_US, SECOND_US, Clock
from kaif.services.auth.oauth import id_tokens
from kaif.services.auth.oauth.id_tokens import Expected, Head, Key
from kaif.services.auth.providers import authorization
from kaif.services.auth.providers.asking import basic, bearer, code_grant, document, tokens
from kaif.services.auth.providers.authorization import Asked, Profile, Returned, StoredProvider

SCOPE = "openid profile email"
WELL_KNOWN = "/.well-known/openid-configuration"
# Issuers move an endpoint about as often as a house its door.
METADATA_GOOD_US = 60 * MINUTE_US
# A key that is not among those we have may be new, but who makes keys up must not have us fetch them without end.
KEYS_AGAIN_AFTER_US = 10 * SECOND_US
KNOWN_MAX = 100


class Metadata(msgspec.Struct, frozen=True):
    """What we need of an issuer's document; what it leaves out is what Discovery 1.0, 3 assumes."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    response_types_supported: tuple[str, ...] = ("code",)
    code_challenge_methods_supported: tuple[str, ...] | None = None
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    # RFC 9207, 3.
    authorization_response_iss_parameter_supported: bool = False


class Known(msgspec.Struct, frozen=True):
    metadata: Metadata
    read_at_us: int


class KnownKeys(msgspec.Struct, frozen=True):
    keys: list[Key]
    read_at_us: int


class Issuers:
    def __init__(self, web: Web, clock: Clock) -> None:
        self._web, self._clock = web, clock
        self._known: dict[str, Known] = {}
        self._keys: dict[str, KnownKeys] = {}
        # One for each key set: an issuer that dawdles keeps nobody else's people waiting.
        self._fetching: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def check(self, issuer: str) -> None:
        """Raises IssuerUnfit."""
        try:
            self._remember(issuer, await self._read(issuer))
        except ServiceUnavailable:
            raise IssuerUnfit(reason="unreachable") from None
        except ServiceAnswerInvalid as error:
            raise IssuerUnfit(reason=error.details["reason"]) from None

    async def authorization_url(self, provider: StoredProvider, asked: Asked) -> str:
        metadata = await self._metadata(provider.issuer)
        return asked.url(metadata.authorization_endpoint, provider.client_id, SCOPE, nonce=asked.nonce)

    async def redeem(self, provider: StoredProvider, secret: str, asked: Asked, returned: Returned) -> Profile:
        metadata = await self._metadata(provider.issuer)
        if returned.iss != metadata.issuer and (
            returned.iss or metadata.authorization_response_iss_parameter_supported
        ):
            # Another issuer answered than was asked: its code is not for this one's token endpoint (RFC 9207, 2.4).
            raise ServiceAnswerInvalid(reason="answered_by")
        access_token, given = await self._tokens(metadata, provider, secret, asked, returned)
        claims = await self._claims(metadata, provider, asked, access_token, given.get("id_token"))
        if metadata.userinfo_endpoint and "email" not in claims:
            claims = {**await self._user_info(metadata, access_token, claims["sub"]), **claims}
        return authorization.profile(
            claims["sub"],
            username=claims.get("preferred_username"),
            display_name=claims.get("name"),
            email=claims.get("email"),
            verified=claims.get("email_verified"),
        )

    async def _tokens(
        self, metadata: Metadata, provider: StoredProvider, secret: str, asked: Asked, returned: Returned
    ) -> tuple[str, dict[str, Any]]:
        fields, headers = code_grant(provider, asked, returned), {}
        if secret and "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            headers = dict(basic(provider.client_id, secret))
        elif secret:
            fields["client_secret"] = secret
        return await tokens(self._web.post_form(metadata.token_endpoint, fields, headers))

    async def _claims(
        self, metadata: Metadata, provider: StoredProvider, asked: Asked, access_token: str, id_token: Any
    ) -> dict[str, Any]:
        head = id_tokens.head_of(id_token)
        keys = await self._keys_for(metadata, head)
        expected = Expected(metadata.issuer, provider.client_id, asked.nonce, access_token, self._clock() // SECOND_US)
        return id_tokens.verified(id_token, head, keys, expected)

    async def _user_info(self, metadata: Metadata, access_token: str, subject: str) -> dict[str, Any]:
        claims = await document(self._web.get(metadata.userinfo_endpoint, bearer(access_token)), "userinfo")
        # OpenID Connect Core 1.0, 5.3.2: the access token may be another person's.
        if claims.get("sub") != subject:
            raise ServiceAnswerInvalid(reason="userinfo")
        return claims

    # Metadata

    async def _metadata(self, issuer: str) -> Metadata:
        known = self._known.get(issuer)
        if known is None or self._clock() - known.read_at_us > METADATA_GOOD_US:
            known = self._remember(issuer, await self._read(issuer))
        return known.metadata

    def _remember(self, issuer: str, metadata: Metadata) -> Known:
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
            self._keys.clear()
            self._fetching.clear()
        known = self._known[issuer] = Known(metadata, self._clock())
        return known

    async def _read(self, issuer: str) -> Metadata:
        found = await document(self._web.get(issuer.rstrip("/") + WELL_KNOWN, {}), "discovery")
        try:
            metadata = msgspec.convert(found, Metadata)
        except msgspec.ValidationError:
            raise ServiceAnswerInvalid(reason="discovery") from None
        if reason := _fault(metadata, issuer):
            raise ServiceAnswerInvalid(reason=reason)
        return metadata

    # Keys

    async def _keys_for(self, metadata: Metadata, head: Head) -> list[Key]:
        """Those that may have signed; fetched again when there is none of them."""
        uri = metadata.jwks_uri
        known = self._keys.get(uri)
        if known and (found := id_tokens.keys_for(head, known.keys)) and self._is_fresh(known):
            return found
        # One at a time: who waited finds what the one before has fetched.
        async with self._fetching[uri]:
            known = self._keys.get(uri)
            if known is None or self._clock() - known.read_at_us > KEYS_AGAIN_AFTER_US:
                keys = id_tokens.usable_keys(await document(self._web.get(uri, {}), "keys"))
                known = self._keys[uri] = KnownKeys(keys, self._clock())
        found = id_tokens.keys_for(head, known.keys)
        if not found:
            raise ServiceAnswerInvalid(reason="key")
        return found

    def _is_fresh(self, known: KnownKeys) -> bool:
        # A key that an issuer has taken back must not be good here for ever.
        return self._clock() - known.read_at_us <= METADATA_GOOD_US


def _fault(metadata: Metadata, issuer: str) -> str:
    """Why this is no issuer for us; nothing when it is one."""
    near = authorization.is_near(issuer)
    endpoints = [metadata.authorization_endpoint, metadata.token_endpoint, metadata.jwks_uri]
    endpoints += [metadata.userinfo_endpoint] if metadata.userinfo_endpoint else []
    methods = metadata.code_challenge_methods_supported
    faults = {
        # Discovery 1.0, 4.3: letter by letter.
        "issuer": metadata.issuer != issuer,
        "endpoint": not all(authorization.is_acceptable(each, near=near) for each in endpoints),
        "code_flow": "code" not in metadata.response_types_supported,
        "pkce": methods is not None and "S256" not in methods,
        "algorithms": not id_tokens.ALGORITHMS.keys() & set(metadata.id_token_signing_alg_values_supported),
    }
    return next((name for name, found in faults.items() if found), "")
