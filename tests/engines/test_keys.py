"""Master keys: what one of them wrapped opens by it alone, and for its own context."""

from pathlib import Path

import pytest

from kaif.engines.keys import KeyMissing, Keys, Wrapped, open_keys
from kaif.engines.keys.ring import add_version, new_key

KEY = b"k" * 32
ONE, TWO = new_key(1).strip(), new_key(2).strip()


@pytest.fixture(params=["file", "env"])
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> Keys:
    (tmp_path / "keys").write_text(f"{ONE}\n{TWO}\n")
    if request.param == "file":
        return open_keys(f"file:{tmp_path / 'keys'}", {})
    return open_keys("env:MASTER", {"MASTER": f"{ONE},{TWO}"})


async def test_a_key_is_wrapped_by_the_newest_and_opens_for_its_context_alone(keys: Keys) -> None:
    wrapped = await keys.wrap(KEY, "a")

    assert (wrapped.version, await keys.newest()) == (2, 2)
    assert await keys.unwrap(wrapped, "a") == KEY
    assert KEY not in wrapped.sealed and (await keys.wrap(KEY, "a")).sealed != wrapped.sealed
    for other, context in ((wrapped, "b"), (Wrapped(1, wrapped.sealed), "a"), (Wrapped(3, wrapped.sealed), "a")):
        with pytest.raises(KeyMissing):
            await keys.unwrap(other, context)
    for spoiled in (wrapped.sealed[:-1], b"", wrapped.sealed[:-1] + bytes([wrapped.sealed[-1] ^ 1])):
        with pytest.raises(KeyMissing):
            await keys.unwrap(Wrapped(2, spoiled), "a")


async def test_what_an_older_key_wrapped_still_opens(keys: Keys) -> None:
    older = await open_keys("env:MASTER", {"MASTER": ONE}).wrap(KEY, "a")

    assert older.version == 1
    assert await keys.unwrap(older, "a") == KEY


async def test_a_key_added_to_the_file_is_used_at_once(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(new_key(7))
    path.chmod(0o600)
    keys = open_keys(f"file:{path}", {})
    older = await keys.wrap(KEY, "a")

    assert add_version(path) == 8

    assert (await keys.wrap(KEY, "a")).version == 8
    assert await keys.unwrap(older, "a") == KEY
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "x", "1:zz", "0:" + "ab" * 32, "1:" + "ab" * 31, f"{ONE},{ONE}", "1"])
def test_what_are_no_keys_is_refused_without_repeating_them(text: str) -> None:
    with pytest.raises(ValueError) as refused:
        open_keys("env:MASTER", {"MASTER": text})

    assert len(text) < 3 or text not in str(refused.value)
