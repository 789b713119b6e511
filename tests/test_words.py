"""Whoever is refused in the client learns why, in their own language."""

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import kaif
from kaif.kernel.errors import KaifError

ROOT = Path(__file__).parents[1]
LOCALES = ROOT / "web" / "src" / "locales"
# By its first word, which is a name in quotes or in a constant of the module.
_CONSUMER = re.compile(r'(?:\bbus\.subscribe\(\s*|^CONSUMER = )"([a-z_.]+)"', re.MULTILINE)
# Where errors are promised, and those of parts below that reach a person unchanged.
PROMISED = (
    "kaif.kernel",
    "kaif.interfaces",
    "kaif.gateway",
    "kaif.engines.scanner",
    "kaif.services.media.content.sealing",
)

# Errors that no person reads in the client, by the reason.
_UNREAD = {
    "the client makes no such request": (
        "bad_cursor bad_form bad_tus_header checked_piece_too_large checksum_mismatch head_too_large length_required"
        " malformed_json malformed_request method_not_allowed no_files no_such_rendition not_joinable"
        " range_not_satisfiable too_many_files unsupported_media_type unsupported_tus_version upload_is_joined"
    ),
    "the client says it as another error, `busy`": "draining unavailable",
    "the client goes on by itself, by another way or with a new token": (
        "not_straight straight_not_offered too_many_untaken_parts token_expired"
    ),
    "the client opens the form of a new account": "registration_needed wallet_unknown",
    "for programs with a key of their own": "api_key_refused insufficient_scope",
    "for applications that people sign in to": (
        "invalid_client invalid_grant invalid_request invalid_scope invalid_token oauth_error unsupported_grant_type"
    ),
    "for bots": "bad_answer bad_buttons bad_commands buttons_for_bots callback_answered callback_gone only_bots",
    "for programs that post by a webhook": "webhook_gone webhook_too_fast",
    "for listeners by Socket.IO": "too_many_chats unknown_conversation",
    "for applications on phones": "bad_phone_token",
    "no screen takes an amount of money": "bad_amount",
}
UNREAD = {code for codes in _UNREAD.values() for code in codes.split()}


def promised() -> set[str]:
    for module in pkgutil.walk_packages(kaif.__path__, "kaif."):
        if module.name.startswith(PROMISED):
            importlib.import_module(module.name)
    return {kind.code for kind in _kinds(KaifError) if kind.__module__.startswith(PROMISED)}


def _kinds(kind: type[KaifError]) -> Iterator[type[KaifError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _kinds(child)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_refusal_that_a_person_can_cause_has_words(language: str) -> None:
    words = json.loads((LOCALES / language / "problems.json").read_text(encoding="utf-8"))

    wordless = {code for code in promised() if not words.get(f"problem.{code}")} - UNREAD

    assert wordless == set()


def test_whatever_is_said_to_be_read_by_nobody_is_promised_and_has_no_words() -> None:
    words = json.loads((LOCALES / "ru" / "problems.json").read_text(encoding="utf-8"))

    assert promised() >= UNREAD
    assert not {code for code in UNREAD if f"problem.{code}" in words}


@pytest.mark.parametrize("language", ["ru", "en"])
def test_an_operator_reads_by_words_whose_event_was_parked(language: str) -> None:
    words = json.loads((LOCALES / language / "operator.json").read_text(encoding="utf-8"))
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "src" / "kaif").rglob("*.py")]
    consumers = {name for source in sources for name in _CONSUMER.findall(source)}

    assert {"auth.letters", "messaging.index"} <= consumers
    assert {name for name in consumers if f"consumer.{name}" not in words} == set()
