"""GitHub and VK ID, which are no OpenID Connect issuers, by the shapes that their documentation gives."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from tests.elsewhere import Asked, Reply, Service, answer_of
from tests.services.auth.accounts import actor_of, register, set_up
from tests.services.auth.home import Home
from tests.services.auth.sign_in_services import REDIRECT_URI, begin, needed, sign_in, sign_up

from kaif.interfaces.auth.identities import (
    Authorization,
    RegistrationNeeded,
    ServiceAnswer,
    ServiceAnswerInvalid,
    ServiceDenied,
    ServiceRefused,
)
from kaif.interfaces.auth.providers import AddProvider, Provider, ProviderKind
from kaif.kernel.actor import NOBODY, Actor
from kaif.services.auth.providers.authorization import asked as asked_for

SECRET = "client-secret"


class Elsewhere(Service):
    """What both have in common: a code for a challenge, and a token for the code with its verifier."""

    def __init__(self) -> None:
        super().__init__()
        self.query: dict[str, str] = {}
        self.back: dict[str, str] = {}

    async def visit(self, begun: Authorization) -> ServiceAnswer:
        self.query = dict(parse_qsl(urlsplit(begun.url).query))
        return answer_of(begun, {"state": begun.state, "code": "the-code", **self.back})

    def fits(self, form: dict[str, str]) -> bool:
        challenge = asked_for(b"", "", "")
        challenge = msgspec.structs.replace(challenge, verifier=form.get("code_verifier", ""))
        return (
            challenge.code_challenge == self.query["code_challenge"]
            and self.query["code_challenge_method"] == "S256"
            and (form["code"], form["redirect_uri"]) == ("the-code", self.query["redirect_uri"])
        )


class FakeGitHub(Elsewhere):
    """docs.github.com, "Authorizing OAuth apps"; on a server of one's own the API is below /api/v3."""

    def __init__(self) -> None:
        super().__init__()
        self.user: dict[str, Any] = {"login": "octo-anna", "id": 583231, "name": "Anna", "email": "public@example.org"}
        self.emails: Reply = (
            200,
            [
                {"email": "old@example.net", "verified": True, "primary": False, "visibility": None},
                {"email": "Anna@Example.net", "verified": True, "primary": True, "visibility": "private"},
            ],
        )
        self.handlers = {
            "/login/oauth/access_token": self._token,
            "/api/v3/user": lambda asked: self._signed_in(asked, (200, self.user)),
            "/api/v3/user/emails": lambda asked: self._signed_in(asked, self.emails),
        }

    def _token(self, asked: Asked) -> Reply:
        if asked.headers.get("accept") != "application/json":
            return b"HTTP/1.1 200 .\r\ncontent-length: 19\r\n\r\naccess_token=gho_16"
        if (asked.form.get("client_id"), asked.form.get("client_secret")) != ("github-client", SECRET):
            return 200, {"error": "incorrect_client_credentials", "error_description": "…", "error_uri": "…"}
        if not self.fits(asked.form):
            return 200, {"error": "bad_verification_code", "error_description": "…", "error_uri": "…"}
        return 200, {"access_token": "gho_16C7e42F292c6912E7", "scope": "read:user,user:email", "token_type": "bearer"}

    def _signed_in(self, asked: Asked, reply: Reply) -> Reply:
        right = asked.bearer == "gho_16C7e42F292c6912E7" and asked.headers.get("user-agent")
        return reply if right else (401, {"message": "Bad credentials"})


class FakeVk(Elsewhere):
    """id.vk.com, "Справочник методов API VK ID"."""

    def __init__(self) -> None:
        super().__init__()
        self.back = {"device_id": "the-device", "type": "code_v2", "expires_in": "600"}
        self.user: dict[str, Any] = {
            "user_id": "1234567890",
            "first_name": "Анна",
            "last_name": "В.",
            "avatar": "https://pp.example/a.jpg",
            "email": "anna@vk.example",
            "sex": 1,
            "verified": True,
            "birthday": "01.01.2000",
        }
        self.state: str | None = None
        self.info: Reply | None = None
        self.handlers = {"/oauth2/auth": self._token, "/oauth2/user_info": self._user_info}

    def _token(self, asked: Asked) -> Reply:
        form = asked.form
        if form.get("device_id") != "the-device" or not self.fits(form) or form.get("state") != self.query["state"]:
            return 400, {"error": "invalid_grant", "error_description": "code is invalid", "state": form.get("state")}
        return 200, {
            "refresh_token": "vk2.a.refresh",
            "access_token": "vk2.a.access",
            "id_token": "a.b.c",
            "token_type": "Bearer",
            "expires_in": 3600,
            "user_id": 1234567890,
            "state": self.state or form["state"],
            "scope": "vkid.personal_info email",
        }

    def _user_info(self, asked: Asked) -> Reply:
        if (asked.method, asked.form) != ("POST", {"client_id": "vk-client", "access_token": "vk2.a.access"}):
            return 200, {"error": "invalid_token", "error_description": "access_token is missing"}
        return self.info or (200, {"user": self.user})


