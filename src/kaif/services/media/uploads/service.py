"""Takes files in, piece by piece, and makes something of what has come whole."""

import asyncio
import secrets
from collections.abc import Sequence

import msgspec

from kaif.engines.database import Database, Transaction
from kaif.engines.keys import KeyMissing, Keys
from kaif.interfaces.auth import Nothing
from kaif.interfaces.media import (
    EmptyFile,
    FileTooLarge,
    MediaId,
    MediaStored,
    Polyglot,
    QuotaExceeded,
    TooManyUploads,
)
from kaif.interfaces.media.quotas import Quota
from kaif.interfaces.media.straight import SealedWrongly
from kaif.interfaces.media.uploads import (
    PIECE_BYTES_MAX,
    Append,
    BeginWriting,
    BeyondLength,
    CreateUpload,
    Displaced,
    IsJoined,
    OfUpload,
    SettleLength,
    Upload,
    UploadNotFound,
    Writing,
    WrongOffset,
)
from kaif.kernel.actor import Actor
from kaif.kernel.clock import Clock
from kaif.kernel.errors import Invalid
from kaif.kernel.ids import new_id
from kaif.services.media import key_store, model, store
from kaif.services.media.content import sharing_store
from kaif.services.media.content.parts import DATA_KEY_BYTES, Content, Digests
from kaif.services.media.content.sealing import ContentDamaged
from kaif.services.media.delivery.seeing import seen
from kaif.services.media.model import Part, StoredMedia, StoredUpload
from kaif.services.media.outlasting import Outlasting
from kaif.services.media.queue import steps
from kaif.services.media.queue import store as jobs_store
from kaif.services.media.quotas.rule import QuotaRule
from kaif.services.media.renditions import naming
from kaif.services.media.renditions.claims import Claim, ClaimLost, Claims
from kaif.services.media.renditions.service import Renditions
from kaif.services.media.uploads.looking import Looked, Looker
from kaif.services.media.uploads.part_names import PartNames
from kaif.services.media.uploads.scanning import Scans

UNFINISHED_MAX = 100
# A call waits no longer than this for what comes after the last piece: a digest, a scan and a look.
FINISH_S = 5.0
# Of those that are under way, or whose outcome nobody has asked for.
FINISHES_MAX = 64
# Of one person's: nobody's keep others' waiting.
FINISHES_OF_ONE_MAX = 16
# A last part smaller than this is written again with what follows it, so that many small pieces are not many parts.
SMALL_BYTES = 256 * 1024


