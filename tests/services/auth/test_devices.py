"""What devices are called, and where their sessions were opened; a new one is announced."""

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.harness import Services
from tests.services.auth.accounts import actor_of, log_in, refresh, register, session_of, set_up

from kaif.interfaces.auth import Nothing, Tokens
from kaif.interfaces.auth.accounts import LetterDue
from kaif.interfaces.auth.audit import ListAudit, SecurityEvent
from kaif.interfaces.auth.sessions import Session
from kaif.kernel.actor import Actor
from kaif.services.auth.accounts import people
from kaif.services.auth.devices import device_of, network_of
from kaif.services.auth.model import KNOWN_DEVICES_MAX

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"
CHROME = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/131.0.0.0 Safari/537.36"
AGENTS = {
    FIREFOX: ("Firefox, Linux", "laptop"),
    CHROME: ("Chrome, Windows", "laptop"),
    f"{CHROME} Edg/131.0.0.0": ("Edge, Windows", "laptop"),
    f"{CHROME} OPR/116.0.0.0": ("Opera, Windows", "laptop"),
    f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/130.0 YaBrowser/24.12 Safari/537.36": (
        "Yandex Browser, Windows",
        "laptop",
    ),
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 "
    "Safari/605.1.15": ("Safari, macOS", "laptop"),
    f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/131.0.0.0 Safari/537.36": ("Chrome, ChromeOS", "laptop"),
    f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/131.0.0.0 Mobile Safari/537.36": ("Chrome, Android", "mobile"),
    f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/131.0.0.0 Safari/537.36": ("Chrome, Android", "tablet"),
    f"Mozilla/5.0 (Linux; Android 14; SM-S921B) {WEBKIT} SamsungBrowser/27.0 Chrome/125.0 Mobile Safari/537.36": (
        "Samsung Internet, Android",
        "mobile",
    ),
    "Mozilla/5.0 (Android 14; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0": ("Firefox, Android", "mobile"),
    "Mozilla/5.0 (Android 14; Tablet; rv:133.0) Gecko/133.0 Firefox/133.0": ("Firefox, Android", "tablet"),
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 "
    "Mobile/15E148 Safari/604.1": ("Safari, iPhone", "mobile"),
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1": ("Chrome, iPhone", "mobile"),
    "Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/133.0 "
    "Mobile/15E148 Safari/605.1.15": ("Firefox, iPad", "tablet"),
    "python-httpx/0.28.1": ("python-httpx", "other"),
    "curl/8.5.0": ("curl", "other"),
    "shop-bot": ("shop-bot", "other"),
    "Mozilla/5.0 (X11; Linux x86_64)": ("Linux", "laptop"),
    "Mozilla/5.0 (compatible)": ("", "other"),
    "": ("", "other"),
    "<script>alert(1)</script>": ("", "other"),
    "x" * 256: ("", "other"),
}


def from_device(agent: str = FIREFOX, address: str = "203.0.113.7") -> Actor:
    """Nobody yet, who asks from there."""
    return Actor(address=address, agent=agent)


async def session_of_tokens(services: Services, tokens: Tokens) -> Session:
    listed = await services.sessions.list_sessions(actor_of(tokens), Nothing())
    return listed.sessions[0]


async def bodies(services: Services, name: str) -> list[str]:
    """Of all events that were published, in their order."""
    sql = "SELECT body FROM outbox WHERE name = :name ORDER BY id"
    rows: list[tuple[str]] = await services.database.fetch(tuple, sql, name=name)
    return [row[0] for row in rows]


async def owner_with_proved_address(services: Services) -> Tokens:
    tokens = await set_up(services.auth, from_device())
    async with services.database.transaction() as tx:
        await people.confirm_email(tx, tokens.user.id, tokens.user.email, 1)
    return tokens


async def announced(services: Services) -> list[LetterDue]:
    """The letters about new devices."""
    letters = [msgspec.json.decode(body, type=LetterDue) for body in await bodies(services, LetterDue.name)]
    return [letter for letter in letters if letter.kind == "new_device"]


@pytest.mark.parametrize(
    ("agent", "device"), AGENTS.items(), ids=lambda value: value[0] if type(value) is tuple else ""
)
def test_a_device_is_called_by_its_browser_and_system(agent: str, device: tuple[str, str]) -> None:
    assert device_of(agent) == device


@given(st.text(max_size=256))
def test_whatever_an_agent_says_its_name_is_short(agent: str) -> None:
    assert len(device_of(agent).name) <= 32


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("::ffff:203.0.113.7", "203.0.113.0/24"),
        ("2001:db8:1:2ff::7", "2001:db8:1:200::/56"),
        ("fe80::1%eth0", "fe80::/56"),
        ("", ""),
        ("unknown", ""),
    ],
)
def test_a_network_is_a_24_or_a_56(address: str, network: str) -> None:
    assert network_of(address) == network


async def test_a_session_tells_where_it_was_opened(services: Services) -> None:
    tokens = await set_up(services.auth, from_device())

    session = await session_of_tokens(services, tokens)

    assert (session.device, session.kind, session.address) == ("Firefox, Linux", "laptop", "203.0.113.7")
    assert session.opened_at == session.used_at
    assert session.current and session.id == session_of(tokens)


