"""People who use the system by the book, at a socket."""

import asyncio
import contextlib
import json
import random
from typing import Any

import httpx
from tests.harness.accounts import Account, Entry
from tests.waiting import until
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake


class Person(Account):
    """A client that follows the four rules of docs/realtime.md; what it shows of each chat is in `shown`."""

    def __init__(self, url: str, name: str) -> None:
        super().__init__(url, name)
        # Rule 1: what is shown, gapless and in order; its length is `have`.
        self.shown: dict[str, list[Entry]] = {}
        # Rule 3: what is sent and not yet acknowledged, by ref.
        self.pending: dict[str, dict[str, Any]] = {}
        self.acknowledged: dict[str, Entry] = {}
        self.refused: dict[str, dict[str, Any]] = {}
        # Everything else that was heard, as it came, and the codes with which sockets closed.
        self.heard: list[dict[str, Any]] = []
        self.closed_with: list[int] = []
        self.online = False
        self._socket: ClientConnection | None = None
        self._living: asyncio.Task[None] | None = None
        self._tries = 0

    async def connect(self) -> None:
        """Come online and stay so, whatever happens to the server; returns after the first hello."""
        self._living = asyncio.create_task(self._live())
        await until(lambda: self.online or self._ended(), timeout_s=20)
        self._must_live()

    async def disconnect(self) -> None:
        """Go offline at once, as in a tunnel; `connect` resumes."""
        if self._living:
            self._living.cancel()
            await asyncio.wait([self._living])
        self._living, self.online = None, False

    async def close(self) -> None:
        await self.disconnect()
        await super().close()

    async def send(self, chat_id: str, text: str, ref: str = "", **more: Any) -> str:
        """Put the message on its way; it is kept, and sent again, until its own entry comes. Returns its ref."""
        ref = ref or self.new_ref()
        self.pending[ref] = {"type": "send", "chat_id": chat_id, "ref": ref, "text": text, **more}
        await self.tell(self.pending[ref])
        return ref

    async def tell(self, *events: dict[str, Any]) -> None:
        """Send events as one frame; without a connection they are lost, as anything but a message may be."""
        if self._socket and self.online:
            with contextlib.suppress(ConnectionClosed):
                await self._socket.send(json.dumps(events[0] if len(events) == 1 else events))

    async def everything_is_acknowledged(self, timeout_s: float = 30) -> None:
        await self._waits_until(lambda: not self.pending, timeout_s)

    async def sees(self, chat_id: str, seq: int, timeout_s: float = 30) -> list[Entry]:
        """Wait until everything up to `seq` is shown; returns it."""
        await self._waits_until(lambda: len(self.shown.get(chat_id, ())) >= seq, timeout_s)
        return self.shown[chat_id]

    async def hears(self, kind: str, timeout_s: float = 10, **fields: Any) -> dict[str, Any]:
        """Wait for an event beside the log, heard since the beginning; returns it."""

        def matching() -> list[dict[str, Any]]:
            return [event for event in self.heard if event["type"] == kind and fields.items() <= event.items()]

        await self._waits_until(lambda: bool(matching()), timeout_s)
        return matching()[-1]

    async def _waits_until(self, condition: Any, timeout_s: float) -> None:
        await until(lambda: condition() or self._ended(), timeout_s)
        self._must_live()

    def _ended(self) -> bool:
        return self._living is not None and self._living.done()

    def _must_live(self) -> None:
        """A client that fell over is the test's failure."""
        if self._living and self._living.done():
            self._living.result()

    async def _live(self) -> None:
        while True:
            try:
                await self._listen()
            except ConnectionClosed as closed:
                self.closed_with.append(closed.rcvd.code if closed.rcvd else 1006)
                await self._after_close(self.closed_with[-1])
            except InvalidHandshake as refused:
                await self._after_refusal(refused)
            except (OSError, TimeoutError, EOFError, httpx.HTTPError):
                await self._back_off()
            finally:
                self.online, self._socket = False, None

    async def _listen(self) -> None:
        headers = {"authorization": f"Bearer {self.access_token}"}
        address = self.url.replace("http", "ws", 1) + "/v1/socket"
        async with connect(
            address, additional_headers=headers, compression=None, proxy=None, max_queue=4096, max_size=None
        ) as self._socket:
            async for frame in self._socket:
                events = json.loads(frame)
                for event in events if isinstance(events, list) else [events]:
                    await self._take(event)
        raise self._socket.protocol.close_exc

    async def _take(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "entry":
                await self._take_entry(event)
            case "hello":
                await self._resume(event)
            case "refused":
                self._take_refusal(event)
            case _:
                self.heard.append(event)

    async def _take_entry(self, entry: Entry) -> None:
        have = len(self.shown.setdefault(entry["chat_id"], []))
        if entry["seq"] == have + 1:
            self._show(entry)
        elif entry["seq"] > have:
            await self._close_gap(entry["chat_id"], entry["seq"])
        elif entry["sender_id"] == self.id:
            # A ref that was sent again is answered with its first entry.
            self._acknowledge(entry)

    def _show(self, entry: Entry) -> None:
        shown = self.shown[entry["chat_id"]]
        assert entry["seq"] == len(shown) + 1, "an entry out of order"
        shown.append(entry)
        if entry["sender_id"] == self.id:
            self._acknowledge(entry)

    def _acknowledge(self, entry: Entry) -> None:
        if ref := entry.get("ref"):
            self.pending.pop(ref, None)
            first = self.acknowledged.setdefault(ref, entry)
            # Another client of the same person may have used it in another chat.
            if first["chat_id"] == entry["chat_id"]:
                assert first["seq"] == entry["seq"], "one ref was acknowledged in two places"

    async def _close_gap(self, chat_id: str, newest: int) -> None:
        shown = self.shown.setdefault(chat_id, [])
        while len(shown) < newest:
            page = await self._page(chat_id, len(shown))
            assert page, f"the server named entry {newest} and does not give it"
            for entry in page:
                self._show({**entry, "type": "entry"})

    async def _resume(self, hello: dict[str, Any]) -> None:
        self.heard.append(hello)
        for chat_id, newest in hello["chats"].items():
            await self._close_gap(chat_id, newest)
        self.online, self._tries = True, 0
        if self.pending:
            for event in list(self.pending.values()):
                await self.tell(event)

    def _take_refusal(self, refusal: dict[str, Any]) -> None:
        event = self.pending.get(refusal["ref"])
        if event and refusal.get("retry_after_ms"):
            asyncio.get_running_loop().call_later(refusal["retry_after_ms"] / 1000, self._try_again, refusal["ref"])
            return
        self.pending.pop(refusal["ref"], None)
        self.refused[refusal["ref"]] = refusal

    def _try_again(self, ref: str) -> None:
        if ref in self.pending:
            self._again = asyncio.ensure_future(self.tell(self.pending[ref]))

    async def _after_close(self, code: int) -> None:
        assert code not in (1009, 4002), f"the server calls this client faulty: {code}"
        if code == 4001:
            await self.refresh()
        elif code == 4008:
            await asyncio.sleep(5)
        else:
            await self._back_off()

    async def _after_refusal(self, refused: InvalidHandshake) -> None:
        if "HTTP 401" in str(refused):
            await self.refresh()
        else:
            await self._back_off()

    async def _back_off(self) -> None:
        """Rule 4; bounded lower than a real client's, because tests wait for it."""
        await asyncio.sleep(min(0.2 * 2**self._tries, 2) * random.uniform(0.5, 1))
        self._tries += 1


def log_is_whole(entries: list[Entry]) -> None:
    """Gapless from 1, in order, and no message twice."""
    assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))
    refs = [(entry["sender_id"], entry["ref"]) for entry in entries if entry["kind"] == "message"]
    assert len(refs) == len(set(refs)), "a message stands twice in the log"
