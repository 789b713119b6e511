"""Messages that wait for their time; each method is one transaction.

A message leaves the queue in the transaction that puts it into the log. Whether its author may still write there is
found out then: they may have left the chat, lost a right, been blocked, or been shut out of the server.
"""

import msgspec

from kaif.engines.database import AlreadyExists, Database, Reads, Transaction
from kaif.interfaces.auth import Auth, GetPeople, Nothing
from kaif.interfaces.messaging import ChatId, Entry, Outgoing
from kaif.interfaces.messaging.attached import MediaNotAllowed
from kaif.interfaces.messaging.errors import (
    BadQuote,
    BadReply,
    ChatNotFound,
    MayNotSend,
    PersonNotReachable,
    SlowMode,
    TooManyMessages,
)
from kaif.interfaces.messaging.scheduled import (
    AHEAD_DAYS_MAX,
    SCHEDULED_LISTED_MAX,
    SCHEDULED_MAX,
    AlreadySent,
    BadSendTime,
    ChangeScheduled,
    ListScheduled,
    OfScheduled,
    Scheduled,
    ScheduledList,
    ScheduledNotFound,
    ScheduleMessage,
    TooManyScheduled,
)
from kaif.interfaces.messaging.suspension import ChatSuspended
from kaif.kernel.actor import NOBODY, Actor, UserId
from kaif.kernel.clock import DAY_US, Clock, as_us
from kaif.kernel.errors import KaifError, Unavailable
from kaif.kernel.ids import new_id
from kaif.services.messaging import chat_store, entry_rules, entry_store, member_store
from kaif.services.messaging.attachments import store as attachment_store
from kaif.services.messaging.attachments.attaching import Attaching, Held
from kaif.services.messaging.discussions.commenting import Commenting, Written
from kaif.services.messaging.due import store as due_store
from kaif.services.messaging.due.model import ScheduledBody, StoredDue, encoded, scheduled_body_of, scheduled_of
from kaif.services.messaging.rights import Right, rights_of
from kaif.services.messaging.sending.announcing import Announcer, ScheduledEvent
from kaif.services.messaging.sending.batches import Result
from kaif.services.messaging.sending.sender import Sender

# Why a message was not sent whose author may not use the server at the moment.
SHUT_OUT = "account_suspended"

_changed = msgspec.structs.replace


