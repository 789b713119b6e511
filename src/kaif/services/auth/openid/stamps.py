"""When something began, told by whoever asks again: nothing has to be kept meanwhile."""

import hmac


class Stamps:
    """When a request was first considered, sealed together with it, so that nothing has to be kept meanwhile."""

    def __init__(self, key: bytes, good_for_us: int) -> None:
        self._key, self._good_for_us = key, good_for_us

    def new(self, query: str, now_us: int) -> str:
        return f"{now_us}.{self._seal(query, str(now_us))}"

    def begun_at_us(self, stamp: str, query: str, now_us: int) -> int | None:
        """None for one that is too old, of another request or not ours."""
        at_us, _, seal = stamp.partition(".")
        if not hmac.compare_digest(seal.encode(), self._seal(query, at_us).encode()):
            return None
        return int(at_us) if now_us - self._good_for_us < int(at_us) <= now_us else None

    def _seal(self, query: str, at_us: str) -> str:
        return hmac.digest(self._key, f"{at_us} {query}".encode(), "sha256").hex()
