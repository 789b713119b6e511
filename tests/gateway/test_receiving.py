"""Large bodies, of which the kernel reads the most where no parser sees it: the edge of each is where it was said."""

import asyncio
import hashlib
import random
from urllib.parse import urlsplit

import pytest
from tests.gateway.test_uploads import FILES, MIB, TUS, WRITE, create, head_of, offset_of
from tests.harness import Person

CONTENT = random.Random(7).randbytes(9 * MIB + 11)
GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def connected(person: Person) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(person.url)
    return await asyncio.open_connection(address.hostname, address.port)


async def answered(reader: asyncio.StreamReader) -> bytes:
    return await asyncio.wait_for(reader.read(), 20)


async def test_what_follows_a_body_on_its_connection_is_a_request_of_its_own(anna: Person) -> None:
    reader, writer = await connected(anna)

    # A body that looks like a request is none, and a request that follows at once is no body.
    for content in (CONTENT, GET * 40_000):
        writer.write(head_of("POST", FILES, anna, len(content)) + content + GET)
    writer.write(LAST)
    said = await answered(reader)

    statuses = [int(part[:3]) for part in said.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [201, 200, 201, 200, 200]
    for content in (CONTENT, GET * 40_000):
        assert hashlib.sha256(content).hexdigest().encode() in said
    writer.close()


async def test_a_body_of_two_lengths_is_refused(anna: Person) -> None:
    reader, writer = await connected(anna)
    chunked = {"transfer-encoding": "chunked"}

    writer.write(
        head_of("POST", FILES, anna, 2 * MIB, **chunked) + b"%x\r\n" % MIB + b"x" * MIB + b"\r\n0\r\n\r\n" + LAST
    )
    said = await answered(reader)

    assert said.startswith(b"HTTP/1.1 400") and b"200 OK" not in said
    writer.close()


async def test_chunks_after_a_large_body_are_read_as_chunks(anna: Person) -> None:
    other = CONTENT[::-1]
    place = await create(anna, len(other))
    reader, writer = await connected(anna)
    chunked = {"transfer-encoding": "chunked", "expect": "100-continue", "upload-offset": "0"}
    head = head_of("PATCH", place, anna, 0, **WRITE, **chunked).replace(b"content-length: 0\r\n", b"")

    writer.write(head_of("POST", FILES, anna, len(CONTENT)) + CONTENT + head)
    said = await asyncio.wait_for(reader.readuntil(b"100 Continue\r\n\r\n"), 20)
    writer.write(b"%x\r\n" % len(other) + other + b"\r\n0\r\n\r\n" + LAST)
    said += await answered(reader)

    assert [int(part[:3]) for part in said.split(b"HTTP/1.1 ")[1:]] == [201, 100, 204, 200]
    media_id = said.lower().partition(b"kaif-media-id: ")[2].partition(b"\r\n")[0].decode()
    assert (await anna.http.get(f"/v1/media/{media_id}")).content == other
    writer.close()


async def test_whoever_is_displaced_in_the_middle_is_told_while_they_still_send(anna: Person) -> None:
    content = CONTENT + CONTENT
    place = await create(anna, len(content))
    reader, writer = await connected(anna)
    head = head_of("PATCH", place, anna, len(content), **WRITE, **{"upload-offset": "0"})
    writer.write(head + content[: 2 * MIB])
    await writer.drain()
    await asyncio.sleep(0.1)

    # Only after a while is the sender taken for dead; all that they sent until then is kept.
    offset = await offset_of(anna, place)
    for at in range(2, 12):
        writer.write(content[at * MIB : (at + 1) * MIB])
        await writer.drain()
        await asyncio.sleep(0.02)
    writer.write_eof()
    said = await answered(reader)

    assert offset == 2 * MIB
    assert said.startswith(b"HTTP/1.1 409") and b"upload_displaced" in said
    writer.close()
    rest = await anna.http.patch(place, content=content[offset:], headers={**WRITE, "upload-offset": str(offset)})
    assert rest.status_code == 204, rest.text
    assert (await anna.http.get(f"/v1/media/{rest.headers['kaif-media-id']}")).content == content


@pytest.mark.parametrize("ends", [True, False], ids=["says that it ends", "is cut off"])
async def test_of_a_large_body_that_breaks_off_nothing_is_lost(anna: Person, ends: bool) -> None:
    place, sent = await create(anna, len(CONTENT)), 5 * MIB + 3
    reader, writer = await connected(anna)
    head = head_of("PATCH", place, anna, len(CONTENT), **WRITE, **{"upload-offset": "0"})
    writer.write(head + CONTENT[:sent])
    await writer.drain()

    if ends:
        writer.write_eof()
        assert (await answered(reader)).startswith(b"HTTP/1.1 503")
    else:
        await asyncio.sleep(0.3)
        writer.transport.abort()

    assert int((await anna.http.head(place, headers=TUS)).headers["upload-offset"]) == sent
    writer.close()
