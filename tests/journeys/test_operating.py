"""What an operator does with a server: start, stop, save, bring back, look whether it is well."""

import asyncio
import os
import signal
import sqlite3
import tarfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.harness import PASSWORD, Person, Server, is_ready, log_is_whole, people, running_server
from tests.journeys.commands import assert_refused, kaif
from tests.waiting import until

from kaif.app.archive import PENDING, stage
from kaif.app.settings import Misconfigured

STOP_WITHIN_S = 5
COMMANDS = ["up", "serve", "backup", "restore", "demo", "doctor", "password-link", "keys", "openapi"]


# Stopping


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_a_stop_under_load_is_quick_and_loses_nothing(tmp_path: Path, how: signal.Signals) -> None:
    async with running_server(tmp_path) as server, people(server, "anna", "boris") as (anna, boris):
        chat_id = await anna.direct_chat(boris)
        for person in (anna, boris):
            await person.connect()
        async with talking(anna, chat_id) as sent:
            await asyncio.sleep(0.5)
            await stopped_by(server, how)
            acknowledged = dict(anna.acknowledged)
            await server.restart()
        await anna.everything_is_acknowledged()

        log = await boris.history(chat_id)
        log_is_whole(log)
        by_ref = {entry["ref"]: entry["seq"] for entry in log if entry["kind"] == "message"}
        assert acknowledged
        assert {ref: entry["seq"] for ref, entry in acknowledged.items()}.items() <= by_ref.items()
        assert by_ref.keys() == sent
        assert 1001 in anna.closed_with
        assert not server.complaints()


async def stopped_by(server: Server, how: signal.Signals) -> None:
    started = time.monotonic()
    os.kill(server.pid, how)
    # Asks once more, as an impatient operator does, and checks the exit code.
    await server.stop()
    assert time.monotonic() - started < STOP_WITHIN_S


@asynccontextmanager
async def talking(person: Person, chat_id: str) -> AsyncIterator[set[str]]:
    """Someone who goes on sending; gives the references of what was sent."""
    sent: set[str] = set()

    async def talk() -> None:
        while True:
            sent.add(await person.send(chat_id, "Раз, два"))
            await asyncio.sleep(0.002)

    task = asyncio.create_task(talk())
    try:
        yield sent
    finally:
        task.cancel()
        await asyncio.wait([task])


# Refusing to start


async def test_a_folder_serves_one_server_at_a_time(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        done = await kaif("up", "--data", server.data, "--port", "0")
        assert_refused(done, str(server.data), str(server.pid))
        await is_ready(server.url)


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        done = await kaif("up", "--data", tmp_path / "other", "--host", server.host, "--port", str(server.port))
        assert_refused(done, str(server.port), "--port")


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    in_the_way = tmp_path / "in the way"
    in_the_way.touch()

    assert_refused(await kaif("up", "--data", in_the_way / "data", "--port", "0"), str(in_the_way))


async def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)

    assert_refused(await kaif("up", "--data", closed, "--port", "0"), str(closed))


async def test_a_folder_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        pass
    with closing(sqlite3.connect(server.data / "kaif.db")) as database, database:
        database.execute("INSERT INTO migrations VALUES ('messaging', 9999, 'from_the_future', 'checksum', 0)")

    assert_refused(await kaif("up", "--data", server.data, "--port", "0"), "newer")


