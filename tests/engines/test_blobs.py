"""Content under names: in a folder, in memory, and in S3."""

import random
from pathlib import Path

import pytest
from tests.disks import SmallDisk

from kaif.engines.blobs import Blobs, open_blobs
from kaif.engines.blobs.writing import memory_to_write
from kaif.kernel.errors import Invalid, NotFound, StorageFull, Unavailable

MIB = 1024 * 1024


@pytest.fixture(params=["file", "memory", "s3"])
async def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    urls = {"file": f"file:{tmp_path / 'blobs'}", "memory": "memory:"}
    return await open_blobs(urls.get(request.param) or request.getfixturevalue("s3_url"))


async def listed(blobs: Blobs, prefix: str) -> list[str]:
    return sorted([name async for name in blobs.list(prefix)])


async def test_content_comes_back_as_it_was_put(blobs: Blobs) -> None:
    content = bytes(range(256)) * 1000
    await blobs.put("a/b.bin", content)

    assert await blobs.get("a/b.bin") == content
    assert await blobs.size("a/b.bin") == len(content)


async def test_a_later_put_replaces_the_content(blobs: Blobs) -> None:
    await blobs.put("a", b"a longer first one")
    await blobs.put("a", b"second")

    assert await blobs.get("a") == b"second"


async def test_empty_content_is_content(blobs: Blobs) -> None:
    await blobs.put("a", b"")

    assert (await blobs.get("a"), await blobs.size("a")) == (b"", 0)


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [(0, 3, b"012"), (7, None, b"789"), (7, 100, b"789"), (10, None, b""), (50, 5, b""), (2, 0, b""), (9, 1, b"9")],
)
async def test_a_range_of_the_content(blobs: Blobs, start: int, length: int | None, expected: bytes) -> None:
    await blobs.put("digits", b"0123456789")

    assert await blobs.get("digits", start, length) == expected


async def test_content_larger_than_a_part_is_put_whole(blobs: Blobs) -> None:
    content = b"".join(bytes([number]) * MIB for number in range(12))
    await blobs.put("large", content)

    assert await blobs.get("large") == content
    assert await blobs.get("large", 6 * MIB - 1, 2) == b"\x05\x06"


async def test_deleting_what_is_not_there_is_no_error(blobs: Blobs) -> None:
    await blobs.put("a", b"x")

    await blobs.delete("a")
    await blobs.delete("a")

    assert await listed(blobs, "") == []


async def test_what_is_not_there_is_not_found(blobs: Blobs) -> None:
    for reading in (blobs.get("a"), blobs.get("a", 2, 3), blobs.size("a")):
        with pytest.raises(NotFound):
            await reading


async def test_a_list_names_what_lies_in_the_folder_and_no_more(blobs: Blobs) -> None:
    for name in ("photos/1", "photos/2", "photos/old/3", "photos-too/4", "5"):
        await blobs.put(name, b"x")

    assert await listed(blobs, "photos") == ["photos/1", "photos/2", "photos/old/3"]
    assert await listed(blobs, "photos/") == ["photos/1", "photos/2", "photos/old/3"]
    assert len(await listed(blobs, "")) == 5
    assert await listed(blobs, "videos") == []


async def test_a_list_is_longer_than_a_page(blobs: Blobs) -> None:
    for number in range(120):
        await blobs.put(f"many/{number}", b"x")

    assert len(await listed(blobs, "many")) == 120


@pytest.mark.parametrize(
    "name",
    ["", "/a", "a/", "a//b", "..", "../a", "a/../b", "a/..", ".", "a/./b", ".hidden", "a\\b", "a\0b", "a b", "a#1",
     "a%2e", "фото", "a\n", "x" * 300, "/".join(["abcd"] * 200)],
)  # fmt: skip
async def test_a_name_that_could_lead_elsewhere_is_refused(blobs: Blobs, name: str) -> None:
    with pytest.raises(Invalid):
        await blobs.put(name, b"x")
    with pytest.raises(Invalid):
        await blobs.get(name)
    with pytest.raises(Invalid):
        await blobs.delete(name)


async def test_a_local_name_is_the_path_below_the_folder(tmp_path: Path) -> None:
    blobs = await open_blobs(f"file:{tmp_path / 'new' / 'folder'}")
    await blobs.put("a/b~1@2=3+4.jpg", b"x")

    assert (tmp_path / "new" / "folder" / "a" / "b~1@2=3+4.jpg").read_bytes() == b"x"


async def test_memory_that_is_used_again_changes_nothing_that_is_kept(blobs: Blobs) -> None:
    memory = memoryview(bytearray(b"first" * 100_000))
    await blobs.put("a", memory)
    memory[:] = b"later" * 100_000

    assert await blobs.get("a") == b"first" * 100_000


@pytest.mark.parametrize("place", [0, 1, 512, 4095])
async def test_a_large_file_is_written_from_wherever_it_lies(tmp_path: Path, place: int) -> None:
    blobs = await open_blobs(f"file:{tmp_path / 'blobs'}")
    memory = memory_to_write(6 * MIB)
    memory[:] = random.Random(1).randbytes(6 * MIB)

    for size in (MIB // 4 - 1, MIB // 4, MIB + 1, 4 * MIB + 1024, 5 * MIB + 4095):
        await blobs.put("a", memory[place : place + size])
        assert await blobs.get("a") == memory[place : place + size], size


async def test_a_full_disk_takes_nothing_and_says_so(small_disk: SmallDisk) -> None:
    blobs = await open_blobs(f"file:{small_disk.folder / 'blobs'}")
    with pytest.raises(StorageFull):
        await blobs.put("large", b"x" * 20 * MIB)
    assert await listed(blobs, "") == []
    assert [path for path in small_disk.folder.rglob("*") if path.is_file()] == []

    small_disk.make_space()
    await blobs.put("large", b"x" * 20 * MIB)
    assert await blobs.size("large") == 20 * MIB


@pytest.mark.parametrize("url", ["s3://bucket", "s3://bucket/prefix", "s3://bucket/prefix?region=eu-north-1"])
async def test_an_s3_without_an_endpoint_is_that_of_the_environment(
    s3_url: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://127.0.0.1:1")

    with pytest.raises(Unavailable) as refused:
        await (await open_blobs(url)).size("a")
    assert "https://127.0.0.1:1/" in str(refused.value.__cause__)


async def test_half_of_the_credentials_are_none(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(ValueError, match="SecretAccessKey"):
        await open_blobs(s3_url)


async def test_an_s3_that_does_not_answer_is_unavailable(s3_url: str) -> None:
    blobs = await open_blobs("s3://bucket?endpoint=http://127.0.0.1:1")

    with pytest.raises(Unavailable):
        await blobs.put("a", b"x")
    with pytest.raises(Unavailable):
        await blobs.get("a")


async def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="no blob engine for 'ftp'"):
        await open_blobs("ftp://files")
