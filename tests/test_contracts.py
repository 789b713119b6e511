"""The rules of the house are enforced: a planted breach of each is caught."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONTRACTS = [
    contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
]

# For each contract, files and a line in each that breaks it.
BREACHES = {
    "The tree reads downwards": [
        ("kernel/ids.py", "from kaif.interfaces.auth import Person"),
        ("interfaces/auth/__init__.py", "from kaif.services.auth import model"),
        ("engines/cache/memory.py", "from kaif.interfaces.messaging import ChatId"),
        ("gateway/hub.py", "from kaif.services.messaging import chat_store"),
        ("services/auth/store.py", "from kaif.app.settings import Settings"),
    ],
    "No service imports another": [
        ("services/messaging/people_store.py", "from kaif.services.auth.store import people")
    ],
    "Inside auth: edge, use cases, storage, rules": [
        ("services/auth/store.py", "from kaif.services.auth.service import AuthService"),
        ("services/auth/factors/enrolments.py", "from kaif.services.auth.factors import service"),
        ("services/auth/passkeys/credentials.py", "from kaif.services.auth import ways_in"),
        ("services/auth/openid/store.py", "from kaif.services.auth.openid.service import OpenIdService"),
        ("services/auth/providers/issuers.py", "from kaif.services.auth.providers import identities"),
        ("services/auth/accounts/people.py", "from kaif.services.auth.letters.links import issue"),
        ("services/auth/letters/writing.py", "from kaif.services.auth.accounts.service import AccountsService"),
    ],
    "Inside auth: topics, and what they all stand on": [
        ("services/auth/letters/writing.py", "from kaif.services.auth.roles import grants"),
        ("services/auth/roles/staff.py", "from kaif.services.auth.operating import directory_store"),
    ],
    "Inside messaging: edge, use cases, storage, rules": [
        ("services/messaging/model.py", "from kaif.services.messaging import chat_store"),
        ("services/messaging/chat_store.py", "from kaif.services.messaging import member_store"),
        ("services/messaging/sending/writers.py", "from kaif.services.messaging.sending.sender import Sender"),
        ("services/messaging/sending/batches.py", "from kaif.services.messaging.routes import ROUTES"),
    ],
    "Inside messaging: topics, and what they all stand on": [
        ("services/messaging/notifications/telling.py", "from kaif.services.messaging.digests import missed"),
        ("services/messaging/entry_store.py", "from kaif.services.messaging.messages import emojis"),
    ],
    "Inside media's pictures: rules, and what a worker does": [
        ("services/media/images/limits.py", "from kaif.services.media.images.loading import Source"),
    ],
    "Inside media's work: the server's side, and the worker's": [
        ("services/media/work/worker.py", "from kaif.services.media.work.films import FilmWorkers"),
    ],
    "What strangers send is decoded by workers alone": [
        ("services/media/work/pool.py", "from kaif.services.media.images.inspecting import inspect"),
        ("services/media/work/films.py", "from kaif.services.media.video.probing import probe"),
        ("services/media/work/turns.py", "import pyvips"),
        ("app/compose.py", "from PIL import Image"),
    ],
    "Inside media: edge, use cases, storage, rules": [
        ("services/media/store.py", "from kaif.services.media.uploads.service import UploadsService"),
    ],
    "Inside media: topics, and what they all stand on": [
        ("services/media/content/parts.py", "from kaif.services.media.uploads import looking"),
        ("services/media/model.py", "from kaif.services.media.content import sealing"),
    ],
    "Inside media's films: use, tracks, reading": [
        ("services/media/video/ladder.py", "from kaif.services.media.video import encoding"),
    ],
    "Drivers live in engines": [
        ("services/messaging/entry_store.py", "import sqlite3"),
        ("gateway/hub.py", "import redis.asyncio"),
        ("app/compose.py", "import asyncpg"),
    ],
    "The client stands alone": [("client/values.py", "from kaif.interfaces.messaging import Entry")],
    "Use cases know no HTTP": [
        ("services/messaging/service.py", "from kaif.kernel.http import post"),
        ("services/auth/model.py", "import httpx"),
        ("services/auth/providers/issuers.py", "from kaif.engines.web.client import HttpxWeb"),
        ("services/auth/factors/service.py", "from kaif.kernel.http import post"),
        ("services/auth/accounts/service.py", "from kaif.kernel.http import post"),
        ("services/auth/openid/service.py", "from kaif.kernel.http import post"),
        ("interfaces/messaging/__init__.py", "from kaif.kernel.http import post"),
    ],
    "The kernel stands on little": [("kernel/remote.py", "import httpx")],
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A repository to spoil."""
    shutil.copytree(ROOT / "src" / "kaif", tmp_path / "src" / "kaif", ignore=_left_out)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def _left_out(folder: str, names: list[str]) -> set[str]:
    """What was built, among it the client."""
    return {"__pycache__"} | ({"web"} if Path(folder).name == "kaif" else set())


def run(copy: Path, tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name(tool), *arguments],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy / "src"), "MYPYPATH": str(copy / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def plant(copy: Path, name: str, line: str) -> None:
    path = copy / "src" / "kaif" / name
    path.write_text(f"{path.read_text()}\n{line}\n")


def broken_contracts(copy: Path) -> list[str]:
    """As the linter lists them."""
    output = run(copy, "lint-imports", "--no-cache").stdout
    # It may add how many imports a contract passes over.
    return re.findall(r"^(.+) BROKEN(?: \(.+\))?$", output, re.MULTILINE)


def test_every_contract_has_a_breach_that_is_tried() -> None:
    assert list(BREACHES) == CONTRACTS


def test_the_house_keeps_its_contracts(copy: Path) -> None:
    assert broken_contracts(copy) == []
    assert run(copy, "lint-imports", "--no-cache").returncode == 0


@pytest.mark.parametrize(
    ("contract", "name", "line"),
    [(contract, name, line) for contract, breaches in BREACHES.items() for name, line in breaches],
)
def test_a_planted_breach_is_caught(copy: Path, contract: str, name: str, line: str) -> None:
    plant(copy, name, line)

    assert contract in broken_contracts(copy)


def test_a_planted_error_of_types_is_caught(copy: Path) -> None:
    plant(copy, "kernel/ids.py", "LENGTH = 'many'\n\n\ndef untyped(x):\n    return x")

    result = run(copy, "mypy", "--no-incremental", "--follow-imports=silent", "src/kaif/kernel/ids.py")

    assert result.returncode == 1
    assert "[assignment]" in result.stdout and "[no-untyped-def]" in result.stdout


@pytest.mark.parametrize(
    "line",
    ["import json", "x = eval('1')", "print(1)", "try:\n    pass\nexcept:\n    pass"],
)
def test_a_planted_error_of_style_is_caught(copy: Path, line: str) -> None:
    plant(copy, "kernel/ids.py", line)

    result = run(copy, "ruff", "check", "--no-cache", "src/kaif/kernel/ids.py")

    assert result.returncode == 1
    assert result.stdout.strip()