async def test_a_refresh_from_elsewhere_changes_nothing_of_that(services: Services) -> None:
    tokens = await set_up(services.auth, from_device())

    newer = await refresh(services.auth, tokens)

    assert (await session_of_tokens(services, newer)).address == "203.0.113.7"


async def test_the_device_on_which_an_account_is_made_is_not_new(services: Services) -> None:
    owner = await set_up(services.auth, from_device())
    await register(services.auth, "anna")
    again = await log_in(services.auth, "owner", asking=from_device())

    assert not (await session_of_tokens(services, owner)).is_new
    assert not (await session_of_tokens(services, again)).is_new
    assert await announced(services) == []


@pytest.mark.asvs("6.3.5")
@pytest.mark.parametrize(
    ("agent", "address", "is_new"),
    [
        (FIREFOX, "203.0.113.99", False),
        (FIREFOX.replace("133", "134"), "203.0.113.7", False),
        (CHROME, "203.0.113.7", True),
        (FIREFOX, "203.0.114.7", True),
        ("", "", True),
    ],
)
async def test_another_device_or_network_is_new_and_announced(
    services: Services, agent: str, address: str, is_new: bool
) -> None:
    await owner_with_proved_address(services)

    tokens = await log_in(services.auth, "owner", asking=from_device(agent, address))

    session = await session_of_tokens(services, tokens)
    told = [letter.details for letter in await announced(services)]
    time = f"{session.opened_at:%Y-%m-%d %H:%M} UTC"
    assert session.is_new == is_new
    assert told == ([{"device": session.device, "address": address, "time": time}] if is_new else [])


async def test_watchers_on_the_bus_learn_of_a_sign_in_what_the_audit_log_holds(services: Services) -> None:
    await set_up(services.auth, from_device())
    tokens = await log_in(services.auth, "owner", asking=from_device(CHROME))

    published = [msgspec.json.decode(body, type=SecurityEvent) for body in await bodies(services, SecurityEvent.name)]

    newest = await services.audit.list_audit(actor_of(tokens), ListAudit(limit=1))
    assert [event.entry.action for event in published] == ["account_created", "signed_in", "signed_in"]
    assert published[-1].entry == newest.entries[0]
    assert published[-1].entry.details["new_device"] and not published[-2].entry.details["new_device"]


async def test_an_address_that_nobody_has_proved_is_told_of_no_device(services: Services) -> None:
    await set_up(services.auth, from_device())

    tokens = await log_in(services.auth, "owner", asking=from_device(CHROME))

    assert (await session_of_tokens(services, tokens)).is_new
    assert await announced(services) == []


async def test_a_device_is_new_once_even_when_its_session_has_ended(services: Services) -> None:
    await owner_with_proved_address(services)
    await log_in(services.auth, "owner", asking=from_device(CHROME))
    await services.sessions.end_other_sessions(
        actor_of(await log_in(services.auth, "owner", asking=from_device())), Nothing()
    )

    second = await log_in(services.auth, "owner", asking=from_device(CHROME))

    assert not (await session_of_tokens(services, second)).is_new
    assert len(await announced(services)) == 1


async def test_a_device_known_to_one_account_is_new_to_another(services: Services) -> None:
    await owner_with_proved_address(services)
    await register(services.auth, "anna")

    tokens = await log_in(services.auth, "anna", asking=from_device())

    assert (await session_of_tokens(services, tokens)).is_new


async def test_of_ten_sign_ins_at_once_from_a_new_device_exactly_one_is_announced(services: Services) -> None:
    await owner_with_proved_address(services)

    await asyncio.gather(*[log_in(services.auth, "owner", asking=from_device(CHROME)) for _ in range(10)])

    assert len(await announced(services)) == 1


async def test_a_wrong_password_announces_nothing(services: Services) -> None:
    await owner_with_proved_address(services)

    await asyncio.gather(
        log_in(services.auth, "owner", "not the password", asking=from_device(CHROME)), return_exceptions=True
    )

    assert await announced(services) == []


async def test_only_so_many_devices_are_remembered_and_the_newest_are_kept(services: Services) -> None:
    tokens = await set_up(services.auth, from_device())
    older = [(tokens.user.id, f"bot-{number}", "", number) for number in range(1, KNOWN_DEVICES_MAX + 10)]
    async with services.database.transaction() as tx:
        await tx.insert("auth_known_devices", ("user_id", "device", "network", "seen_at_us"), older)

    await log_in(services.auth, "owner", asking=from_device(CHROME))

    kept: list[tuple[Any, ...]] = await services.database.fetch(
        tuple, "SELECT device FROM auth_known_devices ORDER BY seen_at_us DESC"
    )
    assert len(kept) == KNOWN_DEVICES_MAX
    assert {row[0] for row in kept[:3]} == {"Chrome, Windows", "Firefox, Linux", f"bot-{KNOWN_DEVICES_MAX + 9}"}
