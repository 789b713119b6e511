"""Files as whoever asks for them sees them: with what was made of them."""

from collections.abc import Sequence

from kaif.engines.database import Reads
from kaif.interfaces.media import Media
from kaif.services.media.model import StoredMedia
from kaif.services.media.renditions import naming
from kaif.services.media.renditions import store as renditions_store


async def seen_all(reads: Reads, files: Sequence[StoredMedia]) -> list[Media]:
    made = [media.id for media in files if media.kind != "file"]
    names = await renditions_store.names_of(reads, made) if made else {}
    return [media.seen(naming.public(names.get(media.id, []))) for media in files]


async def seen(reads: Reads, media: StoredMedia) -> Media:
    return (await seen_all(reads, [media]))[0]
