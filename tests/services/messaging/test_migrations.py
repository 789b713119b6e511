"""Data of an earlier version is the same after its migration."""

import shutil
from pathlib import Path

import pytest

from kaif.engines.database import AlreadyExists, open_database
from kaif.services import messaging

MIGRATIONS = Path(messaging.__file__).parent / "migrations"
COLUMNS = ("chat_id", "seq", "kind", "sender_id", "at_us", "messages", "ref", "body")
ENTRIES = f"SELECT {', '.join(COLUMNS)} FROM messaging_entries ORDER BY chat_id, seq"
CHAT = """
INSERT INTO messaging_chats (id, kind, title, creator_id, once, created_at_us, active_at_us, seq, messages, members)
VALUES (:id, 'group', 'Друзья', 'anna', :id, 1, 9, 3, 2, 2)
"""


async def test_the_log_of_the_first_version_is_kept(empty_database_url: str, tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.mkdir()
    for path in MIGRATIONS.glob("0001_*"):
        shutil.copy(path, first)
    database = await open_database(empty_database_url)
    await database.migrate("messaging", first)
    entries = [
        (chat, seq, kind, "anna", 10 - seq, max(seq - 1, 0), ref, '{"text":"Привет"}')
        for chat in ("a", "b")
        for seq, kind, ref in ((1, "created", None), (2, "message", "m-1"), (3, "message", "m-2"))
    ]
    async with database.transaction() as tx:
        for chat in ("a", "b"):
            await tx.execute(CHAT, id=chat)
        await tx.insert("messaging_entries", COLUMNS, entries)

    await database.migrate("messaging", MIGRATIONS)

    assert await database.fetch(tuple, ENTRIES) == entries
    assert await database.fetch(tuple, "SELECT members_seq FROM messaging_chats") == [(3,), (3,)]
    same_place = ("a", 2, "message", "boris", 11, 3, "m-3", "{}")
    same_reference = ("a", 4, "message", "anna", 11, 3, "m-2", "{}")
    for again in (same_place, same_reference):
        with pytest.raises(AlreadyExists):
            async with database.transaction() as tx:
                await tx.insert("messaging_entries", COLUMNS, [again])
    await database.close()
