"""Large bodies, of which the kernel reads the most where no parser sees it: the edge of each is where it was said."""

import asyncio
import hashlib
import random
from urllib.parse import urlsplit

import pytest
from tests.gateway.test_uploads import FILES, MIB, TUS, WRITE, create, head_of, offset_of
from tests.harness import Person
from tests.waiting import eventually

from kaif.gateway.bodies import BODIES_OF_ONE_MAX

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


async def test_a_connection_brings_one_large_body_after_the_other(anna: Person) -> None:
    reader, writer = await connected(anna)
    # Heads weigh as well: what came of those before does not count against the next.
    head = head_of("POST", FILES, anna, MIB, **{"expect": "100-continue", "x-more": "x" * 30_000})

    for number in range(7):
        writer.write(head)
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).startswith(b"HTTP/1.1 100"), number
        writer.write(bytes([number]) * MIB)
        said = await asyncio.wait_for(reader.readuntil(b"}"), 10)
        assert said.startswith(b"HTTP/1.1 201"), (number, said)
    writer.close()


async def test_of_two_bodies_on_their_way_each_is_read_as_it_wants(anna: Person) -> None:
    form = b'--BB\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n' + CONTENT + b"\r\n--BB--\r\n"
    head = head_of("POST", FILES, anna, len(form), **{"content-type": "multipart/form-data; boundary=BB"})
    reader, writer = await connected(anna)

    # The second has begun when the first is asked for its bytes.
    writer.write(head_of("POST", FILES, anna, 5) + b"first" + head + form[:1000])
    await writer.drain()
    await asyncio.sleep(0.2)
    writer.write(form[1000:] + LAST)
    said = await asyncio.wait_for(reader.read(), 10)

    assert [int(part[:3]) for part in said.split(b"HTTP/1.1 ")[1:]] == [201, 201, 200]
    assert hashlib.sha256(CONTENT).hexdigest().encode() in said
    writer.close()


async def test_an_address_may_be_spelled_in_every_way_that_leads_there(anna: Person) -> None:
    reader, writer = await connected(anna)

    for target in ("/v1/media/fi%6ces", f"http://x{FILES}"):
        writer.write(head_of("POST", target, anna, len(CONTENT)) + CONTENT)
    writer.write(LAST)
    said = await answered(reader)

    assert [int(part[:3]) for part in said.split(b"HTTP/1.1 ")[1:]] == [201, 201, 200]
    writer.close()


async def test_nobody_fills_the_memory_with_uploads_and_others_upload_meanwhile(anna: Person, boris: Person) -> None:
    place = await create(anna, 10)
    held = [await connected(anna) for _ in range(BODIES_OF_ONE_MAX)]
    for _, writer in held:
        writer.write(head_of("POST", FILES, anna, MIB) + b"x")
    await asyncio.sleep(0.5)

    for answer in (
        await anna.http.post(FILES, content=b"one more"),
        await anna.http.post(FILES, files={"f": ("a", b"one more")}),
        await anna.http.patch(place, content=b"0123456789", headers={**WRITE, "upload-offset": "0"}),
        await anna.http.post("/v1/media/uploads", content=b"1", headers={**WRITE, "upload-length": "1"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (503, "busy") and answer.headers["retry-after"]
    assert (await boris.http.post(FILES, content=b"another's")).status_code == 201
    for _, writer in held:
        writer.transport.abort()
    await eventually(lambda: is_taken(anna))


async def is_taken(person: Person) -> bool:
    return (await person.http.post(FILES, content=b"one more")).status_code == 201
