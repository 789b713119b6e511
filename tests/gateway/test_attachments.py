"""Files in messages at the edge: a real picture, by HTTP and by the socket, for those in the chat alone."""

import io
from pathlib import Path

import pytest
from PIL import Image
from tests.gateway.conftest import NewPerson
from tests.harness import Person
from tests.services.media.video.films import H264, SHORT, TONE, make
from tests.socketio import stock_client
from tests.waiting import until


def picture() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((320, 200), 80).convert("RGB").save(out, "PNG")
    return out.getvalue()


async def put(person: Person, content: bytes, name: str = "lake.png") -> str:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    answer = await person.http.post("/v1/media/files", content=content, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_a_picture_is_seen_by_those_in_the_chat_at_its_place_and_by_nobody_else(
    anna: Person, boris: Person, new_person: NewPerson
) -> None:
    stranger = await new_person()
    chat_id = await anna.direct_chat(boris)
    content = picture()
    media_id = await put(anna, content)
    path = f"/v1/messaging/chats/{chat_id}/messages"

    answer = await anna.http.post(path, json={"ref": anna.new_ref(), "attachments": [{"media_id": media_id}]})

    assert answer.status_code == 201, answer.text
    (attachment,) = answer.json()["attachments"]
    assert (attachment["kind"], attachment["type"], attachment["name"]) == ("image", "image/png", "lake.png")
    assert attachment["size"] == len(content) and "text" not in answer.json()
    # The picture, and nothing else that was in its file.
    seen = await boris.http.get(f"/v1/media/{media_id}")
    assert (seen.status_code, seen.headers["content-type"]) == (200, "image/png")
    assert (await anna.http.get(f"/v1/media/{media_id}")).content == content != seen.content
    part = await boris.http.get(f"/v1/media/{media_id}", headers={"range": "bytes=2-9"})
    assert (part.status_code, part.content) == (206, seen.content[2:10])
    assert (await stranger.http.get(f"/v1/media/{media_id}")).status_code == 404
    links = (await boris.post("/v1/media/links", media_ids=[media_id]))["links"]
    assert (await stranger.http.get(links[0]["path"])).content == seen.content
    shared = await boris.get(f"/v1/messaging/chats/{chat_id}/attachments", kind="media")
    assert [entry["seq"] for entry in shared["entries"]] == [answer.json()["seq"]]

    stolen = {"ref": boris.new_ref(), "text": "?", "attachments": [{"media_id": media_id}]}
    refused = await boris.http.post(path, json=stolen)
    assert (refused.status_code, refused.json()["code"]) == (404, "media_not_found")
    seq = answer.json()["seq"]
    deleted = await anna.http.post(f"{path}/delete", json={"seqs": [seq], "for_everyone": True})
    assert deleted.status_code == 204
    # The link stood for boris, who sees it no more.
    assert (await boris.http.get(links[0]["path"])).status_code == 404


async def test_what_is_written_behind_an_album_by_the_socket_comes_behind_it(anna: Person, boris: Person) -> None:
    chat_id = await anna.direct_chat(boris)
    media_id = await put(anna, picture())
    await anna.connect()
    await boris.connect()
    sent = [
        {"type": "send", "chat_id": chat_id, "ref": anna.new_ref(), **more}
        for more in (
            {"text": "До"},
            {"attachments": [{"media_id": media_id, "as": "file"}]},
            {"text": "После"},
            {"text": "?", "attachments": [{"media_id": "0" * 26}]},
            {"text": "Совсем после"},
        )
    ]
    newest = (await boris.get(f"/v1/messaging/chats/{chat_id}"))["seq"]

    await anna.tell(*sent)

    entries = await boris.sees(chat_id, newest + 4)
    assert [entry.get("text", "") for entry in entries[-4:]] == ["До", "", "После", "Совсем после"]
    assert entries[-3]["attachments"][0]["kind"] == "file"
    await until(lambda: bool(anna.refused))
    assert [event["code"] for event in anna.refused.values()] == ["media_not_found"]
    album = {"ref": sent[1]["ref"], "attachments": sent[1]["attachments"]}
    again = await anna.post(f"/v1/messaging/chats/{chat_id}/messages", **album)
    assert again["seq"] == newest + 2


async def test_a_real_film_is_sent_while_it_is_worked_on_and_the_log_says_when_it_plays_for_everyone(
    anna: Person, boris: Person, tmp_path: Path
) -> None:
    chat_id = await anna.direct_chat(boris)
    where = ["-metadata", "location=+55.7558+037.6173/"]
    film = make(tmp_path / "film.mp4", *SHORT, *TONE, *H264, *where).read_bytes()
    assert b"loci" in film
    media_id = await put(anna, film, "film.mp4")
    await boris.connect()
    newest = (await boris.get(f"/v1/messaging/chats/{chat_id}"))["seq"]

    attachments = [{"media_id": media_id}]
    sent = await anna.post(f"/v1/messaging/chats/{chat_id}/messages", ref=anna.new_ref(), attachments=attachments)

    assert (sent["attachments"][0]["kind"], sent["attachments"][0]["shown"]["width"]) == ("video", 160)
    # Unless it was ready before it was sent, the log says it once.
    if sent["attachments"][0]["state"] == "working":
        entry = (await boris.sees(chat_id, newest + 2, timeout_s=60))[-1]
        assert (entry["kind"], entry["target"]) == ("renewed", sent["seq"])
        assert entry["message"]["attachments"][0]["state"] == "ready"
    assert (await boris.http.get(f"/v1/media/{media_id}/film.mp4")).status_code == 200
    # Where it was taken is the sender's alone.
    seen, own = [await person.http.get(f"/v1/media/{media_id}") for person in (boris, anna)]
    assert (seen.status_code, seen.headers["content-type"]) == (200, "video/mp4")
    assert b"ftyp" in seen.content and b"loci" not in seen.content and own.content == film


async def test_a_socket_io_client_sends_files_and_is_answered_once_for_each_time(anna: Person, boris: Person) -> None:
    chat_id = await anna.direct_chat(boris)
    attachments = [{"media_id": await put(anna, picture()), "spoiler": True}]
    async with stock_client(anna.url, anna.access_token) as client:
        await client.hears("connect")

        answer = await client.ask("send", chat_id=chat_id, ref="album", attachments=attachments)
        again = await client.ask("send", chat_id=chat_id, ref="album", attachments=attachments)

    assert answer == again
    assert answer["ok"] and answer["entry"]["attachments"][0]["spoiler"]


@pytest.mark.asvs("5.4.1")
async def test_the_same_bytes_are_shown_under_the_name_that_each_sender_gave_them(anna: Person, boris: Person) -> None:
    chat_id = await anna.direct_chat(boris)
    path = f"/v1/messaging/chats/{chat_id}/messages"
    content = b"We agree on everything. " * 20
    ids = [await put(anna, content, name) for name in ("draft.pdf", "final contract.pdf")]

    for media_id in ids:
        given = {"ref": anna.new_ref(), "attachments": [{"media_id": media_id}]}
        assert (await anna.http.post(path, json=given)).status_code == 201

    shared = (await boris.get(f"/v1/messaging/chats/{chat_id}/attachments", kind="file"))["entries"]
    named = [(one["attachments"][0]["media_id"], one["attachments"][0]["name"]) for one in shared]
    # The chat is that of all these tests: the newest come first.
    assert named[:2] == [(ids[1], "final contract.pdf"), (ids[0], "draft.pdf")]
    saved = await boris.http.get(f"/v1/media/{ids[1]}")
    assert (saved.content, saved.headers["content-disposition"]) == (
        content,
        "attachment; filename=\"final contract.pdf\"; filename*=UTF-8''final%20contract.pdf",
    )
