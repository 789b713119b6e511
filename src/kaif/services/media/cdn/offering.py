"""Says what a CDN may hold: what was made of pictures, films and voices that somebody shows to others.

Never a file as it was uploaded, in which cameras write where people live; nor anything that is sent as a file; nor what
its owner alone sees; nor evidence.
"""

from collections.abc import Sequence

from kaif.engines.database import Database, Reads
from kaif.interfaces.media import CdnLink
from kaif.interfaces.media.references import AS_EVIDENCE
from kaif.services.media import store
from kaif.services.media.cdn import store as cdn_store
from kaif.services.media.cdn.links import CdnLinks
from kaif.services.media.cdn.store import StoredGiven
from kaif.services.media.model import StoredMedia
from kaif.services.media.renditions import naming


class Offers:
    def __init__(self, database: Database, links: CdnLinks) -> None:
        self._database, self._links = database, links

    async def links_to(self, files: Sequence[StoredMedia], now_us: int) -> dict[str, CdnLink]:
        """For somebody who may see all of these."""
        if not self._links.on or not files:
            return {}
        shared = await shared_among(self._database, files)
        given = await self._given(shared, self._links.until_us(now_us)) if shared else {}
        return {id: self._links.make(id, given[id].generation if id in given else 0, now_us) for id in shared}

    async def _given(self, media_ids: Sequence[str], until_us: int) -> dict[str, StoredGiven]:
        """A generation is not begun anew before the last link of it has ended: it would be good again later."""
        given = await cdn_store.find_all(self._database, media_ids)
        short = [row.media_id for row in given.values() if row.generation and row.until_us < until_us]
        if not short:
            return given
        async with self._database.transaction() as tx:
            await cdn_store.keep_until(tx, short, until_us)
            return await cdn_store.find_all(tx, media_ids)


async def shared_among(reads: Reads, files: Sequence[StoredMedia]) -> list[str]:
    """Those that a CDN may hold."""
    ids = [media.id for media in files if naming.is_made_of(media)]
    audiences = await store.audiences_of_all(reads, ids) if ids else {}
    return [id for id in ids if set(audiences.get(id, [])) - {AS_EVIDENCE}]
