"""GitHub, and GitHub Enterprise Server: OAuth 2 with PKCE, and who it is from the REST API.

docs.github.com: "Authorizing OAuth apps", "REST API endpoints for users" and "… for emails".
"""

from typing import Any

import msgspec

from kaif.engines.web import Web
from kaif.interfaces.auth.identities import ServiceAnswerInvalid
from kaif.services.auth.providers import authorization
from kaif.services.auth.providers.asking import answered, bearer, code_grant, document, tokens
from kaif.services.auth.providers.authorization import Asked, Profile, Returned, StoredProvider

SCOPE = "read:user user:email"
HOME = "https://github.com"
HEADERS = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}


class GitHub:
    def __init__(self, web: Web) -> None:
        self._web = web

    async def authorization_url(self, provider: StoredProvider, asked: Asked) -> str:
        return asked.url(f"{provider.issuer}/login/oauth/authorize", provider.client_id, SCOPE)

    async def redeem(self, provider: StoredProvider, secret: str, asked: Asked, returned: Returned) -> Profile:
        if authorization.answered_elsewhere(provider, returned):
            raise ServiceAnswerInvalid(reason="answered_by")
        fields = code_grant(provider, asked, returned) | {"client_secret": secret}
        # Without this header the answer is a form.
        headers = {"accept": "application/json"}
        asking = self._web.post_form(f"{provider.issuer}/login/oauth/access_token", fields, headers)
        access_token, _ = await tokens(asking)
        api, headers = _api(provider.issuer), {**HEADERS, **bearer(access_token)}
        user = await document(self._web.get(f"{api}/user", headers), "user")
        email, verified = await self._address(f"{api}/user/emails", headers)
        number = user.get("id")
        # A login may be given up and taken by somebody else; the number never is.
        subject = str(number) if isinstance(number, int) and not isinstance(number, bool) else ""
        return authorization.profile(
            subject,
            username=user.get("login"),
            display_name=user.get("name"),
            email=email,
            verified=verified,
        )

    async def _address(self, url: str, headers: dict[str, str]) -> tuple[object, object]:
        """The primary one, and whether it is verified; nothing when we may not know."""
        answer = await answered(self._web.get(url, headers))
        if answer.status != 200:
            return "", False
        try:
            addresses = msgspec.json.decode(answer.body, type=list[dict[str, Any]])
        except (msgspec.DecodeError, RecursionError):
            raise ServiceAnswerInvalid(reason="emails") from None
        primary: dict[str, Any] = next((each for each in addresses if each.get("primary") is True), {})
        return primary.get("email"), primary.get("verified")


def _api(issuer: str) -> str:
    return "https://api.github.com" if issuer == HOME else f"{issuer}/api/v3"
