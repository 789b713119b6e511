"""New master keys for content; the processes that use them may be running."""

import asyncio
from pathlib import Path

from kaif.app import compose, media
from kaif.app.settings import Misconfigured, Settings
from kaif.engines.keys.ring import add_version
from kaif.services.media.content.rotating import rewrap_all


def rotate(settings: Settings) -> tuple[int, int]:
    """The version that is in use now, and how many keys were wrapped anew. Raises Misconfigured."""
    kind, _, path = settings.media_keys_url.partition(":")
    if kind == "file":
        try:
            add_version(Path(path))
        except (OSError, ValueError) as error:
            raise Misconfigured(f"KAIF_MEDIA_KEYS: {error}.") from None

    # In the environment and in a KMS the operator has put the new one after the others already.
    async def rewrap() -> tuple[int, int]:
        keys = media.master_keys(settings)
        async with compose.database_of(settings) as database:
            await database.migrate("media", media.MIGRATIONS)
            count = await rewrap_all(database, keys)
        return await keys.newest(), count

    return asyncio.run(rewrap())
