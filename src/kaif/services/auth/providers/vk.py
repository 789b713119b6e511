"""VK ID: OAuth 2.1 with PKCE, and the id of a device that belongs to each code.

id.vk.com, "Справочник методов API VK ID": /authorize, /oauth2/auth and /oauth2/user_info.
"""

from kaif.engines.web import Web
from kaif.interfaces.auth.identities import ServiceAnswerInvalid
from kaif.services.auth.providers import authorization
from kaif.services.auth.providers.asking import code_grant, document, tokens
from kaif.services.auth.providers.authorization import Asked, Profile, Returned, StoredProvider, refused

SCOPE = "vkid.personal_info email"


class VkId:
    def __init__(self, web: Web) -> None:
        self._web = web

    async def authorization_url(self, provider: StoredProvider, asked: Asked) -> str:
        return asked.url(f"{provider.issuer}/authorize", provider.client_id, SCOPE)

    async def redeem(self, provider: StoredProvider, secret: str, asked: Asked, returned: Returned) -> Profile:
        if authorization.answered_elsewhere(provider, returned):
            raise ServiceAnswerInvalid(reason="answered_by")
        if not returned.device_id:
            raise ServiceAnswerInvalid(reason="device_id")
        fields = code_grant(provider, asked, returned) | {"device_id": returned.device_id, "state": asked.state}
        if secret:
            fields["client_secret"] = secret
        access_token, given = await tokens(self._web.post_form(f"{provider.issuer}/oauth2/auth", fields, {}))
        if given.get("state", asked.state) != asked.state:
            raise ServiceAnswerInvalid(reason="state")
        fields = {"client_id": provider.client_id, "access_token": access_token}
        said = await document(self._web.post_form(f"{provider.issuer}/oauth2/user_info", fields, {}), "user_info")
        if "error" in said:
            raise refused(said["error"])
        user = said.get("user")
        if not isinstance(user, dict):
            raise ServiceAnswerInvalid(reason="user_info")
        names = [name for name in (user.get("first_name"), user.get("last_name")) if isinstance(name, str)]
        return authorization.profile(
            _subject(user.get("user_id")),
            username="",
            display_name=" ".join(names),
            email=user.get("email"),
            # What VK calls verified is the person, not the address.
            verified=False,
        )


def _subject(user_id: object) -> object:
    """A string in the documentation; a number in the answer that comes with the tokens."""
    return str(user_id) if isinstance(user_id, int) and not isinstance(user_id, bool) else user_id
