"""People on a server that runs, and whether it is ready for them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from tests.harness.processes import Server
from tests.harness.sockets import Person
from tests.harness.split import Split
from tests.waiting import eventually


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
