"""What whole-system tests stand on: real processes of ours, people who use them by the book, and bare services."""

import asyncio
import contextlib
import itertools
import json
import os
import random
import secrets
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
from tests import nursery
from tests.waiting import eventually, until
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from kaif.app import compose
from kaif.app.auth import auth_services
from kaif.app.media import media_services
from kaif.app.settings import Settings, read_settings
from kaif.app.surface import Services as Wired
from kaif.engines.cache import Cache
from kaif.engines.database import Database
from kaif.engines.keys.ring import new_key
from kaif.engines.web.pages import Pages
from kaif.interfaces.auth import Auth
from kaif.interfaces.auth.accounts import Accounts
from kaif.interfaces.auth.api_keys import ApiKeys
from kaif.interfaces.auth.audit import Audit
from kaif.interfaces.auth.avatars import Avatars
from kaif.interfaces.auth.bots import Bots
from kaif.interfaces.auth.digest_letters import DigestLetters
from kaif.interfaces.auth.directory import Directory
from kaif.interfaces.auth.factors import SecondFactors
from kaif.interfaces.auth.passkeys import Passkeys
from kaif.interfaces.auth.required_factors import FactorRequirement
from kaif.interfaces.auth.roles import Roles
from kaif.interfaces.auth.sessions import Sessions
from kaif.interfaces.auth.staff import Staff
from kaif.interfaces.media.references import References
from kaif.interfaces.messaging import Messaging
from kaif.interfaces.messaging.actions import MessageActions
from kaif.interfaces.messaging.administration import Administration
from kaif.interfaces.messaging.attachments import Attachments
from kaif.interfaces.messaging.bots import Callbacks, Commands
from kaif.interfaces.messaging.dates import Dates
from kaif.interfaces.messaging.discussions import Discussions
from kaif.interfaces.messaging.first_contact import FirstContacts
from kaif.interfaces.messaging.history import History
from kaif.interfaces.messaging.invitations import ChatInvitations
from kaif.interfaces.messaging.last_seen import LastSeen
from kaif.interfaces.messaging.lookalikes import LookalikesFinder
from kaif.interfaces.messaging.order import OwnOrder
from kaif.interfaces.messaging.own_data import OwnMessaging
from kaif.interfaces.messaging.pictures import ChatPictures
from kaif.interfaces.messaging.polls import Polls
from kaif.interfaces.messaging.posts import ChannelPosts
from kaif.interfaces.messaging.previews import LinkPreviews
from kaif.interfaces.messaging.privacy import Privacy
from kaif.interfaces.messaging.reminders import MessageReminders
from kaif.interfaces.messaging.reports import Reports
from kaif.interfaces.messaging.scheduled import ScheduledMessages
from kaif.interfaces.messaging.sharing import Sharing
from kaif.interfaces.messaging.topics import GroupTopics
from kaif.interfaces.messaging.vanishing import Vanishing
from kaif.interfaces.messaging.webhooks import Webhooks
from kaif.kernel.actor import Actor, SessionId, UserId
from kaif.kernel.clock import Clock, now_us
from kaif.kernel.ids import new_id
from kaif.services.auth import store as auth_store
from kaif.services.auth.model import Account
from kaif.services.auth.tokens import new_signing_key

START_WITHIN_S = 30
NEVER_S = 1e6
STOP_WITHIN_S = 5
PASSWORD = "a password of some length"
# Tests sign in by the thousand.
CHEAPEST_PASSWORDS = {"KAIF_PASSWORD_MEMORY": "19M", "KAIF_PASSWORD_PASSES": "2"}

Entry = dict[str, Any]


# Processes


