"""An issuer that lies, stumbles or dawdles signs nobody in."""

import asyncio
import base64
import hmac
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from tests.elsewhere import SECRET, Asked, Liar, Reply, Service, encoded, new_key, signed
from tests.services.auth.accounts import actor_of, register, set_up
from tests.services.auth.home import Home
from tests.services.auth.sign_in_services import REDIRECT_URI, add_issuer, begin, link, needed, sign_up

from kaif.interfaces.auth import Tokens
from kaif.interfaces.auth.accounts import ConfirmEmail
from kaif.interfaces.auth.identities import (
    Authorization,
    LinkInSettings,
    RegistrationNeeded,
    ServiceAnswer,
    ServiceAnswerInvalid,
    ServiceRefused,
    ServiceUnavailable,
)
from kaif.interfaces.auth.providers import IssuerUnfit, Provider
from kaif.kernel.actor import NOBODY, Actor

MINUTE_US = 60_000_000
NOW_S = 1_800_000_000


@pytest.fixture
async def home(embedded_home: Home) -> Home:
    return embedded_home


@pytest.fixture
async def liar(home: Home) -> AsyncIterator[Liar]:
    liar = Liar(lambda: home.now_us)
    await liar.start()
    yield liar
    await liar.stop()


@pytest.fixture
async def owner(home: Home) -> Actor:
    return actor_of(await set_up(home.auth))


@pytest.fixture
async def provider(home: Home, owner: Actor, liar: Liar) -> Provider:
    return await add_issuer(home, owner, liar.url)


@pytest.fixture
def visit(liar: Liar) -> Callable[[Authorization], Any]:
    async def visit(begun: Authorization) -> ServiceAnswer:
        return liar.grant(begun)

    return visit


async def give(home: Home, answer: ServiceAnswer) -> Tokens:
    return await home.identities.sign_in_by_service(NOBODY, answer)


async def reason_of_refusal(home: Home, provider: Provider, liar: Liar) -> str:
    with pytest.raises(ServiceAnswerInvalid) as raised:
        await give(home, liar.grant(await begin(home, provider)))
    return str(raised.value.details["reason"])


async def is_accepted(home: Home, provider: Provider, liar: Liar) -> None:
    with pytest.raises(RegistrationNeeded):
        await give(home, liar.grant(await begin(home, provider)))


# Claims

WRONG_CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "another issuer": ({"iss": "https://accounts.example"}, "issuer"),
    "the issuer with a slash": ({"iss": "SELF/"}, "issuer"),
    "no issuer": ({"iss": None}, "claims"),
    "another audience": ({"aud": "somebody-else"}, "audience"),
    "other audiences": ({"aud": ["somebody", "else"]}, "audience"),
    "an empty audience": ({"aud": []}, "audience"),
    "no audience": ({"aud": None}, "claims"),
    "among other audiences and not said for whom": ({"aud": ["kaif", "other"]}, "authorized_party"),
    "given to somebody else": ({"azp": "somebody-else"}, "authorized_party"),
    "among other audiences, given to one of them": ({"aud": ["kaif", "other"], "azp": "other"}, "authorized_party"),
    "expired": ({"exp": NOW_S - 61}, "expired"),
    "without an end": ({"exp": None}, "claims"),
    "an end in words": ({"exp": "tomorrow"}, "claims"),
    "of long ago": ({"iat": NOW_S - 601, "exp": NOW_S + 300}, "issued_at"),
    "of the future": ({"iat": NOW_S + 61}, "issued_at"),
    "without a time": ({"iat": None}, "claims"),
    "not good yet": ({"nbf": NOW_S + 61}, "not_before"),
    "another nonce": ({"nonce": "another"}, "nonce"),
    "no nonce": ({"nonce": None}, "nonce"),
    "an empty nonce": ({"nonce": ""}, "nonce"),
    "of another access token": ({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "at_hash"),
    "of nobody": ({"sub": None}, "claims"),
    "of somebody without a name": ({"sub": ""}, "subject"),
    "of a number": ({"sub": 1}, "claims"),
    "of somebody with too long a name": ({"sub": "a" * 256}, "subject"),
    "of somebody with an unspeakable name": ({"sub": "anna\x00"}, "subject"),
}


