"""A film goes up, the server is killed while it works on it, and in the end every player has what it asks for."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import psutil
from tests.gateway.test_sockets import opened
from tests.harness import Person, Server
from tests.services.media.video.films import H264, TONE, make
from tests.waiting import eventually, until

FILES = "/v1/media/files"
WORKER = "kaif.services.media.work.worker"


def workers_of(server: Server) -> list[psutil.Process]:
    return [child for child in psutil.Process(server.pid).children() if WORKER in child.cmdline()]


def played(url: str) -> list[dict[str, Any]]:
    """The streams that another libav finds at an address, without a complaint, and how many packets each has."""
    asked = ["ffprobe", "-v", "error", "-of", "json", "-count_packets", "-show_streams", url]
    done = subprocess.run(asked, check=True, capture_output=True, text=True)
    assert not done.stderr, done.stderr
    streams: list[dict[str, Any]] = json.loads(done.stdout)["streams"]
    return streams


async def test_a_film_survives_the_server_and_plays_in_every_size(tmp_path: Path) -> None:
    picture = ("-f", "lavfi", "-i", "testsrc2=size=640x480:rate=5:duration=10")
    film = make(tmp_path / "film.mov", *picture, *TONE, *H264, "-c:a", "aac").read_bytes()
    server = Server(tmp_path / "server")
    await server.start()
    anna = Person(server.url, "owner")
    await anna.set_up(server.setup_code)
    boris = await Person(server.url, "boris").register()

    async with opened(server, anna) as socket, opened(server, boris) as other:
        answer = await anna.http.post(FILES, content=film, headers={"content-type": "video/quicktime"})
        media = answer.json()
        assert (media["kind"], media["state"], media["renditions"]) == ("video", "working", ["poster"]), answer.text
        place = f"{FILES}/{media['id']}"

        async def has(rendition: str) -> bool:
            return rendition in (await anna.get(place))["renditions"]

        async with asyncio.timeout(60):
            while (heard := json.loads(await socket.recv())).get("state") != "ready":
                assert heard["type"] != "media" or heard["media_id"] == media["id"]
        other_heard = [json.loads(await other.recv())]
    first = (await anna.http.head(f"/v1/media/{media['id']}/film.mp4")).headers["etag"]
    busy = workers_of(server)
    server.kill()
    await until(lambda: not any(worker.is_running() and worker.status() != "zombie" for worker in busy))
    await server.start()
    await eventually(lambda: has("previews.vtt"), timeout_s=60)

    assert [event["type"] for event in other_heard] == ["hello"]
    assert (await anna.http.head(f"/v1/media/{media['id']}/film.mp4")).headers["etag"] == first
    (link,) = (await anna.post("/v1/media/links", media_ids=[media["id"]]))["links"]
    path = anna.url + link["path"]
    for name, height in (("film.mp4", 480), ("film-360p.mp4", 360), ("hls/0.m3u8", 360), ("hls/1.m3u8", 480)):
        streams = await asyncio.to_thread(played, f"{path}/{name}")
        found = {stream["codec_name"]: stream for stream in streams}
        assert (found["h264"]["height"], found["h264"]["nb_read_packets"]) == (height, "50"), name
        assert "aac" in found
    assert len(await asyncio.to_thread(played, f"{path}/hls/master.m3u8")) == 4
    for name in ("film.mp4", "poster", "hls/master.m3u8", "hls/0.m4s", "previews.vtt", "previews.jpeg", "small"):
        answer = await boris.http.get(f"/v1/media/{media['id']}/{name}")
        assert (answer.status_code, answer.json()["code"]) == (404, "media_not_found"), name
    # What the server had there when it was killed went with the next one to start.
    work = server.data / "work"
    await until(lambda: len([*work.iterdir()]) == 1 and not [*work.glob("*/*/source")])
    await anna.close()
    await boris.close()
    await server.stop()
