"""Pages that strangers name are read on our terms, and taken at no more than their word."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import anyio
import pytest
from tests.elsewhere import Asked, Service

from kaif.engines.web import Unreachable
from kaif.engines.web.pages import PAGE_BYTES_MAX, PICTURE_BYTES_MAX, NotAPage, WebPage
from kaif.engines.web.public import LED_TO_ONE_SITE, REDIRECTS_MAX, PublicPages
from kaif.engines.web.summaries import Summary, host_shown, summary_of


@pytest.fixture
async def pages() -> AsyncIterator[PublicPages]:
    pages = PublicPages(private_too=True, within_s=1)
    yield pages
    await pages.close()


@pytest.fixture
async def site(service: Service) -> Service:
    return service


def page(*lines: str, body: bytes = b"<title>Lake</title>") -> bytes:
    return "\r\n".join(["HTTP/1.1 200 .", *lines, "", ""]).encode() + body


HTML = "content-type: text/html; charset=utf-8"


def leads_to(url: str) -> bytes:
    return f"HTTP/1.1 302 .\r\nlocation: {url}\r\nset-cookie: spy=1\r\ncontent-length: 0\r\n\r\n".encode()


def said(html: str, charset: str = "", url: str = "https://lake.example/") -> Summary | None:
    return summary_of(WebPage(url, charset, html.encode()))


async def test_a_page_is_read_as_nobody_in_particular(pages: PublicPages, site: Service) -> None:
    site.handlers["/b?x=1"] = lambda _: page(HTML, "set-cookie: spy=1")
    site.handlers["/a"] = lambda _: leads_to("/b?x=1#part")

    for _ in range(2):
        found = await pages.read(f"{site.url}/a#there")
        assert found == WebPage(f"{site.url}/b?x=1#part", "utf-8", b"<title>Lake</title>")

    assert [asked.path for asked in site.asked] == ["/a", "/b?x=1"] * 2
    for asked in site.asked:
        assert asked.headers.keys() - {""} == {"host", "user-agent", "accept", "accept-encoding"}
        assert asked.headers["host"] == site.url.removeprefix("http://")
        assert "Kaif-Ozero" in asked.headers["user-agent"]


@pytest.mark.asvs("1.3.6")
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://100.64.0.1/",
        "http://0.0.0.0/",
        "http://0/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://224.0.0.1/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://8.8.8.8:25/",
        "https://8.8.8.8:80/",
        "http://user:word@8.8.8.8/",
        "ftp://8.8.8.8/",
        "file:///etc/passwd",
        "mailto:anna@lake.example",
        "http:///nowhere",
        f"http://{'a' * 64}.example/",
        "http://8.8.8.8/" + "a" * 2048,
    ],
)
async def test_what_lies_within_or_is_no_page_is_not_asked(url: str) -> None:
    with pytest.raises(NotAPage):
        await PublicPages().read(url)


@pytest.mark.asvs("1.3.6")
async def test_a_redirect_leads_within_as_little_as_a_link(site: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is public at first; where it leads then is looked up like any other."""
    loop = asyncio.get_running_loop()
    port = int(site.url.rpartition(":")[2])
    site.handlers["/"] = lambda _: leads_to(f"http://localhost/secret?{port}")
    asked_for: list[str] = []

    async def look_up(host: str, *_: object, **__: object) -> list[object]:
        asked_for.append(host)
        return [(2, 1, 6, "", (("8.8.8.8" if host == "lake.example" else "127.0.0.1"), 80))]

    original = anyio.connect_tcp
    connected_to: list[str] = []

    async def connect_tcp(remote_host: str, **_: object) -> object:
        connected_to.append(remote_host)
        return await original("127.0.0.1", port)

    monkeypatch.setattr(loop, "getaddrinfo", look_up)
    monkeypatch.setattr(anyio, "connect_tcp", connect_tcp)

    with pytest.raises(NotAPage):
        await PublicPages().read("http://lake.example/")

    # To the very address that was looked at, and nowhere else.
    assert (asked_for, connected_to, site.count("/")) == (["lake.example", "localhost"], ["8.8.8.8"], 1)


@pytest.mark.asvs("1.3.6")
async def test_a_name_with_one_address_within_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look_up(*_: object, **__: object) -> list[object]:
        return [(2, 1, 6, "", (address, 80)) for address in ("8.8.8.8", "10.0.0.1")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)

    async def connect_tcp(*_: object, **__: object) -> None:
        connected.append(True)
        raise OSError

    connected: list[bool] = []
    monkeypatch.setattr(anyio, "connect_tcp", connect_tcp)
    with pytest.raises(NotAPage):
        await PublicPages().read("http://lake.example/")
    assert not connected


async def test_who_leads_on_and_on_is_left(pages: PublicPages, site: Service) -> None:
    for place in range(REDIRECTS_MAX + 1):
        site.handlers[f"/{place}"] = lambda asked: leads_to(f"/{int(asked.path[1:]) + 1}")
    site.handlers[f"/{REDIRECTS_MAX + 1}"] = lambda _: page(HTML)

    assert await pages.read(f"{site.url}/1")
    with pytest.raises(NotAPage):
        await pages.read(f"{site.url}/0")