@pytest.mark.asvs("9.2.1", "9.2.3", "10.5.1", "10.5.4")
@pytest.mark.parametrize(("claims", "reason"), WRONG_CLAIMS.values(), ids=WRONG_CLAIMS)
async def test_a_token_that_is_not_for_this_sign_in_is_refused(
    home: Home, provider: Provider, liar: Liar, claims: dict[str, Any], reason: str
) -> None:
    liar.claims = {
        name: value.replace("SELF", liar.url) if isinstance(value, str) else value for name, value in claims.items()
    }

    assert await reason_of_refusal(home, provider, liar) == reason
    assert (await home.audited("sign_in_failed"))[0].details["reason"] == reason


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"aud": ["kaif"]},
        {"aud": ["kaif", "other"], "azp": "kaif"},
        {"azp": "kaif"},
        {"exp": NOW_S - 59},
        {"iat": NOW_S + 59},
        {"at_hash": "YiHPD2T9DaX5B837XJXtow"},
    ],
    ids=str,
)
async def test_a_token_that_is_for_this_sign_in_is_taken(
    home: Home, provider: Provider, liar: Liar, claims: dict[str, Any]
) -> None:
    liar.claims = claims

    await is_accepted(home, provider, liar)


# Signatures


def unsigned(head: dict[str, Any], claims: dict[str, Any]) -> str:
    return f"{encoded({'alg': 'none'})}.{encoded(claims)}."


def signed_by_a_stranger(head: dict[str, Any], claims: dict[str, Any]) -> str:
    return jwt.encode(head, claims, new_key(head["kid"]), ["RS256"])


def of_a_key_that_is_nowhere(head: dict[str, Any], claims: dict[str, Any]) -> str:
    return jwt.encode(head | {"kid": "nowhere"}, claims, new_key("nowhere"), ["RS256"])


def of_another_kind_of_key(head: dict[str, Any], claims: dict[str, Any]) -> str:
    return jwt.encode(head | {"alg": "ES256"}, claims, ECKey.generate_key("P-256"), ["ES256"])


def with_a_key_of_its_own(head: dict[str, Any], claims: dict[str, Any]) -> str:
    """RFC 7515, 4.1.3: whoever believes `jwk` believes anybody."""
    key = new_key("own")
    return signed(head | {"kid": "own", "jwk": key.as_dict(private=False)}, claims, key)


def critical(head: dict[str, Any], claims: dict[str, Any]) -> str:
    return f"{encoded(head | {'crit': ['b64'], 'b64': True})}.{encoded(claims)}.c2lnbmF0dXJl"


WRONG_TOKENS: dict[str, tuple[Callable[[dict[str, Any], dict[str, Any]], Any], str]] = {
    "not signed": (unsigned, "algorithm"),
    "not signed, in capitals": (lambda _, claims: f"{encoded({'alg': 'NONE'})}.{encoded(claims)}.", "algorithm"),
    "of a stranger's key": (signed_by_a_stranger, "signature"),
    "of a key that is nowhere": (of_a_key_that_is_nowhere, "key"),
    "of another kind of key": (of_another_kind_of_key, "key"),
    "with a key of its own": (with_a_key_of_its_own, "id_token"),
    "that must be understood": (critical, "id_token"),
    "no token": (lambda *_: "no token", "id_token"),
    "nothing": (lambda *_: "", "id_token"),
    "no text": (lambda *_: {"a": 1}, "id_token"),
    "not there": (lambda *_: None, "id_token"),
    "letters": (lambda *_: "ё.ё.ё", "id_token"),
    "too long": (lambda *_: "a" * 20_000, "id_token"),
    "encrypted": (lambda *_: f"{encoded({'alg': 'RSA-OAEP', 'enc': 'A256GCM'})}.a.b.c.d", "id_token"),
}


