"""Wraps the keys of all content by the newest master key; the content itself stays as it is."""

from kaif.engines.database import Database
from kaif.engines.keys import Keys
from kaif.services.media import key_store

AT_ONCE = 200


async def rewrap_all(database: Database, keys: Keys) -> int:
    """How many keys were wrapped anew. May be interrupted, repeated, and run beside servers."""
    newest, count = await keys.newest(), 0
    while older := await key_store.older_than(database, newest, AT_ONCE):
        anew = [(id, old, await keys.wrap(await keys.unwrap(old, id), id)) for id, old in older]
        async with database.transaction() as tx:
            for id, old, wrapped in anew:
                count += await key_store.rewrap(tx, id, old, wrapped)
    return count