class ScheduledMessagesService:
    def __init__(
        self,
        database: Database,
        auth: Auth,
        announcer: Announcer,
        sender: Sender,
        attaching: Attaching,
        commenting: Commenting,
        clock: Clock,
    ) -> None:
        self._database, self._auth, self._announcer, self._attaching = database, auth, announcer, attaching
        self._sender, self._commenting, self._clock = sender, commenting, clock

    async def schedule_message(self, actor: Actor, request: ScheduleMessage) -> Scheduled:
        text = entry_rules.cleaned_caption(request.text, request.attachments)
        known = await due_store.find_once(self._database, actor.user_id, _once(request))
        if known:
            return scheduled_of(known)
        async with self._attaching.holding(actor.user_id, request.attachments) as held:
            return await self._schedule(actor, request, text, held)

    async def _schedule(self, actor: Actor, request: ScheduleMessage, text: str, held: Held) -> Scheduled:
        body = ScheduledBody(
            request.ref,
            text,
            request.reply_to or 0,
            request.silent,
            request.topic_id,
            held.attachments,
            held.hold,
            request.quote,
            request.without_preview,
            request.post,
        )
        once = _once(request)
        at_us = as_us(request.send_at)
        row = StoredDue(new_id(), "message", actor.user_id, request.chat_id, once, at_us, at_us, "", encoded(body))
        try:
            async with self._database.transaction() as tx:
                await self._must_be_allowed(tx, actor.user_id, request)
                self._must_be_to_come(at_us)
                await due_store.add(tx, row)
                if held.hold:
                    await attachment_store.use(tx, held.hold, [one.media_id for one in held.attachments])
        except AlreadyExists:
            # Asked for twice at the same time.
            first = await due_store.find_once(self._database, actor.user_id, once)
            if first is None:
                raise AlreadySent from None
            return scheduled_of(first)
        await self._tell(row)
        return scheduled_of(row)

    async def _must_be_allowed(self, tx: Transaction, user_id: UserId, request: ScheduleMessage) -> None:
        """What is refused now need not wait for its time to be refused."""
        await due_store.lock_member(tx, request.chat_id, user_id)
        member = await member_store.find_member(tx, request.chat_id, user_id)
        if member is None:
            raise ChatNotFound
        if await chat_store.is_closed(tx, request.chat_id):
            raise PersonNotReachable
        if member.suspended:
            raise ChatSuspended
        chat_id = request.chat_id
        if request.post is not None:
            chat_id = await self._group_of(tx, user_id, request, request.post)
            # Who is not in it yet will be what its members are: that is known when they are.
            member = await member_store.find_member(tx, chat_id, user_id)
        if member:
            _must_have_rights(rights_of(member, self._clock()), request)
        if request.quote and not await _says(tx, chat_id, request.reply_to, request.quote):
            raise BadQuote(path="$.quote")
        if await due_store.has_entry(tx, chat_id, user_id, request.ref):
            raise AlreadySent
        if await due_store.count(tx, request.chat_id, user_id, "message") >= SCHEDULED_MAX:
            raise TooManyScheduled

    async def _group_of(self, tx: Transaction, user_id: UserId, request: ScheduleMessage, post: int) -> ChatId:
        """In which the comment will stand. Raises why there can be none."""
        link = await self._commenting.get_link(tx, user_id, request.chat_id)
        await self._commenting.get_post(tx, link, post)
        await self._commenting.must_read(tx, user_id, link)
        if request.reply_to:
            await self._commenting.must_be_comment(tx, link, post, request.reply_to)
        return link.group_id

    def _must_be_to_come(self, at_us: int) -> None:
        now_us = self._clock()
        if not now_us < at_us <= now_us + AHEAD_DAYS_MAX * DAY_US:
            raise BadSendTime(path="$.send_at")

    async def list_scheduled(self, actor: Actor, request: ListScheduled) -> ScheduledList:
        rows = await due_store.of_person(
            self._database, actor.user_id, "message", SCHEDULED_LISTED_MAX, request.chat_id
        )
        return ScheduledList([scheduled_of(row) for row in rows])

    async def change_scheduled(self, actor: Actor, request: ChangeScheduled) -> Scheduled:
        async with self._database.transaction() as tx:
            row = await self._lock_own(tx, actor, request.scheduled_id)
            due_at_us = row.due_at_us if request.send_at is None else as_us(request.send_at)
            self._must_be_to_come(due_at_us)
            body = scheduled_body_of(row)
            text = None if request.text is None else entry_rules.cleaned_caption(request.text, body.attachments)
            body = _changed(
                body,
                text=body.text if text is None else text,
                silent=body.silent if request.silent is None else request.silent,
            )
            row = _changed(row, due_at_us=due_at_us, look_at_us=due_at_us, failure="", body=encoded(body))
            await due_store.change(tx, row)
        await self._tell(row)
        return scheduled_of(row)

    async def delete_scheduled(self, actor: Actor, request: OfScheduled) -> Nothing:
        async with self._database.transaction() as tx:
            row = await self._lock_own(tx, actor, request.scheduled_id)
            await due_store.remove(tx, row.id)
            if hold := scheduled_body_of(row).hold:
                await attachment_store.plan(tx, [hold], self._clock())
        await self._tell(row)
        return Nothing()

    async def send_scheduled(self, actor: Actor, request: OfScheduled) -> Entry:
        known = await due_store.find(self._database, request.scheduled_id)
        if known is None or not _is_own(known, actor):
            raise ScheduledNotFound
        if scheduled_body_of(known).post is not None:
            written = await self._write_comment(known, due=False)
            if written is None:
                raise ScheduledNotFound
            return written.entry
        async with self._sender.placing() as placing:
            row = await self._lock_own(placing.tx, actor, request.scheduled_id)
            batch = await placing.place(await _outgoing(placing.tx, row, row.chat_id))
            (sent,) = batch.results
            if isinstance(sent, KaifError):
                raise sent
            await due_store.remove(placing.tx, row.id)
        await self._sender.announce(batch)
        await self._tell(row)
        return sent.entry

    async def send_due(self, id: str) -> None:
        """Its time has come: send it, or keep it with the reason. Raises Unavailable."""
        known = await due_store.find(self._database, id)
        if known is None:
            return
        admitted = (await self._auth.get_open_accounts(NOBODY, GetPeople([known.user_id]))).user_ids
        if known.user_id not in admitted:
            await self._refuse(id, SHUT_OUT)
        elif scheduled_body_of(known).post is not None:
            await self._comment_due(known)
        else:
            await self._send_due(id)

    async def _refuse(self, id: str, code: str) -> None:
        async with self._database.transaction() as tx:
            row = await due_store.lock(tx, id)
            if row is None or not self._is_due(row):
                return
            failed = await self._fail(tx, row, code)
        await self._tell(row, failed=failed)

    async def _send_due(self, id: str) -> None:
        async with self._sender.placing() as placing:
            row = await due_store.lock(placing.tx, id)
            if row is None or not self._is_due(row):
                return
            batch = await placing.place(await _outgoing(placing.tx, row, row.chat_id))
            failure = await self._settle(placing.tx, row, batch.results[0])
        await self._sender.announce(batch)
        await self._tell(row, failed=failure)

    # Comments

    async def _comment_due(self, known: StoredDue) -> None:
        try:
            await self._write_comment(known, due=True)
        except Unavailable:
            raise
        except KaifError as refusal:
            # All that the comment brought along is undone: that it was refused is noted by itself.
            async with self._database.transaction() as tx:
                row = await due_store.lock(tx, known.id)
                if row is None or not self._is_due(row):
                    return
                failure = await self._settle(tx, row, refusal)
            await self._tell(row, failed=failure)

    async def _write_comment(self, known: StoredDue, *, due: bool) -> Written | None:
        """None when it is not there to be sent, or not due any more. Raises why it can't be written."""
        person = await self._commenting.get_person(known.user_id)

        async def write(held_post: Held) -> Written | None:
            async with self._sender.placing() as placing:
                row = await due_store.lock(placing.tx, known.id)
                if row is None or (due and not self._is_due(row)):
                    return None
                message, post = await self._comment(placing.tx, row)
                written = await self._commenting.place(placing, message, post, person, held_post)
                await due_store.remove(placing.tx, row.id)
                return written

        written = await self._commenting.with_files_of_post(known.user_id, write)
        if written:
            await self._commenting.announce(written)
            await self._tell(known)
        return written

    async def _comment(self, tx: Transaction, row: StoredDue) -> tuple[Outgoing, int]:
        """The comment, and the post on which it is."""
        post = scheduled_body_of(row).post
        assert post is not None
        link = await self._commenting.get_link(tx, row.user_id, row.chat_id)
        message = await _outgoing(tx, row, link.group_id)
        if message.reply_to:
            try:
                await self._commenting.must_be_comment(tx, link, post, message.reply_to)
            except BadReply:
                # What it was to answer is gone: it answers the post.
                message = _changed(message, reply_to=None)
        return _changed(message, chat_id=row.chat_id), post

    # Inside

    def _is_due(self, row: StoredDue) -> bool:
        return 0 < row.look_at_us <= self._clock()

    async def _settle(self, tx: Transaction, row: StoredDue, sent: Result) -> bool:
        """Whether it could not be sent."""
        match sent:
            case SlowMode() | TooManyMessages():
                wait_us = int(str(sent.details["retry_after_ms"])) * 1000
                await due_store.look_again(tx, row.id, self._clock() + wait_us)
                return False
            case Unavailable():
                raise sent
            case KaifError():
                return await self._fail(tx, row, sent.code)
        await due_store.remove(tx, row.id)
        return False

    async def _fail(self, tx: Transaction, row: StoredDue, code: str) -> bool:
        await due_store.change(tx, _changed(row, look_at_us=0, failure=code))
        return True

    async def _lock_own(self, tx: Transaction, actor: Actor, id: str) -> StoredDue:
        """Raises ScheduledNotFound."""
        row = await due_store.lock(tx, id)
        if row is None or not _is_own(row, actor):
            raise ScheduledNotFound
        return row

    async def _tell(self, row: StoredDue, *, failed: bool = False) -> None:
        await self._announcer.tell(row.user_id, row.chat_id, ScheduledEvent(row.chat_id, failed))


