"""Whether files could be taken and given: told truly, and at no great cost."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.disks import SmallDisk
from tests.services.media.home import Home, at_home

from kaif.app.doctor import examine
from kaif.app.settings import read_settings
from kaif.engines.blobs import Blobs, open_blobs
from kaif.engines.keys import open_keys
from kaif.engines.keys.ring import new_key
from kaif.engines.scanner import NoScanner
from kaif.interfaces.auth import Nothing
from kaif.interfaces.media.health import KeysLost, StoreForgets
from kaif.kernel.actor import NOBODY
from kaif.kernel.errors import StorageFull, Unavailable
from kaif.services.media.content.rotating import rewrap_all
from kaif.services.media.operating.health import HealthService


def health(home: Home, **changed: Any) -> HealthService:
    parts = {"blobs": home.blobs, "keys": home.keys, "scanner": NoScanner(), "remembered_s": 0, **changed}
    return HealthService(home.database, clock=lambda: home.moment[0], **parts)


async def test_all_is_well_and_the_look_leaves_nothing(home: Home) -> None:
    media = await home.put(b"a file")
    stored = await home.stored()

    await health(home).check_media(NOBODY, Nothing())

    assert await home.stored() == stored
    assert await home.rows("media_garbage") == 0
    assert await home.read(media) == b"a file"


async def test_a_master_key_that_is_needed_and_gone_is_named(home: Home) -> None:
    await home.put(b"under the first key")
    both = new_key(2) + new_key(3)
    later = open_keys("env:K", {"K": both})
    lookers = health(home, keys=later)

    with pytest.raises(KeysLost) as lost:
        await lookers.check_media(NOBODY, Nothing())

    assert lost.value.details == {"versions": [1]}


async def test_after_a_rotation_the_older_key_may_go(home: Home, tmp_path: Path) -> None:
    await home.put(b"a file")
    first = (tmp_path / "media-keys").read_text()
    second = new_key(2)
    await rewrap_all(home.database, open_keys("env:K", {"K": first + second}))

    await health(home, keys=open_keys("env:K", {"K": second})).check_media(NOBODY, Nothing())


class Forgetful:
    """A store that says yes to everything."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._blobs, name)

    async def put(self, name: str, content: bytes) -> None:
        await self._blobs.put(name, b"other" + content)


async def test_a_store_that_gives_back_something_else_is_found_out(small_home: Home) -> None:
    with pytest.raises(StoreForgets):
        await health(small_home, blobs=Forgetful(small_home.blobs)).check_media(NOBODY, Nothing())


async def test_a_store_that_is_away_is_found_again_when_it_is_back(small_home: Home, s3_url: str) -> None:
    away = await open_blobs("s3://bucket?endpoint=http://127.0.0.1:1")
    remembering = health(small_home, blobs=away, remembered_s=60)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await remembering.check_media(NOBODY, Nothing())

    await health(small_home, blobs=await open_blobs(s3_url)).check_media(NOBODY, Nothing())
    await small_home.come(3 * 3600 * 1_000_000)
    assert await small_home.rows("media_garbage") == 0


async def test_a_disk_without_room_is_told_before_it_is_full(small_home: Home, small_disk: SmallDisk) -> None:
    with pytest.raises(StorageFull):
        await health(small_home, blobs=await open_blobs(f"file:{small_disk.folder}")).check_media(NOBODY, Nothing())


def test_the_doctor_finds_what_media_lacks(tmp_path: Path) -> None:
    async def store_something() -> None:
        async with at_home(tmp_path, f"sqlite:{tmp_path / 'kaif.db'}", KAIF_MEDIA_KEYS="") as home:
            await home.put(b"a file")

    (tmp_path / "secrets").mkdir(mode=0o700)
    (tmp_path / "secrets" / "media-keys").write_text(new_key(1))
    asyncio.run(store_something())
    well = findings(tmp_path)
    assert well["Files"].startswith("file, written to and read again") and "opens" in well["Keys of files"]

    (tmp_path / "secrets" / "media-keys").write_text(new_key(1))
    assert findings(tmp_path)["Keys of files"] == "✗ version 1 does not open what is stored"
    (tmp_path / "secrets" / "media-keys").unlink()
    assert findings(tmp_path)["Keys of files"].startswith("✗ KAIF_MEDIA_KEYS")
    assert findings(tmp_path, KAIF_BLOBS_URL="s3://b?endpoint=http://127.0.0.1:1")["Files"].startswith("✗ s3: ")


def findings(data: Path, **settings: str) -> dict[str, str]:
    found = examine(read_settings(data, "127.0.0.1", 0, settings))
    return {each.subject: ("✗ " if each.remedy else "") + each.state for each in found}
