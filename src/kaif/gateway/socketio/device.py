"""A connected Socket.IO client: its events, their acknowledgements, and the chats that it listens to."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from kaif.gateway import frames
from kaif.gateway.addresses import limit_subject
from kaif.gateway.api_keys import KeyRing
from kaif.gateway.hub import Hub
from kaif.gateway.identity import Identity, require_factor
from kaif.gateway.sending import Outbox
from kaif.gateway.socketio import packets
from kaif.gateway.socketio.engine import CONNECT_WITHIN_S, Conversation, Engine
from kaif.gateway.socketio.packets import Malformed, Packet, packet
from kaif.gateway.socketio.streams import CHATS_MAX, Streams, parse_offset
from kaif.gateway.sockets import CONNECT, SIGNALS, has_scope, require_scope
from kaif.interfaces.messaging import (
    READ_SCOPE,
    SEND,
    WRITE_SCOPE,
    Caption,
    ChatId,
    GivenChatId,
    ListEntries,
    MarkRead,
    Messaging,
    Quote,
    Ref,
    Seq,
    TopicId,
)
from kaif.interfaces.messaging.attached import GivenAttachments
from kaif.interfaces.messaging.errors import ChatNotFound
from kaif.kernel.actor import NOBODY, Actor, UserId
from kaif.kernel.api_keys import PREFIX
from kaif.kernel.background import Background
from kaif.kernel.errors import Conflict, InsufficientScope, Invalid, KaifError, Limited, Unauthenticated
from kaif.kernel.ids import ID_FORM, new_id
from kaif.kernel.limits import Limits
from kaif.kernel.tokens import Verified

TOKEN_CHARS_MAX = 8192
# Acknowledgements that a client waits for; far more than it may have messages under way.
PENDING_MAX = 1000
PAGE = 50
RETRY_S = 1.0
# How long a client that has much waiting for it is left alone.
ROOM_AGAIN_S = 0.05
OF_NO_CHAT = ("presence", "media", "person")

log = logging.getLogger("kaif.socketio")

_encode = msgspec.json.Encoder().encode


class TooManyChats(Conflict):
    code, detail = "too_many_chats", f"One connection listens to at most {CHATS_MAX} chats."


class Join(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Listen to a chat: from now on, or from after an entry that one has."""

    chat_id: GivenChatId
    after: Annotated[int, Meta(ge=0, le=2**53)] | None = None


class OfChat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chat_id: GivenChatId