@pytest.mark.asvs("6.8.2", "9.1.1", "9.1.2", "9.1.3")
@pytest.mark.parametrize(("sign", "reason"), WRONG_TOKENS.values(), ids=WRONG_TOKENS)
async def test_a_token_that_the_issuer_did_not_sign_is_refused(
    home: Home, provider: Provider, liar: Liar, sign: Callable[..., Any], reason: str
) -> None:
    liar.sign = sign

    assert await reason_of_refusal(home, provider, liar) == reason


@pytest.mark.asvs("6.8.2", "9.1.2")
@pytest.mark.parametrize("form", ["pem", "der", "secret"])
async def test_a_public_key_is_no_shared_secret(home: Home, provider: Provider, liar: Liar, form: str) -> None:
    """Whoever takes HS256 takes the issuer's public key, or their own secret, for what signs."""
    secrets = {"pem": liar.key.as_pem(private=False), "der": liar.key.as_der(private=False), "secret": SECRET.encode()}

    def signed_by_all(head: dict[str, Any], claims: dict[str, Any]) -> str:
        signing_input = f"{encoded(head | {'alg': 'HS256'})}.{encoded(claims)}"
        mac = hmac.digest(secrets[form], signing_input.encode(), "sha256")
        return f"{signing_input}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    liar.sign = signed_by_all

    assert await reason_of_refusal(home, provider, liar) == "algorithm"


@pytest.mark.asvs("6.8.2", "9.1.1")
async def test_a_payload_that_was_changed_is_refused(home: Home, provider: Provider, liar: Liar) -> None:
    honest = liar.sign

    def changed(head: dict[str, Any], claims: dict[str, Any]) -> str:
        first, _, signature = honest(head, claims).split(".")
        return f"{first}.{encoded(claims | {'sub': 'the-owner'})}.{signature}"

    liar.sign = changed

    assert await reason_of_refusal(home, provider, liar) == "signature"


async def test_a_secret_among_the_keys_signs_nothing(home: Home, provider: Provider, liar: Liar) -> None:
    secret = OctKey.generate_key(256, {"kid": "first"})
    keys = {"keys": [secret.as_dict(), {"kty": "strange"}, "no key", {"kty": "RSA", "n": "!!", "e": "AQAB"}]}
    liar.handlers["/jwks"] = lambda _: (200, keys)

    assert await reason_of_refusal(home, provider, liar) == "key"


async def test_a_key_for_something_else_signs_nothing(home: Home, provider: Provider, liar: Liar) -> None:
    liar.handlers["/jwks"] = lambda _: (200, {"keys": [liar.key.as_dict(private=False) | {"use": "enc"}]})

    assert await reason_of_refusal(home, provider, liar) == "key"


async def test_a_token_that_names_no_key_is_checked_with_those_there_are(
    home: Home, provider: Provider, liar: Liar
) -> None:
    liar.head = {"kid": None}
    await is_accepted(home, provider, liar)

    liar.sign = lambda head, claims: jwt.encode({"alg": "RS256"}, claims, new_key("x"), ["RS256"])
    assert await reason_of_refusal(home, provider, liar) == "signature"


# Keys that change


async def test_a_new_key_is_fetched_once_it_is_used(home: Home, provider: Provider, liar: Liar) -> None:
    await is_accepted(home, provider, liar)
    await is_accepted(home, provider, liar)
    assert liar.count("/jwks") == 1

    home.now_us += MINUTE_US
    liar.key = new_key("second")
    await is_accepted(home, provider, liar)
    assert liar.count("/jwks") == 2


