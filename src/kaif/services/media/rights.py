"""Who may see a file: its owner, and the audience of whatever refers to it, as it is at that moment."""

from collections.abc import Sequence
from typing import Protocol

from kaif.engines.database import Database
from kaif.interfaces.media import MediaNotFound
from kaif.interfaces.messaging import Chat, ChatId, ChatNotFound, GetChat
from kaif.kernel.actor import Actor
from kaif.services.media import store
from kaif.services.media.model import StoredMedia

EVERYONE = "everyone"
CHAT = "chat:"
# Of one file: past that it is asked no further.
AUDIENCES_MAX = 50


class FindsChats(Protocol):
    async def get_chat(self, actor: Actor, request: GetChat) -> Chat: ...


class Rights:
    def __init__(self, database: Database, chats: FindsChats) -> None:
        self._database, self._chats = database, chats

    async def visible(self, viewer: Actor, media_id: str) -> StoredMedia:
        """The file. Raises MediaNotFound."""
        media = await store.find_media(self._database, media_id)
        if media is None or not viewer.user_id:
            raise MediaNotFound
        if media.owner_id == viewer.user_id:
            return media
        for audience in await store.audiences_of(self._database, media_id, AUDIENCES_MAX):
            if await self._is_among(viewer, audience):
                return media
        raise MediaNotFound

    async def visible_of(self, viewer: Actor, media_ids: Sequence[str]) -> list[StoredMedia]:
        """Those of the files that the viewer may see; nothing is asked twice about one audience."""
        if not viewer.user_id:
            return []
        files = await store.find_all(self._database, media_ids)
        others = [media.id for media in files if media.owner_id != viewer.user_id]
        audiences = await store.audiences_of_all(self._database, others) if others else {}
        among: dict[str, bool] = {}

        async def is_among_some(media_id: str) -> bool:
            for audience in audiences.get(media_id, [])[:AUDIENCES_MAX]:
                if audience not in among:
                    among[audience] = await self._is_among(viewer, audience)
                if among[audience]:
                    return True
            return False

        return [media for media in files if media.owner_id == viewer.user_id or await is_among_some(media.id)]

    async def _is_among(self, viewer: Actor, audience: str) -> bool:
        if audience == EVERYONE:
            return True
        if not audience.startswith(CHAT):
            return False
        try:
            await self._chats.get_chat(viewer, GetChat(ChatId(audience.removeprefix(CHAT))))
        except ChatNotFound:
            return False
        return True
