"""Files out of forms: each by itself, held nowhere, and whatever a form looks like."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.conftest import NewPerson
from tests.gateway.test_uploads import FILES, KIB, MIB, PNG, code_of
from tests.harness import Person, running_server
from tests.waiting import eventually

from kaif.gateway.bodies import Body
from kaif.gateway.dispositions import file_name, form_file_name
from kaif.gateway.forms import PARSED_AT_ONCE, BadForm, Form

HEAD = b'--BB\r\nContent-Disposition: form-data; name="f"; filename="%b"\r\n\r\n'
END = b"\r\n--BB--\r\n"
OF_FORM = {"content-type": "multipart/form-data; boundary=BB"}


async def test_several_files_of_a_form_are_taken_under_their_names(new_person: NewPerson) -> None:
    vera = await new_person()
    large = random.Random(1).randbytes(9 * MIB + 5)

    answer = await vera.http.post(
        FILES,
        files=[("files", ("фото.png", PNG, "image/png")), ("other", ("a.bin", large)), ("f", ('c"d.txt', b"third"))],
        data={"comment": "x" * 100_000},
    )

    assert answer.status_code == 201, answer.text
    first, second, third = (each["media"] for each in answer.json()["files"])
    assert (first["name"], first["type"], third["name"]) == ("фото.png", "image/png", "cd.txt")
    assert second["sha256"] == hashlib.sha256(large).hexdigest()
    assert (await vera.http.get(f"/v1/media/{second['id']}")).content == large
    assert (await vera.get("/v1/media/usage"))["used"] == len(PNG) + len(large) + 5


async def test_what_is_refused_keeps_back_none_of_the_others_and_leaves_nothing(new_person: NewPerson) -> None:
    vera = await new_person()
    sent: list[Any] = [("a.png", b"<html>", "image/png"), ("b.txt", b"good"), ("c.txt", b""), ("", b"")]

    answer = await vera.http.post(FILES, files=[("f", file) for file in sent])

    assert answer.status_code == 207
    wrong, good, empty = answer.json()["files"]
    assert (wrong["name"], wrong["media"], wrong["problem"]["code"]) == ("a.png", None, "wrong_type")
    assert wrong["problem"]["details"] == {"found": "text/plain"}
    assert (good["name"], good["problem"]) == ("b.txt", None) and good["media"]["size"] == 4
    assert empty["problem"]["code"] == "empty_file"
    assert [file["id"] for file in (await vera.get(FILES))["files"]] == [good["media"]["id"]]
    assert (await vera.get("/v1/media/usage"))["used"] == 4
    assert (await vera.get("/v1/media/own-data"))["uploads"] == []


async def test_a_form_of_which_nothing_was_taken_is_an_error_that_tells_each(anna: Person) -> None:
    refused = await anna.http.post(FILES, files=[("f", ("a.png", b"<html>", "image/png")), ("f", ("b.txt", b""))])
    assert code_of(refused) == (422, "wrong_type")
    assert [file["problem"]["code"] for file in refused.json()["files"]] == ["wrong_type", "empty_file"]
    nothing = await anna.http.post(FILES, data={"a": "b"}, files={"f": ("", b"")})
    assert code_of(nothing) == (422, "no_files")
    # As browsers write it where nobody chose one.
    nothing = await anna.http.post(FILES, content=HEAD % b"" + END, headers=OF_FORM)
    assert code_of(nothing) == (422, "no_files")


async def test_files_that_are_only_for_something_else_are_not_among_ones_own(new_person: NewPerson) -> None:
    vera = await new_person()

    answer = await vera.http.post(FILES, data={"keep": "false"}, files={"f": ("a", b"not kept")})

    assert answer.status_code == 201
    assert (await vera.get(FILES))["files"] == []


async def test_one_request_brings_no_more_than_so_many_files(new_person: NewPerson) -> None:
    vera = await new_person()

    answer = await vera.http.post(FILES, files=[("f", (f"{number}", b"%d" % number)) for number in range(30)])

    assert answer.status_code == 207
    files = answer.json()["files"]
    assert len(files) == 21 and all(file["media"] for file in files[:20])
    assert files[20]["problem"]["details"] == {"files_max": 20}


async def test_a_form_that_breaks_off_keeps_the_files_that_were_whole_and_nothing_else(new_person: NewPerson) -> None:
    vera = await new_person()
    _, writer = await asyncio.open_connection(*vera.url.removeprefix("http://").split(":"))
    head = (
        f"POST {FILES} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {vera.access_token}\r\n"
        "content-type: multipart/form-data; boundary=BB\r\ncontent-length: 100000\r\n\r\n"
    )
    writer.write(head.encode() + HEAD % b"a" + b"whole" + b"\r\n" + HEAD % b"b" + b"not whole")
    await writer.drain()

    async def one_file() -> bool:
        return len((await vera.get(FILES))["files"]) == 1

    await eventually(one_file)
    writer.transport.abort()

    async def nothing_more() -> bool:
        return bool((await vera.get("/v1/media/usage"))["used"] == len("whole"))

    await eventually(nothing_more)


async def test_what_is_no_form_is_refused(new_person: NewPerson) -> None:
    vera = await new_person()
    form = "multipart/form-data; boundary=BB"
    for content_type, content in (
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=", b"x"),
        ("multipart/form-data; boundary=" + "b" * 71, b"x"),
        (form, b"no form at all"),
        (form, b"--BB\r\nX: y\r\n\r\n" + END),
        (form, HEAD % b"a" + b"without an end"),
        (form, HEAD % (b"a" * 10_000) + b"x" + END),
        (form, b""),
    ):
        answer = await vera.http.post(FILES, content=content, headers={"content-type": content_type})
        assert code_of(answer) == (400, "bad_form"), content
    assert (await vera.get("/v1/media/own-data"))["uploads"] == []


async def test_nobody_gets_more_by_a_form_than_they_may_have(tmp_path: Path) -> None:
    quotas = {"KAIF_MEDIA_QUOTA": "100K/250K", "KAIF_MEDIA_QUOTA_MORE": "100K/250K"}
    sizes = [101 * KIB, 100 * KIB, 90 * KIB, 80 * KIB, 60 * KIB]
    async with running_server(tmp_path, **quotas) as server:
        anna = await Person(server.url, "anna").set_up(server.setup_code)

        answer = await anna.http.post(FILES, files=[("f", (str(size), bytes([size % 251]) * size)) for size in sizes])

        large, first, second, much, last = answer.json()["files"]
        assert (large["problem"]["code"], large["problem"]["details"]) == ("file_too_large", {"bytes_max": 100 * KIB})
        assert (much["problem"]["code"], much["problem"]["details"]) == ("quota_exceeded", {"bytes_free": 60 * KIB})
        assert [each["media"]["size"] for each in (first, second, last)] == [100 * KIB, 90 * KIB, 60 * KIB]
        assert code_of(await anna.http.post(FILES, files={"f": ("a", b"x")})) == (403, "quota_exceeded")
        await anna.close()


async def test_a_form_in_chunks_of_no_known_length_is_taken(anna: Person) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield HEAD % b"a"
        for _ in range(30):
            yield b"c" * 10 * KIB
        yield END

    answer = await anna.http.post(FILES, content=chunks(), headers=OF_FORM)

    assert answer.status_code == 201, answer.text
    assert answer.json()["files"][0]["media"]["size"] == 300 * KIB


def ignore() -> None:
    """Whoever sends is never slowed here."""


async def parsed(content: bytes, cuts: list[int]) -> list[tuple[str | None, bytes]]:
    body = Body(ignore, ignore, ignore)
    form = Form(body, b'multipart/form-data; boundary="BB"')
    pieces = [content[start:end] for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    body.feed(pieces[0])
    parts = []

    async def come() -> None:
        for piece in pieces[1:]:
            await asyncio.sleep(0)
            body.feed(piece)
        body.end()

    coming = asyncio.create_task(come())
    while part := await form.next_part():
        parts.append((part.file_name, b"".join([piece async for piece in read(form)])))
    await coming
    return parts


async def read(form: Form) -> AsyncIterator[bytes]:
    while piece := await form.read(7):
        yield piece


async def test_a_form_reads_the_same_wherever_the_wire_cuts_it() -> None:
    tricks = [b"\r\n--B", b"\r\n-", b"\r", b"--BB--", b"\r\n\r\n--B\r\n--", b"", b"\n--BB\r\n"]
    content = b"\r\n".join(HEAD % b"%d" % number + trick for number, trick in enumerate(tricks)) + END
    expected = [(str(number), trick) for number, trick in enumerate(tricks)]
    chance = random.Random(7)
    for _ in range(200):
        cuts = sorted(chance.sample(range(1, len(content)), chance.randint(0, 40)))
        assert await parsed(content, cuts) == expected


async def test_of_a_large_part_little_is_held() -> None:
    body = Body(ignore, ignore, ignore)
    form = Form(body, b"multipart/form-data; boundary=BB")
    body.feed(HEAD % b"a" + b"x" * 10 * MIB)
    assert await form.next_part()

    assert await form.read(1) == b"x"

    assert len(form._rest) <= PARSED_AT_ONCE


async def test_a_form_of_a_thousand_parts_is_the_largest() -> None:
    thousand = (HEAD % b"a" + b"\r\n") * 999 + HEAD % b"a" + END
    assert len(await parsed(thousand, [])) == 1000
    with pytest.raises(BadForm):
        await parsed(HEAD % b"a" + b"\r\n" + thousand, [])


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="plain.txt"', "plain.txt"),
        ("attachment; filename=plain.txt", "plain.txt"),
        ("attachment; filename=\"fallback.txt\"; filename*=UTF-8''%D1%8F.txt", "я.txt"),
        ("attachment; FILENAME*=utf-8'ru'%D1%8F%2C.txt; filename=x", "я,.txt"),
        ("attachment; filename*=iso-8859-1''%E4.txt; filename=kept.txt", "kept.txt"),
        ('attachment; filename="\u00d1\u008f.txt"', "я.txt"),
        ('attachment; filename="a\\"b; filename=c.txt"', 'a"b; filename=c.txt'),
        ('attachment; filename="C:\\dir\\a.txt"', "C:\\dir\\a.txt"),
        ("attachment; xfilename=no", None),
        ("attachment", None),
    ],
)
def test_a_name_in_a_header_is_read_as_it_was_meant(disposition: str, name: str | None) -> None:
    assert file_name(disposition) == name


def test_a_form_writes_quotes_by_their_numbers() -> None:
    assert form_file_name('form-data; name="f"; filename="a%22b%0D%0A%2F.txt"') == 'a"b%2F.txt'