async def test_keys_that_are_made_up_have_us_fetch_but_once(home: Home, provider: Provider, liar: Liar) -> None:
    await is_accepted(home, provider, liar)
    home.now_us += MINUTE_US
    liar.sign = of_a_key_that_is_nowhere

    outcomes = await asyncio.gather(
        *[give(home, liar.grant(await begin(home, provider))) for _ in range(10)], return_exceptions=True
    )

    assert {type(outcome) for outcome in outcomes} == {ServiceAnswerInvalid}
    assert liar.count("/jwks") == 2


async def test_a_key_that_was_taken_back_is_good_for_an_hour_at_most(
    home: Home, provider: Provider, liar: Liar
) -> None:
    await is_accepted(home, provider, liar)
    taken_back, liar.key = liar.key, new_key("second")
    liar.sign = lambda head, claims: jwt.encode(head | {"kid": "first"}, claims, taken_back, ["RS256"])

    home.now_us += 61 * MINUTE_US

    assert await reason_of_refusal(home, provider, liar) == "key"


# Who answered


@pytest.mark.asvs("10.2.2")
async def test_another_issuer_than_the_one_that_was_asked_is_refused(
    home: Home, provider: Provider, liar: Liar
) -> None:
    answer = liar.grant(await begin(home, provider), iss="https://honest.example")

    with pytest.raises(ServiceAnswerInvalid) as raised:
        await give(home, answer)

    assert raised.value.details["reason"] == "answered_by"
    # The honest one's code went nowhere.
    assert liar.count("/token") == 0


@pytest.mark.asvs("10.2.2")
async def test_an_issuer_that_promises_to_say_who_it_is_must(home: Home, owner: Actor, liar: Liar) -> None:
    liar.document = {"authorization_response_iss_parameter_supported": True}
    provider = await add_issuer(home, owner, liar.url)

    assert await reason_of_refusal(home, provider, liar) == "answered_by"
    with pytest.raises(RegistrationNeeded):
        await give(home, liar.grant(await begin(home, provider), iss=liar.url))


@pytest.mark.asvs("10.2.2")
async def test_a_state_belongs_to_one_issuer(home: Home, owner: Actor, provider: Provider, liar: Liar) -> None:
    """What another one gives for it is redeemed where it was asked, and fits nothing there."""
    another = Liar(lambda: home.now_us)
    await another.start()
    elsewhere = await add_issuer(home, owner, another.url)
    begun = await begin(home, elsewhere)
    answer = msgspec.structs.replace(liar.grant(await begin(home, provider)), state=begun.state, secret=begun.secret)

    with pytest.raises(ServiceRefused):
        await give(home, answer)

    assert (another.count("/token"), liar.count("/token")) == (1, 0)
    await another.stop()


# Answers of every size and speed


def redirecting(to: str) -> Callable[[Asked], Reply]:
    return lambda _: f"HTTP/1.1 302 .\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n".encode()


@pytest.fixture
async def inner() -> AsyncIterator[Service]:
    """What must not be reached through an issuer."""
    inner = Service()
    await inner.start()
    yield inner
    await inner.stop()


@pytest.mark.parametrize("path", ["/token", "/jwks"])
async def test_a_redirect_leads_nowhere(home: Home, provider: Provider, liar: Liar, inner: Service, path: str) -> None:
    liar.handlers[path] = redirecting(inner.url)

    assert await reason_of_refusal(home, provider, liar) in ("token_answer", "keys")
    assert inner.asked == []


async def test_what_is_too_large_is_not_read(home: Home, provider: Provider, liar: Liar) -> None:
    def endless(_: Asked) -> Reply:
        return b"HTTP/1.1 200 .\r\ncontent-type: application/json\r\n\r\n" + b'{"a":"' + b"a" * 300_000

    liar.handlers["/token"] = endless

    assert await reason_of_refusal(home, provider, liar) == "too_large"


async def test_what_was_compressed_without_being_asked_is_not_unpacked(
    home: Home, provider: Provider, liar: Liar
) -> None:
    liar.handlers["/token"] = lambda _: b"HTTP/1.1 200 .\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n\x1f\x8b"

    with pytest.raises(ServiceUnavailable):
        await give(home, liar.grant(await begin(home, provider)))


