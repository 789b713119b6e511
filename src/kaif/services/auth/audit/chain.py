"""A keyed hash chain, free of storage: without the key nobody can change, insert or remove a link unnoticed.

That the newest links were removed shows only beside an anchor: the end of the chain as it was written down elsewhere.
"""

import hmac
from collections.abc import Iterable

import msgspec

from kaif.interfaces.auth.audit import Audited
from kaif.kernel.actor import UserId
from kaif.kernel.clock import as_datetime

_encode = msgspec.json.Encoder().encode


class Link(msgspec.Struct, frozen=True):
    """A row of auth_audit."""

    seq: int
    at_us: int
    action: str
    actor_id: str
    subject_id: str
    details: str
    hash: str = ""

    @property
    def audited(self) -> Audited:
        """As it is shown."""
        who, whom = UserId(self.actor_id), UserId(self.subject_id)
        return Audited(self.seq, as_datetime(self.at_us), self.action, who, whom, msgspec.json.decode(self.details))


class Head(msgspec.Struct, frozen=True):
    """The end of the chain; of an empty one, 0 and nothing."""

    seq: int
    hash: str


class Broken(Exception):
    """The message is a sentence for the operator."""


def hash_of(key: bytes, before: str, link: Link) -> str:
    """HMAC-SHA256 over the hash before it and every field, unambiguously."""
    fields = [before, link.seq, link.at_us, link.action, link.actor_id, link.subject_id, link.details]
    return hmac.digest(key, _encode(fields), "sha256").hex()


class Verification:
    """Takes a chain from its beginning to its end. Raises Broken at the first link that is not sound."""

    def __init__(self, key: bytes, anchors: Iterable[Head]) -> None:
        self._key = key
        self._anchored = {anchor.seq: anchor.hash for anchor in anchors if anchor.seq}
        self.end = Head(0, "")

    def take(self, link: Link) -> None:
        if link.seq != self.end.seq + 1:
            raise Broken(f"Entry {self.end.seq + 1} is missing: the next one that is there is {link.seq}.")
        if not hmac.compare_digest(link.hash, hash_of(self._key, self.end.hash, link)):
            raise Broken(f"Entry {link.seq} was changed, or belongs to a chain under another key.")
        if self._anchored.pop(link.seq, link.hash) != link.hash:
            raise Broken(f"Entry {link.seq} is not the one that was anchored.")
        self.end = Head(link.seq, link.hash)

    def finish(self, head: Head) -> None:
        """All links up to the head have been taken, and the chain passed through every anchor."""
        if self.end != head:
            raise Broken(f"The log ends with entry {self.end.seq}, but its head is {head.seq}.")
        if self._anchored:
            newest = max(self._anchored)
            raise Broken(f"The newest entries were removed: entry {newest} was anchored, the last is {self.end.seq}.")
