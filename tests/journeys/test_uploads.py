"""Uploads that survive anything: cuts, restarts, kills; with the stock client, and byte by byte."""

import asyncio
import hashlib
import secrets
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
from tests.harness import Person, Server, running_server, running_split
from tests.journeys.cable import Cable, laid_cable
from tests.journeys.commands import kaif
from tests.services.media.home import Home, at_home
from tests.tus import StockUpload, stock_upload
from tests.waiting import until

from kaif.gateway.tus import OFFSETS, PATH
from kaif.kernel.clock import DAY_US

MIB = 1 << 20
HEADERS = {"tus-resumable": "1.0.0", "content-type": OFFSETS.decode()}


def a_file(folder: Path, size: int) -> tuple[Path, str]:
    file = folder / "film.bin"
    content = secrets.token_bytes(size)
    file.write_bytes(content)
    return file, hashlib.sha256(content).hexdigest()


async def reach(upload: StockUpload, cable: Cable, size: int) -> None:
    await until(lambda: cable.sent_bytes >= size, 60)
    assert not upload.events("success"), "it was over before anything could happen to it"


async def test_the_stock_client_gets_200_megabytes_through_five_cuts_and_a_restart(tmp_path: Path) -> None:
    size = 200 * MIB
    file, sha256 = a_file(tmp_path, size)
    async with running_server(tmp_path) as server, laid_cable(server.host, server.port) as cable:
        anna = await Person(server.url, "anna").set_up(server.setup_code)
        cable.delay_s = 0.0002
        async with stock_upload(file, cable.url, anna.access_token) as upload:
            for cut in range(5):
                await reach(upload, cable, (cut + 1) * 28 * MIB)
                cable.cut()
                await asyncio.sleep(0.1)
                cable.mend()
            await reach(upload, cable, 176 * MIB)
            await server.stop()
            await server.restart()

            media_id = await upload.succeeds(120)

        assert cable.sent_bytes - size < 0.02 * size
        media = await anna.get(f"/v1/media/files/{media_id}")
        assert (media["size"], media["sha256"], media["name"]) == (size, sha256, "film.bin")
        answer = await anna.http.get(f"/v1/media/{media_id}")
        assert hashlib.sha256(answer.content).hexdigest() == sha256
        await anna.close()


async def test_the_stock_client_sends_pieces_side_by_side_through_a_cut(tmp_path: Path) -> None:
    file, sha256 = a_file(tmp_path, 30 * MIB)
    async with running_server(tmp_path) as server, laid_cable(server.host, server.port) as cable:
        anna = await Person(server.url, "anna").set_up(server.setup_code)
        cable.delay_s = 0.0005
        async with stock_upload(file, cable.url, anna.access_token, parallelUploads=3) as upload:
            await reach(upload, cable, 12 * MIB)
            cable.cut()
            await asyncio.sleep(0.1)
            cable.mend()
            media_id = await upload.succeeds()

        media = await anna.get(f"/v1/media/files/{media_id}")
        assert (media["size"], media["sha256"], media["name"]) == (30 * MIB, sha256, "film.bin")
        assert (await anna.get("/v1/media/usage"))["used"] == 30 * MIB
        await anna.close()


async def test_a_kill_loses_no_acknowledged_byte_and_leaves_no_orphan(tmp_path: Path) -> None:
    content = secrets.token_bytes(12 * MIB)
    async with running_server(tmp_path) as server:
        anna = await Person(server.url, "anna").set_up(server.setup_code)
        answer = await anna.http.post(PATH, headers={**HEADERS, "upload-length": str(len(content))}, content=b"")
        place, acknowledged = answer.headers["location"], 0
        for killed in range(3):
            sending = asyncio.create_task(send(anna, place, content, acknowledged))
            await asyncio.sleep(0.25 + 0.07 * killed)
            server.kill()
            acknowledged = await sending
            await server.restart()
            kept = int((await anna.http.head(place, headers=HEADERS)).headers["upload-offset"])
            assert kept >= acknowledged
            acknowledged = kept
        while acknowledged < len(content):
            acknowledged = await send(anna, place, content, acknowledged)
        media_id = (await anna.http.head(place, headers=HEADERS)).headers["kaif-media-id"]

        assert (await anna.http.get(f"/v1/media/{media_id}")).content == content
        await anna.close()
    async with opened(server, tmp_path) as home:
        await home.come(DAY_US)
        await home.come(DAY_US)
        assert len(await home.stored()) == await home.rows("media_parts") > 0


async def send(person: Person, place: str, content: bytes, offset: int) -> int:
    """Piece by piece until the end, or until nobody answers; how many bytes were acknowledged."""
    while offset < len(content):
        piece = content[offset : offset + 100_000 + offset % 7919]
        try:
            answer = await person.http.patch(place, content=piece, headers={**HEADERS, "upload-offset": str(offset)})
        except httpx.TransportError:
            return offset
        assert answer.status_code == 204, answer.text
        offset = int(answer.headers["upload-offset"])
    return offset


def opened(server: Server, folder: Path) -> AbstractAsyncContextManager[Home]:
    """What a stopped server has left."""
    data = server.data
    keys = f"file:{data / 'secrets' / 'media-keys'}"
    return at_home(folder, f"sqlite:{data / 'kaif.db'}", f"file:{data / 'blobs'}", KAIF_MEDIA_KEYS=keys)


async def test_separate_processes_pass_an_upload_on_and_deliver_it(
    tmp_path: Path, migrated_postgres_url: str, redis_url: str
) -> None:
    file, sha256 = a_file(tmp_path, 9 * MIB)
    async with running_split(tmp_path, migrated_postgres_url, redis_url) as split:
        anna = await Person(split.url, "anna").set_up(split.setup_code)
        async with stock_upload(file, split.url, anna.access_token, chunkSize=2 * MIB) as upload:
            await until(lambda: upload.progress >= 3 * MIB, 30)
            split.media.kill()
            await split.media.start()
            media_id = await upload.succeeds()

        answer = await anna.http.get(f"/v1/media/{media_id}", headers={"range": "bytes=5000000-"})
        assert answer.status_code == 206
        assert answer.content == file.read_bytes()[5_000_000:]
        assert (await anna.get(f"/v1/media/files/{media_id}"))["sha256"] == sha256
        await anna.close()


async def test_an_operator_rotates_the_keys_of_a_running_server(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        anna = await Person(server.url, "anna").set_up(server.setup_code)
        made = await anna.http.post("/v1/media/files", content=b"from before")

        done = await kaif("media", "rotate-keys", "--data", server.data)

        assert (done.code, done.out) == (0, "Master key 2 is in use: 2 keys were wrapped anew.\n"), done.err
        assert (await anna.http.get(f"/v1/media/{made.json()['id']}")).content == b"from before"
        later = await anna.http.post("/v1/media/files", content=b"from after")
        assert (await anna.http.get(f"/v1/media/{later.json()['id']}")).content == b"from after"
        await anna.close()
