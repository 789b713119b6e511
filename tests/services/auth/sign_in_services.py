"""Signing in by a service, in one line."""

from collections.abc import Awaitable, Callable

import pytest
from tests.elsewhere import SECRET
from tests.services.auth.home import PUBLIC_URL, Home

from kaif.interfaces.auth import Tokens
from kaif.interfaces.auth.identities import (
    Authorization,
    BeginAtService,
    Identity,
    RegisterByService,
    RegistrationNeeded,
    ServiceAnswer,
)
from kaif.interfaces.auth.providers import AddProvider, Provider
from kaif.kernel.actor import NOBODY, Actor

REDIRECT_URI = f"{PUBLIC_URL}/sign-in/callback"
# As a browser goes to the service and comes back.
Visit = Callable[[Authorization], Awaitable[ServiceAnswer]]


async def add_issuer(
    home: Home, operator: Actor, url: str, *, client_id: str = "kaif", secret: str = SECRET, name: str = "Elsewhere"
) -> Provider:
    return await home.providers.add_provider(operator, AddProvider("oidc", client_id, secret, name, url))


async def begin(home: Home, provider: Provider) -> Authorization:
    return await home.identities.begin_service_sign_in(NOBODY, BeginAtService(provider.id))


async def sign_in(home: Home, provider: Provider, visit: Visit, asking: Actor = NOBODY) -> Tokens:
    return await home.identities.sign_in_by_service(asking, await visit(await begin(home, provider)))


async def needed(home: Home, provider: Provider, visit: Visit) -> RegistrationNeeded:
    with pytest.raises(RegistrationNeeded) as raised:
        await sign_in(home, provider, visit)
    return raised.value


def wanted(needed: RegistrationNeeded, username: str = "anna", email: str = "") -> RegisterByService:
    details = needed.details
    return RegisterByService(str(details["ticket"]), username, email or str(details["email"]))


async def sign_up(home: Home, provider: Provider, visit: Visit, username: str = "anna", email: str = "") -> Tokens:
    """Somebody whom nobody here knows makes an account."""
    request = wanted(await needed(home, provider, visit), username, email)
    return await home.identities.register_by_service(NOBODY, request)


async def link(home: Home, actor: Actor, provider: Provider, visit: Visit) -> Identity:
    begun = await home.identities.begin_link(actor, BeginAtService(provider.id))
    return await home.identities.link_identity(actor, await visit(begun))
