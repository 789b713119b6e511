"""Two processes of media, of which one dies in the middle of what follows an upload."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
from tests.harness import Person, Split, running_split
from tests.waiting import until

CONTENT = os.urandom(300_000)
# A dead process is waited for so long, and a machine may be busy.
TAKEN_OVER_WITHIN_S = 60


class Clamd:
    """What a scanner sees: it finds nothing, and keeps whoever asks waiting until it may answer."""

    def __init__(self) -> None:
        self.seen, self.askers = Counter[bytes](), list[int]()
        self.may_answer = asyncio.Event()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if await reader.readuntil(b"\0") == b"zPING\0":
                writer.write(b"PONG\0")
                return
            content = bytearray()
            while length := int.from_bytes(await reader.readexactly(4), "big"):
                content += await reader.readexactly(length)
            self.seen[bytes(content)] += 1
            self.askers.append(writer.get_extra_info("peername")[1])
            await self.may_answer.wait()
            writer.write(b"stream: OK\0")
        finally:
            writer.close()


@asynccontextmanager
async def watched(folder: Path, postgres_url: str, redis_url: str, s3_url: str) -> AsyncIterator[tuple[Split, Clamd]]:
    clamd = Clamd()
    server = await asyncio.start_server(clamd.answer, "127.0.0.1", 0)
    url = "tcp://{}:{}".format(*server.sockets[0].getsockname())
    try:
        async with running_split(
            folder, postgres_url, redis_url, medias=2, KAIF_BLOBS_URL=s3_url, KAIF_CLAMD=url
        ) as split:
            yield split, clamd
    finally:
        server.close()


async def send(anna: Person) -> str:
    answer = await anna.http.post("/v1/media/files", content=CONTENT, timeout=TAKEN_OVER_WITHIN_S)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_what_follows_an_upload_is_done_once_by_two_processes(
    tmp_path: Path, migrated_postgres_url: str, redis_url: str, s3_url: str
) -> None:
    async with watched(tmp_path, migrated_postgres_url, redis_url, s3_url) as (split, clamd):
        anna = await Person(split.url, "anna").set_up(split.setup_code)
        sending = asyncio.ensure_future(send(anna))
        await until(lambda: bool(clamd.seen))
        # So long that each process is asked again and again.
        await asyncio.sleep(12)
        clamd.may_answer.set()
        media_id = await sending

        assert (await anna.http.get(f"/v1/media/{media_id}")).content == CONTENT
        assert clamd.seen == {CONTENT: 1}
        await anna.close()


async def test_what_follows_an_upload_is_done_by_the_other_when_one_is_killed(
    tmp_path: Path, migrated_postgres_url: str, redis_url: str, s3_url: str
) -> None:
    async with watched(tmp_path, migrated_postgres_url, redis_url, s3_url) as (split, clamd):
        anna = await Person(split.url, "anna").set_up(split.setup_code)
        sending = asyncio.ensure_future(send(anna))
        await until(lambda: bool(clamd.askers))
        (killed,) = [
            media
            for media in split.medias
            if clamd.askers[0] in {one.laddr.port for one in psutil.Process(media.pid).net_connections()}
        ]

        killed.kill()
        clamd.may_answer.set()
        media_id = await sending

        assert (await anna.http.get(f"/v1/media/{media_id}")).content == CONTENT
        assert clamd.seen == {CONTENT: 2}
        await anna.close()