class Child:
    """A process of ours, what it printed, and what it complained of."""

    def __init__(self, folder: Path, name: str, arguments: list[str], settings: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._out, self._err = folder / f"{name}.out", folder / f"{name}.err"
        self.arguments = arguments
        self._env = {**_ordinary_environment(), **settings}
        # How wrong its machine's clock is.
        self.clock_ahead_s = 0.0
        self._process: nursery.Process | None = None

    async def start(self) -> None:
        """Returns when it says that it listens."""
        said_before = len(self.said())
        process = self._process = nursery.spawn(self.arguments, self._env, self._out, self._err, self.clock_ahead_s)
        await until(
            lambda: "Kaif Ozero" in self.said()[said_before:] or process.poll() is not None, timeout_s=START_WITHIN_S
        )
        assert process.poll() is None, f"it did not start: {self.complaints()}"

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def said(self) -> str:
        return self._out.read_text(encoding="utf-8") if self._out.exists() else ""

    def complaints(self) -> str:
        return self._err.read_text(encoding="utf-8") if self._err.exists() else ""

    async def stop(self) -> None:
        """Ask it to; it must drain and be gone in time, without a complaint of its own."""
        assert self._process
        process, self._process = self._process, None
        process.terminate()
        try:
            code = await asyncio.to_thread(process.wait, STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"it did not stop within {STOP_WITHIN_S} s: {self.complaints()}") from None
        assert code == 0, f"it stopped with {code}: {self.complaints()}"

    def kill(self) -> None:
        """As a power cut would."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def close(self) -> None:
        """Stop it unless the test has done so already."""
        if self._process:
            await self.stop()


def _ordinary_environment() -> dict[str, str]:
    """Links are looked up where a test is about that, for what they lead to is as it pleases."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("KAIF_")}
    return {**ours, **CHEAPEST_PASSWORDS, "KAIF_LINK_PREVIEWS": "off"}


class Server:
    """`kaif up` on a data folder of its own; it keeps its port when it is started again."""

    def __init__(self, folder: Path, host: str = "", **settings: str) -> None:
        self.data = folder / "data"
        self.setup_code = "set-up-code"
        self.host, self.port = free_address(host)
        self._child = Child(
            folder,
            "up",
            ["up", "--data", str(self.data), "--host", self.host, "--port", str(self.port)],
            {"KAIF_SETUP_CODE": self.setup_code, "KAIF_LIMITS_SCALE": "1000", **settings},
        )

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        return self._child.pid

    def said(self) -> str:
        return self._child.said()

    def complaints(self) -> str:
        return self._child.complaints()

    def access_log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.data / "logs" / "access.jsonl").read_bytes().splitlines()]

    async def start(self) -> None:
        await self._child.start()

    async def stop(self) -> None:
        await self._child.stop()

    def kill(self) -> None:
        self._child.kill()

    def run_ahead(self, seconds: float) -> None:
        """Its machine's clock, from its next start on."""
        self._child.clock_ahead_s = seconds

    async def restart(self) -> None:
        """Start again on the same data after `stop` or `kill`."""
        await self._child.start()

    async def close(self) -> None:
        await self._child.close()


@asynccontextmanager
async def running_server(folder: Path, host: str = "", **settings: str) -> AsyncIterator[Server]:
    """A `kaif up` whose limits are loose unless KAIF_LIMITS_SCALE says otherwise."""
    server = Server(folder, host, **settings)
    await server.start()
    try:
        yield server
    except BaseException:
        server.kill()
        raise
    await server.close()


