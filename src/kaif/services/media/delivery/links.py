"""Signed links: who asked for one in which session or by which key, until when, and a seal over it all and the file.
Addresses of pictures share the key of the seal.

The seal's key is made once, and kept wrapped like those of content.
"""

import base64
import hmac
import re
import secrets

from kaif.engines.database import AlreadyExists, Database
from kaif.engines.keys import KeyMissing, Keys
from kaif.interfaces.media import MediaNotFound
from kaif.kernel.actor import Actor, SessionId, UserId
from kaif.kernel.clock import SECOND_US
from kaif.services.media import key_store

# No upload has such an id.
KEY = "key-of-links"
# What stands after a link, before the address of a picture of any size.
PICTURES = "pictures/"
_SIGNED = re.compile(r"([0-9a-z]{1,26})\.([0-9a-z]{0,26})\.([0-9]{1,12})")


class Links:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, media_id: str, viewer: Actor, expires_at_s: int) -> str:
        # A program's session is its key.
        signed = f"{viewer.user_id}.{viewer.session_id}.{expires_at_s}"
        return f"{signed}.{self._seal(media_id, signed)}"

    def path(self, media_id: str, viewer: Actor, expires_at_s: int) -> str:
        return f"/v1/media/linked/{media_id}/{self.sign(media_id, viewer, expires_at_s)}"

    def viewer(self, media_id: str, link: str, now_us: int) -> Actor:
        """Whom the link stands for. Raises MediaNotFound for one that is not ours, or whose time is over."""
        signed, _, seal = link.rpartition(".")
        found = _SIGNED.fullmatch(signed)
        if not found or not hmac.compare_digest(self._seal(media_id, signed).encode(), seal.encode()):
            raise MediaNotFound
        viewer, session, expires = found.groups()
        if int(expires) * SECOND_US <= now_us:
            raise MediaNotFound
        return Actor(UserId(viewer), SessionId(session))

    def _seal(self, media_id: str, signed: str) -> str:
        seal = hmac.digest(self._key, f"{media_id}.{signed}".encode(), "sha256")
        return base64.urlsafe_b64encode(seal).decode().rstrip("=")


async def sealing_key(database: Database, keys: Keys) -> bytes:
    """That of this system, which the first process makes."""
    wrapped = await key_store.find(database, KEY)
    if wrapped is None:
        made = await keys.wrap(secrets.token_bytes(32), KEY)
        try:
            async with database.transaction() as tx:
                await key_store.add(tx, KEY, made)
        except AlreadyExists:
            pass
        wrapped = await key_store.find(database, KEY)
    if wrapped is None:
        raise KeyMissing
    return await keys.unwrap(wrapped, KEY)