@pytest.fixture
async def home(embedded_home: Home) -> Home:
    return embedded_home


@pytest.fixture
async def owner(home: Home) -> Actor:
    return actor_of(await set_up(home.auth))


async def added(home: Home, owner: Actor, kind: ProviderKind, issuer: str, secret: str = SECRET) -> Provider:
    return await home.providers.add_provider(owner, AddProvider(kind, f"{kind}-client", secret, issuer=issuer))


@pytest.fixture
async def github(home: Home) -> AsyncIterator[FakeGitHub]:
    github = FakeGitHub()
    await github.start()
    yield github
    await github.stop()


@pytest.fixture
async def octo(home: Home, owner: Actor, github: FakeGitHub) -> Provider:
    return await added(home, owner, "github", github.url + "/")


@pytest.fixture
async def vk(home: Home) -> AsyncIterator[FakeVk]:
    vk = FakeVk()
    await vk.start()
    yield vk
    await vk.stop()


@pytest.fixture
async def vk_id(home: Home, owner: Actor, vk: FakeVk) -> Provider:
    return await added(home, owner, "vk", vk.url)


# GitHub


@pytest.mark.asvs("10.2.3")
async def test_github_is_asked_as_it_wants_to_be(home: Home, octo: Provider, github: FakeGitHub) -> None:
    begun = await begin(home, octo)
    await github.visit(begun)

    assert begun.url.startswith(f"{github.url}/login/oauth/authorize?")
    assert github.query["client_id"] == "github-client"
    assert github.query["scope"] == "read:user user:email"
    assert (github.query["redirect_uri"], github.query["state"]) == (REDIRECT_URI, begun.state)


async def test_github_itself_is_at_its_own_addresses(home: Home, owner: Actor) -> None:
    provider = await home.providers.add_provider(owner, AddProvider("github", "github-client", SECRET))

    begun = await begin(home, provider)

    assert (provider.name, provider.issuer) == ("GitHub", "https://github.com")
    assert begun.url.startswith("https://github.com/login/oauth/authorize?")


async def test_who_comes_from_github_signs_in_again(home: Home, octo: Provider, github: FakeGitHub) -> None:
    first = await sign_up(home, octo, github.visit)
    github.user |= {"login": "anna-renamed"}
    github.emails = (200, [])

    assert (first.user.email, first.user.email_confirmed) == ("anna@example.net", True)
    assert (await sign_in(home, octo, github.visit)).user.id == first.user.id


@pytest.mark.asvs("6.8.1")
async def test_who_takes_a_login_that_was_given_up_is_somebody_else(
    home: Home, octo: Provider, github: FakeGitHub
) -> None:
    await sign_up(home, octo, github.visit)
    github.user |= {"id": 583232}
    github.emails = (200, [{"email": "other@example.net", "verified": True, "primary": True}])

    assert (await needed(home, octo, github.visit)).details["username"] == "octo-anna"


async def test_the_address_that_github_shows_to_all_proves_nothing(
    home: Home, octo: Provider, github: FakeGitHub
) -> None:
    github.emails = (404, {"message": "Not Found"})

    details = (await needed(home, octo, github.visit)).details

    assert (details["email"], details["email_verified"]) == ("", False)


async def test_an_unverified_address_at_github_takes_nobodys_account_over(
    home: Home, octo: Provider, github: FakeGitHub
) -> None:
    await register(home.auth, "victim")
    github.emails = (200, [{"email": "victim@example.org", "verified": False, "primary": True}])

    # Nor is it told whether anybody has it.
    with pytest.raises(RegistrationNeeded):
        await sign_in(home, octo, github.visit)


async def test_an_unverified_address_at_github_is_to_be_confirmed(
    home: Home, octo: Provider, github: FakeGitHub
) -> None:
    github.emails = (200, [{"email": "anna@example.net", "verified": False, "primary": True}])

    tokens = await sign_up(home, octo, github.visit)

    assert (tokens.user.email, tokens.user.email_confirmed) == ("anna@example.net", False)


async def test_github_says_errors_with_status_200(home: Home, owner: Actor, github: FakeGitHub) -> None:
    provider = await added(home, owner, "github", github.url, secret="mistyped")

    with pytest.raises(ServiceRefused) as raised:
        await sign_in(home, provider, github.visit)

    assert raised.value.details["reason"] == "incorrect_client_credentials"


