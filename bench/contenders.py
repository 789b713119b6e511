"""What a server under test is to the suites, whoever wrote it."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from bench.processes import Process

ROOM_SIZE = 10
# As many as a group can be made with.
HALL_SIZE_MAX = 200


@dataclass(frozen=True)
class Account:
    """A signed-in person: their token, their room of ten and their chat of two, and the name they sign in with.

    `hall` is the one chat that everybody is in.
    """

    token: str
    room: str
    pair: str
    login: str = ""
    hall: str = ""


@dataclass(frozen=True)
class Server:
    """A server that runs, bound to its core, and the people who may use it.

    One of several processes has more of them beside the first, and more ports that take sockets beside the first. Under
    `sockets_metric` its /metrics count the sockets that it holds; a server without one counts none.
    """

    process: Process
    port: int
    http_path: str
    socket_path: str
    protocol: Literal["events", "socketio"]
    accounts: Sequence[Account]
    more_processes: Sequence[Process] = ()
    more_ports: Sequence[int] = ()
    sockets_metric: str = ""

    @property
    def processes(self) -> list[Process]:
        """All of the server's."""
        return [self.process, *self.more_processes]

    @property
    def ports(self) -> list[int]:
        """All that take sockets."""
        return [self.port, *self.more_ports]


class Contender(Protocol):
    """One server under one name, started afresh for every measurement."""

    @property
    def name(self) -> str:
        """What tables call it."""

    def serving(self) -> AbstractContextManager[Server]:
        """Run it for the length of a block."""


def rooms_of(people: Sequence[str]) -> list[list[str]]:
    """The people in groups of ten, in order."""
    return [list(people[start : start + ROOM_SIZE]) for start in range(0, len(people), ROOM_SIZE)]


def pairs_of(people: Sequence[str]) -> list[list[str]]:
    """The people two by two, in order."""
    return [list(people[start : start + 2]) for start in range(0, len(people), 2)]


def hall_of(people: Sequence[str]) -> list[str]:
    """Everybody, as far as one group takes them."""
    return list(people[:HALL_SIZE_MAX])