class UploadsService:
    def __init__(
        self,
        database: Database,
        content: Content,
        keys: Keys,
        quotas: QuotaRule,
        looker: Looker,
        renditions: Renditions,
        scans: Scans,
        clock: Clock,
    ) -> None:
        self._database, self._content, self._keys = database, content, keys
        self._quotas, self._looker, self._renditions, self._clock = quotas, looker, renditions, clock
        self._digests, self._scans = Digests(content), scans
        self._names = PartNames(database, clock)
        self._claims = Claims(database, clock)
        self._finishing = Outlasting[Upload](FINISH_S, FINISHES_MAX, FINISHES_OF_ONE_MAX)

    async def close(self) -> None:
        await self._finishing.close()
        await self._claims.close()

    # Beginning

    async def create_upload(self, actor: Actor, request: CreateUpload) -> Upload:
        if request.length == 0:
            raise EmptyFile
        quota = await self._quotas.of(actor.user_id)
        if request.length > quota.file_max and not request.at_most:
            raise FileTooLarge(bytes_max=quota.file_max)
        now_us = self._clock()
        upload = StoredUpload(
            id=new_id(),
            owner_id=actor.user_id,
            name=model.file_name(request.name),
            declared_type=model.said_type(request.declared_type),
            keep=int(request.keep),
            voice=int(request.voice),
            length=request.length,
            received=0,
            writer="",
            created_at_us=now_us,
            expires_at_us=now_us + model.UPLOAD_LIVES_US,
            partial=int(request.partial),
        )
        wrapped = await self._keys.wrap(secrets.token_bytes(DATA_KEY_BYTES), upload.id)
        async with self._database.transaction() as tx:
            await store.lock_owner(tx, actor.user_id)
            free = await _must_have_room(tx, actor, 1 if request.at_most else request.length, quota)
            if request.at_most:
                upload = msgspec.structs.replace(upload, length=min(request.length, quota.file_max, free))
            await key_store.add(tx, upload.id, wrapped)
            await store.add_upload(tx, upload)
        return upload.seen()

    async def get_upload(self, actor: Actor, request: OfUpload) -> Upload:
        async with self._database.transaction() as tx:
            upload = await self._locked(tx, actor, request.upload_id)
            await store.set_writer(tx, upload.id, "")
        return await self._seen(upload)

    async def cancel_upload(self, actor: Actor, request: OfUpload) -> Nothing:
        async with self._database.transaction() as tx:
            upload = await self._locked(tx, actor, request.upload_id)
            await store.drop_upload(tx, upload, self._clock() + model.GARBAGE_LIVES_US)
        self._forget(upload.id)
        return Nothing()

    # Writing

    async def begin_writing(self, actor: Actor, request: BeginWriting) -> Writing:
        writer = new_id()
        async with self._database.transaction() as tx:
            upload = await self._locked(tx, actor, request.upload_id)
            if upload.joined:
                raise IsJoined
            if upload.received != request.offset:
                raise WrongOffset(offset=upload.received)
            await store.set_writer(tx, upload.id, writer)
        return Writing(writer, await self._seen(upload))

    async def append(self, actor: Actor, request: Append) -> Upload:
        upload = await self._get(actor, request.upload_id)
        _must_be_next(upload, request)
        last = await store.last_part(self._database, upload.id)
        replaced = last if last and _is_small(last, request) else None
        data_key = await self._content.data_key(self._database, upload.id)
        content, start = memoryview(request.content), request.offset
        if replaced:
            before = await self._content.read_part(data_key, replaced, 0, replaced.length)
            content = memoryview(b"".join((before, content)))
            start = replaced.start
        pieces = [content[at : at + PIECE_BYTES_MAX] for at in range(0, len(content), PIECE_BYTES_MAX)]
        names = await self._names.take(upload.id, len(pieces))
        # All of it in threads, at once.
        digest, *_ = await asyncio.gather(
            self._digests.with_piece(upload.id, request.offset, request.content),
            *[self._content.write(data_key, name, piece) for name, piece in zip(names, pieces, strict=True)],
        )
        received, expires_at_us = request.offset + len(request.content), self._clock() + model.UPLOAD_LIVES_US
        async with self._database.transaction() as tx:
            # Somebody else may have come meanwhile, and have gone on.
            _must_be_next(await self._locked(tx, actor, request.upload_id), request)
            if replaced:
                await store.drop_part(tx, replaced, self._clock() + model.GARBAGE_LIVES_US)
            for name, piece in zip(names, pieces, strict=True):
                if not await store.rescue(tx, name):
                    raise Displaced
                await store.add_part(tx, Part(upload.id, start, len(piece), name))
                start += len(piece)
            await store.advance(tx, upload.id, received, expires_at_us)
            # A sender who fills them goes on at once, as a rule; of any other they would be garbage.
            is_full = len(request.content) >= PIECE_BYTES_MAX and received < upload.length
            following = await self._names.reserve(tx, len(pieces)) if is_full else []
        if following:
            self._names.keep(upload.id, following)
        if digest:
            self._digests.keep(upload.id, received, digest)
        return await self._seen(await self._get(actor, upload.id))

    async def settle_length(self, actor: Actor, request: SettleLength) -> Upload:
        async with self._database.transaction() as tx:
            upload = await self._locked(tx, actor, request.upload_id)
            if upload.writer != request.writer:
                raise Displaced
            if upload.received == 0:
                raise EmptyFile
            await store.set_length(tx, upload.id, upload.received)
        return await self._seen(msgspec.structs.replace(upload, length=upload.received))

    # Finishing

    async def finish_upload(self, actor: Actor, request: OfUpload) -> Upload:
        upload = await self._get(actor, request.upload_id)
        if upload.media_id is not None or upload.received < upload.length or upload.partial:
            return await self._seen(upload)
        finished = await self._finishing.wait(upload.id, lambda: self._finished(actor, upload.id), upload.owner_id)
        if finished is None:
            return upload.seen()
        self._finishing.forget(upload.id)
        return finished

    async def _finished(self, actor: Actor, upload_id: str) -> Upload:
        """By one process alone, whichever was asked first; others wait here, and go on should that one die."""
        async with self._claims.held(upload_id, store.UPLOAD) as claim:
            upload = await self._get(actor, upload_id)
            if upload.media_id is None:
                try:
                    upload = await self._made(claim, actor, upload)
                except ClaimLost:
                    pass
                except (ContentDamaged, KeyMissing, UploadNotFound):
                    # Its owner gave it up meanwhile, perhaps, or somebody else has refused it.
                    await self._get(actor, upload_id)
                    raise
        self._digests.forget(upload_id)
        return await self._seen(upload)

    async def _made(self, claim: Claim, actor: Actor, upload: StoredUpload) -> StoredUpload:
        """Nothing is left of what is refused but why; without the scanner it waits. Raises ClaimLost."""
        try:
            sha256 = await self._digest(upload)
            await self._scans.must_be_clean(upload.id, upload.length)
            looked = await self._looked(upload, sha256)
        except Invalid as refusal:
            await self._refuse(claim, upload.id, refusal)
            raise
        async with self._database.transaction() as tx:
            upload = await self._become(tx, claim, actor, upload.id, looked, sha256)
        if looked.poster and upload.media_id == upload.id:
            # If we die before, work makes it anew.
            await self._renditions.keep_picture(upload.id, naming.POSTER, looked.poster, lasting=True)
        return upload

    async def _digest(self, upload: StoredUpload) -> str:
        """Raises SealedWrongly for what its sender sealed so that it does not open."""
        try:
            return await self._digests.digest(self._database, upload.id, upload.length)
        except ContentDamaged:
            if not upload.straight:
                raise
            raise SealedWrongly from None

    async def _looked(self, upload: StoredUpload, sha256: str) -> Looked:
        head = await self._content.read(self._database, upload.id, 0, min(model.HEAD_BYTES, upload.length))
        found = model.type_of(head)
        try:
            model.must_be(upload.declared_type, found)
            same = await sharing_store.find_same_content(self._database, upload.owner_id, sha256)
            if same is not None and same.kind != "file":
                return Looked(same.type, same.kind, same.seen().shown, as_sent=same.as_sent)
            return await self._looker.look(upload.id, upload.length, found, upload.owner_id)
        except Invalid as error:
            # Whatever it is said to be: whoever gets it might take it for the other thing.
            if model.means_media(upload.declared_type) or isinstance(error, Polyglot):
                raise
            return Looked(found, "file")

    async def _refuse(self, claim: Claim, upload_id: str, refusal: Invalid) -> None:
        now_us = self._clock()
        async with self._database.transaction() as tx:
            upload = await store.lock_upload(tx, upload_id)
            # After the upload: whoever gives it up takes both in that order.
            await claim.must_be_ours(tx)
            if upload is not None:
                await store.drop_upload(tx, upload, now_us + model.GARBAGE_LIVES_US)
                await store.add_refusal(tx, upload, refusal, now_us + model.UPLOAD_LIVES_US)
        self._digests.forget(upload_id)

    async def _become(
        self, tx: Transaction, claim: Claim, actor: Actor, upload_id: str, looked: Looked, sha256: str
    ) -> StoredUpload:
        """A file, or the one that its owner has already. Raises ClaimLost."""
        now_us = self._clock()
        await store.lock_owner(tx, actor.user_id)
        upload = await self._locked(tx, actor, upload_id)
        await claim.must_be_ours(tx)
        if upload.media_id is not None:
            return upload
        same = await sharing_store.lock_same_content(tx, actor.user_id, sha256, upload.name)
        if same is not None:
            await store.discard_content(tx, upload.id, now_us + model.GARBAGE_LIVES_US)
        if same is not None and same.name == upload.name:
            await store.touch(tx, same.id, now_us)
            media = same
        else:
            media = await self._add_file(tx, upload, looked, sha256, same)
        if upload.keep:
            await store.refer(tx, media.id, store.OWNER, "", "", now_us)
        await store.end_upload(tx, upload.id, media.id)
        return await self._locked(tx, actor, upload_id)

    async def _add_file(
        self, tx: Transaction, upload: StoredUpload, looked: Looked, sha256: str, same: StoredMedia | None
    ) -> StoredMedia:
        """Whoever gets a file gets it under the name that it was given this time: content that is there under another
        name is kept once, and is another file."""
        made = await sharing_store.share(tx, same.id, upload.id) if same else []
        media = _file_of(upload, looked, sha256, made, self._clock())
        if same is not None and same.state == "failed" and media.state == "working":
            media = msgspec.structs.replace(media, state=same.state, problem=same.problem)
        await store.add_media(tx, media)
        known = [*made, naming.POSTER] if looked.poster else made
        if media.state != "failed" and (step := steps.next_step(media, known)):
            await jobs_store.add(tx, media.id, step.priority, media.created_at_us)
        await tx.publish(MediaStored(media=media.seen()))
        return media

    # Inside

    def _forget(self, upload_id: str) -> None:
        self._digests.forget(upload_id)
        self._names.forget(upload_id)
        self._finishing.forget(upload_id)

    async def _get(self, actor: Actor, upload_id: str) -> StoredUpload:
        upload = await store.find_upload(self._database, upload_id, actor.user_id)
        if upload is None and (refusal := await store.find_refusal(self._database, upload_id, actor.user_id)):
            raise refusal
        return self._living(upload)

    async def _locked(self, tx: Transaction, actor: Actor, upload_id: str) -> StoredUpload:
        upload = await store.lock_upload(tx, upload_id)
        if upload is not None and upload.owner_id != actor.user_id:
            raise UploadNotFound
        return self._living(upload)

    def _living(self, upload: StoredUpload | None) -> StoredUpload:
        if upload is None or upload.expires_at_us <= self._clock():
            raise UploadNotFound
        return upload

    async def _seen(self, upload: StoredUpload) -> Upload:
        if upload.media_id is None:
            return upload.seen()
        media = await store.find_media(self._database, upload.media_id)
        if media is None:
            raise UploadNotFound
        return upload.seen(await seen(self._database, media))


