"""The wire of OpenID Connect: forms, Basic credentials and redirects in, calls of a service out.

Everything else that we serve speaks JSON by the routing table. Here other people's standards say what is read and
answered: RFC 6749 (tokens and their errors), 6750 (bearer tokens), 7009, 7662, 8414 and OpenID Connect Discovery.
Pages of other sites may read the answers (CORS), for nothing here ever looks at a cookie.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import parse_qsl, unquote_plus

import msgspec

from kaif.gateway.answers import INERT, JSON, NO_STORE, Answer, lines
from kaif.gateway.application import Page
from kaif.gateway.identity import bearer_token
from kaif.gateway.requests import Request
from kaif.gateway.static import StaticFiles
from kaif.interfaces.auth import Nothing
from kaif.interfaces.auth.openid import (
    GetClaims,
    InvalidClient,
    InvalidRequest,
    InvalidToken,
    OAuthError,
    OpenId,
    TokenOfClient,
    TokenRequest,
)
from kaif.kernel.actor import Actor
from kaif.kernel.errors import NotFound, Unauthenticated
from kaif.kernel.http.problems import MethodNotAllowed

S = TypeVar("S", bound=msgspec.Struct)
Form = dict[str, str]

FIELDS_MAX = 50
FORM = b"application/x-www-form-urlencoded"
TOKEN_FIELDS = ("grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope")
# Of what a browser's form sends to the page where people decide: it becomes an address.
AUTHORIZATION_BYTES_MAX = 8192

_FOR_EVERY_PAGE = lines(
    (b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"www-authenticate, retry-after")
)
_PREFLIGHT = _FOR_EVERY_PAGE + lines(
    (b"access-control-allow-headers", b"authorization, content-type, accept"), (b"access-control-max-age", b"86400")
)
# Applications look again when they meet a key that they don't know; the keys are there a day before they sign.
_KEPT = lines((b"content-type", b"application/json"), (b"cache-control", b"public, max-age=600")) + INERT
_BASIC = lines((b"www-authenticate", b'Basic realm="Kaif Ozero", charset="UTF-8"'))

_encode = msgspec.json.Encoder().encode


def pages(openid: OpenId, client: StaticFiles) -> dict[str, Page]:
    """By path."""
    return {
        "/.well-known/openid-configuration": _reading(_metadata(openid)),
        "/.well-known/oauth-authorization-server": _reading(_metadata(openid)),
        "/oauth/jwks.json": _reading(_keys(openid)),
        "/oauth/authorize": _authorize(client),
        "/oauth/token": _posting(_token(openid)),
        "/oauth/revoke": _posting(_revoke(openid)),
        "/oauth/introspect": _posting(_introspect(openid), from_pages=False),
        "/oauth/userinfo": _userinfo(openid),
    }


# What each of them does


def _metadata(openid: OpenId) -> Page:
    async def page(request: Request) -> Answer:
        return Answer(200, _KEPT + _FOR_EVERY_PAGE, _encode(await openid.get_metadata(_actor(request), Nothing())))

    return page


def _keys(openid: OpenId) -> Page:
    async def page(request: Request) -> Answer:
        return Answer(200, _KEPT + _FOR_EVERY_PAGE, _encode(await openid.get_id_token_keys(_actor(request), Nothing())))

    return page


def _authorize(client: StaticFiles) -> Page:
    """The client's page, where people decide. A form that is sent here counts as its address would (Core, 3.1.2.1)."""

    async def page(request: Request) -> Answer:
        if request.method == "POST":
            return _as_address(request)
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed(allow="GET, HEAD, POST")
        answer = client.answer(request.path, b"", b"")
        if answer is None:
            raise NotFound
        return answer

    return page


def _as_address(request: Request) -> Answer:
    if request.content_type != FORM or len(request.body) > AUTHORIZATION_BYTES_MAX or not _is_printable(request.body):
        raise InvalidRequest
    return Answer(303, NO_STORE + INERT + lines((b"location", b"/oauth/authorize?" + request.body)), b"")


def _token(openid: OpenId) -> Page:
    async def page(request: Request) -> Answer:
        form = _form_of(request)
        fields = {name: form[name] for name in TOKEN_FIELDS if name in form}
        wanted = _convert({"client": _client_of(request, form), **fields}, TokenRequest)
        return Answer(200, JSON, _encode(await openid.issue_tokens(_actor(request), wanted)))

    return page


def _revoke(openid: OpenId) -> Page:
    async def page(request: Request) -> Answer:
        await openid.revoke_token(_actor(request), _token_of_client(request))
        return Answer(200, NO_STORE + INERT, b"")

    return page


def _introspect(openid: OpenId) -> Page:
    async def page(request: Request) -> Answer:
        return Answer(200, JSON, _encode(await openid.introspect_token(_actor(request), _token_of_client(request))))

    return page


