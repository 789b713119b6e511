"""Where sessions were opened, in words: by the operator's database of places, and never from elsewhere."""

from kaif.engines.places import Places
from kaif.interfaces.auth import Language
from kaif.interfaces.auth.sessions import SessionPlace


def place_of(places: Places, address: str) -> SessionPlace | None:
    place = places.find(address)
    return SessionPlace(place.ru, place.en) if place else None


def place_in(places: Places, address: str, language: Language) -> str:
    """Nothing when it is not known."""
    place = places.find(address)
    if place is None:
        return ""
    return place.ru if language == "ru" else place.en
