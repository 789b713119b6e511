"""The disk fills up under a running server: it says so, keeps what it promised, and goes on when there is room."""

import asyncio
import json
import resource
from pathlib import Path

import httpx
from tests.disks import SmallDisk
from tests.harness import Person, Server, log_is_whole, people, running_server
from tests.journeys.commands import assert_refused, kaif
from tests.waiting import eventually
from websockets.asyncio.client import connect

LONG = "Озеро. " * 580
TOGETHER = 10
FILL_WITHIN_S = 60


async def test_a_full_disk_refuses_messages_loses_none_and_heals_by_itself(small_disk: SmallDisk) -> None:
    async with running_server(small_disk.folder) as server, people(server, "anna", "boris") as (anna, boris):
        chat_id = await anna.direct_chat(boris)
        stored: dict[str, int] = {}
        refusal = await write_until_refused(anna, chat_id, stored)
        assert refusal.status_code == 503
        assert refusal.json()["code"] == "storage_full"
        assert int(refusal.headers["retry-after"]) >= 1

        assert await refused_by_socket(server, anna, chat_id) == "storage_full"
        await boris.connect()
        assert_holds(await boris.history(chat_id), stored)
        (chat,) = (await boris.get("/v1/messaging/chats"))["chats"]
        assert chat["seq"] == len(await boris.sees(chat_id, chat["seq"]))
        waiting = await boris.send(chat_id, LONG)

        make_space(small_disk, server)
        await eventually(lambda: gets_through(anna, chat_id, stored), timeout_s=30)
        await boris.everything_is_acknowledged()

        log = await boris.history(chat_id)
        assert_holds(log, stored)
        assert [entry.get("ref") for entry in log].count(waiting) == 1
        assert server.complaints().count("Traceback") == 0


async def write_until_refused(person: Person, chat_id: str, stored: dict[str, int]) -> httpx.Response:
    """Many at a time, so that the disk fills in the middle of a group of them."""
    async with asyncio.timeout(FILL_WITHIN_S):
        while True:
            answers = await asyncio.gather(*[write(person, chat_id, stored) for _ in range(TOGETHER)])
            refused = [answer for answer in answers if answer.status_code != 201]
            if refused:
                return refused[0]


async def write(person: Person, chat_id: str, stored: dict[str, int]) -> httpx.Response:
    ref = person.new_ref()
    answer = await person.http.post(f"/v1/messaging/chats/{chat_id}/messages", json={"ref": ref, "text": LONG})
    if answer.status_code == 201:
        stored[ref] = answer.json()["seq"]
    return answer


async def gets_through(person: Person, chat_id: str, stored: dict[str, int]) -> bool:
    return (await write(person, chat_id, stored)).status_code == 201


async def refused_by_socket(server: Server, person: Person, chat_id: str) -> str:
    headers = {"authorization": f"Bearer {person.access_token}"}
    address = server.url.replace("http", "ws", 1) + "/v1/socket"
    async with asyncio.timeout(10), connect(address, additional_headers=headers, proxy=None) as socket:
        await socket.send(json.dumps({"type": "send", "chat_id": chat_id, "ref": "by-socket", "text": LONG}))
        while True:
            event = json.loads(await socket.recv())
            if event["type"] in ("refused", "entry"):
                assert event["ref"] == "by-socket"
                return str(event.get("code"))


def assert_holds(log: list[dict[str, object]], stored: dict[str, int]) -> None:
    log_is_whole(log)
    assert stored.items() <= {entry.get("ref"): entry["seq"] for entry in log}.items()


def make_space(disk: SmallDisk, server: Server) -> None:
    disk.make_space()
    # Where the limit of a file stands in for the disk, the server has its own.
    _, hard = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (hard, hard))


async def test_starting_on_a_full_disk_is_one_sentence(small_disk: SmallDisk) -> None:
    limit = -1 if is_a_disk(small_disk.folder) else 0
    data = small_disk.folder / "data"
    if limit < 0:
        fill(small_disk.folder / "filler")

    assert_refused(await kaif("up", "--data", data, "--port", "0", file_bytes_max=limit))
    small_disk.make_space()
    async with running_server(small_disk.folder) as server:
        assert "Kaif Ozero is running" in server.said()


def is_a_disk(folder: Path) -> bool:
    return folder.is_mount()


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return
