"""What the edge answers by itself: is it up, how is it, what can it do, what did a browser block."""

import asyncio
import hmac
import ipaddress
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from html import escape
from typing import Any

import msgspec

from kaif.engines.mail import Letter
from kaif.engines.mail.mailbox import DevMailbox
from kaif.gateway.answers import INERT, JSON, NO_STORE, Answer, lines
from kaif.gateway.application import Page, json_answer
from kaif.gateway.metrics import Metrics
from kaif.gateway.requests import Request
from kaif.kernel.errors import KaifError, NotFound
from kaif.kernel.http.problems import MethodNotAllowed

log = logging.getLogger("kaif.pages")

Check = Callable[[], Awaitable[None]]

_PLAIN = lines((b"content-type", b"text/plain; version=0.0.4; charset=utf-8"))
# Wallets read it from pages of their own.
_FOR_EVERYONE = lines((b"access-control-allow-origin", b"*"))
_HTML = lines((b"content-type", b"text/html; charset=utf-8"))


def health() -> Page:
    """The process runs. Says nothing of what it needs: a restart would not mend that."""

    async def page(request: Request) -> Answer:
        return json_answer({"status": "ok"})

    return page


def ready(is_draining: Callable[[], bool], needed: dict[str, Check], useful: dict[str, Check]) -> Page:
    """Send traffic here: it is not stopping, and all that it needs answers. Without what is only useful it serves on:
    to send nobody here would make of one part's trouble everybody's.
    """

    async def page(request: Request) -> Answer:
        states = await asyncio.gather(*map(_state, [*needed.values(), *useful.values()]))
        parts = dict(zip([*needed, *useful], states, strict=True))
        if is_draining():
            status = "draining"
        elif any(parts[name] != "ok" for name in needed):
            status = "unavailable"
        else:
            status = "ok" if all(state == "ok" for state in states) else "degraded"
        return json_answer({"status": status, "parts": parts}, 200 if status in ("ok", "degraded") else 503)

    return page


async def _state(check: Check) -> str:
    try:
        await check()
    except KaifError as error:
        return error.code
    return "ok"


def metrics(source: Metrics, token: str) -> Page:
    """For Prometheus: from this machine, or with the token of KAIF_METRICS_TOKEN."""

    async def page(request: Request) -> Answer:
        given = request.headers.get(b"authorization", b"").removeprefix(b"Bearer ")
        if not (_is_local(request) or (token and hmac.compare_digest(given, token.encode()))):
            raise NotFound
        return Answer(200, _PLAIN + NO_STORE, source.text())

    return page


def _is_local(request: Request) -> bool:
    """A request that a proxy on this machine passed on is not local."""
    return b"x-forwarded-for" not in request.headers and ipaddress.ip_address(request.address).is_loopback


def openapi(document: dict[str, Any]) -> Page:
    body = msgspec.json.encode(document)

    async def page(request: Request) -> Answer:
        return Answer(200, JSON, body)

    return page


def ton_manifest(public_url: str) -> Page:
    """What TON wallets show of whom they connect to (TON Connect, requests and responses, "App manifest")."""
    content = {"url": public_url, "name": "Kaif Ozero", "iconUrl": f"{public_url}/icon-192.png"}
    answer = Answer(200, JSON + _FOR_EVERYONE, msgspec.json.encode(content))

    async def page(request: Request) -> Answer:
        return answer

    return page


def csp_reports() -> Page:
    """What browsers blocked: a fault of ours or an attack, so an operator should see that it happens."""

    async def page(request: Request) -> Answer:
        if request.method != "POST":
            raise MethodNotAllowed(allow="POST")
        log.warning("a browser at %s reports a breach of the content security policy", request.address)
        return Answer(204, NO_STORE, b"")

    return page


def mailbox(letters: DevMailbox | None, require_permission: Callable[[Request], None]) -> Page:
    """Letters that were not sent because no mail server is configured, if so; for who may read them."""

    async def page(request: Request) -> Answer:
        require_permission(request)
        if letters is None:
            return Answer(200, _HTML + NO_STORE + INERT, _NO_MAILBOX.encode())
        articles = [_article(kept.letter, kept.sent_at) for kept in await letters.letters()]
        body = _MAILBOX.format("".join(articles) or "<p>No letters yet. Писем пока нет.</p>")
        return Answer(200, _HTML + NO_STORE + INERT, body.encode())

    return page


_MAILBOX = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Mailbox — Kaif Ozero</title>
<h1>Mailbox</h1><p>No mail server is configured, so letters stay here.</p>{}</html>"""

_NO_MAILBOX = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Mailbox — Kaif Ozero</title>
<h1>Mailbox</h1><p>A mail server is configured, so letters are sent and none stays here.</p>
<p lang="ru">Подключён почтовый сервер: письма уходят, здесь ничего не остаётся.</p></html>"""


def _article(letter: Letter, sent_at: datetime) -> str:
    return (
        f"<article><h2>{escape(letter.subject)}</h2><p>{escape(letter.to)}, {sent_at:%Y-%m-%d %H:%M} UTC</p>"
        f"<pre>{escape(letter.text)}</pre></article><hr>"
    )