def _userinfo(openid: OpenId) -> Page:
    async def page(request: Request) -> Answer:
        if request.method == "OPTIONS":
            return _preflight("GET, POST")
        if request.method not in ("GET", "HEAD", "POST"):
            raise MethodNotAllowed(allow="GET, HEAD, POST, OPTIONS")
        try:
            token = bearer_token(request.headers.get(b"authorization", b""))
        except Unauthenticated:
            # Whoever brings no token is told how to bring one, and of no error (RFC 6750, 3.1).
            return Answer(401, NO_STORE + INERT + _FOR_EVERY_PAGE + _bearer(b""), b"")
        try:
            claims = await openid.get_claims(_actor(request), _convert({"access_token": _text(token)}, GetClaims))
        except (InvalidToken, InvalidRequest):
            return Answer(401, JSON + _FOR_EVERY_PAGE + _bearer(b'error="invalid_token"'), _error(InvalidToken()))
        return Answer(200, JSON + _FOR_EVERY_PAGE, _encode(claims))

    return page


def _bearer(error: bytes) -> bytes:
    return lines((b"www-authenticate", b'Bearer realm="Kaif Ozero"' + (b", " + error if error else b"")))


# What they have in common


def _reading(page: Page) -> Page:
    async def answered(request: Request) -> Answer:
        if request.method == "OPTIONS":
            return _preflight("GET")
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed(allow="GET, HEAD, OPTIONS")
        return await page(request)

    return answered


def _posting(page: Page, *, from_pages: bool = True) -> Page:
    """`from_pages`: pages of other sites may read the answer."""

    async def answered(request: Request) -> Answer:
        if request.method == "OPTIONS" and from_pages:
            return _preflight("POST")
        if request.method != "POST":
            raise MethodNotAllowed(allow="POST, OPTIONS" if from_pages else "POST")
        answer = await _or_error(page, request)
        return answer._replace(headers=answer.headers + _FOR_EVERY_PAGE) if from_pages else answer

    return answered


async def _or_error(page: Callable[[Request], Awaitable[Answer]], request: Request) -> Answer:
    """RFC 6749, 5.2."""
    try:
        return await page(request)
    except OAuthError as error:
        return Answer(error.status, JSON + (_BASIC if isinstance(error, InvalidClient) else b""), _error(error))


def _error(error: OAuthError | InvalidToken) -> bytes:
    return _encode({"error": error.code, "error_description": str(error)})


def _preflight(methods: str) -> Answer:
    return Answer(204, _PREFLIGHT + lines((b"access-control-allow-methods", methods.encode())), b"")


def _actor(request: Request) -> Actor:
    """Nobody who is signed in, from somewhere."""
    return Actor(address=request.address, agent=request.agent)


def _is_printable(body: bytes) -> bool:
    return all(0x20 < byte < 0x7F for byte in body)


def _form_of(request: Request) -> Form:
    """Raises InvalidRequest for a field that is given twice; one without a value counts as left out (RFC 6749, 3.2)."""
    if request.content_type != FORM:
        raise InvalidRequest("The body must be application/x-www-form-urlencoded.")
    try:
        pairs = parse_qsl(
            request.body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX
        )
    except ValueError:
        raise InvalidRequest("The body is no form.") from None
    form: Form = {}
    for name, value in pairs:
        if name in form:
            raise InvalidRequest("A parameter is given twice.")
        form[name] = value
    return {name: value for name, value in form.items() if value}


def _client_of(request: Request, form: Form) -> Form:
    """client_secret_basic, client_secret_post, or a client_id alone; raises InvalidRequest for two at once."""
    in_form: Form = {name: form[name] for name in ("client_id", "client_secret") if name in form}
    authorization = request.headers.get(b"authorization", b"")
    if not authorization:
        return in_form
    client_id, client_secret = _basic(authorization)
    if "client_secret" in in_form or in_form.get("client_id", client_id) != client_id:
        raise InvalidRequest("The application proves itself in two ways at once.")
    return {"client_id": client_id, "client_secret": client_secret}


def _basic(authorization: bytes) -> tuple[str, str]:
    """Each part is percent-encoded first (RFC 6749, 2.3.1). Raises InvalidClient."""
    scheme, _, credentials = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        raise InvalidClient
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True).decode()
        client_id, colon, client_secret = decoded.partition(":")
        if not colon:
            raise InvalidClient
        return unquote_plus(client_id, errors="strict"), unquote_plus(client_secret, errors="strict")
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidClient from None


def _token_of_client(request: Request) -> TokenOfClient:
    form = _form_of(request)
    return _convert({"client": _client_of(request, form), "token": form.get("token", "")}, TokenOfClient)


def _convert(fields: dict[str, object], wanted: type[S]) -> S:
    """Within the bounds of what the service takes. Raises InvalidRequest."""
    try:
        return msgspec.convert(fields, wanted)
    except msgspec.ValidationError:
        raise InvalidRequest("A parameter is too long.") from None


def _text(token: bytes) -> str:
    return token.decode("latin-1")
