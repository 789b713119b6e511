"""Uploads whose sender writes sealed parts into the store, and tells what lies there.

Nothing that a sender says is believed. A name is on the list of garbage before its address leaves, as with any part;
the address is good for one write of exactly so many bytes and ends long before its name may be collected, so that
nothing can come to lie where nobody looks any more. What lies there is taken in its order, as if it had come as a
piece: by whoever writes, in one transaction that takes it off the list of garbage. All of it is read before it is a
file.
"""

import asyncio
import base64
import secrets
import time
from collections.abc import Sequence

import msgspec

from kaif.engines.blobs import Blobs, Bucket
from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import Nothing
from kaif.interfaces.media.straight import (
    AHEAD_MAX,
    UNTAKEN_MAX,
    GoStraight,
    NotStraight,
    SealedWrongly,
    Straight,
    StraightNotOffered,
    StraightOffer,
    StraightPart,
    TooManyUntaken,
)
from kaif.interfaces.media.uploads import PIECE_BYTES_MAX, Displaced, IsJoined, OfUpload, UploadNotFound
from kaif.kernel.actor import Actor
from kaif.kernel.clock import SECOND_US, Clock, as_datetime
from kaif.kernel.errors import KaifError, NotFound
from kaif.kernel.ids import new_id
from kaif.services.media import model, store
from kaif.services.media.content.parts import Content
from kaif.services.media.content.sealing import PartCipher, part_key
from kaif.services.media.model import Part, StoredUpload, blob_of
from kaif.services.media.uploads import straight_store
from kaif.services.media.uploads.service import UploadsService
from kaif.services.media.uploads.straight_store import StraightRow

# A write that has begun by then may go on for as long as the store lets it.
ADDRESS_LIVES_S = 600
# A smaller file costs its sender more in questions than the way through us.
BYTES_MIN = PIECE_BYTES_MAX + 1
# What was found out about the store; sooner again when it was not as it must be, which may be mended.
KNOWN_S, UNFIT_S = 3600.0, 60.0


class Offering:
    """Whether the store is as it must be: looked at when somebody asks, and then believed for a while."""

    def __init__(self, bucket: Bucket | None, blobs: Blobs) -> None:
        self._bucket, self._blobs = bucket, blobs
        self._looking = asyncio.Lock()
        self._fit, self._until_s = False, 0.0

    async def is_fit(self) -> bool:
        if self._bucket is None:
            return False
        async with self._looking:
            if time.monotonic() >= self._until_s:
                self._fit = not await fault_of(self._bucket, self._blobs)
                self._until_s = time.monotonic() + (KNOWN_S if self._fit else UNFIT_S)
        return self._fit


async def fault_of(bucket: Bucket, blobs: Blobs) -> str:
    """What keeps the store from taking parts of senders; nothing of the look is left there."""
    names = [f"doctor/{secrets.token_hex(16)}" for _ in range(3)]
    try:
        return await bucket.find_fault(names)
    finally:
        for name in names:
            try:
                await blobs.delete(name)
            except KaifError:
                break


