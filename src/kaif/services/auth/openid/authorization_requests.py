"""An application's request to know somebody, read by the rules of OpenID Connect Core 1.0, 3.1.2.1, and RFC 7636."""

import re
from typing import NamedTuple, get_args
from urllib.parse import parse_qsl

from kaif.interfaces.auth.applications import Scope
from kaif.interfaces.auth.openid import SCOPES, AuthorizationMalformed
from kaif.services.auth.oauth import pkce

PARAMETERS_MAX = 50
NONCE_CHARS_MAX = 512
HINT_CHARS_MAX = 254
ID_TOKEN_CHARS_MAX = 4096

_PROMPTS = {"none", "login", "consent", "select_account"}
_MAX_AGE = re.compile(r"[0-9]{1,9}")


class Parameters(NamedTuple):
    """Those that were given a value, and the names that were given twice."""

    values: dict[str, str]
    repeated: set[str]


class Refusal(NamedTuple):
    """What goes back to the application instead of a code: RFC 6749, 4.1.2.1."""

    error: str
    description: str


class AuthorizationRequest(NamedTuple):
    scopes: list[Scope]
    nonce: str
    code_challenge: str
    prompts: frozenset[str]
    max_age_s: int | None
    login_hint: str
    id_token_hint: str

    @property
    def wants_silence(self) -> bool:
        return "none" in self.prompts

    @property
    def wants_authentication(self) -> bool:
        """Whatever was proved before does not count."""
        return "login" in self.prompts or self.max_age_s == 0

    @property
    def wants_consent(self) -> bool:
        """Also from those who gave it before."""
        return not self.prompts.isdisjoint({"consent", "select_account"})


def parameters_of(query: str) -> Parameters:
    """Raises AuthorizationMalformed for what is no form, and for a request of two applications or addresses."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=PARAMETERS_MAX)
    except ValueError:
        raise AuthorizationMalformed from None
    names = [name for name, _ in pairs]
    repeated = {name for name in names if names.count(name) > 1}
    # One without a value counts as left out (RFC 6749, 3.1).
    values = {name: value for name, value in pairs if value and name not in repeated}
    if not {"client_id", "redirect_uri"} <= values.keys():
        raise AuthorizationMalformed
    return Parameters(values, repeated)


def read(parameters: Parameters, allowed: list[Scope]) -> AuthorizationRequest | Refusal:
    """The request of an application that may ask for these scopes."""
    values = parameters.values
    if refusal := _not_ours(parameters) or _without_proof(values):
        return refusal
    asked = values.get("scope", "").split()
    if "openid" not in asked:
        return Refusal("invalid_scope", "scope must contain openid")
    prompts = frozenset(values.get("prompt", "").split())
    if not prompts <= _PROMPTS or ("none" in prompts and len(prompts) > 1):
        return Refusal("invalid_request", "prompt is not one that is known")
    nonce, max_age = values.get("nonce", ""), values.get("max_age", "")
    if len(nonce) > NONCE_CHARS_MAX or not nonce.isprintable():
        return Refusal("invalid_request", f"nonce must be at most {NONCE_CHARS_MAX} printable characters")
    if max_age and not _MAX_AGE.fullmatch(max_age):
        return Refusal("invalid_request", "max_age must be a number of seconds")
    return AuthorizationRequest(
        # What an application may not ask for, or nobody knows, it does not get (RFC 6749, 3.3).
        scopes=[scope for scope in SCOPES if scope in asked and scope in allowed],
        nonce=nonce,
        code_challenge=values["code_challenge"],
        prompts=prompts,
        max_age_s=int(max_age) if max_age else None,
        login_hint=_shown(values.get("login_hint", "")),
        id_token_hint=values.get("id_token_hint", ""),
    )


def _not_ours(parameters: Parameters) -> Refusal | None:
    values = parameters.values
    if parameters.repeated:
        return Refusal("invalid_request", "a parameter is given twice")
    if values.get("response_type") is None:
        return Refusal("invalid_request", "response_type is missing")
    if values["response_type"] != "code":
        return Refusal("unsupported_response_type", "only code is supported")
    if values.get("response_mode", "query") != "query":
        return Refusal("invalid_request", "only the response_mode query is supported")
    unsupported = next((name for name in ("request", "request_uri", "registration") if name in values), None)
    if unsupported:
        return Refusal(f"{unsupported}_not_supported", f"{unsupported} is not supported")
    if len(values.get("id_token_hint", "")) > ID_TOKEN_CHARS_MAX:
        return Refusal("invalid_request", "id_token_hint is too long")
    return None


def _without_proof(values: dict[str, str]) -> Refusal | None:
    """Without PKCE a code that was caught is good for whoever caught it (RFC 9700, 2.1.1)."""
    if "code_challenge" not in values:
        return Refusal("invalid_request", "code_challenge is missing: PKCE is required")
    if values.get("code_challenge_method") != "S256":
        return Refusal("invalid_request", "code_challenge_method must be S256")
    if not pkce.CHALLENGE.fullmatch(values["code_challenge"]):
        return Refusal("invalid_request", "code_challenge is not one of S256")
    return None


def _shown(hint: str) -> str:
    return hint[:HINT_CHARS_MAX] if hint.isprintable() else ""


def as_scopes(text: str) -> list[Scope]:
    """Those of a stored list, in their usual order."""
    return [scope for scope in SCOPES if scope in text.split()]


assert set(SCOPES) == set(get_args(Scope)), "every scope has its place"
