"""Every process is stopped and started again in turn, as for a new setting, while people talk: nothing is lost."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from tests.harness import Child, Person, Split, log_is_whole, people, running_split
from tests.journeys.cable import balanced
from tests.socketio import StockClient, stock_client
from tests.waiting import until

from kaif.client import Client, Entry, Tokens

# Each client is on its way again within seconds: it has lost its socket once, and waits as its rules say.
BACK_WITHIN_S = 5
PAUSE_S = 0.02
AFTER_EACH_S = 0.3


class Talker:
    """Somebody who writes by our client, each message once the one before is acknowledged, and reads everything."""

    def __init__(self, client: Client, chat_id: str) -> None:
        self._client, self._chat_id = client, chat_id
        self.sent: list[Entry] = []
        self.read: list[Entry] = []
        self._reading = asyncio.create_task(self._read())

    async def talk(self, until_set: asyncio.Event) -> None:
        while not until_set.is_set():
            self.sent.append(await self._client.send(self._chat_id, f"№{len(self.sent)}"))
            await asyncio.sleep(PAUSE_S)

    async def _read(self) -> None:
        async for entry in self._client.entries():
            self.read.append(entry)

    async def has_read(self, seq: int) -> list[int]:
        await until(lambda: bool(self.read) and self.read[-1].seq >= seq, 20)
        return [entry.seq for entry in self.read]


class Caller:
    """Somebody whose requests over HTTP come one after the other, none of them repeated by itself."""

    def __init__(self, person: Person, url: str, chat_id: str) -> None:
        self._person, self._url, self._chat_id = person, url, chat_id
        self.answered = 0
        self.put_off: list[tuple[str, str]] = []
        # Nobody knows whether these were carried out.
        self.unanswered: list[tuple[str, str]] = []
        self.wrong: list[tuple[str, int, str]] = []
        self.refs: set[str] = set()

    async def call(self, until_set: asyncio.Event) -> None:
        headers = {"authorization": f"Bearer {self._person.access_token}"}
        async with httpx.AsyncClient(
            base_url=self._url, headers=headers, timeout=20, trust_env=False, verify=False
        ) as http:
            while not until_set.is_set():
                await self._ask(http, "GET", "/v1/auth/people?query=an")
                await self._ask(http, "GET", "/v1/messaging/chats")
                await self._ask(http, "POST", f"/v1/messaging/chats/{self._chat_id}/read", seq=1)
                # Nothing of it may be repeated: each time a group is made.
                await self._ask(http, "POST", "/v1/messaging/chats", kind="group", title="Ещё", members=[])
                # Repeated under its reference until it is answered.
                ref, path = f"http-{len(self.refs)}", f"/v1/messaging/chats/{self._chat_id}/messages"
                if await self._ask(http, "POST", path, ref=ref, text="По HTTP"):
                    self.refs.add(ref)
                await asyncio.sleep(PAUSE_S)
            assert await self._ask(http, "POST", path, ref=ref, text="По HTTP"), "by now everything runs"
            self.refs.add(ref)

    async def _ask(self, http: httpx.AsyncClient, method: str, path: str, **body: Any) -> bool:
        try:
            answer = await http.request(method, path, json=body or None)
        except httpx.TransportError as error:
            self.unanswered.append((path, repr(error)))
            return False
        if answer.is_success:
            self.answered += 1
            return True
        if answer.status_code == 503 and "retry-after" in answer.headers:
            self.put_off.append((path, answer.text))
        else:
            self.wrong.append((path, answer.status_code, answer.text))
        return False


async def talk_by_socketio(client: StockClient, chat_id: str, until_set: asyncio.Event) -> list[str]:
    """What it sent, each repeated under its reference until it is acknowledged, as docs/socketio.md has it."""
    sent: list[str] = []
    while not until_set.is_set():
        ref = f"io-{len(sent)}"
        while not await acknowledged(client, chat_id, ref):
            pass
        sent.append(ref)
        await asyncio.sleep(PAUSE_S)
    return sent


async def acknowledged(client: StockClient, chat_id: str, ref: str) -> bool:
    try:
        async with asyncio.timeout(1):
            answer = await client.ask("message", chat_id=chat_id, ref=ref, text="По Socket.IO")
    except TimeoutError:
        return False
    assert answer["ok"] or answer["code"] in ("unavailable", "draining"), answer
    return bool(answer["ok"])


@asynccontextmanager
async def talkers(those: Sequence[Person], url: str, chat_id: str) -> AsyncIterator[list[Talker]]:
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                Client(url, tokens=Tokens(person.access_token, person.refresh_token), have={chat_id: 0})
            )
            for person in those
        ]
        yield [Talker(client, chat_id) for client in clients]


async def restart_in_turn(split: Split, everybody_gets_through: Any) -> None:
    """In the order of docs/operating.md."""
    for child in (split.search, split.auth, *split.messagings, split.media, *split.gateways):
        await restart(child)
        await everybody_gets_through()
        await asyncio.sleep(AFTER_EACH_S)


async def restart(child: Child) -> None:
    """By TERM; it must be gone in time and have complained of nothing."""
    await child.stop()
    assert '"level": "error"' not in child.complaints(), child.complaints()
    await child.start()


async def test_restarting_every_process_in_turn_loses_nothing(
    tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    names = ["anna", "boris", "vera", "gleb", "dina"]
    async with (
        running_split(tmp_path, postgres_url, redis_url, gateways=2) as split,
        people(split, *names) as (*those, dina, gleb),
        balanced(split.gateway_addresses) as balancer,
    ):
        chat_id = await those[0].group("Берег", *those[1:], dina, gleb)
        caller, enough = Caller(dina, balancer.url, chat_id), asyncio.Event()
        async with (
            talkers(those, balancer.url, chat_id) as talking,
            stock_client(balancer.url, gleb.access_token, transports=["websocket"]) as stock,
        ):
            await stock.hears("connect")
            joined_at = (await stock.ask("join", chat_id=chat_id))["seq"]
            tasks = [asyncio.create_task(one.talk(enough)) for one in [*talking]]
            tasks.append(asyncio.create_task(caller.call(enough)))
            by_socketio = asyncio.create_task(talk_by_socketio(stock, chat_id, enough))

            async def everybody_gets_through() -> None:
                before = [len(one.sent) for one in talking], caller.answered, len(stock.events("ack"))
                await until(
                    lambda: (
                        all(len(one.sent) > then for one, then in zip(talking, before[0], strict=True))
                        and caller.answered > before[1] + 5
                        and len(stock.events("ack")) > before[2] + 1
                    ),
                    BACK_WITHIN_S,
                )

            await everybody_gets_through()
            await restart_in_turn(split, everybody_gets_through)
            enough.set()
            await asyncio.gather(*tasks)
            io_refs = await by_socketio

            log = await those[0].history(chat_id)
            log_is_whole(log)
            by_ref = {entry["ref"]: entry["seq"] for entry in log if entry["kind"] == "message"}
            seqs = [entry["seq"] for entry in log]
            for one in talking:
                assert {entry.ref: entry.seq for entry in one.sent}.items() <= by_ref.items()
                assert await one.has_read(seqs[-1]) == seqs, "each client sees all, once and in order"
            stored = {ref for ref in by_ref if ref.startswith(("http-", "io-"))}
            assert stored == caller.refs | set(io_refs)
            assert len(by_ref) == sum(len(one.sent) for one in talking) + len(stored)
            await until(lambda: stock.messages(chat_id)[-1] == seqs[-1])
            assert stock.messages(chat_id) == seqs[joined_at:], "nor has the stock client missed anything"
            print(f"{len(seqs)} entries, {caller.answered} answers, put off: {caller.put_off}")
            assert not caller.wrong and not caller.unanswered, (caller.wrong, caller.unanswered)
            # There is one auth; of all else another process answers.
            assert all(path.startswith("/v1/auth/") for path, _ in caller.put_off)
