"""Delivery: only to who may see it, in any range, from any cache, and never as something that runs."""

import asyncio
import contextlib

import httpx
import pytest
from tests.gateway.conftest import NewPerson
from tests.gateway.wire import ask_and_go
from tests.harness import Person, Server
from tests.services.media.images.files import photo, png
from tests.waiting import eventually

FILES = "/v1/media/files"
# What stands behind a picture makes it no other one.
PNG = png() + bytes(range(256)) * 300


async def put(person: Person, content: bytes = PNG, name: str = "фото.png") -> str:
    headers = httpx.Headers({"content-disposition": f'attachment; filename="{name}"'}, encoding="utf-8")
    answer = await person.http.post(FILES, content=content, headers=headers)
    assert answer.status_code == 201, answer.text
    return f"/v1/media/{answer.json()['id']}"


@pytest.mark.asvs("5.4.1", "5.4.2")
async def test_a_file_is_delivered_whole_with_all_that_keeps_it_harmless(anna: Person) -> None:
    place = await put(anna)

    answer = await anna.http.get(place)

    assert (answer.status_code, answer.content) == (200, PNG)
    headers = answer.headers
    assert headers["content-type"] == "image/png"
    assert headers["content-disposition"] == (
        "inline; filename=\"____.png\"; filename*=UTF-8''%D1%84%D0%BE%D1%82%D0%BE.png"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert (
        "sandbox" in headers["content-security-policy"] and "default-src 'none'" in headers["content-security-policy"]
    )
    assert headers["cache-control"] == "private, max-age=31536000, immutable"
    assert headers["accept-ranges"] == "bytes" and headers["referrer-policy"] == "no-referrer"
    head = await anna.http.head(place)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(PNG)), b"")


