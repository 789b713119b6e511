"""Where sessions were opened: said beside the address, in the reader's language, and nowhere else."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.atlas import write_atlas
from tests.services.auth.accounts import actor_of, log_in, register, set_up
from tests.services.auth.home import Home, at_home

from kaif.app.settings import Misconfigured
from kaif.interfaces.auth import Nothing
from kaif.interfaces.auth.accounts import ConfirmEmail
from kaif.interfaces.auth.directory import OfAccount
from kaif.interfaces.auth.sessions import SessionPlace
from kaif.kernel.actor import NOBODY, Actor

KAZAN = SessionPlace("Казань, Россия", "Kazan, Russia")


@pytest.fixture
async def home(tmp_path: Path, database_url: str) -> AsyncIterator[Home]:
    atlas = write_atlas(tmp_path / "city.mmdb")
    async with at_home(tmp_path, database_url, KAIF_GEOIP=str(atlas)) as home:
        yield home


async def test_sessions_say_where_their_address_is(home: Home) -> None:
    await set_up(home.auth)
    await register(home.auth, "boris")
    await log_in(home.auth, "boris", asking=Actor(address="203.0.113.7", agent="curl/8"))
    here = await log_in(home.auth, "boris", asking=Actor(address="127.0.0.1", agent="curl/8"))

    listed = (await home.sessions.list_sessions(actor_of(here), Nothing())).sessions

    assert {one.address: one.place for one in listed} == {"": None, "127.0.0.1": None, "203.0.113.7": KAZAN}


async def test_an_operator_sees_the_places_of_a_persons_sessions(home: Home) -> None:
    owner = await set_up(home.auth)
    boris = await register(home.auth, "boris")
    await log_in(home.auth, "boris", asking=Actor(address="203.0.113.7", agent="curl/8"))

    details = await home.directory.get_account(actor_of(owner), OfAccount(boris.user.id))

    assert details.security and KAZAN in [one.place for one in details.security.sessions]


@pytest.mark.parametrize(
    ("language", "line"),
    [("ru", "Адрес: 203.0.113.7 (Казань, Россия)"), ("en", "Address: 203.0.113.7 (Kazan, Russia)")],
)
async def test_the_letter_about_a_new_device_names_the_place_in_the_readers_language(
    home: Home, language: str, line: str
) -> None:
    await set_up(home.auth)
    await home.register_in(language, "boris")
    await home.accounts.confirm_email(NOBODY, ConfirmEmail(await home.token("boris@example.org")))

    await log_in(home.auth, "boris", asking=Actor(address="203.0.113.7", agent="curl/8"))

    assert line in (await home.letter("boris@example.org", 2)).text


async def test_without_a_database_no_session_has_a_place(tmp_path: Path, database_url: str) -> None:
    async with at_home(tmp_path, database_url) as home:
        await set_up(home.auth)
        tokens = await log_in(home.auth, "owner", asking=Actor(address="203.0.113.7", agent="curl/8"))

        listed = await home.sessions.list_sessions(actor_of(tokens), Nothing())

        assert [one.place for one in listed.sessions] == [None, None]


async def test_a_file_that_is_no_database_of_places_stops_the_start(tmp_path: Path, database_url: str) -> None:
    with pytest.raises(Misconfigured, match="KAIF_GEOIP"):
        async with at_home(tmp_path, database_url, KAIF_GEOIP=str(tmp_path / "missing.mmdb")):
            raise AssertionError("it started")
