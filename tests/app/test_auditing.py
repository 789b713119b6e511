"""Whoever changes the audit log behind the server's back is found out, also when they shorten it."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.harness import wired_services
from tests.services.auth.accounts import log_in, set_up

from kaif.app import auditing
from kaif.app.anchors import Anchors
from kaif.app.settings import Misconfigured, Settings, read_settings
from kaif.services.auth.audit.chain import Broken

KEY = {"KAIF_AUDIT_KEY": "a key of the audit log"}


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    """Of a server that has written five entries and stopped."""
    async with wired_services(tmp_path, f"sqlite:{tmp_path / 'kaif.db'}") as services:
        await set_up(services.auth)
        for _ in range(3):
            await log_in(services.auth, "owner")
    return read_settings(tmp_path, "127.0.0.1", 0, KEY)


def tamper(settings: Settings, *statements: str) -> None:
    """As someone with the database's file would, who first takes away what it refuses by itself."""
    with sqlite3.connect(settings.data / "kaif.db", isolation_level=None) as connection:
        for trigger in ("auth_audit_no_update", "auth_audit_no_delete"):
            connection.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            connection.execute(statement)
    connection.close()


async def verify(settings: Settings) -> int:
    return await asyncio.to_thread(auditing.verify, settings)


async def test_an_untouched_log_is_sound(settings: Settings) -> None:
    assert await verify(settings) == 5


COLUMNS = "at_us, action, actor_id, subject_id, details, hash"
SHORTEN = (
    "DELETE FROM auth_audit WHERE seq > 3",
    "UPDATE auth_audit_head SET seq = 3, hash = (SELECT hash FROM auth_audit WHERE seq = 3)",
)
TRICKS: dict[str, tuple[str, ...]] = {
    "an entry is changed": ("UPDATE auth_audit SET subject_id = 'boris' WHERE seq = 2",),
    "details are changed": ("UPDATE auth_audit SET details = '{}' WHERE seq = 2",),
    "a time is changed": ("UPDATE auth_audit SET at_us = at_us + 1 WHERE seq = 2",),
    "one in the middle is removed": ("DELETE FROM auth_audit WHERE seq = 2",),
    "the first is removed": ("DELETE FROM auth_audit WHERE seq = 1",),
    "two change places": (
        "UPDATE auth_audit SET seq = 99 WHERE seq = 2",
        "UPDATE auth_audit SET seq = 2 WHERE seq = 3",
        "UPDATE auth_audit SET seq = 3 WHERE seq = 99",
    ),
    "one is added": (f"INSERT INTO auth_audit SELECT 6, {COLUMNS} FROM auth_audit WHERE seq = 5",),
    "the newest are removed": SHORTEN[:1],
    "the newest are removed and the head is moved": SHORTEN,
    "all are removed": ("DELETE FROM auth_audit", "UPDATE auth_audit_head SET seq = 0, hash = ''"),
}  # fmt: skip


@pytest.mark.asvs("16.4.2")
@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS.keys())
async def test_every_change_is_noticed(settings: Settings, trick: tuple[str, ...]) -> None:
    tamper(settings, *trick)

    with pytest.raises(Broken):
        await verify(settings)


@pytest.mark.asvs("16.4.2")
async def test_a_shortened_log_is_told_apart_by_its_anchors_alone(settings: Settings) -> None:
    tamper(settings, *SHORTEN)
    with pytest.raises(Broken, match="entry 5 was anchored, the last is 3"):
        await verify(settings)

    settings.audit_anchors.unlink()

    assert await verify(settings) == 3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b'{"seq":2,"hash":"00"}\n'),
        lambda path: path.write_bytes(b"nonsense\n"),
    ],
    ids=["another hash", "no anchor"],
)
async def test_a_changed_anchor_is_noticed(settings: Settings, spoil: Callable[[Path], object]) -> None:
    spoil(settings.audit_anchors)

    with pytest.raises(Broken):
        await verify(settings)


async def test_half_an_anchor_is_what_a_crash_leaves_and_no_fault(settings: Settings) -> None:
    whole = Anchors(settings.audit_anchors).all()
    with settings.audit_anchors.open("ab") as file:
        file.write(b'{"seq":9,')

    assert Anchors(settings.audit_anchors).all() == whole
    assert await verify(settings) == 5

    Anchors(settings.audit_anchors).add(whole[-1])

    assert Anchors(settings.audit_anchors).all() == [*whole, whole[-1]]
    assert await verify(settings) == 5


async def test_without_its_key_nothing_can_be_checked(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        await verify(read_settings(tmp_path, "127.0.0.1", 0, {}))
    with pytest.raises(Broken):
        await verify(read_settings(tmp_path, "127.0.0.1", 0, {"KAIF_AUDIT_KEY": "another key"}))


async def test_an_export_holds_every_entry_and_overwrites_nothing(settings: Settings, tmp_path: Path) -> None:
    target = tmp_path / "audit.jsonl"

    assert await asyncio.to_thread(auditing.export, settings, target) == 5

    assert target.read_bytes().count(b"\n") == 5
    assert target.stat().st_mode & 0o077 == 0
    with pytest.raises(FileExistsError):
        await asyncio.to_thread(auditing.export, settings, target)
