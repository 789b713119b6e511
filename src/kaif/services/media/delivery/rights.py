"""Who may see a file: its owner, and the audience of whatever refers to it, as it is at that moment."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from kaif.engines.database import Database
from kaif.interfaces.media import MediaId, MediaNotFound
from kaif.interfaces.media.references import AS_EVIDENCE, IN_MESSAGES
from kaif.interfaces.messaging import Chat, ChatId, GetChat
from kaif.interfaces.messaging.attachments import ASKED_MAX, AskedFiles, ShownFiles
from kaif.interfaces.messaging.errors import ChatNotFound
from kaif.kernel.actor import Actor
from kaif.services.media import store
from kaif.services.media.model import StoredMedia
from kaif.services.media.renditions import naming

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

    async def which_are_files(self, actor: Actor, request: AskedFiles) -> ShownFiles: ...


class SeenFile(NamedTuple):
    """`whole` where the viewer may have it as it was uploaded.

    Cameras write into pictures and films where people live: that goes to no one to whom they were only shown.
    """

    media: StoredMedia
    whole: bool


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
        return [seen.media for seen in await self._seen(viewer, media_ids)]

    async def seen(self, viewer: Actor, media_id: str) -> SeenFile:
        """The file, and how much of it the viewer may have. Raises MediaNotFound."""
        for seen in await self._seen(viewer, [media_id]):
            return seen
        raise MediaNotFound

    async def _seen(self, viewer: Actor, media_ids: Sequence[str]) -> list[SeenFile]:
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
            SeenFile(media, _is_whole(viewer, media) or in_messages.get(media.id, False))
            for media in files
            if media.owner_id == viewer.user_id or media.id in in_messages or await is_among_some(media.id)
        ]

    async def _in_messages(self, viewer: Actor, media_ids: Sequence[MediaId]) -> dict[MediaId, bool]:
        """Which of them messaging shows to the viewer, however many messages each is in; True of what is sent as a file
        in one of them."""
        shown: dict[MediaId, bool] = {}
        if self._messages:
            for start in range(0, len(media_ids), ASKED_MAX):
                asked = AskedFiles(list(media_ids[start : start + ASKED_MAX]))
                answer = await self._messages.which_are_shown(viewer, asked)
                shown.update((media_id, media_id in answer.as_files) for media_id in answer.media_ids)
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


def _is_whole(viewer: Actor, media: StoredMedia) -> bool:
    return media.owner_id == viewer.user_id or not naming.is_shown_without_its_file(media)
