"""Sessions of browsers: tokens that scripts can't read and other sites can't use."""

from collections.abc import AsyncIterator
from http.cookies import SimpleCookie

import httpx
import pytest
from tests.gateway.conftest import NewPerson
from tests.harness import PASSWORD, Person, Server

from kaif.gateway import cookies

CREATE = "/v1/messaging/chats"


class Browser:
    """A page of ours in a browser; a real one keeps `Secure` cookies of loopback, httpx does not, so we keep them."""

    def __init__(self, server: Server, name: str) -> None:
        self.name = name
        self.origin = server.url
        self.http = httpx.AsyncClient(base_url=server.url, timeout=20, trust_env=False)
        self.cookies: dict[str, str] = {}
        self.set_cookies: list[str] = []

    async def ask(self, method: str, path: str, body: object = None, **headers: str | None) -> httpx.Response:
        """As a page does; a header given as None is left out."""
        usual = {"origin": self.origin, "kaif_session": "cookie", "cookie": self._cookie_header()}
        sent = {key.replace("_", "-"): value for key, value in {**usual, **headers}.items() if value}
        answer = await self.http.request(method, path, json=body, headers=sent)
        self.set_cookies = answer.headers.get_list("set-cookie")
        for line in self.set_cookies:
            for key, morsel in SimpleCookie(line).items():
                self.cookies[key] = morsel.value
        return answer

    def _cookie_header(self) -> str:
        return "; ".join(f"{key}={value}" for key, value in self.cookies.items())

    async def log_in(self) -> httpx.Response:
        return await self.ask("POST", "/v1/auth/login", {"login": self.name, "password": PASSWORD})


@pytest.fixture
async def browser(server: Server, new_person: NewPerson) -> AsyncIterator[Browser]:
    browser = Browser(server, (await new_person()).name)
    yield browser
    await browser.http.aclose()


@pytest.fixture
async def signed_in(browser: Browser) -> Browser:
    await browser.log_in()
    return browser


@pytest.mark.asvs("3.3.3", "10.1.1")
async def test_a_browsers_tokens_travel_in_cookies_alone(browser: Browser) -> None:
    answer = await browser.log_in()

    assert (answer.json()["access_token"], answer.json()["refresh_token"]) == ("", "")
    assert browser.cookies.keys() == {"__Host-kaif_access", "__Host-kaif_refresh"}
    for value in browser.cookies.values():
        assert value and value not in answer.text
    for line in browser.set_cookies:
        assert {"Path=/", "Secure", "HttpOnly", "SameSite=Strict"} <= set(line.split("; "))
        assert "domain" not in line.lower()


async def test_without_the_header_tokens_are_in_the_body_and_no_cookie_is_set(browser: Browser) -> None:
    answer = await browser.ask(
        "POST", "/v1/auth/login", {"login": browser.name, "password": PASSWORD}, kaif_session=None, origin=None
    )

    assert answer.json()["access_token"] and answer.json()["refresh_token"]
    assert browser.set_cookies == []


async def test_the_cookie_signs_requests_in(signed_in: Browser) -> None:
    assert (await signed_in.ask("GET", "/v1/auth/me")).json()["username"] == signed_in.name
    assert (await signed_in.ask("GET", "/v1/auth/me", kaif_session=None, origin=None)).status_code == 200


@pytest.mark.asvs("3.5.1")
@pytest.mark.parametrize(
    "origin",
    [None, "null", "https://evil.example", "http://127.0.0.1.evil.example", "file://", "http://", "x"],
)
@pytest.mark.parametrize("path", ["/v1/auth/logout", "/v1/auth/refresh", "/v1/auth/login", CREATE])
async def test_an_unsafe_request_of_another_site_is_refused(signed_in: Browser, origin: str | None, path: str) -> None:
    answer = await signed_in.ask("POST", path, {}, origin=origin)

    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert signed_in.set_cookies == []


@pytest.mark.asvs("3.5.2")
@pytest.mark.parametrize("path", ["/v1/auth/logout", CREATE])
@pytest.mark.parametrize("header", [None, "bearer", "Cookie"])
async def test_an_unsafe_request_that_a_form_could_make_is_refused(
    signed_in: Browser, path: str, header: str | None
) -> None:
    answer = await signed_in.ask("POST", path, {}, kaif_session=header)

    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")


async def test_a_page_of_ours_may_do_what_the_person_may(signed_in: Browser, anna: Person) -> None:
    answer = await signed_in.ask("POST", CREATE, {"kind": "direct", "members": [anna.id]})

    assert answer.status_code == 201


