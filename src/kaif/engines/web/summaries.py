"""What a page says of itself: by the Open Graph protocol (ogp.me), by Twitter's cards, or by plain HTML.

All of it is a stranger's word: it is taken as text, of one line, without what could deceive a reader, and bounded.
"""

import codecs
import re
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

import msgspec
from selectolax.lexbor import LexborHTMLParser

from kaif.engines.web.pages import WebPage
from kaif.kernel.text import line_of

SITE_CHARACTERS_MAX = 80
TITLE_CHARACTERS_MAX = 160
DESCRIPTION_CHARACTERS_MAX = 320
HOST_CHARACTERS_MAX = 253
PICTURE_URL_CHARACTERS_MAX = 2048

METAS_MAX = 300
_PICTURES = ("og:image", "og:image:secure_url", "og:image:url", "twitter:image", "twitter:image:src")
# Where a page may say its own encoding (HTML, 13.2.3.2).
CHARSET_WITHIN_BYTES = 1024
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{1,40})""", re.IGNORECASE)
# Python knows codecs that are no encodings of text; of those that are, these are the web's (WHATWG Encoding, 4.2).
_WEB_CODECS = re.compile(
    r"utf-8|utf-16(-le|-be)?|cp125\d|cp866|cp874|iso8859-\d+|koi8-[ru]|mac-(roman|cyrillic)"
    r"|gbk|gb2312|gb18030|big5|euc_jp|iso2022_jp|shift_jis|euc_kr|ascii"
)
# What calls itself one of these is meant, and read by browsers, as the larger one.
_LARGER = {"ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030", "gbk": "gb18030"}
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class Summary(msgspec.Struct, frozen=True):
    """`host` is that of the page itself, whatever it calls its `site`. `picture` is where it says that one is to be
    found which shows it; empty where it says none."""

    host: str
    site: str
    title: str
    description: str
    picture: str = ""


def summary_of(page: WebPage) -> Summary | None:
    """None where the page doesn't say what it is."""
    tree = LexborHTMLParser(_decoded(page))
    said: dict[str, str] = {}
    for meta in tree.css("meta")[:METAS_MAX]:
        attributes = meta.attributes
        name, content = attributes.get("property") or attributes.get("name"), attributes.get("content")
        if name and content:
            said.setdefault(name.strip().lower(), content)
    heading = tree.css_first("head > title") or tree.css_first("title")
    title = _first(
        TITLE_CHARACTERS_MAX, said.get("og:title"), said.get("twitter:title"), heading.text() if heading else None
    )
    if not title:
        return None
    described = (said.get("og:description"), said.get("twitter:description"), said.get("description"))
    return Summary(
        host_shown(urlsplit(page.url).hostname or ""),
        _first(SITE_CHARACTERS_MAX, said.get("og:site_name"), said.get("application-name")),
        title,
        _first(DESCRIPTION_CHARACTERS_MAX, *described),
        _picture_of(page.url, said),
    )


def _picture_of(page_url: str, said: Mapping[str, str]) -> str:
    """The first that is named by any of the names; what is no address of the web is none."""
    named = next((said[name].strip() for name in _PICTURES if said.get(name, "").strip()), "")
    try:
        url = urljoin(page_url, named) if named else ""
    except ValueError:
        return ""
    return url if url.lower().startswith(("http://", "https://")) and len(url) <= PICTURE_URL_CHARACTERS_MAX else ""


def host_shown(host: str) -> str:
    """In its own letters under a domain that is in them itself; elsewhere these could pass for others."""
    host = host.lower().removeprefix("www.")[:HOST_CHARACTERS_MAX]
    if not host.rpartition(".")[2].startswith("xn--"):
        return host
    try:
        return line_of(host.encode().decode("idna"), HOST_CHARACTERS_MAX) or host
    except UnicodeError:
        return host


def _first(characters_max: int, *candidates: str | None) -> str:
    return next((line for one in candidates if one and (line := line_of(one, characters_max))), "")


def _decoded(page: WebPage) -> str:
    for mark, codec in _MARKS:
        if page.head.startswith(mark):
            return page.head[len(mark) :].decode(codec, "replace")
    own = _CHARSET.search(page.head[:CHARSET_WITHIN_BYTES])
    codec = _codec_of(page.charset) or (_codec_of(own[1].decode()) if own else "") or "utf-8"
    return page.head.decode(codec, "replace")


def _codec_of(label: str) -> str:
    """Empty for one that is not known."""
    try:
        name = codecs.lookup(label.strip()).name
    except (LookupError, ValueError):
        return ""
    return _LARGER.get(name, name) if _WEB_CODECS.fullmatch(name) else ""
