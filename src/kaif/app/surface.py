"""What the world can reach: the interfaces of each process's services, and their routes."""

from typing import Any

import kaif
from kaif.interfaces.auth.api_keys import READ_PEOPLE
from kaif.interfaces.media import READ_SCOPE as FILES_READ_SCOPE
from kaif.interfaces.media import WRITE_SCOPE as FILES_WRITE_SCOPE
from kaif.interfaces.messaging import READ_SCOPE, WRITE_SCOPE
from kaif.kernel.http import Route
from kaif.kernel.http.openapi import openapi_document
from kaif.services.auth import routes as auth
from kaif.services.media import routes as media
from kaif.services.messaging import routes as messaging

AUTH, MESSAGING, MEDIA = auth.SURFACE, messaging.SURFACE, media.SURFACE
ROUTES: list[Route] = [route for _, routes in AUTH + MESSAGING + MEDIA for route in routes]
# What API keys can be made for: no more than some route asks for.
SCOPES = frozenset(route.scope for route in ROUTES if route.scope)
# What every bot's key opens: chats, files, and people's names. Its owner's account is not among it.
BOT_SCOPES = frozenset({READ_PEOPLE, READ_SCOPE, WRITE_SCOPE, FILES_READ_SCOPE, FILES_WRITE_SCOPE})
# Who serves an interface: the service itself, or a proxy of it.
Services = dict[type, Any]


def document() -> dict[str, Any]:
    """The public HTTP interface as OpenAPI 3.1."""
    return openapi_document(ROUTES, "Kaif Ozero", kaif.__version__, "The public HTTP interface of Kaif Ozero.")