class Split:
    """The system as separate processes on PostgreSQL and Redis: two of messaging, some gateways, one of each other."""

    def __init__(self, folder: Path, postgres_url: str, redis_url: str, *, gateways: int = 1, **settings: str) -> None:
        self.setup_code = "set-up-code"
        gateway_names = [f"gateway-{number}" for number in range(1, gateways + 1)]
        names = ["auth", "messaging-1", "messaging-2", "search", "media", *gateway_names]
        self._addresses = {name: free_address() for name in names}
        messagings = [self._addresses["messaging-1"], self._addresses["messaging-2"]]
        shared = {
            "KAIF_DATABASE_URL": postgres_url,
            "KAIF_CACHE_URL": redis_url,
            "KAIF_AUTH": "{}:{}".format(*self._addresses["auth"]),
            "KAIF_MESSAGING": ",".join(f"{host}:{port}" for host, port in messagings),
            "KAIF_SEARCH": "{}:{}".format(*self._addresses["search"]),
            "KAIF_MEDIA": "{}:{}".format(*self._addresses["media"]),
            "KAIF_MEDIA_KEYS": "env:MEDIA_KEYS",
            "MEDIA_KEYS": f"1:{secrets.token_hex(32)}",
            "KAIF_INTERNAL_SECRET": secrets.token_hex(32),
            "KAIF_SIGNING_KEY": new_signing_key(),
            "KAIF_AUDIT_KEY": secrets.token_hex(32),
            "KAIF_PUSH_KEY": secrets.token_hex(32),
            "KAIF_SETUP_CODE": self.setup_code,
            "KAIF_LIMITS_SCALE": "1000",
            "KAIF_PUBLIC_URL": self.url,
            **settings,
        }
        self.auth = self._child(folder, "auth", shared)
        self.messagings = [self._child(folder, name, shared) for name in ("messaging-1", "messaging-2")]
        self.search = self._child(folder, "search", shared)
        self.media = self._child(folder, "media", shared)
        self.gateways = [self._child(folder, name, shared) for name in gateway_names]

    def _child(self, folder: Path, name: str, settings: Mapping[str, str]) -> Child:
        host, port = self._addresses[name]
        arguments = ["serve", name.partition("-")[0], "--host", host, "--port", str(port)]
        return Child(folder, name, [*arguments, "--data", str(folder / name)], settings)

    @property
    def url(self) -> str:
        return self.urls[0]

    @property
    def gateway(self) -> Child:
        return self.gateways[0]

    @property
    def gateway_addresses(self) -> list[tuple[str, int]]:
        return [address for name, address in self._addresses.items() if name.startswith("gateway")]

    @property
    def urls(self) -> list[str]:
        """Of the gateways."""
        return [f"http://{host}:{port}" for host, port in self.gateway_addresses]

    @property
    def children(self) -> list[Child]:
        return [self.auth, *self.messagings, self.search, self.media, *self.gateways]

    async def start(self) -> None:
        await self.auth.start()
        await asyncio.gather(*[child.start() for child in (*self.messagings, self.search)])
        await self.media.start()
        await asyncio.gather(*[gateway.start() for gateway in self.gateways])

    async def close(self) -> None:
        for child in reversed(self.children):
            await child.close()

    def kill(self) -> None:
        for child in self.children:
            child.kill()


@asynccontextmanager
async def running_split(
    folder: Path, postgres_url: str, redis_url: str, *, gateways: int = 1, **settings: str
) -> AsyncIterator[Split]:
    async with running(Split(folder, postgres_url, redis_url, gateways=gateways, **settings)) as split:
        yield split


@asynccontextmanager
async def running(split: Split) -> AsyncIterator[Split]:
    try:
        await split.start()
        yield split
    except BaseException:
        split.kill()
        raise
    await split.close()


def free_address(host: str = "") -> tuple[str, int]:
    """A loopback address that nobody else is likely to use unless one is given, and a free port of it."""
    host = host or f"127.{random.randint(1, 250)}.{random.randint(0, 250)}.{random.randint(1, 250)}"
    with socket.socket() as probe:
        probe.bind((host, 0))
        return host, int(probe.getsockname()[1])


# People