async def test_addresses_that_all_lead_to_one_site_are_no_tool_against_it(pages: PublicPages, site: Service) -> None:
    site.handlers["/lake"] = lambda _: page(HTML)
    site.handlers["/a"] = lambda _: leads_to(site.url.replace("127.0.0.1", "localhost") + "/lake")
    site.handlers["/own"] = lambda _: leads_to("/lake")

    with pytest.raises(Unreachable):
        for _ in range(2 * LED_TO_ONE_SITE.burst):
            await pages.read(f"{site.url}/a")

    asked = [asked.path for asked in site.asked]
    assert LED_TO_ONE_SITE.burst <= asked.count("/lake") == asked.count("/a") - 1
    await pages.read(f"{site.url}/own")


@pytest.mark.parametrize("to", ["", "ftp://lake.example/", "file:///etc/passwd", "http://user:word@8.8.8.8/", "//"])
async def test_a_redirect_to_no_page_is_not_followed(pages: PublicPages, site: Service, to: str) -> None:
    site.handlers["/"] = lambda _: leads_to(to)

    with pytest.raises(NotAPage):
        await pages.read(f"{site.url}/")


async def test_no_more_than_a_beginning_is_read(pages: PublicPages, site: Service) -> None:
    async def endless(_: Asked) -> bytes:
        # As much as it promises would be ten gigabytes; a reader that goes on would wait for it.
        return page(HTML, f"content-length: {10 << 30}", body=b"<title>Lake</title>" + b"a" * (PAGE_BYTES_MAX + 1000))

    site.handlers["/"] = endless
    assert len((await pages.read(f"{site.url}/")).head) == PAGE_BYTES_MAX

    site.handlers["/"] = lambda _: page(HTML, "content-length: 1000000", body=b"<title>Lake</title></HEAD><body>")
    assert (await pages.read(f"{site.url}/")).head.endswith(b"<body>")


async def test_who_sends_a_byte_at_a_time_is_not_waited_for(pages: PublicPages, site: Service) -> None:
    site.handlers["/"] = lambda _: page(HTML, body=b"a" * 1000)
    site.bytes_at_once, site.pause_s = 1, 0.05
    begun_at = asyncio.get_running_loop().time()

    with pytest.raises(Unreachable):
        await pages.read(f"{site.url}/")

    assert asyncio.get_running_loop().time() - begun_at < 3


@pytest.mark.parametrize(
    "reply",
    [
        page(HTML, "content-encoding: gzip", body=gzip.compress(b"a" * (100 << 20))),
        page("content-type: application/json", body=b"{}"),
        page("content-type: image/svg+xml", body=b"<svg><title>Lake</title></svg>"),
        page(),
        page(HTML).replace(b"200", b"404"),
        page(HTML).replace(b"200", b"401"),
    ],
)
async def test_what_is_no_page_is_none(pages: PublicPages, site: Service, reply: bytes) -> None:
    site.handlers["/"] = lambda _: reply

    with pytest.raises(NotAPage):
        await pages.read(f"{site.url}/")


@pytest.mark.parametrize("reply", [page(HTML).replace(b"200", b"503"), b"", b"garbage\r\n\r\n"])
async def test_who_may_answer_later_is_unreachable(pages: PublicPages, site: Service, reply: bytes) -> None:
    site.handlers["/"] = lambda _: reply

    with pytest.raises(Unreachable):
        await pages.read(f"{site.url}/")


def test_a_page_is_what_it_calls_itself_by_the_first_of_three_ways() -> None:
    plain = "<title>Plain</title><meta name=description content=Words>"
    twitter = '<meta name="twitter:title" content="Bird"><meta name="twitter:description" content="Chirps">'
    graph = '<META PROPERTY="OG:Title" content="Graph &amp; co"><meta property=og:site_name content="The Lake">'

    assert said(plain) == Summary("lake.example", "", "Plain", "Words")
    assert said(plain + twitter) == Summary("lake.example", "", "Bird", "Chirps")
    assert said(plain + twitter + graph) == Summary("lake.example", "The Lake", "Graph & co", "Chirps")
    assert said("<p>No title</p>") is None
    assert said("<title> \u200b\u202e </title>") is None
    assert said('<meta http-equiv="refresh" content="0;url=http://127.0.0.1/"><p>Elsewhere</p>') is None


def test_what_a_page_says_is_a_line_of_text_and_nothing_else() -> None:
    html = "<title>\n <script>alert(1)</script>\u202egnp.exe\x00\x1b[31m\u2066&lt;b&gt;\u200b</title>"
    assert said(html + "<svg><title>Other</title></svg>") == Summary(
        "lake.example", "", "<script>alert(1)</script>gnp.exe\ufffd[31m<b>", ""
    )

    long = said(f"<title>{'Щ' * 200_000}</title><meta name=description content='{'a ' * 100_000}'>")
    assert long and (len(long.title), long.title[-1]) == (160, "…")
    assert len(long.description) <= 320


