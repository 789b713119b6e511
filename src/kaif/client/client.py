"""The client: connects, resumes, gives out entries and takes messages."""

import asyncio
import contextlib
import itertools
import logging
import random
import secrets
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from kaif.client.callbacks import Missing, Presses
from kaif.client.errors import ClientError, Closed, Refused, Unreachable
from kaif.client.inbox import Gap, Inbox
from kaif.client.outbox import Outbox, Send
from kaif.client.values import Button, Callback, Chat, Entry, File, Tokens, callback_of, entry_of
from kaif.client.web import OnTokens, WebWire
from kaif.client.wire import Content, Hangup, Line, Wire

# Rule 4 of docs/realtime.md.
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 30.0
AFTER_FLOODING_S = 5.0
# Of a message that was refused for its time: who must wait longer is told so.
WAIT_MS_MAX = 60_000
# Calls other than `send` and `entries` give up after so many tries, about a quarter of a minute.
TRIES = 7
PAGE = 200
# An entry that was named and is not there yet.
NOT_THERE_YET_S = 1.0

MALFORMED, TOO_BIG, UNAUTHENTICATED, FLOODING = 4002, 1009, 4001, 4008

Answer = TypeVar("Answer")

log = logging.getLogger("kaif.client")


class _ChatPage(msgspec.Struct):
    chats: list[Chat]
    next_cursor: str | None


class _EntryPage(msgspec.Struct):
    entries: list[dict[str, Any]]


class _CallbackPage(msgspec.Struct):
    callbacks: list[dict[str, Any]]
    newest: int


class _Uploaded(msgspec.Struct):
    id: str


# The place of a bot's presses among those of its chats, whose ids are longer.
CALLBACKS = "callbacks"


