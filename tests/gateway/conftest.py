"""One real server for the tests of a process, and two people on it."""

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from tests.harness import Person, Server

NewPerson = Callable[[], Awaitable[Person]]

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Set up by "owner", without an end of requests in sight; a test that stops it takes its own."""
    server = Server(tmp_path_factory.mktemp("server"))
    asyncio.run(_start(server))
    yield server
    server.kill()


async def _start(server: Server) -> None:
    await server.start()
    owner = Person(server.url, "owner")
    await owner.set_up(server.setup_code)
    await owner.close()


class Accounts:
    """Tokens of those who are only there to ask, made anew before they run out."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._tokens: dict[str, tuple[float, Person]] = {}

    async def person(self, name: str) -> Person:
        made_at, known = self._tokens.get(name, (0.0, None))
        if known is None or time.monotonic() - made_at > 300:
            known = Person(self._server.url, name)
            await (known.log_in() if made_at or name == "owner" else known.register())
            await known.http.aclose()
            self._tokens[name] = (time.monotonic(), known)
        person = Person(self._server.url, name)
        person.keep({"user": {"id": known.id}, **vars(known)})
        return person


@pytest.fixture(scope="session")
def accounts(server: Server) -> Accounts:
    return Accounts(server)


@pytest.fixture
async def owner(accounts: Accounts) -> AsyncIterator[Person]:
    person = await accounts.person("owner")
    yield person
    await person.close()


@pytest.fixture
async def anna(accounts: Accounts) -> AsyncIterator[Person]:
    person = await accounts.person("anna")
    yield person
    await person.close()


@pytest.fixture
async def boris(accounts: Accounts) -> AsyncIterator[Person]:
    person = await accounts.person("boris")
    yield person
    await person.close()


@pytest.fixture
async def new_person(server: Server) -> AsyncIterator[NewPerson]:
    """Accounts of the test's own, for those whose sessions end or who have no chats yet."""
    made: list[Person] = []

    async def new_person() -> Person:
        person = Person(server.url, f"person-{os.getpid()}-{next(_numbers)}")
        made.append(person)
        return await person.register()

    yield new_person
    for person in made:
        await person.close()