async def test_who_dawdles_is_not_waited_for(home: Home, provider: Provider, liar: Liar) -> None:
    """Each byte comes in time, and all of them never."""
    answer = liar.grant(await begin(home, provider))
    liar.bytes_at_once, liar.pause_s = 1, 0.1
    begun_at = asyncio.get_running_loop().time()

    with pytest.raises(ServiceUnavailable):
        await give(home, answer)

    assert asyncio.get_running_loop().time() - begun_at < 8


GARBAGE: list[Reply] = [
    (200, []),
    (200, "text"),
    (200, {}),
    (200, {"access_token": 1}),
    (200, {"access_token": ""}),
    (200, {"access_token": "two words"}),
    (200, {"access_token": "line\r\nbreak"}),
    (404, {"access_token": "an-access-token"}),
    b"HTTP/1.1 200 .\r\ncontent-length: 3\r\n\r\n{{{",
    b"HTTP/1.1 200 .\r\ncontent-length: 9999\r\n\r\n" + b"[" * 9999,
    b"HTTP/1.1 200 .\r\ncontent-length: 2\r\n\r\n\xff\xfe",
]


@pytest.mark.parametrize("reply", GARBAGE, ids=lambda reply: repr(reply)[:50])
async def test_garbage_is_no_token(home: Home, provider: Provider, liar: Liar, reply: Reply) -> None:
    liar.handlers["/token"] = lambda _: reply

    assert await reason_of_refusal(home, provider, liar) == "token_answer"


@pytest.mark.parametrize("reply", [b"", b"SSH-2.0-OpenSSH\r\n", (500, {}), (503, {}), (429, {})])
async def test_who_is_broken_may_work_again_later(home: Home, provider: Provider, liar: Liar, reply: Reply) -> None:
    liar.handlers["/token"] = lambda _: reply

    with pytest.raises(ServiceUnavailable):
        await give(home, liar.grant(await begin(home, provider)))


async def test_an_issuer_that_is_gone_is_unavailable(home: Home, provider: Provider, liar: Liar) -> None:
    begun = await begin(home, provider)
    await liar.stop()
    home.now_us += 61 * MINUTE_US

    with pytest.raises(ServiceUnavailable):
        await begin(home, provider)
    assert begun.url


async def test_an_error_of_the_issuers_is_told_by_its_code_alone(home: Home, provider: Provider, liar: Liar) -> None:
    begun = await begin(home, provider)
    answer = ServiceAnswer(begun.state, begun.secret, error="<script>alert(1)</script>")

    with pytest.raises(ServiceRefused) as raised:
        await give(home, answer)

    assert raised.value.details == {"reason": "unknown"}


# Of whom it speaks


@pytest.mark.asvs("10.2.1", "10.2.3")
async def test_the_code_is_redeemed_as_it_was_asked_for(home: Home, provider: Provider, liar: Liar) -> None:
    begun = await begin(home, provider)
    assert "code_challenge_method=S256" in begun.url and "response_type=code" in begun.url
    assert "scope=openid+profile+email&" in begun.url

    with pytest.raises(RegistrationNeeded):
        await give(home, liar.grant(begun))

    [asked] = [asked for asked in liar.asked if asked.path == "/token"]
    assert asked.form["redirect_uri"] == REDIRECT_URI
    assert asked.form["grant_type"] == "authorization_code"
    assert "client_secret" not in asked.form
    assert asked.form["code_verifier"] not in begun.url


async def test_a_secret_goes_into_the_form_where_the_issuer_wants_it_there(
    home: Home, owner: Actor, liar: Liar
) -> None:
    liar.document = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    provider = await add_issuer(home, owner, liar.url)

    with pytest.raises(ServiceRefused):
        await give(home, liar.grant(await begin(home, provider)))

    assert liar.asked[-1].form["client_secret"] and "authorization" not in liar.asked[-1].headers