def test_a_hundred_thousand_unclosed_tags_are_read_at_once() -> None:
    hostile = ("<meta property=og:title content=" + "<table><a><b>" * 35_000)[:PAGE_BYTES_MAX]
    begun_at = asyncio.new_event_loop().time()

    said(hostile)
    said("<!--" * 100_000)
    said("<meta charset" * 40_000)

    assert asyncio.new_event_loop().time() - begun_at < 5


@pytest.mark.parametrize(
    ("head", "charset"),
    [
        ("<title>Озеро</title>".encode("cp1251"), "windows-1251"),
        (b"<meta charset='windows-1251'>" + "<title>Озеро</title>".encode("cp1251"), ""),
        (b"<meta charset='koi8-r'>" + "<title>Озеро</title>".encode("koi8-r"), "no-such-thing"),
        (b"<meta charset='koi8-r'>" + "<title>Озеро</title>".encode(), "utf-8"),
        ("<title>Озеро</title>".encode("utf-16"), "windows-1251"),
        (b"\xef\xbb\xbf" + "<title>Озеро</title>".encode(), "koi8-r"),
        ("<title>Озеро</title>".encode(), "rot13"),
        ("<title>Озеро</title>".encode(), "zip"),
        ("<title>Озеро</title>".encode(), "idna"),
        ("<title>Озеро</title>".encode(), "unicode_escape"),
    ],
)
def test_a_page_is_read_in_its_own_letters(head: bytes, charset: str) -> None:
    found = summary_of(WebPage("https://lake.example/", charset, head))

    assert found and found.title == "Озеро"


def test_a_page_in_another_encoding_than_it_says_does_no_harm() -> None:
    found = summary_of(WebPage("https://lake.example/", "utf-8", "<title>Озеро и лес</title>".encode("cp1251")))

    assert found and "\ufffd" in found.title


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("www.lake.example", "lake.example"),
        ("xn--e1afmkfd.xn--p1ai", "пример.рф"),
        # Cyrillic letters that pass for "apple" under a domain of Latin ones.
        ("xn--80ak6aa92e.com", "xn--80ak6aa92e.com"),
        ("127.0.0.1", "127.0.0.1"),
        ("xn--", "xn--"),
    ],
)
def test_a_host_does_not_pass_for_another(host: str, shown: str) -> None:
    assert host_shown(host) == shown


def test_a_page_names_its_picture_by_one_of_several_names() -> None:
    def picture(html: str) -> str:
        found = said("<title>Lake</title>" + html, url="https://lake.example/shore/")
        return found.picture if found else ""

    assert picture('<meta property="og:image" content="/a.jpg">') == "https://lake.example/a.jpg"
    assert picture('<meta name="twitter:image" content="b.jpg">') == "https://lake.example/shore/b.jpg"
    assert picture('<meta name="twitter:image:src" content="//cdn.example/c.jpg">') == "https://cdn.example/c.jpg"
    both = '<meta name="twitter:image" content="/b.jpg"><meta property="og:image" content="/a.jpg">'
    assert picture(both) == "https://lake.example/a.jpg"
    for other in (
        "javascript:spy()",
        "data:image/png;base64,AA",
        "file:///etc/passwd",
        "http://[",
        " ",
        "/" + "a" * 3000,
    ):
        assert picture(f'<meta property="og:image" content="{other}">') == ""


async def test_a_picture_is_read_as_it_stands_whatever_it_is_called(pages: PublicPages, site: Service) -> None:
    site.handlers["/b"] = lambda _: page("content-type: text/plain", body=b"\xff\xd8\xff")
    site.handlers["/a"] = lambda _: leads_to("/b")

    assert await pages.read_picture(f"{site.url}/a") == b"\xff\xd8\xff"
    assert "referer" not in site.asked[-1].headers and "cookie" not in site.asked[-1].headers


@pytest.mark.asvs("1.3.6")
@pytest.mark.parametrize("url", ["http://127.0.0.1/a.jpg", "http://169.254.169.254/a.jpg", "http://8.8.8.8:25/a.jpg"])
async def test_no_picture_is_asked_for_within(url: str) -> None:
    with pytest.raises(NotAPage):
        await PublicPages().read_picture(url)


@pytest.mark.asvs("1.3.6")
async def test_what_is_too_large_too_slow_or_not_there_is_no_picture(pages: PublicPages, site: Service) -> None:
    async def endless(_: Asked) -> bytes:
        return page(f"content-length: {10 << 30}", body=b"a" * (PICTURE_BYTES_MAX + 1))

    site.handlers["/endless"] = endless
    site.handlers["/nowhere"] = lambda _: page().replace(b"200", b"404")
    site.handlers["/pressed"] = lambda _: page("content-encoding: gzip", body=gzip.compress(b"a" * 100))
    for path in ("/endless", "/nowhere", "/pressed"):
        with pytest.raises(NotAPage):
            await pages.read_picture(site.url + path)
    site.handlers["/slow"] = lambda _: page(body=b"a" * 1000)
    site.bytes_at_once, site.pause_s = 1, 0.05
    slow = PublicPages(private_too=True, picture_within_s=0.3)
    with pytest.raises(Unreachable):
        await slow.read_picture(f"{site.url}/slow")
    await slow.close()