async def _must_have_room(tx: Transaction, actor: Actor, length: int, quota: Quota) -> int:
    """How much there is. Raises QuotaExceeded, TooManyUploads."""
    free = quota.total_max - await store.used_bytes(tx, actor.user_id)
    if length > free:
        raise QuotaExceeded(bytes_free=max(free, 0))
    if len(await store.unfinished(tx, actor.user_id)) >= UNFINISHED_MAX:
        raise TooManyUploads
    return free


def _must_be_next(upload: StoredUpload, request: Append) -> None:
    if upload.writer != request.writer:
        raise Displaced
    if upload.received != request.offset:
        raise WrongOffset(offset=upload.received)
    if request.offset + len(request.content) > upload.length:
        raise BeyondLength


def _is_small(last: Part, request: Append) -> bool:
    return last.length < SMALL_BYTES and last.length + len(request.content) <= PIECE_BYTES_MAX


def _file_of(upload: StoredUpload, looked: Looked, sha256: str, made: Sequence[str], now_us: int) -> StoredMedia:
    media = StoredMedia(
        id=MediaId(upload.id),
        owner_id=upload.owner_id,
        name=upload.name,
        type=looked.type,
        kind=looked.kind,
        size=upload.length,
        sha256=sha256,
        state="ready",
        created_at_us=now_us,
        touched_at_us=now_us,
        shown=msgspec.json.encode(looked.shown).decode() if looked.shown else "",
        voice=int(upload.voice and looked.kind == "audio"),
        as_sent=looked.as_sent,
    )
    return msgspec.structs.replace(media, state=steps.state_of(media, made))
