"""Applications that people sign in to, and what they do by the book unless a test has them do otherwise."""

import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet
from tests.services.auth.accounts import actor_of, set_up
from tests.services.auth.home import PUBLIC_URL, Home

from kaif.interfaces.auth import Nothing, Tokens
from kaif.interfaces.auth.applications import AddApplication, Application, ApplicationKind, IdTokenAlgorithm, Scope
from kaif.interfaces.auth.openid import (
    AllowAuthorization,
    ClientProof,
    ConsiderAuthorization,
    Considered,
    GetClaims,
    Introspection,
    IssuedTokens,
    RefuseAuthorization,
    TokenOfClient,
    TokenRequest,
    UserClaims,
)
from kaif.kernel.actor import NOBODY, Actor

REDIRECT_URI = "https://wiki.example/signed-in"
ALL_SCOPES: list[Scope] = ["openid", "profile", "email", "offline_access"]


def challenge_of(verifier: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def said_in(redirect_to: str) -> dict[str, str]:
    """What an address tells the application."""
    return dict(parse_qsl(urlsplit(redirect_to).query, strict_parsing=True))


class Party:
    """An application: its verifier is the same for all that it asks, so that tests can mix things up."""

    def __init__(self, home: Home, application: Application, secret: str) -> None:
        self.home, self.application, self.secret = home, application, secret
        self.id, self.redirect_uri = application.id, application.redirect_uris[0]
        self.verifier = secrets.token_urlsafe(32)

    @property
    def proof(self) -> ClientProof:
        return ClientProof(self.id, self.secret)

    # Asking

    def query(self, **changes: str | None) -> str:
        """Its request; a parameter that is None is left out."""
        usual = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid profile email",
            "state": "a state of ours",
            "nonce": "n-0S6_WzA2Mj",
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
        }
        return urlencode({name: value for name, value in {**usual, **changes}.items() if value is not None})

    async def consider(self, actor: Actor, begun: str | None = "", **changes: str | None) -> Considered:
        asked = ConsiderAuthorization(self.query(**changes), begun or "")
        return await self.home.authorizations.consider_authorization(actor, asked)

    async def answer(self, actor: Actor, **changes: str | None) -> dict[str, str]:
        """What it hears without anybody being asked."""
        considered = await self.consider(actor, **changes)
        assert considered.step == "return", considered
        return said_in(considered.redirect_to)

    async def allow(self, tokens: Tokens, begun: str | None = "", **changes: str | None) -> dict[str, str]:
        actor, query = actor_of(tokens), self.query(**changes)
        returned = await self.home.authorizations.allow_authorization(
            actor, AllowAuthorization(query, begun or "", actor.user_id)
        )
        return said_in(returned.redirect_to)

    async def refuse(self, **changes: str | None) -> dict[str, str]:
        refused = RefuseAuthorization(self.query(**changes))
        return said_in((await self.home.authorizations.refuse_authorization(NOBODY, refused)).redirect_to)

    async def code(self, tokens: Tokens, **changes: str | None) -> str:
        return (await self.allow(tokens, **changes))["code"]

    # Tokens

    async def redeem(self, code: str, **changes: Any) -> IssuedTokens:
        usual = {"redirect_uri": self.redirect_uri, "code_verifier": self.verifier, "client": self.proof}
        request = TokenRequest(grant_type="authorization_code", code=code, **{**usual, **changes})
        return await self.home.openid.issue_tokens(NOBODY, request)

    async def signed_in(self, tokens: Tokens, scope: str = "openid profile email offline_access") -> IssuedTokens:
        return await self.redeem(await self.code(tokens, scope=scope))

    async def refresh(self, refresh_token: str | None, **changes: Any) -> IssuedTokens:
        usual: dict[str, Any] = {"client": self.proof, "refresh_token": refresh_token or ""}
        return await self.home.openid.issue_tokens(
            NOBODY, TokenRequest(grant_type="refresh_token", **{**usual, **changes})
        )

    async def claims(self, issued: IssuedTokens) -> UserClaims:
        return await self.home.openid.get_claims(NOBODY, GetClaims(issued.access_token))

    async def introspect(self, token: str | None) -> Introspection:
        return await self.home.openid.introspect_token(NOBODY, TokenOfClient(client=self.proof, token=token or ""))

    async def revoke(self, token: str | None) -> None:
        await self.home.openid.revoke_token(NOBODY, TokenOfClient(client=self.proof, token=token or ""))


async def verified(home: Home, id_token: str, algorithm: str = "ES256") -> dict[str, Any]:
    """Its claims, as an application finds them with the published keys."""
    keys = KeySet.import_key_set({"keys": (await home.openid.get_id_token_keys(NOBODY, Nothing())).keys})  # type: ignore[typeddict-item]
    token = jwt.decode(id_token, keys, algorithms=[algorithm])
    assert token.header["alg"] == algorithm
    return json.loads(json.dumps(token.claims))  # type: ignore[no-any-return]


async def add_party(
    home: Home,
    operator: Tokens,
    *redirect_uris: str,
    name: str = "Wiki",
    kind: ApplicationKind = "web",
    scopes: list[Scope] = ALL_SCOPES,
    algorithm: IdTokenAlgorithm = "ES256",
) -> Party:
    wanted = AddApplication(name, kind, list(redirect_uris) or [REDIRECT_URI], scopes, algorithm)
    added = await home.applications.add_application(actor_of(operator), wanted)
    return Party(home, added.application, added.secret)


async def a_party(home: Home) -> tuple[Party, Tokens]:
    """A confidential application, and the owner who has added it."""
    owner = await set_up(home.auth)
    return await add_party(home, owner), owner


ISSUER = PUBLIC_URL
