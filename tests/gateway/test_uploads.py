"""Uploads by tus and in one request: what goes over the wire, by the book and against it."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
from tests.gateway.conftest import NewPerson
from tests.gateway.wire import ask_and_go, exchange
from tests.harness import Person, Server
from tests.services.media.images.files import png
from tests.waiting import eventually

from kaif.gateway.tus import OFFSETS

UPLOADS, FILES = "/v1/media/uploads", "/v1/media/files"
TUS = {"tus-resumable": "1.0.0"}
WRITE = {**TUS, "content-type": OFFSETS.decode()}
PNG = png() + bytes(1000)
KIB, MIB = 1024, 1024 * 1024


def encoded(**metadata: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in metadata.items())


async def create(person: Person, length: int, **headers: str) -> str:
    answer = await person.http.post(UPLOADS, headers={**TUS, "upload-length": str(length), **headers})
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


async def patch(person: Person, place: str, offset: int, content: Any, **headers: str) -> httpx.Response:
    return await person.http.patch(place, content=content, headers={**WRITE, "upload-offset": str(offset), **headers})


async def offset_of(person: Person, place: str) -> int:
    answer = await person.http.head(place, headers=TUS)
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


def head_of(method: str, path: str, person: Person, length: int, **headers: str) -> bytes:
    lines = {"host": "x", "authorization": f"Bearer {person.access_token}", "content-length": str(length), **headers}
    return (
        f"{method} {path} HTTP/1.1\r\n".encode()
        + b"".join(f"{name}: {value}\r\n".encode() for name, value in lines.items())
        + b"\r\n"
    )


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_an_upload_by_the_book(anna: Person) -> None:
    described = await anna.http.options(UPLOADS)
    assert (described.status_code, described.headers["tus-version"]) == (204, "1.0.0")
    place = await create(anna, len(PNG), **{"upload-metadata": encoded(filename="фото.png", filetype="image/png")})

    first = await patch(anna, place, 0, PNG[:100])
    assert (first.status_code, first.headers["upload-offset"], first.headers["tus-resumable"]) == (204, "100", "1.0.0")
    asked = await anna.http.head(place, headers=TUS)
    assert (asked.headers["upload-offset"], asked.headers["upload-length"]) == ("100", str(len(PNG)))
    assert asked.headers["cache-control"] == "no-store" and "upload-expires" in asked.headers
    second = await patch(anna, place, 100, PNG[100:])

    media_id = second.headers["kaif-media-id"]
    media = await anna.get(f"{FILES}/{media_id}")
    assert (media["name"], media["type"], media["kind"], media["size"]) == ("фото.png", "image/png", "image", len(PNG))
    assert (await anna.http.get(f"/v1/media/{media_id}")).content == PNG
    assert (await anna.http.head(place, headers=TUS)).headers["kaif-media-id"] == media_id


async def test_a_body_may_come_with_the_creation_and_in_chunks(anna: Person) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"c" * 10 * KIB

    headers = {**WRITE, "upload-length": str(300 * KIB)}
    answer = await anna.http.post(UPLOADS, headers=headers, content=chunks())

    assert answer.status_code == 201, answer.text
    assert answer.headers["upload-offset"] == str(300 * KIB)
    assert (await anna.http.get(f"/v1/media/{answer.headers['kaif-media-id']}")).content == b"c" * 300 * KIB


async def test_what_has_come_before_a_connection_broke_is_kept_to_the_byte(anna: Person) -> None:
    sent = 3 * MIB + 77
    place = await create(anna, 20 * MIB)
    _, writer = await asyncio.open_connection(*anna.url.removeprefix("http://").split(":"))
    writer.write(head_of("PATCH", place, anna, 20 * MIB, **WRITE, **{"upload-offset": "0"}) + b"a" * sent)
    await writer.drain()
    await asyncio.sleep(0.3)
    writer.transport.abort()

    async def kept() -> bool:
        return await offset_of(anna, place) == sent

    await asyncio.sleep(0.3)
    await eventually(kept)


async def paused(anna: Person) -> tuple[str, asyncio.Event, asyncio.Task[httpx.Response]]:
    """An upload of 10,000 bytes that stands still after 4,000 until it is let go on; and its request."""
    place = await create(anna, 10_000)
    release = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"a" * 4000
        await release.wait()
        yield b"b" * 6000

    sending = asyncio.create_task(patch(anna, place, 0, slowly()))
    await asyncio.sleep(1.6)
    return place, release, sending


async def test_a_sender_who_pauses_has_what_came_written_down(anna: Person) -> None:
    _, release, sending = await paused(anna)
    # By the list of what is unfinished, for to ask the upload itself would take the writing from the sender.
    unfinished = (await anna.get("/v1/media/own-data"))["uploads"]
    release.set()

    assert [upload["received"] for upload in unfinished if upload["length"] == 10_000] == [4000]
    assert (await sending).status_code == 204


async def test_asking_how_far_an_upload_is_takes_it_from_who_held_it(anna: Person) -> None:
    place, release, old = await paused(anna)

    assert await offset_of(anna, place) == 4000
    release.set()
    assert code_of(await old) == (409, "upload_displaced")
    assert (await patch(anna, place, 4000, b"c" * 6000)).status_code == 204


async def test_a_checksum_is_kept_or_the_bytes_are_thrown_away(anna: Person) -> None:
    place = await create(anna, 200)
    good = base64.b64encode(hashlib.sha1(b"a" * 100).digest()).decode()

    assert code_of(await patch(anna, place, 0, b"b" * 100, **{"upload-checksum": f"sha1 {good}"})) == (
        460,
        "checksum_mismatch",
    )
    assert code_of(await patch(anna, place, 0, b"a" * 100, **{"upload-checksum": "crc32 AAAA"}))[0] == 400
    assert await offset_of(anna, place) == 0
    assert (await patch(anna, place, 0, b"a" * 100, **{"upload-checksum": f"sha1 {good}"})).status_code == 204
    assert await offset_of(anna, place) == 100


async def test_termination_leaves_nothing(anna: Person) -> None:
    place = await create(anna, 200)
    await patch(anna, place, 0, b"a" * 100)

    assert (await anna.http.delete(place, headers=TUS)).status_code == 204

    assert (await anna.http.head(place, headers=TUS)).status_code == 404
    assert code_of(await patch(anna, place, 100, b"b")) == (404, "upload_not_found")


async def test_pieces_that_came_side_by_side_become_one_file(anna: Person) -> None:
    described = await anna.http.options(UPLOADS)
    assert "concatenation" in described.headers["tus-extension"].split(",")
    first, second = [await create(anna, 500, **{"upload-concat": "partial"}) for _ in range(2)]
    await patch(anna, second, 0, b"b" * 500)
    await patch(anna, first, 0, b"a" * 100)
    final = {**TUS, "upload-concat": f"final;{anna.url}{first} {second}", "upload-metadata": encoded(filename="ab")}
    assert code_of(await anna.http.post(UPLOADS, headers=final)) == (409, "not_joinable")
    asked = await anna.http.head(first, headers=TUS)
    assert (asked.headers["upload-concat"], asked.headers["upload-offset"]) == ("partial", "100")
    await patch(anna, first, 100, b"a" * 400)

    made = await anna.http.post(UPLOADS, headers=final)

    assert made.status_code == 201, made.text
    answer = await anna.http.get(f"/v1/media/{made.headers['kaif-media-id']}")
    assert answer.content == b"a" * 500 + b"b" * 500
    place = made.headers["location"]
    asked = await anna.http.head(place, headers=TUS)
    assert (asked.headers["upload-concat"], asked.headers["upload-length"]) == (f"final;{first} {second}", "1000")
    assert code_of(await patch(anna, place, 1000, b"c")) == (403, "upload_is_joined")


async def test_a_final_upload_that_makes_no_sense_is_refused(anna: Person) -> None:
    piece = await create(anna, 5, **{"upload-concat": "partial"})
    for concat in ("final;", "final;/elsewhere", f"final;{UPLOADS}/..", f"final;{piece} ".ljust(12_000, "x"), "whole"):
        answer = await anna.http.post(UPLOADS, headers={**TUS, "upload-concat": concat})
        assert code_of(answer)[0] in (400, 431), concat
    headers = {**TUS, "upload-concat": f"final;{piece}", "upload-length": "5"}
    assert code_of(await anna.http.post(UPLOADS, headers=headers)) == (400, "bad_tus_header")
    bodied = {**WRITE, "upload-concat": f"final;{piece}"}
    assert code_of(await anna.http.post(UPLOADS, headers=bodied, content=b"x")) == (403, "upload_is_joined")


async def test_what_is_against_the_protocol_is_refused_in_its_words(anna: Person, boris: Person) -> None:
    place = await create(anna, 200)

    assert code_of(await anna.http.post(UPLOADS, headers={"upload-length": "1"})) == (412, "unsupported_tus_version")
    for length in ("", "-1", "1.5", "9" * 30):
        answer = await anna.http.post(UPLOADS, headers={**TUS, "upload-length": length})
        assert code_of(answer) == (400, "bad_tus_header"), length
        assert answer.headers["tus-resumable"] == "1.0.0"
    for metadata in ("filename %%%", "filename \xff"):
        headers = httpx.Headers({**TUS, "upload-length": "1", "upload-metadata": metadata}, encoding="latin-1")
        assert code_of(await anna.http.post(UPLOADS, headers=headers)) == (400, "bad_tus_header")
    assert code_of(await anna.http.post(UPLOADS, headers={**TUS, "upload-length": "0"})) == (422, "empty_file")
    assert code_of(await anna.http.post(UPLOADS, headers={**TUS, "upload-length": str(1 << 40)}))[0] == 413
    wrong = await patch(anna, place, 7, b"x")
    assert (*code_of(wrong), wrong.json()["offset"]) == (409, "wrong_offset", 0)
    assert code_of(await patch(anna, place, 0, b"x", **{"content-type": "text/plain"})) == (
        415,
        "unsupported_media_type",
    )
    assert code_of(await patch(anna, place, 0, b"x" * 201)) == (409, "beyond_length")
    assert code_of(await patch(boris, place, 0, b"x")) == (404, "upload_not_found")
    assert (await boris.http.head(place, headers=TUS)).status_code == 404
    assert code_of(await patch(anna, UPLOADS + "/..%00", 0, b"x")) == (404, "upload_not_found")
    nobody = await httpx.AsyncClient(base_url=anna.url, trust_env=False).post(UPLOADS, headers=TUS)
    assert code_of(nobody) == (401, "unauthenticated")


async def test_more_than_the_length_in_chunks_is_refused_while_it_still_comes(anna: Person) -> None:
    place = await create(anna, 100)

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b"x" * MIB

    try:
        answer = await patch(anna, place, 0, endless())
        assert code_of(answer) == (409, "beyond_length")
    except httpx.TransportError:
        # It was hung up on for not listening.
        pass
    assert await offset_of(anna, place) == 0


async def test_a_refusal_is_read_although_the_body_is_still_on_its_way(anna: Person) -> None:
    answer = await patch(anna, UPLOADS + "/0123", 0, b"x" * 5 * MIB)

    assert code_of(answer) == (404, "upload_not_found")


async def test_a_client_that_waits_for_leave_gets_it_only_when_its_bytes_are_wanted(anna: Person) -> None:
    place = await create(anna, 5)

    def head(offset: int) -> bytes:
        more = {"upload-offset": str(offset), "expect": "100-continue"}
        return head_of("PATCH", place, anna, 5, **WRITE, **more)

    assert (await exchange(anna.url, head(3))).status == 409
    assert (await exchange(anna.url, head(0), within_s=5)).status == 100


async def test_a_whole_file_in_one_request(anna: Person) -> None:
    headers = {
        "content-disposition": "attachment; filename*=UTF-8''%D1%84%D0%BE%D1%82%D0%BE.png",
        "content-type": "image/png",
    }

    answer = await anna.http.post(FILES, content=PNG, headers=headers)

    assert answer.status_code == 201, answer.text
    assert (answer.json()["name"], answer.json()["type"]) == ("фото.png", "image/png")


async def test_a_whole_file_that_is_refused_or_breaks_off_leaves_nothing(new_person: NewPerson) -> None:
    vera = await new_person()

    assert code_of(await vera.http.post(FILES, content=b"")) == (422, "empty_file")
    refused = await vera.http.post(FILES, content=b"<html>", headers={"content-type": "image/png"})
    assert (*code_of(refused), refused.json()["found"]) == (422, "wrong_type", "text/plain")

    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"

    assert code_of(await vera.http.post(FILES, content=chunks())) == (411, "length_required")
    _, writer = await asyncio.open_connection(*vera.url.removeprefix("http://").split(":"))
    head = (
        f"POST {FILES} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {vera.access_token}\r\ncontent-length: 1000\r\n\r\n"
    )
    writer.write(head.encode() + b"short")
    await writer.drain()
    await asyncio.sleep(0.2)
    writer.transport.abort()

    async def nothing() -> bool:
        return bool((await vera.get("/v1/media/usage"))["used"] == 0)

    await eventually(nothing)


async def test_who_is_gone_before_being_told_to_send_leaves_nothing(server: Server, new_person: NewPerson) -> None:
    vera = await new_person()
    waiting = head_of("POST", FILES, vera, 4 * MIB, expect="100-continue")

    await asyncio.gather(*[ask_and_go(server.url, waiting) for _ in range(10)])

    async def all_answered() -> bool:
        return len(answers_to(server, vera)) == 10

    await eventually(all_answered)
    assert (await vera.get("/v1/media/usage"))["used"] == 0
    assert not [status for status in answers_to(server, vera) if status >= 500]


def answers_to(server: Server, person: Person) -> list[int]:
    log = server.access_log()
    return [line["status"] for line in log if line.get("user_id") == person.id and line["route"] == FILES]


async def test_a_programs_key_opens_what_its_scope_says(anna: Person, server: Server) -> None:
    made = await anna.post("/v1/auth/api-keys", name="reader", scopes=["media.read"], days=7)
    headers = {"authorization": f"Bearer {made['secret']}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, trust_env=False) as program:
        assert (await program.get(FILES)).status_code == 200
        assert code_of(await program.post(FILES, content=b"x")) == (403, "insufficient_scope")
        assert code_of(await program.post(UPLOADS, headers={**TUS, "upload-length": "1"})) == (
            403,
            "insufficient_scope",
        )
