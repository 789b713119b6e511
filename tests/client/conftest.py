"""One real server, and people on it who use the client."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack

import pytest
from tests.harness import Person, Server

from kaif.client import Client, Tokens
from kaif.client.web import OnTokens

NewPerson = Callable[[], Awaitable[Person]]

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    asyncio.run(_start(server))
    yield server
    server.kill()


async def _start(server: Server) -> None:
    await server.start()
    owner = Person(server.url, "owner")
    await owner.set_up(server.setup_code)
    await owner.close()


@pytest.fixture
async def new_person(server: Server) -> AsyncIterator[NewPerson]:
    made: list[Person] = []

    async def new_person() -> Person:
        person = Person(server.url, f"person-{os.getpid()}-{next(_numbers)}")
        made.append(person)
        return await person.register()

    yield new_person
    for person in made:
        await person.close()


Connect = Callable[..., Awaitable[Client]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Clients of people, closed when the test ends."""
    async with AsyncExitStack() as stack:

        async def connect(
            person: Person,
            have: Mapping[str, int] | None = None,
            url: str = "",
            on_tokens: OnTokens | None = None,
        ) -> Client:
            tokens = Tokens(person.access_token, person.refresh_token)
            client = Client(url or person.url, tokens=tokens, have=have, on_tokens=on_tokens)
            return await stack.enter_async_context(client)

        yield connect


async def key_of(person: Person, *scopes: str) -> str:
    """A new API key of theirs."""
    wanted = list(scopes) or ["messaging.read", "messaging.write"]
    return str((await person.post("/v1/auth/api-keys", name="bot", scopes=wanted, days=7))["secret"])