async def test_a_damaged_database_is_no_traceback(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        pass
    (server.data / "kaif.db").write_bytes(b"no database at all" * 1000)

    assert_refused(await kaif("up", "--data", server.data, "--port", "0"))


@pytest.mark.parametrize(
    ("arguments", "settings", "named"),
    [
        (["up"], {"KAIF_LIMITS_SCALE": "many"}, "KAIF_LIMITS_SCALE"),
        (["up"], {"KAIF_TRUSTED_PROXIES": "the proxy"}, "KAIF_TRUSTED_PROXIES"),
        (["up"], {"KAIF_METRICS_TOKEN_FILE": "/does/not/exist"}, "KAIF_METRICS_TOKEN_FILE"),
        (["up"], {"KAIF_SIGNING_KEY": "no key"}, "kaif keys"),
        (["up"], {"KAIF_DATABASE_URL": "mysql://localhost/kaif"}, "KAIF_DATABASE_URL"),
        (["up"], {"KAIF_CACHE_URL": "memcached://localhost"}, "KAIF_CACHE_URL"),
        (["up"], {"KAIF_MAIL_URL": "pigeon://post"}, "KAIF_MAIL_URL"),
        (["up", "--host", "no.such.host.invalid"], {}, "no.such.host.invalid"),
        (["serve", "gateway"], {}, "KAIF_DATABASE_URL"),
        (["serve", "gateway"], {"KAIF_DATABASE_URL": "postgresql://x/y"}, "KAIF_CACHE_URL"),
    ],
)
async def test_a_broken_setting_is_named(
    tmp_path: Path, arguments: list[str], settings: dict[str, str], named: str
) -> None:
    port = "1" if arguments[0] == "serve" else "0"
    assert_refused(await kaif(*arguments, "--port", port, "--data", tmp_path / "data", settings=settings), named)


# Saving and bringing back


async def everything_of(*those: Person) -> list[Any]:
    """All that each person can read."""
    all_of_it: list[Any] = []
    for person in those:
        chats = (await person.get("/v1/messaging/chats"))["chats"]
        all_of_it.append((await person.get("/v1/auth/me"), chats, [await person.history(c["id"]) for c in chats]))
    return all_of_it


async def test_a_backup_under_load_restores_into_another_folder(tmp_path: Path) -> None:
    archive = tmp_path / "backup.tar.gz"
    async with running_server(tmp_path / "one") as server, people(server, "anna", "boris") as (anna, boris):
        chat_id = await anna.direct_chat(boris)
        await boris.group("Берег", anna)
        await anna.connect()
        async with talking(anna, chat_id):
            await asyncio.sleep(0.3)
            before = await boris.history(chat_id)
            done = await kaif("backup", archive, "--data", server.data)
        assert done.code == 0, done.err
        await anna.everything_is_acknowledged()
        original = await boris.history(chat_id)
    assert archive.stat().st_mode & 0o077 == 0

    other = Server(tmp_path / "two")
    assert (await kaif("restore", archive, "--data", other.data)).code == 0
    async with running_server(tmp_path / "two") as restored, returned(restored, "anna", "boris") as those:
        for person in those:
            log = await person.history(chat_id)
            log_is_whole(log)
            assert len(before) <= len(log)
            assert log == original[: len(log)]
        assert [len(chats) for _, chats, _ in await everything_of(*those)] == [2, 2]


@asynccontextmanager
async def returned(server: Server, *names: str) -> AsyncIterator[list[Person]]:
    """People who have accounts already."""
    those = [Person(server.url, name) for name in names]
    try:
        for person in those:
            await person.log_in()
        yield those
    finally:
        for person in those:
            await person.close()


async def test_a_restore_into_the_running_server_brings_everything_back(tmp_path: Path) -> None:
    archive = tmp_path / "backup.tar.gz"
    async with running_server(tmp_path) as server, people(server, "anna", "boris") as (anna, boris):
        chat_id = await anna.direct_chat(boris)
        await anna.post_message(chat_id, "Это останется")
        saved = await everything_of(anna, boris)
        assert (await kaif("backup", archive, "--data", server.data)).code == 0
        await boris.post_message(chat_id, "Это забудется")

        done = await kaif("restore", archive, "--data", server.data)
        assert done.code == 0, done.err
        await restarted(server)

        # Tokens from before hold: the signing key came back with the rest.
        assert await everything_of(anna, boris) == saved
        await anna.connect()
        await anna.send(chat_id, "И пишется дальше")
        await anna.everything_is_acknowledged()
        kept = [path for path in server.data.iterdir() if path.name.startswith("before-restore-")]
        assert len(kept) == 1 and (kept[0] / "kaif.db").exists()


async def restarted(server: Server) -> None:
    """The same process starts again by itself; it says so."""
    await until(lambda: server.said().count("Kaif Ozero is running") == 2, timeout_s=20)
    await is_ready(server.url)


async def test_a_restore_that_was_interrupted_halfway_goes_on_at_the_next_start(tmp_path: Path) -> None:
    archive = tmp_path / "backup.tar.gz"
    async with running_server(tmp_path) as server, people(server, "anna", "boris") as (anna, boris):
        await anna.post_message(await anna.direct_chat(boris), "Это останется")
        saved = await everything_of(anna, boris)
        assert (await kaif("backup", archive, "--data", server.data)).code == 0
        await server.stop()
        await asyncio.to_thread(stage, server.data, archive)
        for file in server.data.glob("kaif.db*"):
            file.unlink()
        (server.data / PENDING / "kaif.db").rename(server.data / "kaif.db")

        await server.restart()

        assert await everything_of(anna, boris) == saved
        assert not (server.data / PENDING).exists()


async def test_restarts_that_are_asked_for_while_it_starts_are_heeded(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        for _ in range(8):
            os.kill(server.pid, signal.SIGHUP)
            await asyncio.sleep(0.15)

        await is_ready(server.url)


def test_a_link_in_a_backup_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "backup.tar.gz", "w:gz") as archive:
        link = tarfile.TarInfo("blobs/link")
        link.type, link.linkname = tarfile.SYMTYPE, "elsewhere"
        archive.addfile(link)

    with pytest.raises(Misconfigured):
        stage(tmp_path / "data", tmp_path / "backup.tar.gz")


def spoil_nothing(archive: Path) -> None:
    archive.write_bytes(b"")


def spoil_half(archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])


