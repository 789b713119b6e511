"""Our own server, started as an operator would start it and filled through its public interface only.

Nothing of the edge is switched off: tokens, rate limits, metrics, access log, request ids and security
headers all do their work. Only the *values* of the limits are raised, since one machine plays everybody.
"""

import os
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from bench.contenders import Account, Server, hall_of, pairs_of, rooms_of
from bench.processes import BenchError, Process, free_port, last_words, pinned, running, server_core, wait_until

PROGRAM = Path(sys.executable).parent / "kaif"
LIMITS_SCALE = 10_000
PASSWORD = "a password of some length"
# Access tokens live for ten minutes at most; a run never starts with one older than this.
TOKEN_AGE_MAX_S = 240
RETRIES_MAX = 20


@dataclass
class Person:
    """A registered person and their current tokens."""

    id: str
    access_token: str
    refresh_token: str
    issued_at: float
    room: str = ""
    pair: str = ""
    hall: str = ""


@dataclass(frozen=True)
class Up:
    """What was started: the processes, the ports of what is the gateway, and its log."""

    processes: list[Process]
    ports: list[int]
    log: Path


@dataclass
class Kaif:
    """`kaif up` on one database: SQLite in its own folder, or the PostgreSQL of `database_url`."""

    name: str
    directory: Path
    people_count: int
    database_url: str | None = None
    setup_code: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _people: list[Person] = field(default_factory=list)

    @contextmanager
    def serving(self) -> Iterator[Server]:
        """Run the server on its core with everybody registered, in their chats and signed in."""
        with self._up() as up, _client(up.ports[0]) as client:
            try:
                self._admit_everybody(client)
            except httpx.HTTPError as error:
                raise BenchError(f"{self.name}: {error}\n{last_words(up.log)}") from error
            accounts = [
                Account(person.access_token, person.room, person.pair, f"person{number}", person.hall)
                for number, person in enumerate(self._people)
            ]
            yield Server(
                up.processes[0],
                up.ports[0],
                "/v1/auth/me",
                "/v1/socket",
                "events",
                accounts,
                up.processes[1:],
                up.ports[1:],
                "kaif_sockets",
            )

    @contextmanager
    def _up(self) -> Iterator[Up]:
        self.directory.mkdir(exist_ok=True)
        port, log = free_port(), self.directory.with_suffix(".log")
        environment = {"KAIF_SETUP_CODE": self.setup_code, "KAIF_LIMITS_SCALE": str(LIMITS_SCALE)}
        if self.database_url:
            environment["KAIF_DATABASE_URL"] = self.database_url
        command = pinned(server_core(), [PROGRAM, "up", "--data", self.directory, "--port", str(port)])
        with running(command, log=log, environment={**os.environ, **environment}) as process:
            wait_until(lambda: is_ready(port), process, log, self.name)
            yield Up([process], [port], log)

    def _admit_everybody(self, client: httpx.Client) -> None:
        if not self._people:
            self._people = [self._register(client, number) for number in range(self.people_count)]
            self._make_chats(client)
        if time.monotonic() - min(person.issued_at for person in self._people) > TOKEN_AGE_MAX_S:
            self._people = [_refreshed(client, person) for person in self._people]

    def _register(self, client: httpx.Client, number: int) -> Person:
        """The first person comes in by the operator's set-up code, everybody else signs up."""
        account = {
            "username": f"person{number}",
            "email": f"person{number}@example.com",
            "display_name": f"Person {number}",
            "password": PASSWORD,
        }
        if number == 0:
            answer = _call(client, "POST", "/v1/auth/setup", json={**account, "code": self.setup_code})
        else:
            answer = _call(client, "POST", "/v1/auth/register", json=account)
        return Person(answer["user"]["id"], answer["access_token"], answer["refresh_token"], time.monotonic())

    def _make_chats(self, client: httpx.Client) -> None:
        by_id = {person.id: person for person in self._people}
        for members in rooms_of(list(by_id)):
            chat = _make_chat(client, "group", [by_id[member] for member in members])
            for member in members:
                by_id[member].room = chat
        for members in pairs_of(list(by_id)):
            chat = _make_chat(client, "direct", [by_id[member] for member in members])
            for member in members:
                by_id[member].pair = chat
        members = hall_of(list(by_id))
        hall = _make_chat(client, "group", [by_id[member] for member in members])
        for member in members:
            by_id[member].hall = hall


def _make_chat(client: httpx.Client, kind: str, members: Sequence[Person]) -> str:
    founder, *others = members
    body: dict[str, Any] = {"kind": kind, "members": [person.id for person in others]}
    if kind == "group":
        body["title"] = "Room"
    headers = {"Authorization": f"Bearer {founder.access_token}"}
    chat_id: str = _call(client, "POST", "/v1/messaging/chats", json=body, headers=headers)["id"]
    return chat_id


def _refreshed(client: httpx.Client, person: Person) -> Person:
    answer = _call(client, "POST", "/v1/auth/refresh", json={"refresh_token": person.refresh_token})
    return replace(
        person,
        access_token=answer["access_token"],
        refresh_token=answer["refresh_token"],
        issued_at=time.monotonic(),
    )


def _client(port: int) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False)


def _call(client: httpx.Client, method: str, path: str, **request: Any) -> dict[str, Any]:
    """One call; a busy server is asked again when it says so, anything else unexpected is an error."""
    for _ in range(RETRIES_MAX):
        response = client.request(method, path, **request)
        if response.status_code not in (429, 503):
            break
        time.sleep(float(response.headers.get("Retry-After", 1)))
    if response.is_error:
        raise BenchError(f"{method} {path}: {response.status_code} {response.text[:500]}")
    answer: dict[str, Any] = response.json()
    return answer


def is_ready(port: int) -> bool:
    """Whether what listens there takes requests."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ready", timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