class Say(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without a `ref` of its own a message must not be repeated."""

    chat_id: GivenChatId
    text: Caption = ""
    ref: Ref | None = None
    reply_to: Seq | None = None
    attachments: GivenAttachments = []
    topic_id: TopicId = 0
    quote: Quote = ""
    silent: bool = False


class Facade:
    """What all of this process's Socket.IO clients share."""

    def __init__(
        self, identity: Identity, key_ring: KeyRing, hub: Hub, messaging: Messaging, limits: Limits, outbox: Outbox
    ) -> None:
        self.identity, self.key_ring, self.hub = identity, key_ring, hub
        self.messaging, self.limits, self.outbox = messaging, limits, outbox
        self.background = Background()
        self.engine = Engine(lambda conversation: Device(self, conversation), self._may_open)

    def _may_open(self, address: str) -> None:
        self.limits.take(CONNECT, limit_subject(address)).require()

    def start(self) -> None:
        self.engine.start()

    async def close(self) -> None:
        await self.engine.close()
        await self.background.close()

    async def verify(self, token: bytes, address: str) -> Verified:
        """Raises what `KeyRing` and `Identity` do, InsufficientScope, SecondFactorRequiredHere."""
        by_key = token.startswith(PREFIX)
        verified = await self.key_ring.verify(token, address) if by_key else self.identity.verify(token)
        require_scope(verified.actor, READ_SCOPE)
        require_factor(verified.actor)
        return verified


class Device:
    """It is nobody until it has said who it is."""

    def __init__(self, facade: Facade, conversation: Conversation) -> None:
        self.actor: Actor = NOBODY
        self.rooms: set[Any] = set()
        self.watched: set[UserId] = set()
        self._facade, self._conversation = facade, conversation
        self._id, self._private_id = new_id(), ""
        self._asked_s = time.monotonic()
        self._connecting = self._greeted = False
        self._expires_at_s = 0.0
        self._streams = Streams()
        self._resumes: dict[ChatId, int] = {}
        # Whoever waits to hear of a message: by its reference.
        self._pending: dict[str, int | None] = {}
        self._pump: asyncio.Task[None] | None = None
        self._kept: list[bytes] = []

    # Coming and going

    def attend(self, now_s: float) -> None:
        if not self._greeted:
            if now_s > self._asked_s + CONNECT_WITHIN_S:
                self._conversation.close()
        elif time.time() > self._expires_at_s:
            self.close(frames.CloseCode.UNAUTHENTICATED)

    def expire(self) -> None:
        self._expires_at_s = 0.0

    def end(self) -> None:
        if self.actor.user_id:
            self._facade.hub.disconnect(self)

    def close(self, code: int) -> None:
        """Whatever the reason, the client comes again, with a proof of who it is."""
        self._conversation.close()

    def hear(self, text: str) -> None:
        try:
            heard = packets.parse(text)
        except Malformed:
            self._conversation.close()
            return
        if heard.namespace != "/":
            if heard.kind == packets.CONNECT:
                refusal = {"message": "Invalid namespace"}
                self._conversation.say(packet(packets.CONNECT_ERROR, refusal, namespace=heard.namespace))
        elif heard.kind == packets.CONNECT and not self._connecting:
            self._connecting = True
            self._facade.background.run(self._connect(heard.content))
        elif heard.kind == packets.EVENT and self._greeted:
            self._take(heard)
        else:
            self._conversation.close()

    async def _connect(self, given: Any) -> None:
        """By `auth: {token}`, an access token or an API key."""
        given = given if isinstance(given, dict) else {}
        token = given.get("token")
        try:
            if not isinstance(token, str) or not token.isascii() or len(token) > TOKEN_CHARS_MAX:
                raise Unauthenticated
            verified = await self._facade.verify(token.encode("ascii"), self._conversation.address)
        except KaifError as error:
            self._conversation.say(packet(packets.CONNECT_ERROR, {"message": str(error), "data": _problem(error)}))
            self._connecting = False
            return
        if self._conversation.closed:
            return
        self.actor, self._expires_at_s = verified.actor, verified.expires_at_s
        private_id = given.get("pid")
        self._resumes = parse_offset(given.get("offset"))
        # The same one tells the client that it goes on where it was.
        is_own = isinstance(private_id, str) and ID_FORM.fullmatch(private_id) and self._resumes
        self._private_id = str(private_id) if is_own else new_id()
        self._facade.hub.connect(self)

    # The hub's side

    def greet(self, hello: bytes) -> None:
        """The first time, or again when news may have been missed."""
        newest: dict[ChatId, int] = msgspec.json.decode(hello)["chats"]
        if not self._greeted:
            self._greeted = True
            self._conversation.say(packet(packets.CONNECT, {"sid": self._id, "pid": self._private_id}))
            for chat_id, sent in self._resumes.items():
                if chat_id in newest:
                    self._streams.join(chat_id, sent, newest[chat_id])
        for chat_id, seq in newest.items():
            self._streams.expect(chat_id, seq)
        kept, self._kept = self._kept, []
        for frame in kept:
            self.write(frame)
        self._pump_if_behind()

    def write(self, frame: bytes) -> None:
        if not self._greeted:
            self._kept.append(frame)
            return
        events = msgspec.json.decode(frames.payload_of(frame))
        for event in events if isinstance(events, list) else [events]:
            if event["type"] == "entry":
                self._hear_entry(event)
            elif self._conversation.has_room and (event["type"] in OF_NO_CHAT or event.get("chat_id") in self._streams):
                # What need not survive gives way to a reader that is slow.
                self._emit(event.pop("type"), event)

    def _hear_entry(self, entry: dict[str, Any]) -> None:
        chat_id, seq = entry["chat_id"], entry["seq"]
        if self._streams.is_next(chat_id, seq) and self._conversation.has_room:
            self._send_entry(entry)
        self._streams.expect(chat_id, seq)
        if entry["sender_id"] == self.actor.user_id and (ref := entry.get("ref")) in self._pending:
            self._answer(self._pending.pop(ref), {"ok": True, "entry": entry})
        self._pump_if_behind()

    def refuse(self, ref: str, code: str, detail: str, retry_after_ms: int = 0) -> None:
        refusal: dict[str, Any] = {"ok": False, "code": code, "detail": detail}
        if retry_after_ms:
            refusal["retry_after_ms"] = retry_after_ms
        self._answer(self._pending.pop(ref, None), refusal)

    # To the client

    def _emit(self, name: str, *content: Any) -> None:
        self._conversation.say(packet(packets.EVENT, [name, *content]))

    def _answer(self, ack_id: int | None, content: dict[str, Any]) -> None:
        if ack_id is not None:
            self._conversation.say(packet(packets.ACK, [content], ack_id))

    def _send_entry(self, entry: dict[str, Any]) -> None:
        chat_id: ChatId = entry["chat_id"]
        self._streams.advance(chat_id, entry["seq"])
        self._emit("new_message" if entry["kind"] == "message" else "entry", entry, self._streams.offset)
        if entry["kind"] == "left" and self.actor.user_id in entry.get("user_ids", ()):
            self._streams.leave(chat_id)

    def _pump_if_behind(self) -> None:
        if self._pump is None and self._streams.behind():
            self._pump = self._facade.background.run(self._send_what_is_missing())

    async def _send_what_is_missing(self) -> None:
        """From the log, no faster than the client takes it."""
        try:
            while not self._conversation.closed and (found := self._streams.behind()):
                if not self._conversation.has_room:
                    await asyncio.sleep(ROOM_AGAIN_S)
                    continue
                await self._send_page(*found)
        finally:
            self._pump = None

    async def _send_page(self, chat_id: ChatId, after: int) -> None:
        try:
            page = await self._facade.messaging.list_entries(self.actor, ListEntries(chat_id, after=after, limit=PAGE))
        except ChatNotFound:
            self._streams.leave(chat_id)
            return
        except KaifError:
            await asyncio.sleep(RETRY_S)
            return
        if not page.entries:
            await asyncio.sleep(RETRY_S)
        for entry in page.entries:
            # Meanwhile the client may have left, or have been sent it.
            if self._streams.is_next(chat_id, entry.seq):
                self._send_entry(msgspec.json.decode(_encode(entry)))

    # From the client

    def _take(self, heard: Packet) -> None:
        name, *content = heard.content if isinstance(heard.content, list) and heard.content else [None]
        handler = _HANDLERS.get(name) if isinstance(name, str) else None
        try:
            if handler is None:
                raise Invalid("There is no such event.")
            handler(self, content[0] if content else None, heard.ack_id)
        except msgspec.ValidationError as error:
            self._answer(heard.ack_id, {"ok": False, "code": Invalid.code, "detail": str(error)})
        except KaifError as error:
            self._answer(heard.ack_id, {"ok": False, **_problem(error)})

    def _may_signal(self) -> None:
        """Raises Limited, and ends the conversation of whoever goes on all the same."""
        if self._facade.limits.take(SIGNALS, self.actor.user_id).retry_after_s:
            self._conversation.close()
            raise Limited

    def _must_write(self) -> None:
        if not has_scope(self.actor, WRITE_SCOPE):
            raise InsufficientScope(scope=WRITE_SCOPE)

    def _newest_of(self, chat_id: ChatId) -> int:
        """Raises ChatNotFound."""
        for room in self.rooms:
            if room.chat_id == chat_id:
                return int(room.next_seq) - 1
        raise ChatNotFound

    def _join(self, content: Any, ack_id: int | None) -> None:
        self._may_signal()
        wanted = msgspec.convert(content, Join)
        newest = self._newest_of(wanted.chat_id)
        if self._streams.is_full and wanted.chat_id not in self._streams:
            raise TooManyChats
        if wanted.after is not None or wanted.chat_id not in self._streams:
            self._streams.join(wanted.chat_id, newest if wanted.after is None else wanted.after, newest)
        self._answer(ack_id, {"ok": True, "chat_id": wanted.chat_id, "seq": newest})
        # The client remembers the offset of whatever came last, so that it comes back to this chat too.
        self._emit("joined", {"chat_id": wanted.chat_id}, self._streams.offset)
        self._pump_if_behind()

    def _leave(self, content: Any, ack_id: int | None) -> None:
        self._may_signal()
        chat_id = msgspec.convert(content, OfChat).chat_id
        self._streams.leave(chat_id)
        self._answer(ack_id, {"ok": True, "chat_id": chat_id})
        self._emit("left", {"chat_id": chat_id}, self._streams.offset)

    def _say(self, content: Any, ack_id: int | None) -> None:
        wanted = msgspec.convert(content, Say)
        self._must_write()
        allowance = self._facade.limits.take(SEND, self.actor.user_id)
        if allowance.retry_after_s or len(self._pending) >= PENDING_MAX:
            self._may_signal()
            raise Limited(retry_after_ms=allowance.retry_after_ms or 1000)
        ref = wanted.ref or new_id()
        self._pending[ref] = ack_id
        self._facade.outbox.send(
            self,
            frames.Send(
                wanted.chat_id,
                ref,
                wanted.text,
                wanted.reply_to,
                wanted.quote,
                wanted.silent,
                topic_id=wanted.topic_id,
                attachments=wanted.attachments,
            ),
        )

    def _type(self, content: Any, ack_id: int | None) -> None:
        self._may_signal()
        self._must_write()
        self._facade.hub.say_typing(self, msgspec.convert(content, OfChat).chat_id)
        self._answer(ack_id, {"ok": True})

    def _read(self, content: Any, ack_id: int | None) -> None:
        self._may_signal()
        self._must_write()
        self._facade.background.run(self._mark_read(msgspec.convert(content, MarkRead), ack_id))

    async def _mark_read(self, wanted: MarkRead, ack_id: int | None) -> None:
        try:
            mark = await self._facade.messaging.mark_read(self.actor, wanted)
        except KaifError as error:
            self._answer(ack_id, {"ok": False, **_problem(error)})
        else:
            self._answer(ack_id, {"ok": True, "seq": mark.seq, "unread": mark.unread})


def _problem(error: KaifError) -> dict[str, Any]:
    return {"code": error.code, "detail": str(error), **error.details}


_HANDLERS: dict[str, Callable[[Device, Any, int | None], None]] = {
    "join": Device._join,
    "leave": Device._leave,
    "send": Device._say,
    # What a client's socket.send() is called.
    "message": Device._say,
    "typing": Device._type,
    "read": Device._read,
}
