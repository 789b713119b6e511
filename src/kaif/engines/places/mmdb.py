"""Places in a database of MaxMind's format (MaxMind DB 2.0), such as GeoLite2 City or DB-IP City Lite."""

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from maxminddb import MODE_FILE, open_database

from kaif.engines.places import Place

REMEMBERED_MAX = 10_000
NAME_CHARS_MAX = 64


class MmdbPlaces:
    def __init__(self, path: Path) -> None:
        """Raises OSError when it can't be read, and ValueError when it is not such a database."""
        try:
            # Not mapped into memory: whoever writes a new month over the file would end the process (SIGBUS).
            self._reader = open_database(path, MODE_FILE)
        except OSError:
            raise
        # Of a damaged file the reader raises InvalidDatabaseError, or whatever comes of its trust in what is there.
        except Exception as error:
            raise ValueError(str(error)) from error
        self._remembered = lru_cache(REMEMBERED_MAX)(self._find)

    @property
    def description(self) -> str:
        metadata = self._reader.metadata()
        return f"{metadata.database_type} of {datetime.fromtimestamp(metadata.build_epoch, UTC):%Y-%m-%d}"

    def find(self, address: str) -> Place | None:
        try:
            # As sockets of both kinds write those of IPv4 (RFC 4291, 2.5.5.2).
            return self._remembered(address.removeprefix("::ffff:"))
        # No address, one of IPv6 in a database of IPv4, or a file that is damaged, or written over while it is read:
        # nobody is kept from signing in by that.
        except Exception:
            return None

    def _find(self, address: str) -> Place | None:
        record = self._reader.get(address)
        if not isinstance(record, dict):
            return None
        place = Place(_named(record, "ru"), _named(record, "en"))
        return place if place.ru and place.en else None

    def close(self) -> None:
        self._reader.close()


def _named(record: dict[str, Any], language: str) -> str:
    """The city, then the country, each in English where it has no name in the language."""
    return ", ".join(filter(None, (_name(record.get(part), language) for part in ("city", "country"))))


def _name(part: object, language: str) -> str:
    names = part.get("names") if isinstance(part, dict) else None
    name = (names.get(language) or names.get("en")) if isinstance(names, dict) else None
    return name[:NAME_CHARS_MAX] if isinstance(name, str) else ""
