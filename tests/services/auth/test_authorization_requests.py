"""What an application asks with: nobody is sent to a stranger, and what is wrong is told to the right one."""

from urllib.parse import quote

import pytest
from tests.services.auth.accounts import actor_of, log_in, register
from tests.services.auth.home import Home
from tests.services.auth.relying_parties import ISSUER, REDIRECT_URI, Party, a_party, add_party

from kaif.interfaces.auth import Tokens
from kaif.interfaces.auth.applications import ChangeApplication
from kaif.interfaces.auth.openid import (
    AllowAuthorization,
    ApplicationUnknown,
    AuthorizationMalformed,
    ConsiderAuthorization,
    RedirectUriRefused,
    RefuseAuthorization,
)
from kaif.kernel.actor import NOBODY


@pytest.fixture
async def home(embedded_home: Home) -> Home:
    """The database has no part in it."""
    return embedded_home


@pytest.fixture
async def party(home: Home) -> Party:
    party, _ = await a_party(home)
    return party


@pytest.fixture
async def anna(home: Home, party: Party) -> Tokens:
    return await register(home.auth, "anna", "Анна Ветрова")


async def step(party: Party, tokens: Tokens, **changes: str | None) -> str:
    return (await party.consider(actor_of(tokens), **changes)).step


# Nobody is sent to a stranger


@pytest.mark.asvs("10.4.1")
@pytest.mark.parametrize(
    "redirect_uri",
    [
        REDIRECT_URI + "/",
        REDIRECT_URI + "/../elsewhere",
        REDIRECT_URI + "?x=1",
        REDIRECT_URI + "#",
        REDIRECT_URI + "#fragment",
        REDIRECT_URI + "x",
        REDIRECT_URI[:-1],
        REDIRECT_URI.replace("signed-in", "Signed-In"),
        REDIRECT_URI.replace("wiki", "WIKI"),
        REDIRECT_URI.replace("https", "http"),
        REDIRECT_URI.replace("wiki.example", "wiki.example:443"),
        REDIRECT_URI.replace("wiki.example", "wiki.example:8443"),
        REDIRECT_URI.replace("wiki.example", "wiki.example.evil.example"),
        REDIRECT_URI.replace("wiki.example", "evil@wiki.example"),
        REDIRECT_URI.replace("wiki.example", "wiki.example@evil.example"),
        REDIRECT_URI.replace("wiki.example", "sub.wiki.example"),
        REDIRECT_URI.replace("/signed-in", "/%73igned-in"),
        REDIRECT_URI.replace("/signed-in", "\\signed-in"),
        " " + REDIRECT_URI,
        REDIRECT_URI + "\n",
        REDIRECT_URI + "\x00",
        "https://evil.example/",
        "//wiki.example/signed-in",
        "javascript:alert(1)",
        "/",
    ],
)
async def test_nobody_is_sent_where_the_application_does_not_live(
    home: Home, party: Party, anna: Tokens, redirect_uri: str
) -> None:
    with pytest.raises(RedirectUriRefused):
        await party.consider(actor_of(anna), redirect_uri=redirect_uri)
    with pytest.raises(RedirectUriRefused):
        await party.allow(anna, redirect_uri=redirect_uri)
    with pytest.raises(RedirectUriRefused):
        await party.refuse(redirect_uri=redirect_uri)


async def test_a_request_of_nobody_we_know_sends_nobody_anywhere(home: Home, party: Party, anna: Tokens) -> None:
    for client_id in ("nobody", "\x00", "x" * 300, party.id.upper(), f"{party.id}\n"):
        with pytest.raises(ApplicationUnknown):
            await party.consider(actor_of(anna), client_id=client_id)
    for missing in ({"client_id": None}, {"redirect_uri": None}, {"client_id": ""}, {"redirect_uri": ""}):
        with pytest.raises(AuthorizationMalformed):
            await party.consider(actor_of(anna), **missing)


@pytest.mark.parametrize("again", ["client_id", "redirect_uri"])
async def test_a_request_of_two_applications_sends_nobody_anywhere(
    home: Home, party: Party, anna: Tokens, again: str
) -> None:
    query = f"{party.query()}&{again}={quote('https://evil.example/')}"
    for ask in (
        home.authorizations.consider_authorization(actor_of(anna), ConsiderAuthorization(query)),
        home.authorizations.allow_authorization(actor_of(anna), AllowAuthorization(query, "", anna.user.id)),
        home.authorizations.refuse_authorization(NOBODY, RefuseAuthorization(query)),
    ):
        with pytest.raises(AuthorizationMalformed):
            await ask


@pytest.mark.parametrize("query", ["%ff", "&".join(f"a{n}=1" for n in range(60)), "", "client_id", "%C0%AF=1"])
async def test_what_is_no_request_is_told_so(home: Home, party: Party, query: str) -> None:
    with pytest.raises(AuthorizationMalformed):
        await home.authorizations.consider_authorization(NOBODY, ConsiderAuthorization(query))


async def test_a_changed_application_is_known_by_its_new_address_alone(home: Home, party: Party, anna: Tokens) -> None:
    moved = ChangeApplication(party.id, "Wiki", ["https://new.example/cb"], ["openid"], "ES256", "")
    await home.applications.change_application(actor_of(await log_in(home.auth, "owner")), moved)

    with pytest.raises(RedirectUriRefused):
        await party.consider(actor_of(anna))
    assert await step(party, anna, redirect_uri="https://new.example/cb") == "consent"


