"""What media promises whoever watches over the system: it says whether it could take a file in and hand it out. Not
for the world.
"""

from typing import Protocol

from kaif.interfaces.auth import Nothing
from kaif.kernel.actor import Actor
from kaif.kernel.errors import KaifError
from kaif.kernel.remote import repeatable


class KeysLost(KaifError):
    """Details carry versions, those of master keys that are needed and are not there."""

    code, detail = "keys_lost", "Master keys under which content was stored are not there: it can't be read."


class StoreForgets(KaifError):
    code, detail = "store_forgets", "The store of content does not give back what was put there."


class Health(Protocol):
    @repeatable
    async def check_media(self, actor: Actor, request: Nothing) -> Nothing:
        """All is well, or was a few seconds ago.

        Raises Unavailable when the store or the database does not answer, StorageFull when nothing can be written,
        StoreForgets, KeysLost, and ScannerUnavailable.
        """
        ...