class StraightService:
    def __init__(
        self,
        database: Database,
        content: Content,
        blobs: Blobs,
        bucket: Bucket | None,
        uploads: UploadsService,
        clock: Clock,
    ) -> None:
        self._database, self._content, self._blobs, self._bucket = database, content, blobs, bucket
        self._uploads, self._clock = uploads, clock
        self._offering = Offering(bucket, blobs)

    async def get_straight_offer(self, actor: Actor, request: Nothing) -> StraightOffer:
        return StraightOffer(await self._offering.is_fit(), BYTES_MIN)

    async def go_straight(self, actor: Actor, request: GoStraight) -> Straight:
        if not await self._offering.is_fit():
            raise StraightNotOffered
        upload = await self._begun(actor, request)
        if upload.media_id is None and upload.received < upload.length:
            until = request.written if request.writer else upload.length
            upload = await self._with_what_lies_there(actor, upload, until)
        if upload.received == upload.length:
            finished = await self._uploads.finish_upload(actor, OfUpload(upload.id))
            return Straight(finished, upload.writer, [])
        return Straight(upload.seen(), upload.writer, await self._addresses(actor, upload, request))

    # Taking

    async def _begun(self, actor: Actor, request: GoStraight) -> StoredUpload:
        """Written to by whoever asks."""
        async with self._database.transaction() as tx:
            # For whoever has sent it and waits; who comes to it later may begin anew, to send it as something else.
            if request.writer and (refusal := await store.find_refusal(tx, request.upload_id, actor.user_id)):
                raise refusal
            upload = await self._locked(tx, actor, request.upload_id)
            if upload.media_id is not None or (request.writer and upload.writer == request.writer):
                return upload
            if request.writer:
                raise Displaced
            if upload.joined:
                raise IsJoined
            if upload.partial:
                raise NotStraight
            writer = new_id()
            await store.set_writer(tx, upload.id, writer)
        return msgspec.structs.replace(upload, writer=writer)

    async def _with_what_lies_there(self, actor: Actor, upload: StoredUpload, until: int) -> StoredUpload:
        """Raises Displaced; SealedWrongly, and then nothing is left of the upload."""
        rows = await straight_store.chain(self._database, upload.id, upload.received)
        lying = await self._lying([row for row in rows if row.end <= until])
        if lying is None:
            await self._uploads.cancel_upload(actor, OfUpload(upload.id))
            raise SealedWrongly
        if not lying:
            return upload
        async with self._database.transaction() as tx:
            now = await self._locked(tx, actor, upload.id)
            if now.writer != upload.writer:
                raise Displaced
            # Somebody may have asked twice at once, and the other question have been answered first.
            if now.received == upload.received:
                await self._take(tx, upload, lying)
            return await self._locked(tx, actor, upload.id)

    async def _take(self, tx: Transaction, upload: StoredUpload, lying: Sequence[StraightRow]) -> None:
        received = upload.received
        for row in lying:
            await straight_store.forget(tx, row.part)
            if not await store.rescue(tx, row.part):
                # It was left for so long that it is collected: whoever writes is given another name.
                break
            await store.add_part(tx, Part(upload.id, row.start, row.length, row.part))
            received = row.end
        await store.advance(tx, upload.id, received, self._clock() + model.UPLOAD_LIVES_US)
        await straight_store.note(tx, upload.id)

    async def _lying(self, rows: Sequence[StraightRow]) -> Sequence[StraightRow] | None:
        """Those from the first on that are in the store; None when one is of another size than it must be."""
        sizes = await asyncio.gather(*(self._size(row.part) for row in rows))
        for place, (row, size) in enumerate(zip(rows, sizes, strict=True)):
            if size is None:
                return rows[:place]
            if size != PartCipher.sealed_bytes_of(row.length):
                return None
        return rows

    async def _size(self, part: str) -> int | None:
        try:
            return await self._blobs.size(blob_of(part))
        except NotFound:
            return None

    # Handing out

    async def _addresses(self, actor: Actor, upload: StoredUpload, request: GoStraight) -> list[StraightPart]:
        rows = await self._handed_out(actor, upload, request)
        if not rows:
            return []
        assert self._bucket is not None
        data_key = await self._content.data_key(self._database, upload.id)
        expires_at = as_datetime(self._clock() + ADDRESS_LIVES_S * SECOND_US)
        parts = []
        for row in rows:
            size = PartCipher.sealed_bytes_of(row.length)
            address = await self._bucket.sign(blob_of(row.part), size, ADDRESS_LIVES_S)
            key = base64.b64encode(part_key(data_key, row.part)).decode()
            parts.append(StraightPart(row.start, row.length, size, key, address.url, address.headers, expires_at))
        return parts

    async def _handed_out(self, actor: Actor, upload: StoredUpload, request: GoStraight) -> list[StraightRow]:
        """Raises TooManyUntaken when its sender has nothing to go on with."""
        if not request.count:
            return []
        async with self._database.transaction() as tx:
            await store.lock_owner(tx, actor.user_id)
            now = await self._locked(tx, actor, upload.id)
            if now.writer != upload.writer:
                raise Displaced
            room = UNTAKEN_MAX - await straight_store.count(tx, actor.user_id)
            known = await straight_store.chain(tx, upload.id, now.received)
            rows, at = list[StraightRow](), now.received
            for place in range(AHEAD_MAX):
                if at >= now.length or len(rows) == request.count:
                    break
                row = await self._kept(tx, known[place]) if place < len(known) else None
                if row is None and room <= 0:
                    if not known:
                        raise TooManyUntaken
                    break
                if row is None:
                    row, room = await self._named(tx, now, at), room - 1
                if row.start >= request.after:
                    rows.append(row)
                at = row.end
        return rows

    async def _kept(self, tx: Transaction, row: StraightRow) -> StraightRow | None:
        """The same name again for the same bytes: whoever was cut off may find it written, and no more lies untaken.

        None when the collector has it.
        """
        if await straight_store.lives_until(tx, row.part, self._due_at_us()):
            return row
        await straight_store.forget(tx, row.part)
        return None

    async def _named(self, tx: Transaction, upload: StoredUpload, at: int) -> StraightRow:
        length = min(PIECE_BYTES_MAX, upload.length - at)
        row = StraightRow(secrets.token_hex(16), upload.owner_id, upload.id, at, length)
        await store.throw_away(tx, row.part, self._due_at_us())
        await straight_store.add(tx, row)
        return row

    def _due_at_us(self) -> int:
        """Long after the address has ended."""
        return self._clock() + ADDRESS_LIVES_S * SECOND_US + model.GARBAGE_LIVES_US

    async def _locked(self, tx: Transaction, actor: Actor, upload_id: str) -> StoredUpload:
        upload = await store.lock_upload(tx, upload_id)
        if upload is None or upload.owner_id != actor.user_id or upload.expires_at_us <= self._clock():
            raise UploadNotFound
        return upload
