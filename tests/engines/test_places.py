"""Places of addresses: what the database on disk knows, and nothing where it knows nothing."""

import random
from pathlib import Path

import pytest
from tests.atlas import write_atlas

from kaif.app.doctor import examine
from kaif.app.settings import read_settings
from kaif.engines.places import Place, open_places

KAZAN = Place("Казань, Россия", "Kazan, Russia")


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("203.0.113.7", KAZAN),
        ("::ffff:203.0.113.7", KAZAN),
        ("2001:db8:7::1", KAZAN),
        ("198.51.100.1", Place("Lyon, Франция", "Lyon, France")),
        ("192.0.2.1", Place("Исландия", "Iceland")),
        ("192.0.2.200", None),
        ("127.0.0.1", None),
        ("fe80::1%eth0", None),
        ("not an address", None),
        ("", None),
    ],
)
def test_an_address_has_the_place_that_the_database_names(tmp_path: Path, address: str, place: Place | None) -> None:
    places = open_places(write_atlas(tmp_path / "city.mmdb"))

    assert places.find(address) == place
    assert places.find(address) == place
    places.close()


def test_without_a_database_nothing_has_a_place() -> None:
    assert open_places(None).find("203.0.113.7") is None


def test_a_file_that_is_written_over_while_it_is_read_ends_nothing(tmp_path: Path) -> None:
    path = write_atlas(tmp_path / "city.mmdb")
    places = open_places(path)

    path.write_bytes(b"")

    assert places.find("203.0.113.7") in (None, KAZAN)
    places.close()


@pytest.mark.parametrize("content", [None, b"", b"no database at all" * 100])
def test_what_is_no_database_of_places_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "city.mmdb"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises((OSError, ValueError)):
        open_places(path)


def test_the_doctor_says_whether_the_database_opens(tmp_path: Path) -> None:
    def finding(path: Path) -> tuple[str, str]:
        settings = read_settings(tmp_path / "data", "127.0.0.1", 8080, {"KAIF_GEOIP": str(path)})
        (found,) = [one for one in examine(settings) if one.subject == "Places"]
        return found.state, found.remedy

    state, remedy = finding(write_atlas(tmp_path / "city.mmdb"))
    assert state.startswith("Test-City of 20") and not remedy

    state, remedy = finding(tmp_path / "missing.mmdb")
    assert "missing.mmdb" in state and "KAIF_GEOIP" in remedy


def test_whatever_is_damaged_in_a_database_is_refused_or_knows_nothing(tmp_path: Path) -> None:
    sound = write_atlas(tmp_path / "sound.mmdb").read_bytes()
    damaged, chance = tmp_path / "damaged.mmdb", random.Random(7)
    for _ in range(400):
        content = bytearray(sound)
        for _ in range(chance.choice([1, 1, 2, 8])):
            content[chance.randrange(len(content))] = chance.randrange(256)
        damaged.write_bytes(content)
        try:
            places = open_places(damaged)
        except (OSError, ValueError):
            continue
        for address in ("203.0.113.7", "2001:db8:7::1", "8.8.8.8"):
            places.find(address)
        places.close()
