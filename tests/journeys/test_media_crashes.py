"""The server and its workers die in the middle of everything that media does; what was acknowledged is whole."""

import asyncio
import contextlib
import hashlib
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import psutil
import pytest
import pyvips
from tests.harness import Person, Server, Split, running_server, running_split
from tests.journeys.test_uploads import HEADERS, opened
from tests.services.media.home import Home, at_home
from tests.services.media.video.films import H264, TONE, looked_at, make
from tests.waiting import eventually, until

from kaif.engines.keys.ring import new_key
from kaif.gateway.tus import PATH
from kaif.kernel.clock import DAY_US

# Of several processes fewer: each of those starts costs as much as a whole server.
KILLS = {"one": 4, "many": 2}
LIVES_S = (0.3, 1.0)
# Above the two that are worked on at once, so that some wait.
FILMS = 3
KINDS = ("pictures", "films")
RETRY_S = 0.05
# Of small machines, under the load of a whole suite.
DONE_WITHIN_S = 90
# Small enough for kills to fall between pieces of a file.
PIECE_BYTES = (100_000, 700_000)

Place = Server | Split


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Of two rungs."""
    small = ("-f", "lavfi", "-i", "testsrc2=size=640x480:rate=5:duration=2")
    return make(tmp_path_factory.mktemp("film") / "film.mp4", *small, *TONE, *H264, "-c:a", "aac").read_bytes()


class Uploader:
    """Sends one file after another, and looks at what it has; knows what was acknowledged."""

    def __init__(self, anna: Person) -> None:
        self._http, self.acknowledged = anna.http, dict[str, str]()
        self.pictures, self.films = list[str](), list[str]()
        self.cuts = 0

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
        """By tus, on from where whoever died had come: never before what it had acknowledged."""
        while True:
            content = secrets.token_bytes(random.randint(1, 6 << 20))
            if place := await self._begin(len(content)):
                await self._send_pieces(place, content)

    async def _begin(self, length: int) -> str:
        with contextlib.suppress(httpx.TransportError):
            answer = await self._http.post(PATH, headers={**HEADERS, "upload-length": str(length)}, content=b"")
            if answer.status_code == 201:
                return answer.headers["location"]
            assert answer.status_code == 503, answer.text
        await asyncio.sleep(RETRY_S)
        return ""

    async def _send_pieces(self, place: str, content: bytes) -> None:
        offset, media_id = 0, ""
        while not media_id:
            try:
                piece = content[offset : offset + random.randint(*PIECE_BYTES)]
                headers = {**HEADERS, "upload-offset": str(offset)}
                answer = await self._http.patch(place, content=piece, headers=headers)
                if answer.status_code != 204:
                    assert answer.status_code in (400, 409, 503), answer.text
                    answer = await self._http.head(place, headers=HEADERS)
                    assert answer.status_code in (200, 503), answer.status_code
            except httpx.TransportError:
                self.cuts += 0 < offset < len(content)
                answer = await self._stand_again(place)
            if answer.status_code in (200, 204):
                assert int(answer.headers["upload-offset"]) >= offset
                offset = int(answer.headers["upload-offset"])
                media_id = answer.headers.get("kaif-media-id", "")
        self.acknowledged[media_id] = hashlib.sha256(content).hexdigest()

    async def _stand_again(self, place: str) -> httpx.Response:
        while True:
            await asyncio.sleep(RETRY_S)
            with contextlib.suppress(httpx.TransportError):
                answer = await self._http.head(place, headers=HEADERS)
                if answer.status_code != 503:
                    return answer

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


class Killer:
    """Kills workers and servers, and knows how many of which it has."""

    def __init__(self, place: Place) -> None:
        self._place, self.killed = place, Counter[str]()

    async def kill_a_worker(self) -> None:
        """One of a kind of which none has died yet, as long as there is such a kind; there is always work."""
        kinds = [kind for kind in KINDS if not self.killed[kind]] or KINDS
        await until(lambda: any(kind in kinds for kind, _ in self._workers()), DONE_WITHIN_S)
        kind, worker = random.choice([one for one in self._workers() if one[0] in kinds])
        worker.kill()
        await until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
        self.killed[kind] += 1

    def _workers(self) -> list[tuple[str, psutil.Process]]:
        media = self._place.media if isinstance(self._place, Split) else self._place
        found = list[tuple[str, psutil.Process]]()
        for child in psutil.Process(media.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                said = child.cmdline()
                if "kaif.services.media.work.worker" in said and child.status() != psutil.STATUS_ZOMBIE:
                    found.append((said[said.index("kaif.services.media.work.worker") + 1], child))
        return found

    async def kill_the_server(self) -> None:
        if isinstance(self._place, Server):
            self._place.kill()
            await self._place.restart()
        else:
            # Who passes things on, and who keeps them.
            self._place.gateway.kill()
            self._place.media.kill()
            await self._place.media.start()
            await self._place.gateway.start()
        self.killed["server"] += 1


async def look_through(anna: Person, uploader: Uploader, folder: Path) -> None:
    """All that was acknowledged, and all that was made of it, decoded."""
    for media_id, sha256 in uploader.acknowledged.items():
        answer = await anna.http.get(f"/v1/media/{media_id}")
        assert hashlib.sha256(answer.content).hexdigest() == sha256
    for media_id in uploader.pictures:
        small = await content_of(anna, f"{media_id}/small")
        picture = pyvips.Image.new_from_buffer(small, "", fail_on="warning")
        assert (picture.width, picture.height) == (200, 200) and picture.deviate() > 10
    for media_id in uploader.films:
        names = sorted(str(name) for name in (await anna.get(f"/v1/media/files/{media_id}"))["renditions"])
        rungs = ["film-360p.mp4", "film.mp4"]
        assert names == [*rungs, "hls/master.m3u8", "poster", "previews.jpeg", "previews.vtt"]
        pieces = [f"hls/{number}.{ending}" for number in range(len(rungs)) for ending in ("m3u8", "m4s")]
        for name in (*rungs, "hls/master.m3u8", *pieces):
            path = folder / media_id / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(await content_of(anna, f"{media_id}/{name}"))
        for name in (*rungs, *(piece for piece in pieces if piece.endswith(".m4s")), "hls/master.m3u8"):
            found = await asyncio.to_thread(looked_at, folder / media_id / name)
            assert "video" in {stream["codec_type"] for stream in found["streams"]}, name
        sheet = await content_of(anna, f"{media_id}/previews.jpeg")
        assert pyvips.Image.new_from_buffer(sheet, "", fail_on="warning").avg() > 0


async def content_of(anna: Person, path: str) -> bytes:
    answer = await anna.http.get(f"/v1/media/{path}")
    assert answer.status_code == 200, (path, answer.text)
    return answer.content


def place_of(request: pytest.FixtureRequest, folder: Path) -> AbstractAsyncContextManager[Place]:
    """One process on SQLite and a folder, or several on PostgreSQL and S3."""
    if request.param == "one":
        return running_server(folder, KAIF_MEDIA_FILMS="2")
    keys = folder / "media-keys"
    keys.write_text(new_key(1))
    urls = (str(request.getfixturevalue(name)) for name in ("migrated_postgres_url", "redis_url", "s3_url"))
    postgres_url, redis_url, s3_url = urls
    return running_split(
        folder,
        postgres_url,
        redis_url,
        KAIF_MEDIA_KEYS=f"file:{keys}",
        KAIF_BLOBS_URL=s3_url,
        KAIF_MEDIA_FILMS="2",
    )


def left_by(place: Place, request: pytest.FixtureRequest, folder: Path) -> AbstractAsyncContextManager[Home]:
    if isinstance(place, Server):
        return opened(place, folder)
    return at_home(folder, request.getfixturevalue("migrated_postgres_url"), request.getfixturevalue("s3_url"))


@pytest.fixture(params=["one", "many"])
def request_of_place(request: pytest.FixtureRequest) -> pytest.FixtureRequest:
    return request


async def test_kills_in_the_middle_of_everything_lose_and_leave_nothing(
    request_of_place: pytest.FixtureRequest, tmp_path: Path, film: bytes
) -> None:
    kills = KILLS[request_of_place.param]
    async with place_of(request_of_place, tmp_path) as place:
        anna = await Person(place.url, "anna").set_up(place.setup_code)
        uploader, killer = Uploader(anna), Killer(place)
        async with busy(uploader, film):
            for _ in range(kills):
                await asyncio.sleep(random.uniform(*LIVES_S))
                await killer.kill_a_worker()
                await asyncio.sleep(random.uniform(*LIVES_S) / 2)
                await killer.kill_the_server()

        async def films_are_done() -> bool:
            files = [await anna.get(f"/v1/media/files/{media_id}") for media_id in uploader.films]
            assert "failed" not in [file["state"] for file in files]
            return len(files) == FILMS and all("previews.vtt" in file["renditions"] for file in files)

        await eventually(films_are_done, DONE_WITHIN_S)
        await look_through(anna, uploader, tmp_path / "seen")
        await anna.close()
    assert killer.killed["server"] == kills == sum(killer.killed[kind] for kind in KINDS)
    assert all(killer.killed[kind] for kind in KINDS)
    assert uploader.cuts > 0 < len(uploader.pictures) and len(uploader.acknowledged) > kills
    assert not await asyncio.to_thread(lambda: [*tmp_path.glob("*/*/work-*")])
    async with left_by(place, request_of_place, tmp_path) as home:
        for _ in range(3):
            await home.come(DAY_US)
        assert await home.rows("media_garbage") == 0
        assert len(await home.stored()) == await home.rows("media_parts") > 0
        assert await home.rows("media_objects") >= len(uploader.acknowledged)
