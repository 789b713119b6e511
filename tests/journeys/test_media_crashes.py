"""The server and its workers die in the middle of everything that media does; what was acknowledged is whole."""

import asyncio
import contextlib
import hashlib
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import psutil
import pytest
import pyvips
from tests.harness import Person, Server, running_server
from tests.journeys.test_uploads import opened
from tests.services.media.video.films import H264, TONE, make
from tests.waiting import eventually

from kaif.kernel.clock import DAY_US

KILLS = 6
LIVES_S = (0.4, 1.2)
# Above the two that are worked on at once, so that some wait.
FILMS = 4
RETRY_S = 0.05
# Of small machines, under the load of a whole suite.
DONE_WITHIN_S = 90

Content = Callable[[], bytes]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    small = ("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=5:duration=2")
    return make(tmp_path_factory.mktemp("film") / "film.mp4", *small, *TONE, *H264, "-c:a", "aac").read_bytes()


class Uploader:
    """Sends one file after another, and looks at what it has; knows what was acknowledged."""

    def __init__(self, anna: Person) -> None:
        self._http, self.acknowledged = anna.http, dict[str, str]()
        self.pictures, self.films = list[str](), list[str]()

    async def send(self, content: bytes, ids: list[str] | None = None) -> None:
        """Until somebody says that it is there."""
        while True:
            with contextlib.suppress(httpx.TransportError):
                answer = await self._http.post("/v1/media/files", content=content)
                if answer.status_code == 201:
                    break
                assert answer.status_code in (400, 503), answer.text
            await asyncio.sleep(RETRY_S)
        media_id = str(answer.json()["id"])
        self.acknowledged[media_id] = hashlib.sha256(content).hexdigest()
        if ids is not None:
            ids.append(media_id)

    async def send_files(self) -> None:
        while True:
            await self.send(secrets.token_bytes(random.randint(1, 6 << 20)))

    async def send_pictures(self) -> None:
        while True:
            noise = pyvips.Image.gaussnoise(700, 500, seed=random.getrandbits(30)).cast("uchar")
            await self.send(bytes(noise.jpegsave_buffer()), self.pictures)

    async def send_films(self, film: bytes) -> None:
        for _ in range(FILMS):
            # A box that players pass over makes another film of it.
            await self.send(film + b"\0\0\0\x18free" + secrets.token_bytes(16), self.films)

    async def look(self) -> None:
        """At sizes that are made when they are asked for."""
        while True:
            with contextlib.suppress(httpx.TransportError):
                for media_id in self.pictures[-5:]:
                    await self._http.get(f"/v1/media/{media_id}/{random.choice(('small', 'medium', 'w320'))}")
            await asyncio.sleep(RETRY_S)


@contextlib.asynccontextmanager
async def busy(uploader: Uploader, film: bytes) -> AsyncIterator[None]:
    endless: list[Awaitable[None]] = [
        *(uploader.send_files() for _ in range(3)),
        uploader.send_pictures(),
        uploader.look(),
    ]
    tasks = [asyncio.ensure_future(work) for work in endless]
    films = asyncio.create_task(uploader.send_films(film))
    yield
    await films
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(ended, asyncio.CancelledError), ended


def kill_a_worker(server: Server) -> None:
    with contextlib.suppress(psutil.NoSuchProcess, IndexError):
        random.choice(psutil.Process(server.pid).children(recursive=True)).kill()


async def test_kills_in_the_middle_of_everything_lose_and_leave_nothing(tmp_path: Path, film: bytes) -> None:
    async with running_server(tmp_path, KAIF_MEDIA_FILMS="2") as server:
        anna = await Person(server.url, "anna").set_up(server.setup_code)
        uploader = Uploader(anna)
        async with busy(uploader, film):
            for _ in range(KILLS):
                await asyncio.sleep(random.uniform(*LIVES_S))
                kill_a_worker(server)
                await asyncio.sleep(random.uniform(*LIVES_S) / 2)
                server.kill()
                await server.restart()

        async def films_are_done() -> bool:
            films = [await anna.get(f"/v1/media/files/{media_id}") for media_id in uploader.films]
            assert "failed" not in {film["state"] for film in films}
            return len(films) == FILMS and all("previews.vtt" in film["renditions"] for film in films)

        await eventually(films_are_done, DONE_WITHIN_S)
        for media_id, sha256 in uploader.acknowledged.items():
            answer = await anna.http.get(f"/v1/media/{media_id}")
            assert hashlib.sha256(answer.content).hexdigest() == sha256
        names = [(media_id, "small") for media_id in uploader.pictures]
        names += [(media_id, name) for media_id in uploader.films for name in ("film.mp4", "poster", "hls/master.m3u8")]
        for media_id, name in names:
            answer = await anna.http.get(f"/v1/media/{media_id}/{name}")
            assert answer.status_code == 200 and answer.content, (name, answer.status_code)
        await anna.close()
    assert len(uploader.acknowledged) > KILLS and uploader.pictures
    assert not list((server.data / "work").glob("work-*"))
    async with opened(server, tmp_path) as home:
        for _ in range(3):
            await home.come(DAY_US)
        assert await home.rows("media_garbage") == 0
        assert len(await home.stored()) == await home.rows("media_parts") > 0
        objects = await home.rows("media_objects")
        assert objects >= len(uploader.acknowledged)
