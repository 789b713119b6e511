"""Messaging beside media, as `kaif up` wires the two, with files that people have uploaded."""

import io
import itertools
import math
import secrets
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.harness import Services, wired_services
from tests.services.messaging.dues import Home
from tests.waiting import eventually

from kaif.interfaces.media import Media, MediaId, MediaNotFound
from kaif.interfaces.media.delivery import Delivery, LookAt, ReadMedia
from kaif.interfaces.media.uploads import Append, BeginWriting, CreateUpload, OfUpload, Uploads
from kaif.interfaces.messaging import ChatId, Entry, SendMessage
from kaif.interfaces.messaging.actions import DeleteMessages, ForwardedMessage, ForwardMessages
from kaif.interfaces.messaging.attached import GivenAttachment
from kaif.kernel.actor import Actor
from kaif.kernel.clock import now_us
from kaif.kernel.ids import new_id
from kaif.services.messaging.attachments.attaching import Held
from kaif.services.messaging.service import MessagingService


def _sound() -> bytes:
    """A tenth of a second of a humming."""
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(b"".join(int(9000 * math.sin(n / 4)).to_bytes(2, "little", signed=True) for n in range(800)))
    return out.getvalue()


SOUND = _sound()
# Longer than any hold that nothing has come to use.
LATER_US = 3600 * 1_000_000

_numbers = itertools.count(1)


class FilesHome(Home):
    def __init__(self, services: Services, moment: list[int]) -> None:
        super().__init__(services, moment)
        self.uploads: Uploads = services.media[Uploads]
        self.delivery: Delivery = services.media[Delivery]

    async def put(self, actor: Actor, name: str = "план.txt", content: bytes = b"") -> Media:
        content = content or f"{name} {next(_numbers)} {secrets.token_hex(4)}".encode()
        upload = await self.uploads.create_upload(actor, CreateUpload(len(content), name))
        writing = await self.uploads.begin_writing(actor, BeginWriting(upload.id, 0))
        await self.uploads.append(actor, Append(upload.id, writing.writer, 0, content))
        while upload.media is None:
            upload = await self.uploads.finish_upload(actor, OfUpload(upload.id))
        return upload.media

    async def attach(
        self, actor: Actor, chat_id: ChatId, *media: Media, text: str = "", ref: str = "", **more: Any
    ) -> Entry:
        given = [GivenAttachment(one.id) for one in media]
        wanted = SendMessage(chat_id, ref or new_id(), text, attachments=given, **more)
        return await self.services.messaging.send_message(actor, wanted)

    async def send_held(self, actor: Actor, message: SendMessage, held: Held) -> Entry:
        """Of a message with files, what is done after media has answered."""
        service = self.services.messaging
        assert isinstance(service, MessagingService)
        return await service._send(actor, message, held)

    async def sees(self, actor: Actor, media: Media) -> bool:
        try:
            await self.delivery.look_at(actor, LookAt(media.id))
        except MediaNotFound:
            return False
        return True

    async def content(self, actor: Actor, media: Media) -> bytes:
        """What whoever opens its address gets."""
        seen = await self.delivery.look_at(actor, LookAt(media.id))
        reading = ReadMedia(media.id, 0, seen.size, rendition=seen.rendition)
        return (await self.delivery.read(actor, reading)).content

    async def held(self) -> list[MediaId]:
        """What media holds for messaging, once for each hold."""
        rows: list[tuple[MediaId]] = await self.services.database.fetch(
            tuple, "SELECT media_id FROM media_references WHERE holder = 'messaging' ORDER BY media_id"
        )
        return [media_id for (media_id,) in rows]

    async def known(self) -> int:
        """How many files messaging knows that it has media hold."""
        rows: list[tuple[int]] = await self.services.database.fetch(tuple, "SELECT COUNT(*) FROM messaging_attachments")
        return rows[0][0]

    async def do_due(self) -> None:
        """What the services' own queue has begun at this moment is waited for."""
        await super().do_due()
        await eventually(self._nothing_leaves)

    async def _nothing_leaves(self) -> bool:
        sql = "SELECT 1 FROM messaging_attachments WHERE state = 'leaving'"
        return not await self.services.database.fetch(tuple, sql)

    async def settle(self) -> None:
        """All that is to be let go is."""
        await self.come(LATER_US)

    async def forward(self, actor: Actor, entry: Entry, to: ChatId, ref: str = "") -> Entry:
        wanted = ForwardMessages(to, entry.chat_id, [ForwardedMessage(entry.seq, ref or new_id())])
        return (await self.services.actions.forward_messages(actor, wanted)).entries[0]

    async def delete(self, actor: Actor, entry: Entry, *, for_everyone: bool = True) -> None:
        await self.services.actions.delete_messages(actor, DeleteMessages(entry.chat_id, [entry.seq], for_everyone))


@asynccontextmanager
async def with_files(folder: Path, url: str) -> AsyncIterator[FilesHome]:
    moment = [now_us()]
    async with wired_services(folder, url, clock=lambda: moment[0], with_media=True) as services:
        yield FilesHome(services, moment)