class Client:
    """One account on one server, in one event loop; use it as an async context manager."""

    def __init__(
        self,
        url: str,
        *,
        key: str = "",
        tokens: Tokens | None = None,
        on_tokens: OnTokens | None = None,
        have: Mapping[str, int] | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Identity is an API `key`, or a session's `tokens`: then `on_tokens` is awaited with each new pair.

        `have` is what an earlier client had (`Client.have`): entries follow on it. Without it they begin now.
        """
        chats = None if have is None else {chat_id: seq for chat_id, seq in have.items() if chat_id != CALLBACKS}
        presses = Presses(None if have is None else have.get(CALLBACKS, 0))
        wire = WebWire(url, key, tokens, on_tokens, ssl_context)
        self._begin(wire, Inbox(chats), random.Random(), presses)  # noqa: S311

    @classmethod
    def over(cls, wire: Wire, inbox: Inbox, chance: random.Random) -> "Client":
        """A client on another way to a server than the web."""
        client = cls.__new__(cls)
        client._begin(wire, inbox, chance, Presses())
        return client

    def _begin(self, wire: Wire, inbox: Inbox, chance: random.Random, presses: Presses) -> None:
        self._wire, self._inbox, self._chance, self._presses = wire, inbox, chance, presses
        self._outbox = Outbox()
        self._line: Line | None = None
        self._living: asyncio.Task[None] | None = None
        self._failure: ClientError | None = None
        # Set whenever there may be something for `entries`, and at the first hello.
        self._news = asyncio.Event()
        self._greeted = asyncio.Event()
        self._tries = 0
        self._renewed = False
        self._refs = map(f"{secrets.token_hex(8)}-{{}}".format, itertools.count(1))

    # Life

    async def __aenter__(self) -> Self:
        """Returns once the server has said hello, however long that takes. Raises Refused."""
        self._living = asyncio.create_task(self._live())
        try:
            await self._greeted.wait()
            if self._failure:
                raise self._failure
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Messages that are not acknowledged raise Closed: they may or may not have been stored."""
        self._fail(Closed("the client was closed"))
        if self._living:
            self._living.cancel()
            await asyncio.wait([self._living])
        await self._wire.close()

    @property
    def user_id(self) -> str:
        """The account."""
        return self._inbox.user_id

    @property
    def have(self) -> dict[str, int]:
        """For each chat the newest entry that `entries` has given out, for the `have` of the next client.

        Of a bot with buttons also the number of the newest press, under "callbacks".
        """
        return self._inbox.have | ({CALLBACKS: self._presses.have} if self._presses.have else {})

    # What one does with it

    async def entries(self) -> AsyncIterator[Entry]:
        """Every entry of every chat from now on, one's own included, each once and in its chat's order.

        A chat that one is let into meanwhile begins with that. Who reads slowly misses nothing. To a bot presses of
        its buttons come among them, each once and in their own order: a Callback is an entry of kind "callback".
        Raises Refused when the server will have no more of this account.
        """
        while self._failure is None:
            match self._presses.next():
                case Callback() as callback:
                    yield callback
                case Missing() as missing:
                    await self._fetch_callbacks(missing)
            match self._inbox.next():
                case Entry() as entry:
                    yield entry
                case Gap() as gap:
                    await self._close_gap(gap)
                case None if self._presses.is_empty:
                    self._news.clear()
                    await self._news.wait()
        if not isinstance(self._failure, Closed):
            raise self._failure

    async def send(
        self,
        chat_id: str,
        text: str = "",
        *,
        reply_to: int = 0,
        quote: str = "",
        topic_id: int = 0,
        silent: bool = False,
        ref: str = "",
        buttons: Sequence[Sequence[Button]] = (),
        files: Sequence[File] = (),
    ) -> Entry:
        """Returns the message's entry, once it is durable, however long that takes. `buttons` are rows, of a bot's.
        `topic_id` is where it goes in a group with topics: that of the entry which it answers. `quote` is the part of
        what `reply_to` says that is answered; `silent` makes no sound.
        `files` are one's own, from `upload`: with up to ten of them it needs no words.

        A `ref` of one's own (1 to 64 visible ASCII characters) makes it safe to send the same again after a restart:
        it is stored once. Raises Refused.
        """
        async with self._outbox.seats:
            if self._failure:
                raise self._failure
            ref = ref or next(self._refs)
            is_new = self._outbox.find(ref) is None
            rows = [[*row] for row in buttons]
            send = Send(chat_id, ref, text, reply_to, rows, [*files], topic_id, quote, silent)
            waiting = self._outbox.add(send)
            if self._line and is_new:
                self._line.send(waiting.event)
            # Whoever stops waiting does not take the message back.
            return await asyncio.shield(waiting.entry)

    async def upload(self, content: bytes | Path, name: str = "") -> File:
        """A file of one's own from now on, for `send`; the same content is the same file. Raises Refused, Unreachable,
        and what reading it does.
        """
        name = name or (content.name if isinstance(content, Path) else "file")
        answer = await self._ask("POST", "/v1/media/files", {}, Content(name, content))
        return File(msgspec.json.decode(answer, type=_Uploaded).id)

    async def download(self, media_id: str) -> bytes:
        """All of a file that one may see, in memory. Raises Refused, Unreachable."""
        return await self._ask("GET", f"/v1/media/{media_id}", {})

    async def edit(
        self, chat_id: str, seq: int, text: str, *, buttons: Sequence[Sequence[Button]] | None = None
    ) -> Entry:
        """Let a message of one's own say something else. Without `buttons` they stay. Raises Refused, Unreachable."""
        body = {"text": text} | ({} if buttons is None else {"buttons": [[*row] for row in buttons]})
        answer = await self._ask("POST", f"/v1/messaging/chats/{chat_id}/messages/{seq}/edit", {}, body)
        return entry_of(msgspec.json.decode(answer))

    async def answer(self, callback: Callback, text: str = "") -> bool:
        """A short word for whoever pressed, who waits some ten seconds for it; False when nobody waits any more.

        Raises Refused, Unreachable.
        """
        try:
            await self._ask("POST", f"/v1/messaging/callbacks/{callback.id}/answer", {}, {"text": text})
        except Refused as refused:
            if refused.code not in ("callback_gone", "callback_answered"):
                raise
            return False
        return True

    async def set_commands(self, commands: Mapping[str, tuple[str, str]]) -> None:
        """What a bot offers after a slash: by its name what each does, in Russian and in English, in this order.

        Raises Refused, Unreachable.
        """
        listed = [{"name": name, "ru": ru, "en": en} for name, (ru, en) in commands.items()]
        await self._ask("POST", "/v1/messaging/commands", {}, {"commands": listed})

    async def read(self, chat_id: str, seq: int) -> None:
        """Everything up to the entry is read. Raises Refused, Unreachable."""
        await self._ask("POST", f"/v1/messaging/chats/{chat_id}/read", {}, {"seq": seq})

    def typing(self, chat_id: str) -> None:
        """Shown to the others for five seconds."""
        if self._line:
            self._line.send(msgspec.json.encode({"type": "typing", "chat_id": chat_id}))

    async def chats(self) -> AsyncIterator[Chat]:
        """All chats, those with the newest activity first. Raises Refused, Unreachable."""
        cursor: str | None = ""
        while cursor is not None:
            query: dict[str, str | int] = {"limit": PAGE} | ({"cursor": cursor} if cursor else {})
            page = msgspec.json.decode(await self._ask("GET", "/v1/messaging/chats", query), type=_ChatPage)
            for chat in page.chats:
                yield chat
            cursor = page.next_cursor

    async def history(self, chat_id: str, after: int = 0) -> AsyncIterator[Entry]:
        """A chat's log from the entry after `after` to its end. Raises Refused, Unreachable."""
        while page := await self._page(chat_id, after):
            for entry in page:
                yield entry
            after = page[-1].seq

    async def direct_chat(self, user_id: str) -> str:
        """The chat with one person, which exists once; made if need be. Raises Refused, Unreachable."""
        body = {"kind": "direct", "members": [user_id]}
        return msgspec.json.decode(await self._ask("POST", "/v1/messaging/chats", {}, body), type=Chat).id

    # The socket

    async def _live(self) -> None:
        while True:
            try:
                line = await self._wire.open()
                await self._listen(line)
            except Hangup as hangup:
                problem: ClientError = hangup
            except ClientError as error:
                problem = error
            except Exception as error:
                log.exception("the client failed")
                problem = Refused("client_failed", repr(error))
            try:
                await self._recover(problem)
            except ClientError as error:
                log.error("the client ends: %s", error)
                self._fail(error)
                return

    def _fail(self, error: ClientError) -> None:
        self._failure = self._failure or error
        self._outbox.refuse_all(self._failure)
        self._news.set()
        self._greeted.set()

    async def _listen(self, line: Line) -> None:
        try:
            while True:
                events = msgspec.json.decode(await line.receive())
                for event in events if isinstance(events, list) else [events]:
                    self._hear(line, event)
        finally:
            self._line = None
            with contextlib.suppress(ClientError):
                await line.close()

    def _hear(self, line: Line, event: dict[str, Any]) -> None:
        match event.get("type"):
            case "hello":
                self._hear_hello(line, event)
            case "entry":
                entry = entry_of(event)
                self._inbox.hear(entry)
                self._settle(entry)
                self._news.set()
            case "callback":
                self._presses.hear(callback_of(event))
                self._news.set()
            case "refused":
                self._hear_refusal(event)

    def _hear_hello(self, line: Line, hello: dict[str, Any]) -> None:
        self._inbox.hear_hello(hello["user_id"], hello["chats"])
        self._presses.hear_hello(hello.get("callbacks", 0))
        self._tries, self._renewed = 0, False
        self._line = line
        for frame in self._outbox.frames():
            line.send(frame)
        self._greeted.set()
        self._news.set()

    def _settle(self, entry: Entry) -> None:
        if entry.ref and entry.sender_id == self._inbox.user_id:
            self._outbox.settle(entry)

    def _hear_refusal(self, refusal: dict[str, Any]) -> None:
        retry_after_ms = refusal.get("retry_after_ms", 0)
        if 0 < retry_after_ms <= WAIT_MS_MAX:
            asyncio.get_running_loop().call_later(retry_after_ms / 1000, self._send_again, refusal["ref"])
        else:
            self._outbox.refuse(refusal["ref"], Refused(refusal["code"], refusal["detail"]))

    def _send_again(self, ref: str) -> None:
        waiting = self._outbox.find(ref)
        if waiting and self._line:
            self._line.send(waiting.event)

    async def _recover(self, problem: ClientError) -> None:
        """Wait, or prove anew who we are, before the next try. Raises what no other try would change."""
        log.info("not connected: %s", problem)
        match problem:
            case Hangup(code=code) if code in (MALFORMED, TOO_BIG):
                raise Refused("protocol", f"the server calls this client faulty ({code})")
            case Hangup(code=code) if code == UNAUTHENTICATED:
                await self._renew(problem)
            case Hangup(code=code) if code == FLOODING:
                await asyncio.sleep(AFTER_FLOODING_S)
            case Refused(status=401):
                await self._renew(problem)
            case Refused(is_passing=False):
                raise problem
            case Refused(retry_after_s=retry_after_s):
                await self._back_off(retry_after_s)
            case _:
                await self._back_off()

    async def _renew(self, problem: ClientError) -> None:
        if self._renewed:
            raise problem
        try:
            await self._wire.renew()
        except Unreachable:
            await self._back_off()
        except Refused as refused:
            if not refused.is_passing:
                raise
            await self._back_off(refused.retry_after_s)
        else:
            self._renewed = True

    async def _back_off(self, at_least_s: float = 0.0) -> None:
        await asyncio.sleep(max(self._wait_s(self._tries), at_least_s))
        self._tries += 1

    def _wait_s(self, tries: int) -> float:
        longest_s: float = min(FIRST_WAIT_S * 2 ** min(tries, 16), LONGEST_WAIT_S)
        return longest_s * self._chance.uniform(0.5, 1)

    # Requests

    async def _close_gap(self, gap: Gap) -> None:
        """One page of it, or another try later: meanwhile it is the turn of other chats."""
        try:
            page = await self._page(gap.chat_id, gap.after)
        except Unreachable:
            return
        except Refused as refused:
            if refused.code != "chat_not_found":
                raise
            self._inbox.give_up(gap)
            return
        if page:
            self._inbox.fill(gap, page)
        else:
            await asyncio.sleep(NOT_THERE_YET_S)

    async def _fetch_callbacks(self, missing: Missing) -> None:
        try:
            answer = await self._ask("GET", "/v1/messaging/callbacks", {"after": missing.after, "limit": PAGE})
        except Unreachable:
            return
        page = msgspec.json.decode(answer, type=_CallbackPage)
        self._presses.fill(missing, map(callback_of, page.callbacks), page.newest)

    async def _page(self, chat_id: str, after: int) -> list[Entry]:
        query: dict[str, str | int] = {"after": after, "limit": PAGE}
        answer = await self._ask("GET", f"/v1/messaging/chats/{chat_id}/entries", query)
        page = [entry_of(event) for event in msgspec.json.decode(answer, type=_EntryPage).entries]
        for entry in page:
            self._settle(entry)
        return page

    async def _ask(self, method: str, path: str, query: Mapping[str, str | int], body: object = None) -> bytes:
        """Every request of ours may be repeated, so what got no answer is."""
        renewed = False
        for tries in range(TRIES):
            try:
                return await self._wire.ask(method, path, query, body)
            except Unreachable as error:
                problem: ClientError = error
            except Refused as refused:
                problem = refused
                if refused.status == 401 and not renewed:
                    renewed = True
                    await self._wire.renew()
                    continue
                if not refused.is_passing:
                    raise
                await asyncio.sleep(refused.retry_after_s)
            await asyncio.sleep(self._wait_s(tries))
        raise Unreachable(str(problem))
