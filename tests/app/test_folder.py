"""The data folder: one process at a time, and secrets that nobody else reads."""

import json
import os
import stat
from pathlib import Path

import pytest

from kaif.app.folder import DataFolder, is_private, running, secret_file
from kaif.app.settings import Misconfigured


def test_a_folder_that_is_taken_says_by_whom(tmp_path: Path) -> None:
    first = DataFolder(tmp_path)
    first.announce("http://127.0.0.1:1")

    with pytest.raises(Misconfigured) as refused:
        DataFolder(tmp_path)

    assert str(os.getpid()) in str(refused.value) and str(tmp_path) in str(refused.value)
    holder = running(tmp_path)
    assert holder and (holder.pid, holder.url) == (os.getpid(), "http://127.0.0.1:1")


def test_a_released_folder_is_free_again(tmp_path: Path) -> None:
    DataFolder(tmp_path).release()

    assert running(tmp_path) is None
    DataFolder(tmp_path).release()


def test_a_folder_that_never_ran_is_held_by_nobody(tmp_path: Path) -> None:
    assert running(tmp_path) is None
    assert running(tmp_path / "nowhere") is None


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(Misconfigured, match="can't be used"):
        DataFolder(tmp_path / "file" / "data")


@pytest.mark.asvs("13.3.1")
def test_the_signing_key_is_made_once_and_read_by_its_owner_alone(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)

    key = folder.signing_key()

    assert folder.signing_key() == key
    assert json.loads(key)["crv"] == "Ed25519" and json.loads(key)["d"]
    path = tmp_path / "secrets" / "signing-key.json"
    assert is_private(path) and stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_half_of_a_key_that_a_crash_left_is_not_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "key.part").write_text("half of")

    assert secret_file(tmp_path / "secrets" / "key.json", lambda: "a whole one") == "a whole one"
