"""Has media hold the files of a message before it is written, and lets go of them when nothing shows them any more.

Messaging and media share no transaction, so each step is noted before it is taken. A hold stands in our own table
before media is asked for it, with a time at which it is let go unless a message has come to use it: a crash at any
point leaves no file held for nothing, and a message in the log never shows one that is not held. What is let go is
marked first, under a lock that whoever would use it takes too; then media is told, as often as it takes.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import msgspec

from kaif.engines.database import Database
from kaif.interfaces.auth import Nothing
from kaif.interfaces.media import Media, MediaId, MediaNotFound, MediaReady
from kaif.interfaces.media.progress import MediaEvent, MediaProgressed
from kaif.interfaces.media.references import AS_EVIDENCE, IN_MESSAGES, HeldFiles, HoldFiles, ReleaseFiles
from kaif.interfaces.messaging import ChatId, Entry
from kaif.interfaces.messaging.attached import Attachment, GivenAttachment
from kaif.kernel.actor import NOBODY, Actor, UserId
from kaif.kernel.clock import SECOND_US, Clock
from kaif.kernel.errors import Unavailable
from kaif.kernel.ids import new_id
from kaif.services.messaging import chat_store, entry_rules, entry_store
from kaif.services.messaging.attachments import model as files
from kaif.services.messaging.attachments import store as attachment_store
from kaif.services.messaging.attachments.store import NOWHERE, Place
from kaif.services.messaging.due import store as due_store
from kaif.services.messaging.messages.changing import of_chat
from kaif.services.messaging.sending.announcing import Announcer

HOLDER = "messaging"
# Media may be slow, or its answer lost: then it is told again.
TELL_AGAIN_US = 60 * SECOND_US
# Of the messages that show one file.
PLACES_PAGE = 100
# A film that is forwarded everywhere while it is made is told of in so many chats; the others see it when it is ready.
CHATS_TOLD_MAX = 20

_changed = msgspec.structs.replace


class Held(msgspec.Struct, frozen=True):
    """Files on their way into a message; `hold` is empty where there are none."""

    hold: str = ""
    attachments: list[Attachment] = []


class HoldsFiles(Protocol):
    """Media, as far as messaging needs it (`interfaces.media.references`)."""

    async def hold_files(self, actor: Actor, request: HoldFiles) -> HeldFiles: ...

    async def release_files(self, actor: Actor, request: ReleaseFiles) -> Nothing: ...


class NoFiles:
    """Stands where messaging is not told where media is."""

    async def hold_files(self, actor: Actor, request: HoldFiles) -> HeldFiles:
        raise Unavailable

    async def release_files(self, actor: Actor, request: ReleaseFiles) -> Nothing:
        raise Unavailable


class Attaching:
    def __init__(self, database: Database, media: HoldsFiles, announcer: Announcer, clock: Clock) -> None:
        self._database, self._media, self._announcer, self._clock = database, media, announcer, clock

    # Before a message

    @asynccontextmanager
    async def holding(self, owner: UserId, given: Sequence[GivenAttachment]) -> AsyncIterator[Held]:
        """The owner's own files; afterwards those that no message has come to use are let go.

        Raises BadAttachments, MediaNotFound, Unavailable.
        """
        held = await self.hold(owner, given)
        try:
            yield held
        finally:
            await self.give_up(held)

    async def hold(self, owner: UserId, given: Sequence[GivenAttachment]) -> Held:
        """As `holding`, for whoever sees to the rest."""
        if not given:
            return Held()
        files.must_fit(given)
        voice = any(one.sent_as == "voice" for one in given)
        hold, media = await self._ask(owner, [one.media_id for one in given], voice=voice)
        return Held(hold, [files.attachment_of(one, file) for one, file in zip(given, media, strict=True)])

    async def copy(self, owner: UserId, entry: Entry) -> Held:
        """The files of a message that the owner may say elsewhere. Raises MediaNotFound when it is gone by now."""
        if not entry.attachments:
            return Held()
        rows = await attachment_store.at(self._database, entry.chat_id, [entry.seq])
        if not rows:
            raise MediaNotFound
        hold, media = await self._ask(owner, [one.media_id for one in entry.attachments], like=rows[0].hold)
        pairs = zip(entry.attachments, media, strict=True)
        return Held(hold, [files.renewed(one, files.news_of(file)) for one, file in pairs])

    async def _ask(
        self, owner: UserId, media_ids: list[MediaId], like: str = "", *, voice: bool = False
    ) -> tuple[str, list[Media]]:
        hold = new_id()
        async with self._database.transaction() as tx:
            await attachment_store.add(tx, hold, media_ids, self._clock())
        wanted = HoldFiles(media_ids, HOLDER, hold, IN_MESSAGES, like, voice)
        # Refused or not, it is let go when its time is over: an answer may be lost after it was carried out.
        return hold, (await self._media.hold_files(Actor(owner), wanted)).files

    async def give_up(self, *held: Held) -> None:
        """What a message shows by now stays."""
        holds = [one.hold for one in held if one.hold]
        if holds:
            async with self._database.transaction() as tx:
                for hold in sorted(holds):
                    await attachment_store.hasten(tx, hold, self._clock())

    # After it

    async def release_due(self, hold: str) -> None:
        """Let go of files that nothing uses. Raises Unavailable."""
        async with self._database.transaction() as tx:
            due = await due_store.lock(tx, hold)
            if due is None or not 0 < due.look_at_us <= self._clock():
                return
            rows = await attachment_store.lock(tx, [hold])
            if any(row.chat_id != NOWHERE for row in rows):
                await due_store.remove(tx, hold)
                return
            is_evidence, again_at_us = await attachment_store.is_evidence(tx, hold), self._clock() + TELL_AGAIN_US
            if not is_evidence:
                await attachment_store.leave(tx, hold)
            await due_store.look_again(tx, hold, again_at_us)
        if is_evidence:
            await self._keep_as_evidence(hold, [row.media_id for row in rows], again_at_us)
            return
        if rows:
            await self._media.release_files(NOBODY, ReleaseFiles([row.media_id for row in rows], HOLDER, hold))
        async with self._database.transaction() as tx:
            await attachment_store.forget(tx, hold)

    async def _keep_as_evidence(self, hold: str, media_ids: list[MediaId], again_at_us: int) -> None:
        """Files that only those see who decide about a report: media keeps them from any CDN. Raises Unavailable."""
        with contextlib.suppress(MediaNotFound):
            # Without it there is nothing left to keep.
            await self._media.hold_files(NOBODY, HoldFiles(media_ids, HOLDER, hold, AS_EVIDENCE, like=hold))
        async with self._database.transaction() as tx:
            due = await due_store.lock(tx, hold)
            # Unless the report was decided meanwhile: then they are to be let go.
            if due is not None and due.look_at_us == again_at_us:
                await due_store.remove(tx, hold)

    async def renew(self, event: MediaReady) -> None:
        """Work on a file has ended: whoever sees it in a message learns of it. Safe to repeat."""
        news = files.news_of(event.media)
        async with self._database.transaction() as tx:
            # A message that is on its way is in the log after this, or takes it along.
            await attachment_store.note_ready(tx, event.media.id, files.encoded(news))
        after, chats = Place(NOWHERE, 0), set[ChatId]()
        while page := await attachment_store.places_of(self._database, event.media.id, after, PLACES_PAGE):
            for place in page:
                if not await self._renew_at(place, event.media.id, news) and len(chats) < CHATS_TOLD_MAX:
                    chats.add(place.chat_id)
            after = page[-1]
        # What their logs have not said.
        for chat_id in chats:
            await self._announcer.signal(chat_id, MediaEvent(event.media.id, event.media.state, event.media.progress))

    async def tell_progress(self, event: MediaProgressed) -> None:
        """To those to whom messages show the file; beside the log, since it is stale soon."""
        chats = await attachment_store.chats_of(self._database, event.media_id, CHATS_TOLD_MAX)
        for chat_id in chats:
            await self._announcer.signal(chat_id, MediaEvent(event.media_id, "working", event.progress))

    async def _renew_at(self, where: Place, media_id: MediaId, news: files.News) -> bool:
        """Whether the log says so."""
        entries: list[Entry] = []
        async with self._database.transaction() as tx:
            places = await chat_store.lock_places(tx, [where.chat_id])
            row = await entry_store.find_entry(tx, where.chat_id, where.seq)
            if not places or row is None:
                return False
            body = entry_rules.body_of(row)
            attachments = [files.renewed(one, news) if one.media_id == media_id else one for one in body.attachments]
            if attachments != body.attachments:
                change = of_chat(tx, places[where.chat_id], self._clock())
                await change.act("renewed", row, _changed(body, attachments=attachments))
                entries = await change.write()
        if entries:
            await self._announcer.announce(entries, places)
        return bool(entries)
