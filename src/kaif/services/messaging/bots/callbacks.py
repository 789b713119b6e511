"""Buttons of bots: a press is written down for the bot, told to it if it listens, and perhaps answered by a word.

What is written down has a number of the bot's own, so a bot that was away asks for what came after the last one that
it knows. The answer is a signal: whoever pressed waits a few seconds for it, and loses nothing else without.
Each method is one transaction.
"""

from kaif.engines.database import AlreadyExists, Database, Transaction
from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging.actions import MessageNotFound
from kaif.interfaces.messaging.bots import (
    ANSWER_WITHIN_S,
    ANSWERABLE_S,
    CALLBACKS_KEPT_MAX,
    CALLBACKS_KEPT_S,
    AnswerCallback,
    BadAnswer,
    ButtonGone,
    CallbackAnswer,
    CallbackAnswered,
    CallbackGone,
    CallbackList,
    ListCallbacks,
    Press,
    Pressed,
)
from kaif.interfaces.messaging.errors import ChatNotFound, PersonNotReachable
from kaif.interfaces.messaging.suspension import ChatSuspended
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import SECOND_US, Clock
from kaif.kernel.ids import new_id
from kaif.kernel.text import clean_text
from kaif.services.messaging import buttons, chat_store, entry_rules, entry_store, member_store
from kaif.services.messaging.bots import callbacks_store
from kaif.services.messaging.bots.callbacks_store import StoredCallback
from kaif.services.messaging.events import ButtonPressed
from kaif.services.messaging.sending.announcing import Announcer
from kaif.services.messaging.webhooks import outgoing_store


class CallbacksService:
    def __init__(self, database: Database, announcer: Announcer, clock: Clock) -> None:
        self._database, self._announcer, self._clock = database, announcer, clock

    async def press_button(self, actor: Actor, request: Press) -> Pressed:
        try:
            pressed = await self._press(actor, request)
        except AlreadyExists:
            # The same press at the same time, by another way.
            pressed = await self._press(actor, request)
        await self._announcer.tell(pressed.bot_id, pressed.chat_id, pressed.callback)
        return Pressed(pressed.id, ANSWER_WITHIN_S)

    async def _press(self, actor: Actor, request: Press) -> StoredCallback:
        now_us = self._clock()
        async with self._database.transaction() as tx:
            bot_id = await self._find_bot(tx, actor, request)
            if known := await callbacks_store.find_pressed(tx, actor.user_id, request.ref):
                return known
            number = await callbacks_store.next_number(tx, bot_id)
            pressed = StoredCallback(
                bot_id,
                number,
                new_id(),
                request.chat_id,
                request.seq,
                actor.user_id,
                request.ref,
                request.data,
                now_us,
            )
            await callbacks_store.add(tx, pressed)
            oldest_us = now_us - CALLBACKS_KEPT_S * SECOND_US
            await callbacks_store.trim(tx, bot_id, number - CALLBACKS_KEPT_MAX, oldest_us)
            if await outgoing_store.find(tx, bot_id):
                await tx.publish(ButtonPressed(bot_id=bot_id))
        return pressed

    async def _find_bot(self, tx: Transaction, actor: Actor, request: Press) -> UserId:
        """Whose button it is. Raises ChatNotFound, MessageNotFound, PersonNotReachable, ChatSuspended, ButtonGone."""
        member = await member_store.find_member(tx, request.chat_id, actor.user_id)
        if member is None:
            raise ChatNotFound
        if member.suspended:
            raise ChatSuspended
        row = await entry_store.find_entry(tx, request.chat_id, request.seq)
        body = entry_rules.body_of(row) if row and row.kind == "message" else None
        if row is None or body is None or body.deleted:
            raise MessageNotFound
        if await chat_store.is_closed(tx, request.chat_id):
            raise PersonNotReachable
        # A bot that has left is no more of the chat's business than any stranger.
        there = await member_store.find_member(tx, request.chat_id, row.sender_id)
        if there is None or not buttons.has_data(body.buttons, request.data):
            raise ButtonGone
        return row.sender_id

    async def list_callbacks(self, actor: Actor, request: ListCallbacks) -> CallbackList:
        since_us = self._clock() - CALLBACKS_KEPT_S * SECOND_US
        # First of all: what comes in between is asked for again, and never passed over.
        newest = await callbacks_store.newest_number(self._database, actor.user_id)
        rows = await callbacks_store.after(self._database, actor.user_id, request.after, since_us, request.limit)
        return CallbackList([row.callback for row in rows], newest)

    async def answer_callback(self, actor: Actor, request: AnswerCallback) -> Nothing:
        text = _cleaned(request.text)
        async with self._database.transaction() as tx:
            pressed = await callbacks_store.find(tx, actor.user_id, request.callback_id)
            if pressed is None or self._clock() > pressed.at_us + ANSWERABLE_S * SECOND_US:
                raise CallbackGone
            if not await callbacks_store.answer(tx, pressed, text):
                now = await callbacks_store.find(tx, actor.user_id, request.callback_id)
                if now is None or now.answer != text:
                    raise CallbackAnswered
        await self._announcer.tell(pressed.user_id, pressed.chat_id, CallbackAnswer(pressed.id, text))
        return Nothing()


def _cleaned(text: str) -> str:
    """Raises BadAnswer."""
    if not text.strip():
        return ""
    cleaned = clean_text(text)
    if cleaned is None:
        raise BadAnswer(path="$.text")
    return cleaned
