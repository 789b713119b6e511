"""Knows no place."""

from kaif.engines.places import Place


class Nowhere:
    description = "none"

    def find(self, address: str) -> Place | None:
        return None

    def close(self) -> None:
        pass
