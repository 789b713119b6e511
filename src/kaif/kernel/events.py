"""The base of everything that services announce to each other."""

from typing import ClassVar

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened: a past-tense, versioned name "service.thing_happened.v1".

    Events of one key are handed over in the order of their publication.
    """

    name: ClassVar[str]

    @property
    def key(self) -> str:
        raise TypeError(f"{type(self).__name__} names no key")