@pytest.mark.parametrize(
    "content",
    [
        b"<!doctype html><script>alert(1)</script>",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"%PDF-1.7 " + b"x" * 100,
        b"\0\x01\x02",
        b"alert(1)",
    ],
)
@pytest.mark.asvs("5.3.1")
async def test_what_could_run_in_a_browser_is_only_ever_saved(anna: Person, content: bytes) -> None:
    answer = await anna.http.get(await put(anna, content, "page.html"))

    assert answer.content == content
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-65700", 100, 65701),
        ("bytes=76800-", 76800, len(PNG)),
        ("bytes=-5", len(PNG) - 5, len(PNG)),
        (f"bytes=-{10 * len(PNG)}", 0, len(PNG)),
        (f"bytes=10-{10 * len(PNG)}", 10, len(PNG)),
        ("Bytes=1-2", 1, 3),
    ],
)
async def test_a_range_is_delivered(anna: Person, wanted: str, start: int, end: int) -> None:
    answer = await anna.http.get(await put(anna), headers={"range": wanted})

    assert (answer.status_code, answer.content) == (206, PNG[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(PNG)}"


async def test_a_range_beyond_the_end_is_refused_and_what_is_no_range_is_passed_over(anna: Person) -> None:
    place = await put(anna)
    for wanted in (f"bytes={len(PNG)}-", f"bytes={len(PNG) + 7}-{len(PNG) + 9}", "bytes=-0"):
        answer = await anna.http.get(place, headers={"range": wanted})
        assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable"), wanted
        assert answer.headers["content-range"] == f"bytes */{len(PNG)}"
    for wanted in ("bytes=5-2", "bytes=a-b", "bytes=-", "lines=1-2", "bytes=0-1,5-6", "bytes=" + "9" * 40 + "-"):
        answer = await anna.http.get(place, headers={"range": wanted})
        assert (answer.status_code, answer.content) == (200, PNG), wanted


async def test_what_a_cache_has_is_not_sent_again_and_a_range_is_of_the_same_content(anna: Person) -> None:
    place = await put(anna)
    etag = (await anna.http.get(place)).headers["etag"]

    for known in (etag, f'"other", W/{etag}', "*"):
        answer = await anna.http.get(place, headers={"if-none-match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert (await anna.http.get(place, headers={"if-none-match": '"other"'})).status_code == 200
    assert (await anna.http.get(place, headers={"range": "bytes=0-1", "if-range": etag})).status_code == 206
    assert (await anna.http.get(place, headers={"range": "bytes=0-1", "if-range": '"other"'})).status_code == 200


async def test_nobody_else_sees_it_nor_learns_that_it_is_there(anna: Person, boris: Person) -> None:
    place = await put(anna)
    media_id = place.rpartition("/")[2]
    nothing = (404, "media_not_found")

    for path in (place, "/v1/media/0123", "/v1/media/a%00b", f"{FILES}/{media_id}"):
        answer = await boris.http.get(path)
        assert (answer.status_code, answer.json()["code"]) in (nothing, (422, "invalid")), path
    assert (await boris.http.delete(f"{FILES}/{media_id}")).status_code == 404
    assert (await boris.http.post(f"{FILES}/{media_id}/links", json={})).status_code == 404
    async with httpx.AsyncClient(base_url=anna.url, trust_env=False) as nobody:
        assert (await nobody.get(place)).status_code == 401


async def test_a_signed_link_opens_one_file_for_a_while_without_a_session(anna: Person) -> None:
    place, other = await put(anna), await put(anna, b"another")
    signed = await anna.post(f"{FILES}/{place.rpartition('/')[2]}/links", seconds=600)
    async with httpx.AsyncClient(base_url=anna.url, trust_env=False) as nobody:
        answer = await nobody.get(signed["path"], headers={"range": "bytes=0-3"})
        assert (answer.status_code, answer.content) == (206, PNG[:4])
        assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"

        *_, media_id, link = signed["path"].split("/")
        viewer, session, expires, seal = link.split(".")
        for forged in (
            f"{other.rpartition('/')[2]}/{link}",
            f"{media_id}/{viewer}.{session}.{int(expires) + 1}.{seal}",
            f"{media_id}/{viewer}..{expires}.{seal}",
            f"{media_id}/0123.{session}.{expires}.{seal}",
            f"{media_id}/{link[:-1]}",
            f"{media_id}/{viewer}.{session}.{expires}.",
            f"{media_id}/..",
            f"{media_id}/%00",
            f"{media_id}/" + "x" * 300,
        ):
            assert (await nobody.get(f"/v1/media/linked/{forged}")).status_code == 404, forged


async def test_a_link_ends_with_the_session_in_which_it_was_asked_for(new_person: NewPerson) -> None:
    vera = await new_person()
    elsewhere = Person(vera.url, vera.name)
    await elsewhere.log_in()
    media_id = (await put(vera)).rpartition("/")[2]
    here = (await vera.post(f"{FILES}/{media_id}/links"))["path"]
    [there] = (await elsewhere.post("/v1/media/links", media_ids=[media_id]))["links"]
    assert [(await vera.http.get(path)).status_code for path in (here, there["path"])] == [200, 200]

    await vera.http.delete("/v1/auth/sessions")

    assert [(await vera.http.get(path)).status_code for path in (here, there["path"])] == [200, 404]
    await elsewhere.close()


async def test_links_that_a_program_asked_for_end_with_its_key(new_person: NewPerson) -> None:
    vera = await new_person()
    media_id = (await put(vera)).rpartition("/")[2]
    keys = [await vera.post("/v1/auth/api-keys", name=name, scopes=["media.read"], days=7) for name in ("one", "other")]
    its: list[str] = []
    for key in keys:
        headers = {"authorization": f"Bearer {key['secret']}"}
        async with httpx.AsyncClient(base_url=vera.url, headers=headers, trust_env=False) as program:
            its.append((await program.post(f"{FILES}/{media_id}/links", json={})).json()["path"])
            its.append(
                (await program.post("/v1/media/links", json={"media_ids": [media_id]})).json()["links"][0]["path"]
            )
    assert [(await vera.http.get(path)).status_code for path in its] == [200] * 4

    (await vera.http.delete(f"/v1/auth/api-keys/{keys[0]['key']['id']}")).raise_for_status()

    assert [(await vera.http.get(path)).status_code for path in its] == [404, 404, 200, 200]


async def test_the_links_of_who_is_suspended_open_nothing_not_even_those_of_their_programs(
    new_person: NewPerson, owner: Person, boris: Person
) -> None:
    vera = await new_person()
    media_id = (await put(vera)).rpartition("/")[2]
    own = (await vera.post(f"{FILES}/{media_id}/links"))["path"]
    key = await vera.post("/v1/auth/api-keys", name="reader", scopes=["media.read"], days=7)
    headers = {"authorization": f"Bearer {key['secret']}"}
    async with httpx.AsyncClient(base_url=vera.url, headers=headers, trust_env=False) as program:
        its = (await program.post(f"{FILES}/{media_id}/links", json={})).json()["path"]
    assert [(await boris.http.get(path)).status_code for path in (own, its)] == [200, 200]

    await owner.http.post(f"/v1/auth/people/{vera.id}/suspend", json={})

    assert [(await boris.http.get(path)).status_code for path in (own, its)] == [404, 404]


async def test_a_file_that_is_deleted_is_gone_at_once_with_its_links(anna: Person) -> None:
    place = await put(anna, b"to be deleted")
    media_id = place.rpartition("/")[2]
    signed = await anna.post(f"{FILES}/{media_id}/links")

    assert (await anna.http.delete(f"{FILES}/{media_id}")).status_code == 204

    assert (await anna.http.get(place)).status_code == 404
    assert (await anna.http.get(signed["path"])).status_code == 404
    assert media_id not in [file["id"] for file in (await anna.get(FILES))["files"]]


async def test_ones_own_files_are_listed_newest_first_page_by_page(new_person: NewPerson) -> None:
    vera = await new_person()
    ids = [(await put(vera, bytes([number]))).rpartition("/")[2] for number in range(5)]

    first = await vera.get(FILES, limit=3)
    second = await vera.get(FILES, limit=3, cursor=first["next_cursor"])

    assert [file["id"] for file in first["files"] + second["files"]] == ids[::-1]
    assert second["next_cursor"] is None
    assert (await vera.get("/v1/media/usage"))["used"] == 5
    assert [file["id"] for file in (await vera.get("/v1/media/own-data"))["files"]] == ids


async def test_a_large_file_is_sent_at_the_pace_of_its_reader(anna: Person) -> None:
    content = bytes(range(256)) * (20 << 12)
    place = await put(anna, content)
    received = bytearray()

    async with anna.http.stream("GET", place) as answer:
        async for piece in answer.aiter_raw():
            received += piece

    assert received == content


async def test_who_opens_many_large_files_and_reads_none_is_told_to_wait(anna: Person, boris: Person) -> None:
    # More than lies in sockets on its way.
    place = await put(anna, bytes(12 << 20) + PNG)
    (link,) = (await anna.post("/v1/media/links", media_ids=[place.rpartition("/")[2]]))["links"]
    async with contextlib.AsyncExitStack() as unread:
        for _ in range(32):
            answer = await unread.enter_async_context(anna.http.stream("GET", place))
            assert answer.status_code == 200

        refused = await boris.http.get(link["path"])
        assert (refused.status_code, refused.json()["code"]) == (503, "busy")
        assert (await anna.http.get(place, headers={"range": "bytes=0-99"})).status_code == 206
        assert (await boris.http.get(await put(boris, bytes(2 << 20)))).status_code == 200

    await eventually(lambda: _opens(anna, place))


async def _opens(person: Person, place: str) -> bool:
    return (await person.http.get(place)).status_code == 200


async def test_no_id_of_a_file_reaches_the_log(anna: Person, server: Server) -> None:
    place = await put(anna, b"logged?")
    signed = await anna.post(f"{FILES}/{place.rpartition('/')[2]}/links")
    await anna.http.get(signed["path"])

    lines = "".join(map(str, server.access_log()))

    assert place.rpartition("/")[2] not in lines


async def test_what_was_made_of_a_picture_hangs_on_its_links(anna: Person, boris: Person) -> None:
    media_id = (await put(anna, png(photo(1000, 600)) + b"behind")).rpartition("/")[2]
    (link,) = (await anna.post("/v1/media/links", media_ids=[media_id]))["links"]
    variant = {"format": "png", "width": 50, "height": 50, "fit": "cover", "quality": 9, "background": "ff0000"}
    sized = (await anna.post(f"{FILES}/{media_id}/pictures", variant=variant))["path"]
    async with httpx.AsyncClient(base_url=anna.url, trust_env=False, headers={"accept": "image/webp"}) as nobody:
        small = await nobody.get(f"{link['path']}/small")
        assert (small.status_code, small.headers["content-type"]) == (200, "image/webp")
        assert small.headers["vary"] == "cookie, authorization, accept"
        assert small.headers["content-disposition"].startswith('inline; filename="small.webp"')
        assert "sandbox" in small.headers["content-security-policy"]
        again = await nobody.get(f"{link['path']}/small", headers={"if-none-match": small.headers["etag"]})
        part = await nobody.get(f"{link['path']}/small", headers={"range": "bytes=8-11"})
        assert (again.status_code, part.status_code, part.content) == (304, 206, b"WEBP")
        other = await nobody.get(f"{link['path']}/small", headers={"accept": "*/*"})
        assert (other.headers["content-type"], other.headers["etag"] != small.headers["etag"]) == ("image/png", True)
        assert (await nobody.get(sized)).headers["content-type"] == "image/png"
        for path in (
            f"{link['path'][:-1]}/small",
            f"{link['path']}/film.mp4",
            f"{link['path']}/hls/master.m3u8",
            f"{link['path']}/..%2fsmall",
            f"{link['path']}/" + "x" * 700,
            f"{link['path']}/pictures/a/b/c",
            sized.replace("rs:cover:50", "rs:cover:51"),
            sized + "x",
        ):
            assert (await nobody.get(path)).status_code == 404, path
    assert (await anna.http.get(f"/v1/media/{media_id}/medium")).headers["content-type"] == "image/png"
    answer = await boris.http.get(f"/v1/media/{media_id}/small")
    assert (answer.status_code, answer.json()["code"]) == (404, "media_not_found")


async def test_who_is_gone_before_the_answer_is_no_fault_of_the_server(server: Server, new_person: NewPerson) -> None:
    vera = await new_person()
    place = await put(vera, bytes(range(256)) * 40_000)
    complained = server.complaints()
    asking = f"GET {place} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {vera.access_token}\r\n\r\n".encode()

    await asyncio.gather(*[ask_and_go(server.url, asking) for _ in range(20)])

    async def all_answered() -> bool:
        log = server.access_log()
        return len([line for line in log if line.get("user_id") == vera.id and line["method"] == "GET"]) == 20

    await eventually(all_answered)
    assert (await vera.http.get(place)).status_code == 200
    assert server.complaints() == complained
