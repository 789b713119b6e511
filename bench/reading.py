"""How long it takes to find and to page back in large stores.

`python -m bench.reading search|history COUNT SECONDS [postgres]` keeps it in SQLite, or in a PostgreSQL of its own.

The store is made by bulk inserts of what sending would have written, in a folder that is gone afterwards; the index is
made from it by the code that follows the logs. Printed are p50 and p95 in milliseconds, and how long the making took.
"""

import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from bench.engines import engines
from kaif.app import compose
from kaif.app.auth import auth_services
from kaif.app.messaging import messaging_services
from kaif.app.settings import Settings, read_settings
from kaif.engines.database import Database
from kaif.interfaces.auth import Auth
from kaif.interfaces.auth.sessions import Sessions
from kaif.interfaces.auth.staff import Staff
from kaif.interfaces.messaging import ChatId, ListEntries, Messaging
from kaif.interfaces.messaging.search import SearchMessages
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.ids import new_id
from kaif.services.auth.tokens import new_signing_key

ME = UserId("me")
LIMITS_SCALE = 1e6
CHATS = 1000
# Of these the one who searches is a member.
MY_CHATS = 200
BLOCK = 50_000
WORDS_PER_MESSAGE = 9
VOCABULARY = 30_000
AT_US = 1_700_000_000_000_000

Ask = Callable[[], Awaitable[object]]


def vocabulary(choose: random.Random) -> list[str]:
    """Words of two alphabets, of the lengths that words have."""
    alphabets = ("аеиоулнтсрвкмдпбгзчя", "aeioulntsrvkmdpbgfhy")
    return ["".join(choose.choices(alphabets[n % 5 == 0], k=choose.randint(3, 10))) for n in range(VOCABULARY)]


def texts(words: list[str], choose: random.Random) -> Iterator[str]:
    """Some words stand everywhere and most hardly anywhere, as in all languages (Zipf)."""
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    while True:
        drawn = choose.choices(words, weights, k=WORDS_PER_MESSAGE * 1000)
        for start in range(0, len(drawn), WORDS_PER_MESSAGE):
            yield " ".join(drawn[start : start + WORDS_PER_MESSAGE])


async def fill(database: Database, chats: list[ChatId], count: int, said: Iterator[str]) -> None:
    columns = ("chat_id", "seq", "kind", "sender_id", "at_us", "messages", "ref", "body")
    per_chat = count // len(chats)
    async with database.transaction() as tx:
        await tx.insert(
            "messaging_chats",
            ("id", "kind", "title", "creator_id", "once", "created_at_us", "active_at_us", "seq", "messages",
             "members", "members_seq", "shown_seq"),
            [(chat, "group", "Room", ME, chat, AT_US, AT_US, per_chat, per_chat, 1, 0, per_chat) for chat in chats],
        )  # fmt: skip
        await tx.insert(
            "messaging_members",
            ("chat_id", "user_id", "role", "read_seq", "read_messages"),
            [(chat, ME, "member", 0, 0) for chat in chats[:MY_CHATS]],
        )
    # In the order in which messages arrive: to all chats in turn.
    places = ((seq, chat) for seq in range(1, per_chat + 1) for chat in chats)
    number = 0
    while block := [place for _, place in zip(range(BLOCK), places, strict=False)]:
        rows = []
        for seq, chat in block:
            number += 1
            body = f'{{"text":"{next(said)}"}}'
            rows.append((chat, seq, "message", ME, AT_US + number * 1000, seq, f"m-{number:012}", body))
        async with database.transaction() as tx:
            await tx.insert("messaging_entries", columns, rows)


async def timed(ask: Callable[[], Ask], seconds: float) -> dict[str, float]:
    took: list[float] = []
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        question = ask()
        started = time.perf_counter()
        await question()
        took.append((time.perf_counter() - started) * 1000)
    took.sort()
    return {"p50_ms": took[len(took) // 2], "p95_ms": took[len(took) * 95 // 100], "questions": len(took)}


async def measure(
    what: str, directory: Path, count: int, seconds: float, environment: dict[str, str]
) -> dict[str, float]:
    settings = read_settings(directory, "127.0.0.1", 0, {"KAIF_SIGNING_KEY": new_signing_key(), **environment})
    choose = random.Random(7)
    words = vocabulary(choose)
    chats = [ChatId(new_id()) for _ in range(CHATS)]
    async with (
        compose.database_of(settings) as database,
        compose.cache_of(settings) as cache,
        auth_services(settings, database, cache) as auths,
        messaging_services(
            database, cache, auths[Auth], auths[Sessions], auths[Staff], limits_scale=LIMITS_SCALE
        ) as messagings,
    ):
        started = time.perf_counter()
        await fill(database, chats, count, texts(words, choose))
        made_s = time.perf_counter() - started
        if what == "search":
            figures = await searches(settings, database, words, choose, seconds)
        else:
            figures = await pages(messagings[Messaging], chats, count // CHATS, choose, seconds)
        return figures | {"made_s": made_s}


async def pages(
    messaging: Messaging, chats: list[ChatId], per_chat: int, choose: random.Random, seconds: float
) -> dict[str, float]:
    """Fifty entries from anywhere in the history of any chat."""

    def ask() -> Ask:
        wanted = ListEntries(choose.choice(chats[:MY_CHATS]), before=choose.randint(51, max(52, per_chat)), limit=50)
        return lambda: messaging.list_entries(Actor(ME), wanted)

    return await timed(ask, seconds)


async def searches(
    settings: Settings, database: Database, words: list[str], choose: random.Random, seconds: float
) -> dict[str, float]:
    """One or two words, frequent and rare, whole and begun, in all of one's chats."""
    started = time.perf_counter()
    async with compose.search_service(settings, database) as search:
        while not (await search.search_messages(Actor(ME), SearchMessages(words[0]))).complete:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        indexed_s = time.perf_counter() - started
        ranks = [min(len(words) - 1, int(choose.paretovariate(0.5))) for _ in range(10_000)]

        def ask() -> Ask:
            wanted = [words[choose.choice(ranks)] for _ in range(choose.randint(1, 2))]
            if choose.random() < 0.5:
                wanted[-1] = wanted[-1][: max(3, len(wanted[-1]) - 2)]
            return lambda: search.search_messages(Actor(ME), SearchMessages(" ".join(wanted)))

        await timed(ask, min(2, seconds))
        return await timed(ask, seconds) | {"indexed_s": indexed_s}


def on_postgres(what: str, directory: Path, count: int, seconds: float) -> dict[str, float]:
    with engines(directory) as started:
        environment = {"KAIF_DATABASE_URL": started.create_database("reading")}
        return asyncio.run(measure(what, directory, count, seconds, environment))


if __name__ == "__main__":
    what, count, seconds, *store = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        # PostgreSQL may not run as root, and its user has to reach its files.
        Path(name).chmod(0o755)
        if store == ["postgres"]:
            figures = on_postgres(what, Path(name), int(count), float(seconds))
        else:
            figures = asyncio.run(measure(what, Path(name), int(count), float(seconds), {}))
        print(json.dumps(figures))