async def test_a_browser_refreshes_by_its_cookie(signed_in: Browser) -> None:
    before = dict(signed_in.cookies)

    answer = await signed_in.ask("POST", "/v1/auth/refresh", {})

    assert answer.status_code == 200 and answer.json()["refresh_token"] == ""
    assert signed_in.cookies["__Host-kaif_refresh"] != before["__Host-kaif_refresh"]
    assert (await signed_in.ask("GET", "/v1/auth/me")).status_code == 200


async def test_a_browser_that_lost_the_answer_of_its_refresh_asks_again_by_its_attempt(signed_in: Browser) -> None:
    attempt = {"attempt": "an-attempt-of-this-browser"}
    before = dict(signed_in.cookies)
    await signed_in.ask("POST", "/v1/auth/refresh", attempt)
    after = dict(signed_in.cookies)
    signed_in.cookies.update(before)

    again = await signed_in.ask("POST", "/v1/auth/refresh", attempt)

    assert again.status_code == 200
    assert signed_in.cookies["__Host-kaif_refresh"] == after["__Host-kaif_refresh"]
    signed_in.cookies.update(before)
    assert (await signed_in.ask("POST", "/v1/auth/refresh", {})).json()["code"] == "session_ended"


async def test_a_browser_refreshes_after_its_access_cookie_has_lapsed(signed_in: Browser) -> None:
    del signed_in.cookies["__Host-kaif_access"]

    assert (await signed_in.ask("GET", "/v1/auth/me")).status_code == 401
    assert (await signed_in.ask("POST", "/v1/auth/refresh", {})).status_code == 200
    assert (await signed_in.ask("GET", "/v1/auth/me")).status_code == 200


@pytest.mark.asvs("7.4.1", "14.3.1")
async def test_logging_out_ends_the_session_and_clears_what_the_browser_holds(signed_in: Browser) -> None:
    kept = dict(signed_in.cookies)

    answer = await signed_in.ask("POST", "/v1/auth/logout", {})

    assert answer.status_code == 204
    assert signed_in.cookies == {"__Host-kaif_access": "", "__Host-kaif_refresh": ""}
    assert all("Max-Age=0" in line for line in signed_in.set_cookies)
    assert '"cookies"' in answer.headers["clear-site-data"]
    signed_in.cookies = kept
    assert (await signed_in.ask("GET", "/v1/auth/me")).json()["code"] == "session_ended"
    assert (await signed_in.ask("POST", "/v1/auth/refresh", {})).json()["code"] == "session_ended"


@pytest.mark.asvs("3.5.3")
async def test_what_a_link_or_a_picture_asks_for_changes_nothing(signed_in: Browser) -> None:
    document = (await signed_in.ask("GET", "/openapi.json")).json()
    before = dict(signed_in.cookies)
    acts = [path for path, methods in document["paths"].items() if "post" in methods and "get" not in methods]
    assert {"/v1/auth/logout", "/v1/auth/account/delete", "/v1/auth/refresh"} <= set(acts)

    for path in acts:
        answer = await signed_in.ask("GET", path, kaif_session=None, origin=None)

        assert answer.status_code in (303, 404, 405), path
        assert signed_in.set_cookies == []
    assert signed_in.cookies == before
    assert (await signed_in.ask("GET", "/v1/auth/me")).status_code == 200


async def test_a_bearer_token_needs_neither_origin_nor_header(anna: Person, boris: Person) -> None:
    answer = await anna.http.post(
        CREATE, json={"kind": "direct", "members": [boris.id]}, headers={"origin": "https://elsewhere.example"}
    )

    assert answer.status_code == 201


@pytest.mark.parametrize("cookie", ["", ";;;", "=", "__Host-kaif_access", "__Host-kaif_access=", "a=b; c", "é=ü"])
async def test_a_broken_cookie_is_nobody(browser: Browser, cookie: str) -> None:
    answer = await browser.http.get("/v1/auth/me", headers={b"cookie": cookie.encode()})

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.asvs("3.5.1")
@pytest.mark.parametrize(
    ("public_url", "ours", "foreign"),
    [
        ("https://ozero.example", ["https://ozero.example", "https://OZERO.example"], ["http://ozero.example"]),
        ("http://127.0.0.1:8080", ["http://127.0.0.1:8080"], ["https://127.0.0.1:8080", "http://127.0.0.1:8081"]),
        ("", ["http://ozero.example", "https://ozero.example"], ["ftp://ozero.example", "ozero.example", ""]),
    ],
)
def test_a_page_is_ours_by_its_scheme_host_and_port(public_url: str, ours: list[str], foreign: list[str]) -> None:
    schemes = cookies.schemes_of(public_url)
    host = ours[0].partition("://")[2].encode()

    for origin in ours:
        cookies.require_own_origin(origin.encode(), host, schemes)
    for origin in foreign:
        with pytest.raises(cookies.ForeignOrigin):
            cookies.require_own_origin(origin.encode(), host, schemes)