class Person:
    """A client that follows the four rules of docs/realtime.md; what it shows of each chat is in `shown`."""

    _numbers = itertools.count(1)

    def __init__(self, url: str, name: str) -> None:
        self.url, self.name = url, name
        self.id = ""
        self.access_token = self.refresh_token = ""
        # Without the authorities of certificates, which take longer to read than a test takes.
        self.http = httpx.AsyncClient(base_url=url, timeout=20, trust_env=False, verify=False)
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

    # An account

    async def set_up(self, code: str) -> "Person":
        return await self._enter("/v1/auth/setup", code=code, username=self.name, email=f"{self.name}@example.org")

    async def register(self) -> "Person":
        return await self._enter("/v1/auth/register", username=self.name, email=f"{self.name}@example.org")

    async def log_in(self) -> "Person":
        return await self._enter("/v1/auth/login", login=self.name)

    async def _enter(self, path: str, **fields: str) -> "Person":
        answer = await self.http.post(path, json={**fields, "password": PASSWORD})
        assert answer.is_success, answer.text
        self.keep(answer.json())
        return self

    async def refresh(self) -> None:
        answer = await self.http.post("/v1/auth/refresh", json={"refresh_token": self.refresh_token})
        assert answer.is_success, answer.text
        self.keep(answer.json())

    def keep(self, tokens: dict[str, Any]) -> None:
        """Be whom these tokens speak for."""
        self.id = tokens["user"]["id"]
        self.access_token, self.refresh_token = tokens["access_token"], tokens["refresh_token"]
        self.http.headers["authorization"] = f"Bearer {self.access_token}"

    # HTTP

    async def get(self, path: str, **params: str | int) -> Any:
        answer = await self.http.get(path, params=params)
        assert answer.is_success, answer.text
        return answer.json()

    async def post(self, path: str, **fields: Any) -> Any:
        answer = await self.http.post(path, json=fields)
        assert answer.is_success, answer.text
        return answer.json()

    async def direct_chat(self, other: "Person") -> str:
        return str((await self.post("/v1/messaging/chats", kind="direct", members=[other.id]))["id"])

    async def group(self, title: str, *others: "Person") -> str:
        members = [other.id for other in others]
        return str((await self.post("/v1/messaging/chats", kind="group", title=title, members=members))["id"])

    async def post_message(self, chat_id: str, text: str, ref: str = "") -> Entry:
        """By HTTP; returns the entry."""
        fields = {"ref": ref or self.new_ref(), "text": text}
        entry: Entry = await self.post(f"/v1/messaging/chats/{chat_id}/messages", **fields)
        return entry

    async def history(self, chat_id: str, after: int = 0) -> list[Entry]:
        """The log as the server has it, from the entry after `after`."""
        entries: list[Entry] = []
        while True:
            page = await self._page(chat_id, after + len(entries))
            if not page:
                return entries
            entries += page

    async def _page(self, chat_id: str, after: int) -> list[Entry]:
        answer = await self.http.get(f"/v1/messaging/chats/{chat_id}/entries", params={"after": after, "limit": 200})
        answer.raise_for_status()
        page: list[Entry] = answer.json()["entries"]
        return page

    # The socket

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
        await self.http.aclose()

    def new_ref(self) -> str:
        return f"{self.name}-{next(self._numbers)}"

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


@asynccontextmanager
async def people(server: Server | Split, *names: str, first: bool = True) -> AsyncIterator[list[Person]]:
    """Accounts on the server, the first of whom sets it up unless it is set up already."""
    those = [Person(server.url, name) for name in names]
    try:
        for person in those:
            if first and person is those[0]:
                await person.set_up(server.setup_code)
            else:
                await person.register()
        yield those
    finally:
        for person in those:
            await person.close()


async def is_ready(url: str, timeout_s: float = 20) -> None:
    """Wait until /ready says that everything behind the gateway answers."""

    async def ready() -> bool:
        try:
            return (await client.get("/ready")).status_code == 200
        except httpx.HTTPError:
            return False

    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        await eventually(ready, timeout_s)


# Services without processes


class Services(NamedTuple):
    """Wired as `kaif up` wires them, without the edge."""

    database: Database
    cache: Cache
    auth: Auth
    factors: SecondFactors
    roles: Roles
    audit: Audit
    messaging: Messaging
    administration: Administration
    invitations: ChatInvitations
    order: OwnOrder
    sessions: Sessions
    passkeys: Passkeys
    accounts: Accounts
    api_keys: ApiKeys
    actions: MessageActions
    privacy: Privacy
    first_contacts: FirstContacts
    reports: Reports
    history: History
    requirement: FactorRequirement
    directory: Directory
    polls: Polls
    sharing: Sharing
    digest_letters: DigestLetters
    lookalikes: LookalikesFinder
    dates: Dates
    commands: Commands
    callbacks: Callbacks
    webhooks: Webhooks
    bots: Bots
    topics: GroupTopics
    scheduled: ScheduledMessages
    reminders: MessageReminders
    vanishing: Vanishing
    own_data: OwnMessaging
    last_seen: LastSeen
    posts: ChannelPosts
    discussions: Discussions
    previews: LinkPreviews
    attachments: Attachments
    # Only where they were asked for.
    media: Wired
    avatars: Avatars
    chat_pictures: ChatPictures

    async def newcomer(self, name: str, display_name: str = "") -> Actor:
        """An account made without the slow hash, for tests that are not about signing up."""
        account = Account(UserId(new_id()), name, f"{name}@example.org", display_name or name, "no password", now_us())
        async with self.database.transaction() as tx:
            await auth_store.add_account(tx, account)
        return Actor(account.id, SessionId(new_id()))

    async def newcomers(self, *names: str) -> list[Actor]:
        return [await self.newcomer(name) for name in names]


