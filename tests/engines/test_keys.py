"""Master keys: what one of them wrapped opens by it alone, and for its own context."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.kms import Kms, moody_kms

from kaif.engines.keys import KeyMissing, Keys, Wrapped, open_keys
from kaif.engines.keys.ring import add_version, new_key
from kaif.kernel.errors import KaifError, Unavailable

KEY = b"k" * 32
ONE, TWO = new_key(1).strip(), new_key(2).strip()


Opened = Callable[[int], Keys]


@pytest.fixture(params=["file", "env", "kms"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """The first so many of two master keys."""
    if request.param == "kms":
        url: str = request.getfixturevalue("kms_url")
        ids, _, options = url.partition("?")
        return lambda count: open_keys(",".join(ids.split(",")[:count]) + "?" + options, {})
    if request.param == "env":
        return lambda count: open_keys("env:MASTER", {"MASTER": ",".join([ONE, TWO][:count])})

    def in_a_file(count: int) -> Keys:
        path = tmp_path / f"keys-{count}"
        path.write_text("\n".join([ONE, TWO][:count]))
        return open_keys(f"file:{path}", {})

    return in_a_file


@pytest.fixture
def keys(opened: Opened) -> Keys:
    return opened(2)


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


async def test_what_an_older_key_wrapped_still_opens(opened: Opened, keys: Keys) -> None:
    older = await opened(1).wrap(KEY, "a")

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


async def test_a_kms_is_asked_once_for_what_is_read_again_and_again(kms_url: str) -> None:
    wrapped = await open_keys(kms_url, {}).wrap(KEY, "a")
    opens = (200, {"Plaintext": base64.b64encode(KEY).decode()})
    async with moody_kms((500, {}), (400, {"__type": "ThrottlingException"}), opens) as (url, asked):
        keys = open_keys(url, {})
        for _ in range(3):
            assert await keys.unwrap(Wrapped(1, wrapped.sealed), "a") == KEY
        assert asked == ["decrypt"] * 3
        await keys.unwrap(Wrapped(1, wrapped.sealed), "b")
        assert len(asked) == 4


@pytest.mark.parametrize(
    ("code", "error", "asked_for"),
    [
        ("com.amazonaws.kms#DisabledException", Unavailable, 1),
        ("AccessDeniedException", Unavailable, 1),
        ("KMSInternalException", Unavailable, 3),
        ("prefix#InvalidCiphertextException", KeyMissing, 1),
        ("NotFoundException", KeyMissing, 1),
    ],
)
async def test_what_a_kms_refuses_is_lost_only_where_no_later_try_could_help(
    kms: Kms, code: str, error: type[KaifError], asked_for: int
) -> None:
    status = 500 if asked_for > 1 else 400
    async with moody_kms((status, {"__type": code})) as (url, asked):
        with pytest.raises(error):
            await open_keys(url, {}).unwrap(Wrapped(1, b"sealed"), "a")
        assert len(asked) == asked_for
        with pytest.raises(Unavailable):
            await open_keys(url, {}).wrap(KEY, "a")


async def test_a_kms_that_does_not_answer_or_lets_nobody_in_is_unavailable(
    kms_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = open_keys("kms:alias/a?region=eu-north-1&endpoint=http://127.0.0.1:1", {})
    with pytest.raises(Unavailable):
        await nowhere.wrap(KEY, "a")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for left_out, problem in (
        ("AWS_SECRET_ACCESS_KEY", "can't be used"),
        ("AWS_ACCESS_KEY_ID", "no credentials"),
    ):
        monkeypatch.delenv(left_out)
        with pytest.raises(Unavailable, match=problem):
            await open_keys(kms_url, {}).wrap(KEY, "a")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(Unavailable, match="can't be used"):
        await open_keys(kms_url, {}).wrap(KEY, "a")


@pytest.mark.parametrize(
    "url", ["kms:", "kms:?region=x", "kms:alias/a", "kms:a?region=x&endpoint=ftp://x", "kms:a?region=x&key=secret"]
)
def test_what_is_no_kms_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="KMS"):
        open_keys(url, {})
