"""Signed links: who asked for one, until when, and a seal over both and the file. Addresses of pictures share the key.

The seal's key is made once, and kept wrapped like those of content.
"""

import base64
import hmac
import secrets

from kaif.engines.database import AlreadyExists, Database
from kaif.engines.keys import KeyMissing, Keys
from kaif.interfaces.media import MediaNotFound
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import SECOND_US
from kaif.kernel.ids import ID_FORM
from kaif.services.media import store

# No upload has such an id.
KEY = "key-of-links"
# What stands after a link, before the address of a picture of any size.
PICTURES = "pictures/"


class Links:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, media_id: str, viewer: UserId, expires_at_s: int) -> str:
        return f"{viewer}.{expires_at_s}.{self._seal(media_id, viewer, expires_at_s)}"

    def path(self, media_id: str, viewer: UserId, expires_at_s: int) -> str:
        return f"/v1/media/linked/{media_id}/{self.sign(media_id, viewer, expires_at_s)}"

    def viewer(self, media_id: str, link: str, now_us: int) -> Actor:
        """Whom the link stands for. Raises MediaNotFound for one that is not ours, or whose time is over."""
        viewer, _, rest = link.partition(".")
        expires, _, seal = rest.partition(".")
        if not (ID_FORM.match(viewer) and expires.isascii() and expires.isdigit() and len(expires) <= 12):
            raise MediaNotFound
        expected = self._seal(media_id, UserId(viewer), int(expires))
        if not hmac.compare_digest(expected.encode(), seal.encode()) or int(expires) * SECOND_US <= now_us:
            raise MediaNotFound
        return Actor(UserId(viewer))

    def _seal(self, media_id: str, viewer: UserId, expires_at_s: int) -> str:
        seal = hmac.digest(self._key, f"{media_id}.{viewer}.{expires_at_s}".encode(), "sha256")
        return base64.urlsafe_b64encode(seal).decode().rstrip("=")


async def sealing_key(database: Database, keys: Keys) -> bytes:
    """That of this system, which the first process makes."""
    wrapped = await store.find_key(database, KEY)
    if wrapped is None:
        made = await keys.wrap(secrets.token_bytes(32), KEY)
        try:
            async with database.transaction() as tx:
                await store.add_key(tx, KEY, made)
        except AlreadyExists:
            pass
        wrapped = await store.find_key(database, KEY)
    if wrapped is None:
        raise KeyMissing
    return await keys.unwrap(wrapped, KEY)
