"""Says where in the world an address is, as far as a database on disk knows."""

from pathlib import Path
from typing import Protocol

import msgspec


class Place(msgspec.Struct, frozen=True):
    """ "Kazan, Russia", in each of our languages; the country alone where no more is known."""

    ru: str
    en: str


class Places(Protocol):
    def find(self, address: str) -> Place | None:
        """None for what is nowhere in it, and for what is no address. Takes well under a millisecond."""
        ...

    @property
    def description(self) -> str:
        """Which database it is, and of which day."""
        ...

    def close(self) -> None: ...


def open_places(path: Path | None) -> Places:
    """The database at that path, in MaxMind's format; without a path no place is known.

    Raises OSError when it can't be read, and ValueError when it is not such a database.
    """
    if path is None:
        from kaif.engines.places.nowhere import Nowhere

        return Nowhere()
    from kaif.engines.places.mmdb import MmdbPlaces

    return MmdbPlaces(path)