async def test_a_code_of_github_fits_its_own_sign_in_alone(home: Home, octo: Provider, github: FakeGitHub) -> None:
    first = await begin(home, octo)
    await github.visit(await begin(home, octo))
    stolen = answer_of(first, {"state": first.state, "code": "the-code"})

    with pytest.raises(ServiceRefused) as raised:
        await home.identities.sign_in_by_service(NOBODY, stolen)
    assert raised.value.details["reason"] == "bad_verification_code"


@pytest.mark.parametrize("number", [None, "583231", True, 1.5, []])
async def test_a_user_of_github_has_a_number(home: Home, octo: Provider, github: FakeGitHub, number: object) -> None:
    github.user |= {"id": number}

    with pytest.raises(ServiceAnswerInvalid):
        await sign_in(home, octo, github.visit)


async def test_who_refuses_at_github_is_told_so(home: Home, octo: Provider, github: FakeGitHub) -> None:
    github.back = {"error": "access_denied", "error_description": "The user has denied your application access."}

    with pytest.raises(ServiceDenied):
        await sign_in(home, octo, github.visit)


@pytest.mark.parametrize("iss", ["https://honest.example", "https://[", "x"])
async def test_an_answer_of_another_is_not_githubs(home: Home, octo: Provider, github: FakeGitHub, iss: str) -> None:
    github.back = {"iss": iss}

    with pytest.raises(ServiceAnswerInvalid) as raised:
        await sign_in(home, octo, github.visit)

    assert raised.value.details["reason"] == "answered_by"
    assert github.asked == []


# VK ID


@pytest.mark.asvs("10.2.3")
async def test_vk_is_asked_as_it_wants_to_be(home: Home, vk_id: Provider, vk: FakeVk) -> None:
    begun = await begin(home, vk_id)
    await vk.visit(begun)

    assert begun.url.startswith(f"{vk.url}/authorize?")
    assert (vk.query["client_id"], vk.query["scope"]) == ("vk-client", "vkid.personal_info email")
    # "Не короче 32 символов": a-z, A-Z, 0-9, _, -.
    assert len(vk.query["state"]) >= 32


async def test_who_comes_from_vk_signs_in_again(home: Home, vk_id: Provider, vk: FakeVk) -> None:
    details = (await needed(home, vk_id, vk.visit)).details
    assert (details["display_name"], details["username"], details["email"]) == ("Анна В.", "anna", "anna@vk.example")

    first = await sign_up(home, vk_id, vk.visit)

    # What VK calls verified is the person.
    assert first.user.email_confirmed is False
    assert (await sign_in(home, vk_id, vk.visit)).user.id == first.user.id


async def test_vk_without_a_device_redeems_nothing(home: Home, vk_id: Provider, vk: FakeVk) -> None:
    vk.back = {}

    with pytest.raises(ServiceAnswerInvalid) as raised:
        await sign_in(home, vk_id, vk.visit)

    assert raised.value.details["reason"] == "device_id"
    assert vk.asked == []


async def test_another_device_redeems_nothing(home: Home, vk_id: Provider, vk: FakeVk) -> None:
    vk.back = {"device_id": "another"}

    with pytest.raises(ServiceRefused) as raised:
        await sign_in(home, vk_id, vk.visit)
    assert raised.value.details["reason"] == "invalid_grant"


async def test_tokens_of_another_sign_in_are_refused(home: Home, vk_id: Provider, vk: FakeVk) -> None:
    vk.state = "of-somebody-else"

    with pytest.raises(ServiceAnswerInvalid) as raised:
        await sign_in(home, vk_id, vk.visit)
    assert raised.value.details["reason"] == "state"


@pytest.mark.parametrize(
    "info", [(200, {"error": "invalid_token"}), (200, {}), (200, {"user": []}), (200, {"user": {}}), (403, {})], ids=str
)
async def test_vk_says_who_it_is_or_nobody_comes_in(home: Home, vk_id: Provider, vk: FakeVk, info: Reply) -> None:
    vk.info = info

    with pytest.raises((ServiceAnswerInvalid, ServiceRefused)):
        await sign_in(home, vk_id, vk.visit)


async def test_a_number_for_an_id_is_the_same_person(home: Home, vk_id: Provider, vk: FakeVk) -> None:
    first = await sign_up(home, vk_id, vk.visit)
    vk.user |= {"user_id": 1234567890}

    assert (await sign_in(home, vk_id, vk.visit)).user.id == first.user.id


async def test_vk_without_an_address_asks_for_one(home: Home, vk_id: Provider, vk: FakeVk) -> None:
    del vk.user["email"]

    with pytest.raises(RegistrationNeeded) as raised:
        await sign_in(home, vk_id, vk.visit)

    assert raised.value.details["email"] == ""
