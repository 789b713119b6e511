"""Joins uploads that came side by side: their parts change hands, and keep the keys under which they are sealed."""

from kaif.engines.database import Database, Transaction
from kaif.interfaces.media import FileTooLarge
from kaif.interfaces.media.joining import JoinUploads, NotJoinable
from kaif.interfaces.media.uploads import Upload, UploadNotFound
from kaif.kernel.actor import Actor
from kaif.kernel.clock import Clock
from kaif.kernel.ids import new_id
from kaif.services.media import model, store
from kaif.services.media.model import StoredUpload
from kaif.services.media.quotas.rule import QuotaRule


class JoiningService:
    def __init__(self, database: Database, quotas: QuotaRule, clock: Clock) -> None:
        self._database, self._quotas, self._clock = database, quotas, clock

    async def join_uploads(self, actor: Actor, request: JoinUploads) -> Upload:
        quota = await self._quotas.of(actor.user_id)
        async with self._database.transaction() as tx:
            await store.lock_owner(tx, actor.user_id)
            pieces = await self._locked_pieces(tx, actor, request.upload_ids)
            done = await store.lock_upload(tx, pieces[0].joined_into) if pieces[0].joined_into else None
            if done is not None and done.joined.split() == request.upload_ids:
                return done.seen()
            for piece in pieces:
                if not piece.partial or piece.joined_into or piece.received < piece.length:
                    raise NotJoinable(upload_id=piece.id)
            length = sum(piece.length for piece in pieces)
            # Room was made with them, but each was within the bound of one file.
            if length > quota.file_max:
                raise FileTooLarge(bytes_max=quota.file_max)
            upload = self._joined(actor, request, length)
            await store.add_upload(tx, upload)
            start = 0
            for piece in pieces:
                await store.join_into(tx, piece, upload.id, start)
                start += piece.length
        return upload.seen()

    async def _locked_pieces(self, tx: Transaction, actor: Actor, ids: list[str]) -> list[StoredUpload]:
        """In the order of the file; locked in that of ids, so that two who join the same do not wait for each other."""
        found: dict[str, StoredUpload] = {}
        for id in sorted(ids):
            if id in found:
                raise NotJoinable(upload_id=id)
            upload = await store.lock_upload(tx, id)
            if upload is None or upload.owner_id != actor.user_id or upload.expires_at_us <= self._clock():
                raise UploadNotFound
            found[id] = upload
        return [found[id] for id in ids]

    def _joined(self, actor: Actor, request: JoinUploads, length: int) -> StoredUpload:
        now_us = self._clock()
        return StoredUpload(
            id=new_id(),
            owner_id=actor.user_id,
            name=model.file_name(request.name),
            declared_type=model.said_type(request.declared_type),
            keep=int(request.keep),
            voice=int(request.voice),
            length=length,
            received=length,
            writer="",
            created_at_us=now_us,
            expires_at_us=now_us + model.UPLOAD_LIVES_US,
            joined=" ".join(request.upload_ids),
        )