async def test_the_userinfo_of_somebody_else_is_refused(home: Home, owner: Actor, liar: Liar) -> None:
    liar.document = {"userinfo_endpoint": f"{liar.url}/userinfo"}
    provider = await add_issuer(home, owner, liar.url)
    liar.email, liar.email_verified = None, None
    liar.userinfo = {"sub": "the-owner", "email": "owner@example.org", "email_verified": True}

    assert await reason_of_refusal(home, provider, liar) == "userinfo"


async def test_userinfo_overrules_no_token(home: Home, owner: Actor, liar: Liar) -> None:
    liar.document = {"userinfo_endpoint": f"{liar.url}/userinfo"}
    provider = await add_issuer(home, owner, liar.url)
    liar.email = None
    liar.claims = {"email_verified": False}
    liar.userinfo = {"email": "anna@elsewhere.example", "email_verified": True}

    with pytest.raises(RegistrationNeeded) as raised:
        await give(home, liar.grant(await begin(home, provider)))
    assert raised.value.details["email_verified"] is False


@pytest.mark.parametrize("said", ["true", 1, None, False, "yes", {}])
async def test_only_true_is_verified(home: Home, provider: Provider, liar: Liar, said: object) -> None:
    liar.email_verified = said

    with pytest.raises(RegistrationNeeded) as raised:
        await give(home, liar.grant(await begin(home, provider)))

    assert raised.value.details["email_verified"] is False


@pytest.mark.parametrize("email", ["OWNER@example.org", "owner@Example.ORG"])
async def test_capitals_take_nobodys_account_over(
    home: Home, owner: Actor, provider: Provider, liar: Liar, email: str
) -> None:
    liar.email = email
    await home.accounts.confirm_email(owner, ConfirmEmail(await home.token("owner@example.org")))

    with pytest.raises(LinkInSettings):
        await give(home, liar.grant(await begin(home, provider)))


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"name": "Анна\u202eВетрова", "preferred_username": "../../etc"}, {"display_name": "", "username": "etc"}),
        ({"name": 7, "preferred_username": ["a"]}, {"display_name": "", "username": "anna"}),
        ({"name": "a" * 65, "preferred_username": "аня"}, {"display_name": "", "username": "anna"}),
        ({"email": "no address", "preferred_username": "x"}, {"email": "", "username": "", "email_verified": False}),
        ({"email": ["a@b.example"], "preferred_username": "a" * 99}, {"email": "", "username": "a" * 32}),
        ({"preferred_username": "Anna.V@corp.example"}, {"username": "anna.v"}),
    ],
    ids=str,
)
async def test_what_can_not_stand_here_is_left_out(
    home: Home, provider: Provider, liar: Liar, claims: dict[str, Any], expected: dict[str, Any]
) -> None:
    liar.claims = claims

    with pytest.raises(RegistrationNeeded) as raised:
        await give(home, liar.grant(await begin(home, provider)))

    assert {name: raised.value.details[name] for name in expected} == expected


async def test_who_comes_without_an_address_gives_one(
    home: Home, provider: Provider, liar: Liar, visit: Callable[[Authorization], Any]
) -> None:
    liar.email = None

    tokens = await sign_up(home, provider, visit, email="anna@example.org")

    assert tokens.user.email_confirmed is False


async def test_an_unverified_address_is_not_confirmed_by_being_given_again(
    home: Home, provider: Provider, liar: Liar, visit: Callable[[Authorization], Any]
) -> None:
    liar.email_verified = False

    tokens = await sign_up(home, provider, visit, email="anna@elsewhere.example")

    assert tokens.user.email_confirmed is False


async def test_an_address_that_changes_there_changes_nothing_here(
    home: Home, provider: Provider, liar: Liar, visit: Callable[[Authorization], Any]
) -> None:
    anna = await sign_up(home, provider, visit)
    victim = await register(home.auth, "victim")
    liar.email = "victim@example.org"

    again = await give(home, liar.grant(await begin(home, provider)))

    assert again.user.id == anna.user.id != victim.user.id
    assert again.user.email == "anna@elsewhere.example"