@asynccontextmanager
async def wired_services(
    folder: Path,
    database_url: str,
    setup_code: str = "set-up-code",
    clock: Clock = now_us,
    public_url: str = "",
    pages: Pages | None = None,
    limits_scale: float = 1000,
    *,
    with_media: bool = False,
) -> AsyncIterator[Services]:
    """With media the folder keeps its files, and its clock is messaging's."""
    environment = {
        "KAIF_DATABASE_URL": database_url,
        "KAIF_SETUP_CODE": setup_code,
        "KAIF_SIGNING_KEY": new_signing_key(),
        "KAIF_AUDIT_KEY": "a key of the audit log",
        "KAIF_PUBLIC_URL": public_url,
        **CHEAPEST_PASSWORDS,
    }
    settings = read_settings(folder, "127.0.0.1", 0, environment)
    later, pictures = compose.FutureMessaging(), compose.FuturePictures()
    async with (
        compose.database_of(settings) as database,
        compose.cache_of(settings) as cache,
        auth_services(settings, database, cache, clock, pictures=pictures if with_media else None) as auths,
        _media(folder, settings, database, cache, later, auths[Auth], clock, wanted=with_media) as medias,
        compose.messaging_services(
            database,
            cache,
            auths[Auth],
            auths[Sessions],
            auths[Staff],
            clock,
            pages=pages,
            limits_scale=limits_scale,
            files=medias.get(References),
        ) as messagings,
    ):
        later.services, pictures.services = messagings, medias
        yield Services(
            database,
            cache,
            auths[Auth],
            auths[SecondFactors],
            auths[Roles],
            auths[Audit],
            messagings[Messaging],
            messagings[Administration],
            messagings[ChatInvitations],
            messagings[OwnOrder],
            auths[Sessions],
            auths[Passkeys],
            auths[Accounts],
            auths[ApiKeys],
            messagings[MessageActions],
            messagings[Privacy],
            messagings[FirstContacts],
            messagings[Reports],
            messagings[History],
            auths[FactorRequirement],
            auths[Directory],
            messagings[Polls],
            messagings[Sharing],
            auths[DigestLetters],
            messagings[LookalikesFinder],
            messagings[Dates],
            messagings[Commands],
            messagings[Callbacks],
            messagings[Webhooks],
            auths[Bots],
            messagings[GroupTopics],
            messagings[ScheduledMessages],
            messagings[MessageReminders],
            messagings[Vanishing],
            messagings[OwnMessaging],
            messagings[LastSeen],
            messagings[ChannelPosts],
            messagings[Discussions],
            messagings[LinkPreviews],
            messagings[Attachments],
            medias,
            auths[Avatars],
            messagings[ChatPictures],
        )


@asynccontextmanager
async def _media(
    folder: Path,
    settings: Settings,
    database: Database,
    cache: Cache,
    later: compose.FutureMessaging,
    auth: Auth,
    clock: Clock,
    *,
    wanted: bool,
) -> AsyncIterator[Wired]:
    if not wanted:
        yield {}
        return
    keys = folder / "media-keys"
    if not keys.exists():
        keys.write_text(new_key(1))
    settings = msgspec.structs.replace(settings, media_keys_url=f"file:{keys}")
    async with media_services(settings, database, cache, later, auth, clock, NEVER_S, messages=later) as medias:
        yield medias
