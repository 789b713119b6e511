"""Who may see a file: its owner, and the audience of whatever refers to it, as it is at that moment."""

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
