"""Who may see a file: its owner, and the audience of whatever refers to it, as it is at that moment."""

from collections.abc import Sequence
from typing import Protocol

from kaif.engines.database import Database
from kaif.interfaces.media import MediaId, MediaNotFound
from kaif.interfaces.media.references import AS_EVIDENCE, IN_MESSAGES
from kaif.interfaces.messaging import Chat, ChatId, ChatNotFound, GetChat
from kaif.interfaces.messaging.attachments import ASKED_MAX, AskedFiles, ShownFiles
from kaif.kernel.actor import Actor
from kaif.services.media import naming, store
from kaif.services.media.model import StoredMedia

EVERYONE = "everyone"
CHAT = "chat:"
_BY_MESSAGING = frozenset({IN_MESSAGES, AS_EVIDENCE})
# Of one file: past that it is asked no further.
AUDIENCES_MAX = 50


class FindsChats(Protocol):
    async def get_chat(self, actor: Actor, request: GetChat) -> Chat: ...


class ShowsFiles(Protocol):
    """Messaging, as far as it shows files in its messages."""

    async def which_are_shown(self, actor: Actor, request: AskedFiles) -> ShownFiles: ...


class Rights:
    def __init__(self, database: Database, chats: FindsChats, messages: ShowsFiles | None = None) -> None:
        self._database, self._chats, self._messages = database, chats, messages

    async def visible(self, viewer: Actor, media_id: str) -> StoredMedia:
        """The file. Raises MediaNotFound."""
        for media in await self.visible_of(viewer, [media_id]):
            return media
        raise MediaNotFound

    async def visible_of(self, viewer: Actor, media_ids: Sequence[str]) -> list[StoredMedia]:
        """Those of the files that the viewer may see; nothing is asked twice about one audience."""
        if not viewer.user_id:
            return []
        files = await store.find_all(self._database, media_ids)
        others = [media.id for media in files if media.owner_id != viewer.user_id]
        audiences = await store.audiences_of_all(self._database, others) if others else {}
        asked = [id for id in others if _BY_MESSAGING & set(audiences.get(id, []))]
        in_messages = await self._in_messages(viewer, asked)
        among: dict[str, bool] = {}

        async def is_among_some(media_id: str) -> bool:
            for audience in audiences.get(media_id, [])[:AUDIENCES_MAX]:
                if audience not in among:
                    among[audience] = await self._is_among(viewer, audience)
                if among[audience]:
                    return True
            return False

        return [
            media
            for media in files
            if media.owner_id == viewer.user_id or media.id in in_messages or await is_among_some(media.id)
        ]

    async def has_whole(self, viewer: Actor, media: StoredMedia) -> bool:
        """Of a file that the viewer may see: whether they may have it as it was uploaded. Cameras write into pictures
        and films where people live: that goes to no one to whom they were only shown."""
        if media.owner_id == viewer.user_id or not naming.is_shown_without_its_file(media):
            return True
        if not self._messages:
            return False
        return media.id in (await self._messages.which_are_shown(viewer, AskedFiles([media.id]))).as_files

    async def _in_messages(self, viewer: Actor, media_ids: Sequence[MediaId]) -> set[MediaId]:
        """Which of them messaging shows to the viewer, however many messages each is in."""
        shown: set[MediaId] = set()
        if self._messages:
            for start in range(0, len(media_ids), ASKED_MAX):
                asked = AskedFiles(list(media_ids[start : start + ASKED_MAX]))
                shown.update((await self._messages.which_are_shown(viewer, asked)).media_ids)
        return shown

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