@pytest.mark.asvs("10.5.2")
async def test_a_stranger_with_the_same_address_is_not_whom_was_linked(
    home: Home, provider: Provider, liar: Liar, visit: Callable[[Authorization], Any]
) -> None:
    """Addresses are given to others; subjects never are."""
    anna = actor_of(await register(home.auth, "anna"))
    await link(home, anna, provider, visit)
    liar.subject = "subject-of-boris"

    assert (await needed(home, provider, visit)).details["email"] == "anna@elsewhere.example"


# Which issuers are taken at all

UNFIT: dict[str, tuple[dict[str, Any], str]] = {
    "another issuer": ({"issuer": "https://accounts.example"}, "issuer"),
    "no issuer": ({"issuer": None}, "discovery"),
    "no token endpoint": ({"token_endpoint": None}, "discovery"),
    "no keys": ({"jwks_uri": None}, "discovery"),
    "an endpoint without TLS": ({"token_endpoint": "http://accounts.example/token"}, "endpoint"),
    "an endpoint that is a script": ({"authorization_endpoint": "javascript:alert(1)"}, "endpoint"),
    "an endpoint that is a file": ({"jwks_uri": "file:///etc/passwd"}, "endpoint"),
    "an endpoint with a name and a password": ({"token_endpoint": "https://a:b@accounts.example/"}, "endpoint"),
    "an endpoint without a host": ({"token_endpoint": "https:///token"}, "endpoint"),
    "an endpoint that is no URL": ({"token_endpoint": "https://[::1/token"}, "endpoint"),
    "userinfo without TLS": ({"userinfo_endpoint": "http://accounts.example/"}, "endpoint"),
    "no code flow": ({"response_types_supported": ["id_token"]}, "code_flow"),
    "plain PKCE alone": ({"code_challenge_methods_supported": ["plain"]}, "pkce"),
    "shared secrets alone": ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "algorithms"),
}


@pytest.mark.asvs("10.5.3")
@pytest.mark.parametrize(("document", "reason"), UNFIT.values(), ids=UNFIT)
async def test_an_unfit_issuer_is_not_added(
    home: Home, owner: Actor, liar: Liar, document: dict[str, Any], reason: str
) -> None:
    liar.document = document

    with pytest.raises(IssuerUnfit) as raised:
        await add_issuer(home, owner, liar.url)

    assert raised.value.details["reason"] == reason


@pytest.mark.parametrize(
    ("reply", "reason"),
    [((404, {}), "discovery"), ((200, []), "discovery"), ((500, {}), "unreachable"), (b"", "unreachable")],
    ids=repr,
)
async def test_who_has_no_document_is_no_issuer(
    home: Home, owner: Actor, liar: Liar, reply: Reply, reason: str
) -> None:
    liar.handlers["/.well-known/openid-configuration"] = lambda _: reply

    with pytest.raises(IssuerUnfit) as raised:
        await add_issuer(home, owner, liar.url)

    assert raised.value.details["reason"] == reason


async def test_a_redirect_to_another_document_is_not_followed(
    home: Home, owner: Actor, liar: Liar, inner: Service
) -> None:
    liar.handlers["/.well-known/openid-configuration"] = redirecting(inner.url)

    with pytest.raises(IssuerUnfit):
        await add_issuer(home, owner, liar.url)
    assert inner.asked == []


@pytest.mark.asvs("10.5.3")
async def test_an_issuer_that_turns_bad_signs_nobody_in(home: Home, provider: Provider, liar: Liar) -> None:
    liar.document = {"token_endpoint": "http://10.0.0.1/token"}
    home.now_us += 61 * MINUTE_US

    with pytest.raises(ServiceAnswerInvalid) as raised:
        await begin(home, provider)
    assert raised.value.details["reason"] == "endpoint"