def _must_have_rights(rights: Right, request: ScheduleMessage) -> None:
    """Raises MayNotSend, MediaNotAllowed."""
    if Right.SEND not in rights:
        raise MayNotSend
    if request.attachments and Right.MEDIA not in rights:
        raise MediaNotAllowed


async def _outgoing(tx: Transaction, row: StoredDue, chat_id: ChatId) -> Outgoing:
    """The message as it is now, for the chat in which it will stand."""
    body = scheduled_body_of(row)
    # What was quoted may have been edited or deleted while this waited: the answer goes all the same.
    quote = body.quote if await _says(tx, chat_id, body.reply_to, body.quote) else ""
    return Outgoing(
        row.user_id,
        chat_id,
        body.ref,
        body.text,
        body.reply_to or None,
        quote,
        silent=body.silent,
        topic_id=body.topic_id,
        without_preview=body.without_preview,
        attachments=body.attachments,
        hold=body.hold,
    )


def _once(request: ScheduleMessage) -> str:
    return f"message:{request.chat_id}:{request.ref}"


async def _says(reads: Reads, chat_id: ChatId, seq: int | None, quote: str) -> bool:
    rows = await entry_store.entries_at(reads, chat_id, {seq}) if seq and quote else []
    return any(row.kind == "message" and quote in entry_rules.body_of(row).text for row in rows)


def _is_own(row: StoredDue, actor: Actor) -> bool:
    return row.kind == "message" and row.user_id == actor.user_id