@pytest.mark.asvs("10.4.1")
async def test_a_program_that_listens_on_loopback_takes_any_port_and_nothing_else(
    home: Home, party: Party, anna: Tokens
) -> None:
    owner = await log_in(home.auth, "owner")
    program = await add_party(
        home, owner, "http://127.0.0.1/cb", "http://[::1]:7000/cb", "org.example.app:/cb", name="Program", kind="native"
    )
    site = await add_party(home, owner, "http://127.0.0.1:3000/cb", name="Site under construction")

    for uri in ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", "http://[::1]:1/cb", "org.example.app:/cb"):
        assert await step(program, anna, redirect_uri=uri) == "consent"
    for uri in (
        "http://127.0.0.1:51004/other", "http://127.0.0.1:51004/cb/", "http://127.0.0.1:51004/cb?x=1",
        "http://127.0.0.1:99999/cb", "http://127.0.0.1:0/cb", "http://127.0.0.1:/cb", "http://127.0.0.1:1@evil.example/cb",
        "http://localhost:51004/cb", "http://127.0.0.2:51004/cb", "https://127.0.0.1:51004/cb", "org.example.app:/cb2",
        "http://127.0.0.1:51004/cb#", "http://127.0.0.1.evil.example/cb",
    ):  # fmt: skip
        with pytest.raises(RedirectUriRefused):
            await program.consider(actor_of(anna), redirect_uri=uri)
    with pytest.raises(RedirectUriRefused):
        await site.consider(actor_of(anna), redirect_uri="http://127.0.0.1:3001/cb")


# What is wrong with a request goes back to the application

WRONG: dict[str, tuple[dict[str, str | None], str]] = {
    "no PKCE": ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    "plain PKCE": ({"code_challenge_method": "plain"}, "invalid_request"),
    "PKCE of no method, which means plain": ({"code_challenge_method": None}, "invalid_request"),
    "a method without a challenge": ({"code_challenge": None}, "invalid_request"),
    "a challenge that is none": ({"code_challenge": "short"}, "invalid_request"),
    "a challenge with padding": ({"code_challenge": "a" * 43 + "="}, "invalid_request"),
    "no response type": ({"response_type": None}, "invalid_request"),
    "the implicit flow": ({"response_type": "token"}, "unsupported_response_type"),
    "an ID token in the address": ({"response_type": "id_token"}, "unsupported_response_type"),
    "the hybrid flow": ({"response_type": "code id_token"}, "unsupported_response_type"),
    "an answer in the fragment": ({"response_mode": "fragment"}, "invalid_request"),
    "an answer by form": ({"response_mode": "form_post"}, "invalid_request"),
    "a request object": ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
    "a request by reference": ({"request_uri": "https://wiki.example/r"}, "request_uri_not_supported"),
    "no scope": ({"scope": None}, "invalid_scope"),
    "no openid": ({"scope": "profile email"}, "invalid_scope"),
    "silence and a question": ({"prompt": "none login"}, "invalid_request"),
    "an unknown prompt": ({"prompt": "dance"}, "invalid_request"),
    "an age that is none": ({"max_age": "-1"}, "invalid_request"),
    "an age of words": ({"max_age": "soon"}, "invalid_request"),
    "a nonce without an end": ({"nonce": "n" * 513}, "invalid_request"),
    "a nonce with a NUL": ({"nonce": "n\x00"}, "invalid_request"),
}


@pytest.mark.asvs("10.4.4", "10.4.6", "10.4.12", "10.6.1")
@pytest.mark.parametrize(("wrong", "error"), WRONG.values(), ids=WRONG)
async def test_what_is_wrong_with_a_request_is_told_to_its_application(
    party: Party, anna: Tokens, wrong: dict[str, str | None], error: str
) -> None:
    await party.allow(anna)

    answer = await party.answer(actor_of(anna), **wrong)
    assert (answer["error"], answer["state"], answer["iss"]) == (error, "a state of ours", ISSUER)
    assert await party.allow(anna, **wrong) == answer
    assert await party.refuse(**wrong) == answer


@pytest.mark.parametrize("name", ["code_challenge", "scope", "nonce", "response_type", "x", "prompt"])
async def test_a_parameter_that_is_given_twice_is_an_error(home: Home, party: Party, anna: Tokens, name: str) -> None:
    query = f"{party.query(x='1', prompt='consent')}&{name}=code"

    considered = await home.authorizations.consider_authorization(actor_of(anna), ConsiderAuthorization(query))

    assert "error=invalid_request" in considered.redirect_to and "code=" not in considered.redirect_to


async def test_a_state_that_is_given_twice_is_none(home: Home, party: Party, anna: Tokens) -> None:
    query = f"{party.query()}&state=another"

    considered = await home.authorizations.consider_authorization(actor_of(anna), ConsiderAuthorization(query))

    assert "error=invalid_request" in considered.redirect_to and "state=" not in considered.redirect_to


async def test_an_address_with_a_query_of_its_own_keeps_it(home: Home, party: Party, anna: Tokens) -> None:
    owner = await log_in(home.auth, "owner")
    shop = await add_party(home, owner, "https://shop.example/cb?provider=kaif", name="Shop")

    answer = await shop.allow(anna, state="a&b=c#d ё")

    assert (answer["provider"], answer["state"]) == ("kaif", "a&b=c#d ё")
    assert await shop.redeem(answer["code"])


async def test_unknown_parameters_and_scopes_do_no_harm(party: Party, anna: Tokens) -> None:
    answer = await party.allow(anna, scope="openid teapot", display="touch", ui_locales="ru", claims="{}", audience="x")

    assert (await party.redeem(answer["code"])).scope == "openid"
