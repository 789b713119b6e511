"""A process of search beside wired services, and what people find by it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.harness import Services
from tests.waiting import eventually

from kaif.app import compose
from kaif.app.settings import read_settings
from kaif.interfaces.messaging.search import FoundMessage, FoundMessages, Search, SearchMessages
from kaif.kernel.actor import Actor


@asynccontextmanager
async def searching(folder: Path, services: Services) -> AsyncIterator[Search]:
    settings = read_settings(folder, "127.0.0.1", 0, {})
    async with compose.search_service(settings, services.database) as search:
        yield search


async def found(search: Search, actor: Actor, words: str = "", **filters: Any) -> list[str]:
    """The texts of what is found, all pages of it."""
    return [message.entry.text for message in await found_messages(search, actor, words, **filters)]


async def found_messages(search: Search, actor: Actor, words: str = "", **filters: Any) -> list[FoundMessage]:
    messages: list[FoundMessage] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await page_of(search, actor, words, cursor=cursor, **filters)
        messages += page.messages
        cursor = page.next_cursor
    return messages


async def page_of(search: Search, actor: Actor, words: str = "", **wanted: Any) -> FoundMessages:
    return await search.search_messages(actor, SearchMessages(words, **wanted))


async def finds(search: Search, actor: Actor, words: str, *texts: str, timeout_s: float = 5) -> None:
    """Wait until exactly these are found."""

    async def so() -> bool:
        return await found(search, actor, words) == list(texts)

    await eventually(so, timeout_s)
