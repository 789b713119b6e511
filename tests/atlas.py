"""A database of places in MaxMind's format, as large as tests need it."""

from pathlib import Path

from mmdb_writer import MMDBWriter
from netaddr import IPSet

KAZAN = {
    "city": {"names": {"en": "Kazan", "ru": "Казань"}},
    "country": {"iso_code": "RU", "names": {"en": "Russia", "ru": "Россия"}},
}
# As databases have it that name cities in English alone.
LYON = {"city": {"names": {"en": "Lyon"}}, "country": {"names": {"en": "France", "ru": "Франция"}}}
COUNTRY_ONLY = {"country": {"names": {"en": "Iceland", "ru": "Исландия"}}}
NAMELESS = {"country": {"iso_code": "XX"}, "city": {"geoname_id": 1}}


def write_atlas(path: Path, *more: tuple[str, dict[str, object]]) -> Path:
    """With more networks, each with what is known of it."""
    writer = MMDBWriter(6, "Test-City", languages=["en", "ru"], description="for tests", ipv4_compatible=True)
    writer.insert_network(IPSet(["203.0.113.0/24", "2001:db8:7::/48"]), KAZAN)
    writer.insert_network(IPSet(["198.51.100.0/24"]), LYON)
    writer.insert_network(IPSet(["192.0.2.0/25"]), COUNTRY_ONLY)
    writer.insert_network(IPSet(["192.0.2.128/25"]), NAMELESS)
    for network, record in more:
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return path
