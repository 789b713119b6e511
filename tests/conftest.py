"""Real servers for the tests that need them. A missing one is a failure with the command that mends it."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from tests.disks import SmallDisk, mounted_small_disk
from tests.kms import Kms
from tests.migrated import CleanDatabase, migrate_all
from tests.scratch import write_to_memory
from tests.servers import ClamdServer, MissingServer, PostgresServer, RedisServer, Server

Started = TypeVar("Started", bound=Server)

LONG = (
    "tests/journeys/",
    "tests/gateway/test_bad_input.py::test_schemathesis_finds_no_server_error",
)


def pytest_configure() -> None:
    write_to_memory()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, where all is run: else one processor has nothing to do at the end.

    Workers part the list among them, and whoever is ready takes of the other's end: browsers seldom run side by side.
    """
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
    for item in items:
        if item.nodeid.startswith(LONG):
            item.add_marker("long")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One per test process. A test that stops it must start it again."""
    yield from _running(PostgresServer)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh, empty database."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(params=["sqlite", "postgres"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A test that asks for it runs on each database engine."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'kaif.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """As the one above, with every table: most of a test's time would go into their making."""
    return str(request.getfixturevalue(f"migrated_{request.param}_url"))


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("migrated") / "kaif.db"
    migrate_all(f"sqlite:{file}")
    return file


@pytest.fixture
def migrated_sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    return f"sqlite:{shutil.copy(migrated_file, tmp_path)}"


@pytest.fixture(scope="session")
def clean_database(postgres_server: PostgresServer) -> Iterator[CleanDatabase]:
    database = CleanDatabase(postgres_server)
    yield database
    database.close()


@pytest.fixture
def migrated_postgres_url(clean_database: CleanDatabase) -> Iterator[str]:
    yield clean_database.url
    clean_database.clean()


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    yield from _running(RedisServer)


@pytest.fixture
def redis_url(shared_redis: RedisServer) -> str:
    """An empty Redis."""
    shared_redis.flush()
    return shared_redis.url


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """The test's own, to stop, start, pause and resume."""
    yield from _running(RedisServer)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with mounted_small_disk(tmp_path) as disk:
        yield disk


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    # It takes longer to load than most tests take.
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_url(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    bucket = f"bucket-{os.urandom(6).hex()}"
    httpx.put(f"{s3_endpoint}/{bucket}").raise_for_status()
    return f"s3://{bucket}/kaif?endpoint={s3_endpoint}&region=us-east-1"


@pytest.fixture
def kms(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Kms:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return Kms(s3_endpoint)


@pytest.fixture
def kms_url(kms: Kms) -> str:
    return kms.url


@pytest.fixture(scope="session")
def clamd() -> Iterator[ClamdServer]:
    yield from _running(ClamdServer)


def _running(kind: Callable[[], Started]) -> Iterator[Started]:
    try:
        server = kind()
    except MissingServer as missing:
        pytest.fail(str(missing), pytrace=False)
    yield server
    server.remove()
