"""What an operator can do with the index of messages; the process that holds it may be running."""

import asyncio

from kaif.app import compose
from kaif.app.messaging import MIGRATIONS
from kaif.app.settings import Settings
from kaif.kernel.clock import now_us
from kaif.services.messaging.search import store as search_store
from kaif.services.messaging.search.indexing import new_name


def ask_for_rebuild(settings: Settings) -> bool:
    """Leave a note for the process that holds the index; False when one is there already."""

    async def ask() -> bool:
        async with compose.database_of(settings) as database:
            await database.migrate("messaging", MIGRATIONS)
            async with database.transaction() as tx:
                return await search_store.add_index(tx, new_name(), now_us())

    return asyncio.run(ask())
