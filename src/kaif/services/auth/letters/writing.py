"""The letters that auth writes: one text for plain mail and for HTML, in the reader's language."""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import get_args
from urllib.parse import urlsplit

import msgspec

from kaif.engines.mail import Letter
from kaif.interfaces.auth import Language
from kaif.interfaces.auth.accounts import CONFIRMATION_DAYS, RESET_MINUTES, LetterDue, LetterKind
from kaif.services.auth.model import Account
from kaif.services.auth.tokens import Signer

_TEMPLATES = Path(__file__).parent / "templates"

_PARAGRAPH = '<p style="margin:0 0 16px">$text</p>'
_BUTTON = (
    '<p style="margin:24px 0"><a href="$link" style="display:inline-block;padding:13px 22px;border-radius:12px;'
    'background:#0a7a74;color:#ffffff;font-weight:600;text-decoration:none">$text</a></p>'
)
_BARE_LINK = (
    '<p style="margin:0 0 16px;font-size:13px;line-height:18px;word-break:break-all;color:#456068">$text<br>$link</p>'
)


class Wording(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one letter. Without a greeting of its own it greets by name: only whom we know by a confirmed address, for
    a stranger's name in a letter to anyone would be a billboard."""

    subject: str
    before: list[str]
    greeting: str = ""
    button: str = ""
    path: str = ""
    after: list[str] = []


class Digests(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of letters about missed messages: they are made of chats, not of lines that are always the same."""

    subject: str
    before: str
    count: str
    more_chats: str
    stranger: str
    button: str
    why: str
    decline: str


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one language."""

    product: str
    greeting: str
    footer: str
    open_link: str
    unknown: str
    digest: Digests
    letters: dict[LetterKind, Wording]


class Letters:
    def __init__(self, public_url: str, signer: Signer) -> None:
        self._public_url, self._signer = public_url, signer
        self._words: dict[Language, Words] = {
            language: msgspec.json.decode((_TEMPLATES / f"{language}.json").read_bytes(), type=Words)
            for language in get_args(Language)
        }
        self._frame = Template((_TEMPLATES / "letter.html").read_text(encoding="utf-8"))

    def words_in(self, language: Language) -> Words:
        return self._words[language]

    def write(self, due: LetterDue, account: Account) -> Letter:
        words = self._words[due.language]
        wording = words.letters[due.kind]
        values = {
            "name": account.display_name if account.email_confirmed_at_us else f"@{account.username}",
            "username": account.username,
            "host": urlsplit(self._public_url).netloc,
            "confirmation_days": str(CONFIRMATION_DAYS),
            "reset_minutes": str(RESET_MINUTES),
            **{name: value or words.unknown for name, value in due.details.items()},
        }
        # What follows # stays in the browser: no server, proxy or log on the way sees it.
        link = f"{self._public_url}{wording.path}#{self._signer.link_token(due.link_id)}" if due.link_id else ""
        return Letter(
            due.address, wording.subject, _as_text(words, wording, values, link), self._as_html(due, values, link)
        )

    def _as_html(self, due: LetterDue, values: Mapping[str, str], link: str) -> str:
        words = self._words[due.language]
        wording = words.letters[due.kind]
        safe = {name: html.escape(value) for name, value in values.items()}
        parts = [_html(_PARAGRAPH, line, safe) for line in [wording.greeting or words.greeting, *wording.before]]
        if link:
            parts += [_html(_BUTTON, wording.button, safe, link), _html(_BARE_LINK, words.open_link, safe, link)]
        parts += [_html(_PARAGRAPH, line, safe) for line in wording.after]
        return self.framed(due.language, wording.subject, parts)

    def framed(self, language: Language, subject: str, parts: Sequence[str]) -> str:
        """`parts` are HTML already."""
        words, host = self._words[language], urlsplit(self._public_url).netloc
        return self._frame.substitute(
            language=language,
            subject=html.escape(subject),
            product=html.escape(words.product),
            content="\n".join(parts),
            footer=Template(html.escape(words.footer)).substitute(host=html.escape(host)),
        )


def button(text: str, link: str) -> str:
    return Template(_BUTTON).substitute(text=html.escape(text), link=html.escape(link))


def _html(frame: str, line: str, safe: Mapping[str, str], link: str = "") -> str:
    """`safe` is escaped already; the line and the link are escaped here."""
    text = Template(html.escape(line).replace("\n", "<br>")).substitute(safe)
    return Template(frame).substitute(text=text, link=html.escape(link))


def _as_text(words: Words, wording: Wording, values: Mapping[str, str], link: str) -> str:
    lines = [wording.greeting or words.greeting, *wording.before, "$link", *wording.after, "--\n" + words.footer]
    paragraphs = [Template(line).substitute(values, link=link) for line in lines]
    return "\n\n".join(filter(None, paragraphs)) + "\n"
