"""Content at rest: any range opens, and no change of what is stored goes unnoticed."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.services.media.home import ANNA, Home, at_home, random_bytes

from kaif.engines.database import open_database
from kaif.engines.keys import KeyMissing, open_keys
from kaif.engines.keys.ring import add_version, new_key
from kaif.interfaces.media.delivery import ReadMedia
from kaif.services.media.content.rotating import rewrap_all
from kaif.services.media.content.sealing import CHUNK_BYTES, TAG_BYTES, ContentDamaged, PartCipher

KEY, PART = b"k" * 32, "ab" * 16
SEALED_CHUNK = CHUNK_BYTES + TAG_BYTES
CONTENT = random_bytes(3 * CHUNK_BYTES + 1000)
SEALED = PartCipher(KEY, PART, len(CONTENT)).seal(CONTENT)


def opened(sealed: bytes | bytearray, start: int, length: int, cipher: PartCipher | None = None) -> bytes:
    cipher = cipher or PartCipher(KEY, PART, len(CONTENT))
    window = cipher.window(start, length)
    return cipher.open(bytes(sealed[window.start : window.start + window.length]), window, length)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(CONTENT) - 1), st.integers(1, len(CONTENT)))
def test_any_range_opens_by_reading_its_chunks_alone(start: int, length: int) -> None:
    length = min(length, len(CONTENT) - start)
    window = PartCipher(KEY, PART, len(CONTENT)).window(start, length)

    assert opened(SEALED, start, length) == CONTENT[start : start + length]
    assert window.length <= length + 2 * SEALED_CHUNK


def test_what_was_moved_cut_short_or_changed_does_not_open() -> None:
    first, second = SEALED[:SEALED_CHUNK], SEALED[SEALED_CHUNK : 2 * SEALED_CHUNK]
    flipped = SEALED[:100] + bytes([SEALED[100] ^ 1]) + SEALED[101:]
    for spoiled in (second + first + SEALED[2 * SEALED_CHUNK :], first * 3 + SEALED[-1016:], flipped, SEALED[:-1]):
        with pytest.raises(ContentDamaged):
            opened(spoiled, 0, len(CONTENT))


def test_a_part_that_was_cut_at_the_end_of_a_chunk_is_noticed_even_if_its_length_is_told_wrong() -> None:
    short = PartCipher(KEY, PART, 2 * CHUNK_BYTES)
    with pytest.raises(ContentDamaged):
        opened(SEALED, 0, 2 * CHUNK_BYTES, short)
    with pytest.raises(ContentDamaged):
        opened(SEALED, 0, 10, short)


def test_a_part_opens_under_its_own_name_and_key_alone() -> None:
    for other in (PartCipher(KEY, "cd" * 16, len(CONTENT)), PartCipher(b"x" * 32, PART, len(CONTENT))):
        with pytest.raises(ContentDamaged):
            opened(SEALED, 0, 10, other)


def test_the_same_content_sealed_as_another_part_has_nothing_in_common() -> None:
    other = PartCipher(KEY, "cd" * 16, len(CONTENT)).seal(CONTENT)

    assert sum(a == b for a, b in zip(SEALED[:10_000], other[:10_000], strict=True)) < 100


async def test_a_part_that_was_swapped_in_the_store_for_another_is_not_given_out(
    small_home: Home, tmp_path: Path
) -> None:
    media = await small_home.put(CONTENT)
    (first,) = await small_home.stored()
    await small_home.put(random_bytes(len(CONTENT)))
    other = next(name for name in await small_home.stored() if name != first)
    (tmp_path / "blobs" / first).write_bytes((tmp_path / "blobs" / other).read_bytes())

    with pytest.raises(ContentDamaged):
        await small_home.delivery.read(ANNA, ReadMedia(media.id, 0, 10))


async def test_keys_are_rotated_beside_a_running_server_without_touching_content(
    database_url: str, tmp_path: Path
) -> None:
    async with at_home(tmp_path, database_url) as home:
        media = await home.put(CONTENT)
        before = {name: await home.blobs.get(name) for name in await home.stored()}
        path = tmp_path / "media-keys"
        assert add_version(path) == 2

        database = await open_database(database_url)
        assert await rewrap_all(database, open_keys(f"file:{path}", {})) == 2
        assert await rewrap_all(database, open_keys(f"file:{path}", {})) == 0
        await database.close()
        # The first key has no more to say: the running server reads what it wrote by the second one.
        path.write_text(path.read_text().splitlines()[1])

        assert await home.read(media) == CONTENT
        assert {name: await home.blobs.get(name) for name in await home.stored()} == before
        assert await home.read(await home.put(b"later")) == b"later"


async def test_without_its_master_key_content_can_not_be_read(small_home: Home, tmp_path: Path) -> None:
    media = await small_home.put(CONTENT)
    (tmp_path / "media-keys").write_text(new_key(1))

    with pytest.raises(KeyMissing):
        await small_home.read(media)