def spoil_a_byte(archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 0xFF
    archive.write_bytes(content)


def spoil_the_checksum(archive: Path) -> None:
    """All is there, but what is there is not what was written."""
    content = bytearray(archive.read_bytes())
    content[-8] ^= 0xFF
    archive.write_bytes(content)


def spoil_the_kind(archive: Path) -> None:
    with tarfile.open(archive, "w:gz") as empty:
        empty.add(__file__, "something else")


@pytest.mark.parametrize("spoil", [spoil_nothing, spoil_half, spoil_a_byte, spoil_the_checksum, spoil_the_kind])
async def test_a_spoilt_backup_is_refused_and_nothing_changes(tmp_path: Path, spoil: Any) -> None:
    archive = tmp_path / "backup.tar.gz"
    async with running_server(tmp_path) as server, people(server, "anna", "boris") as (anna, boris):
        await anna.post_message(await anna.direct_chat(boris), "На месте")
        assert (await kaif("backup", archive, "--data", server.data)).code == 0
        spoil(archive)
        await until((server.data / "audit" / "anchors.jsonl").exists)
        before, files = await everything_of(anna, boris), files_in(server.data)

        assert_refused(await kaif("restore", archive, "--data", server.data), str(archive))

        assert await everything_of(anna, boris) == before
        assert files_in(server.data) == files
        assert server.said().count("Kaif Ozero is running") == 1


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


async def test_a_backup_of_nothing_is_refused(tmp_path: Path) -> None:
    assert_refused(await kaif("backup", tmp_path / "b.tar.gz", "--data", tmp_path / "nothing"), "nothing")
    assert files_in(tmp_path) == set()


# A look at it


async def test_the_demo_leaves_two_weeks_behind_for_the_first_start(tmp_path: Path) -> None:
    server = Server(tmp_path)
    demo = await kaif("demo", "--data", server.data)
    assert demo.code == 0, demo.err
    username, _, rest = demo.out.strip().partition(" as ")[2].partition(", or as the operator ")
    operator, _, password = rest.partition(", with the password ")

    await server.start()
    try:
        anna, hostess = await visitor(server, username, password), await visitor(server, operator, password)
        chats = (await anna.get("/v1/messaging/chats", limit=100))["chats"]
        ages = [time.time() - datetime.fromisoformat(chat["created_at"]).timestamp() for chat in chats]
        assert {chat["kind"] for chat in chats} == {"direct", "group", "channel", "saved"}
        assert max(ages) > 10 * 86_400 and min(ages) > 3600
        assert all(chat["avatar"] for chat in chats if chat["kind"] in ("group", "channel"))
        faces = {person["id"]: person["avatar"] for chat in chats for person in chat["people"]}
        assert None in faces.values() and len(set(faces.values())) > 15
        (picture,) = [chat["avatar"] for chat in chats if chat["title"] == "Выходные на Круглом"]
        assert (await anna.http.get(f"/v1/media/{picture}")).headers["content-type"] == "image/jpeg"
        assert any(chat["unread"] for chat in chats) and any(chat["topics"] for chat in chats)
        assert len((await anna.get("/v1/messaging/folders"))["folders"]) == 3
        assert (await anna.get("/v1/messaging/drafts"))["drafts"]
        assert len((await anna.get("/v1/messaging/scheduled"))["messages"]) == 1
        assert (await anna.get("/v1/messaging/reminders"))["reminders"]
        assert len((await hostess.get("/v1/messaging/reports"))["reports"]) == 2
        assert counted(server.data, "messaging_join_requests") == 1
        carried = []
        for chat in chats:
            log = await anna.history(chat["id"])
            carried += [file for entry in log for file in entry.get("attachments", [])]
            assert [entry["seq"] for entry in log] == list(range(1, len(log) + 1))
            assert [entry["at"] for entry in log] == sorted(entry["at"] for entry in log)
        assert {file["kind"] for file in carried} == {"image", "video", "voice", "file"}
        assert {file["state"] for file in carried} == {"ready"}
        seen = await anna.http.get(f"/v1/media/{carried[0]['media_id']}")
        assert seen.status_code == 200 and len(seen.content) == carried[0]["size"]
        assert counted(server.data, "outbox_parked") == 0
        assert_refused(await kaif("demo", "--data", server.data), "already in use")
    finally:
        await server.close()
        await anna.close()
        await hostess.close()
    before = counted(server.data, "messaging_entries")
    assert_refused(await kaif("demo", "--data", server.data), "People live here already")
    assert counted(server.data, "messaging_entries") == before


async def visitor(server: Server, username: str, password: str) -> Person:
    person = Person(server.url, username)
    answer = await person.http.post("/v1/auth/login", json={"login": username, "password": password})
    assert answer.is_success, answer.text
    person.keep(answer.json())
    return person


def counted(data: Path, what: str) -> int:
    with closing(sqlite3.connect(data / "kaif.db")) as database:
        return int(database.execute(f"SELECT count(*) FROM {what}").fetchone()[0])


async def test_the_doctor_finds_a_running_server_well(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        done = await kaif("doctor", "--data", server.data)

    assert done.code == 0, done.out
    assert f"running at {server.url}" in done.out
    assert "✗" not in done.out


async def test_the_doctor_says_what_is_wrong_and_how_to_mend_it(tmp_path: Path) -> None:
    nothing = await kaif("doctor", "--data", tmp_path / "nothing")
    assert nothing.code == 1 and "kaif up" in nothing.out

    async with running_server(tmp_path) as server:
        pass
    (server.data / "secrets" / "signing-key.json").chmod(0o644)
    assert "chmod 600" in (await kaif("doctor", "--data", server.data)).out
    (server.data / "kaif.db").write_bytes(b"no database at all" * 1000)
    damaged = await kaif("doctor", "--data", server.data)
    assert damaged.code == 1 and "kaif restore" in damaged.out
    for done in (nothing, damaged):
        assert "Traceback" not in done.err


async def test_every_command_explains_itself() -> None:
    overview = await kaif("--help")
    assert overview.code == 0
    for command, done in zip(
        COMMANDS, await asyncio.gather(*[kaif(command, "--help") for command in COMMANDS]), strict=True
    ):
        assert f"  {command} " in overview.out
        assert done.code == 0 and f" {command} " in done.out.splitlines()[0], done.out
        assert not done.err


async def test_an_account_works_after_the_server_was_set_up_by_its_link(tmp_path: Path) -> None:
    async with running_server(tmp_path, KAIF_SETUP_CODE="") as server:
        code = server.said().split("/setup#")[1].split()[0]
        assert len(code) >= 24
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
            account = {"username": "anna", "email": "anna@example.org", "password": PASSWORD}
            wrong = await http.post("/v1/auth/setup", json={"code": "guess", **account})
            right = await http.post("/v1/auth/setup", json={"code": code, **account})
            again = await http.post("/v1/auth/setup", json={"code": code, **account, "username": "eve"})
        assert [answer.status_code for answer in (wrong, right, again)] == [403, 201, 403]


@pytest.mark.asvs("6.4.3")
async def test_whoever_has_the_machine_gives_an_owner_without_letters_a_new_password(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, people(server, "anna"):
        done = await kaif("password-link", "anna", "--data", server.data)
        assert done.code == 0 and done.out.startswith(f"{server.url}/reset#"), done
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
            new = {"token": done.out.strip().partition("#")[2], "password": "a quiet lake and two boats"}
            reset = await http.post("/v1/auth/password/reset", json=new)
            signed_in = await http.post("/v1/auth/login", json={"login": "anna", "password": new["password"]})
        assert (reset.status_code, signed_in.status_code) == (204, 200)
        assert (await kaif("audit", "verify", "--data", server.data)).code == 0

    assert_refused(await kaif("password-link", "nobody", "--data", server.data), "person_not_found")
    assert_refused(await kaif("password-link", "anna", "--data", tmp_path / "elsewhere"), "secrets")
