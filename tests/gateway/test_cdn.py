"""By the CDN's name the edge gives what was made of files to whoever brings a link, and nothing else to anybody."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from tests.gateway.test_files import put
from tests.gateway.wire import exchange
from tests.harness import Person, Server
from tests.services.media.images.files import jpeg, photo
from tests.waiting import until

CDN = "http://cdn.ozero.example"
ELSEWHERE = {"host": "cdn.ozero.example"}


@pytest.fixture(scope="module")
def cdn_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("cdn"), KAIF_CDN_URL=CDN)
    asyncio.run(_start(server))
    yield server
    server.kill()


async def _start(server: Server) -> None:
    await server.start()
    owner = Person(server.url, "owner")
    await owner.set_up(server.setup_code)
    await owner.close()


@pytest.fixture
async def owner(cdn_server: Server) -> AsyncIterator[Person]:
    owner = Person(cdn_server.url, "owner")
    await owner.log_in()
    yield owner
    await owner.close()


@pytest.fixture
async def cdn(cdn_server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """As the CDN asks."""
    async with httpx.AsyncClient(base_url=cdn_server.url, headers=ELSEWHERE, trust_env=False) as cdn:
        yield cdn


async def shared(owner: Person) -> str:
    """A picture in a chat; its address at the CDN, without the CDN."""
    place = await put(owner, jpeg(photo(400, 300)), "photo.jpg")
    media_id = place.rpartition("/")[2]
    chat = await owner.post("/v1/messaging/chats", kind="saved")
    fields = {"ref": owner.new_ref(), "text": "", "attachments": [{"media_id": media_id}]}
    await owner.post(f"/v1/messaging/chats/{chat['id']}/messages", **fields)
    (link,) = (await owner.post("/v1/media/links", media_ids=[media_id]))["links"]
    assert link["cdn"]["url"].startswith(f"{CDN}/cdn/{media_id}/")
    return str(link["cdn"]["url"].removeprefix(CDN))


async def test_what_it_gives_may_be_kept_for_minutes_and_stand_in_our_pages(
    owner: Person, cdn: httpx.AsyncClient
) -> None:
    path = f"{await shared(owner)}/medium.webp"

    answer = await cdn.get(path)

    assert answer.status_code == 200 and answer.headers["content-type"] == "image/webp"
    first, _, rest = answer.headers["cache-control"].partition(", max-age=")
    fresh_s, _, rest = rest.partition(", ")
    assert (first, rest) == ("public", "must-revalidate, no-transform") and 290 <= int(fresh_s) <= 600
    assert answer.headers["access-control-allow-origin"] == owner.url
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["referrer-policy"] == "no-referrer"
    assert "vary" not in answer.headers and "set-cookie" not in answer.headers
    etag = answer.headers["etag"]
    part = await cdn.get(path, headers={"range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, answer.content[4:8])
    assert part.headers["content-range"] == f"bytes 4-7/{len(answer.content)}"
    assert (await cdn.get(path, headers={"if-none-match": etag})).status_code == 304
    assert (await cdn.get(path, headers={"range": f"bytes={len(answer.content)}-"})).status_code == 416
    assert (await cdn.head(path)).headers["content-length"] == str(len(answer.content))
    # What a browser says that it takes changes nothing: no cache of a CDN looks at that.
    assert (await cdn.get(path, headers={"accept": "image/avif"})).headers["content-type"] == "image/webp"
    asked = await cdn.options(path, headers={"origin": owner.url, "access-control-request-headers": "range"})
    assert (asked.status_code, asked.headers["access-control-allow-headers"]) == (204, "range")
    assert asked.headers["access-control-allow-origin"] == owner.url


async def test_by_its_name_there_is_nothing_else(owner: Person, cdn: httpx.AsyncClient) -> None:
    path = await shared(owner)
    media_id = path.split("/")[2]
    signed = (await owner.post("/v1/media/links", media_ids=[media_id]))["links"][0]["path"]
    whole = {
        **ELSEWHERE,
        "authorization": f"Bearer {owner.access_token}",
        "cookie": f"__Host-kaif_access={owner.access_token}",
    }

    for host in ("cdn.ozero.example", "CDN.Ozero.Example:8443", "cdn.ozero.example."):
        for wrong in (
            *("/", "/chats", "/health", "/ready", "/metrics", "/openapi.json", "/sw.js", "/v1/auth/me", "/cdn"),
            *(signed, f"{signed}/small", f"/v1/media/{media_id}", path, f"{path}/original", f"{path}/small"),
            *(
                f"{path}/small.webp?x=1",
                f"{path}/small%2ewebp",
                f"/%63dn{path.removeprefix('/cdn')}/small.webp",
                f"{path}x/small.webp",
                f"/cdn/{media_id}/../{media_id}",
                "/.well-known/jwks.json",
            ),
        ):
            answer = await cdn.get(wrong, headers={**whole, "host": host})
            assert answer.status_code == 404, (host, wrong)
            assert answer.headers["cache-control"] == "no-store" and "set-cookie" not in answer.headers
        # With the dot it would be another name to a cache.
        right = await cdn.get(f"{path}/small.webp", headers={"host": host})
        assert right.status_code == (404 if host.endswith(".") else 200)
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert (await cdn.request(method, f"{path}/small.webp", headers=whole)).status_code == 405
        assert (await cdn.request(method, "/v1/media/files", content=b"x", headers=whole)).status_code == 404
    login = {"login": "owner", "password": "a password of some length"}
    assert (await cdn.post("/v1/auth/login", json=login)).status_code == 404


async def test_no_socket_opens_there_and_by_our_name_the_addresses_lead_nowhere(
    owner: Person, cdn_server: Server
) -> None:
    path = f"{await shared(owner)}/small.webp"

    reader, writer = await asyncio.open_connection(cdn_server.host, cdn_server.port)
    writer.write(
        b"GET /v1/socket HTTP/1.1\r\nhost: cdn.ozero.example\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n"
        b"authorization: Bearer " + owner.access_token.encode() + b"\r\n\r\n"
    )
    assert b" 101 " not in await reader.read(100)
    writer.close()
    answer = await owner.http.get(path)
    assert answer.status_code == 404


async def test_whose_name_is_asked_for_is_never_in_doubt(owner: Person, cdn_server: Server) -> None:
    ours, theirs = f"host: {cdn_server.host}:{cdn_server.port}\r\n", "host: cdn.ozero.example\r\n"
    bearer = f"authorization: Bearer {owner.access_token}\r\nconnection: close\r\n\r\n"

    for target, hosts, status in (
        ("/v1/auth/me", ours, 200),
        ("/v1/auth/me", theirs + ours, 400),
        ("/v1/auth/me", ours + theirs, 400),
        # What stands in the address counts, and not what stands beside it.
        (f"{CDN}/v1/auth/me", ours, 404),
        (f"{CDN}:8443/v1/auth/me", ours, 404),
        (f"{owner.url}/v1/auth/me", theirs, 200),
    ):
        answer = await exchange(cdn_server.url, f"GET {target} HTTP/1.1\r\n{hosts}{bearer}".encode())
        assert answer.status == status, (target, hosts)


async def test_our_pages_may_show_what_comes_from_there_and_from_nowhere_else(owner: Person) -> None:
    policy = (await owner.http.get("/")).headers["content-security-policy"]
    sources = dict(part.strip().split(" ", 1) for part in policy.split(";") if " " in part.strip())

    for name in ("img-src", "media-src", "connect-src"):
        assert sources[name].split()[-1] == CDN
    assert policy.count(CDN) == 3


async def test_the_log_names_no_link(owner: Person, cdn: httpx.AsyncClient, cdn_server: Server) -> None:
    path = await shared(owner)
    answer = await cdn.get(f"{path}/small.webp")

    def lines() -> list[dict[str, object]]:
        return [line for line in cdn_server.access_log() if answer.headers["x-request-id"] in line.values()]

    await until(lambda: bool(lines()))
    assert path.rpartition("/")[2] not in str(lines())
    assert "/cdn/{media_id}/{grant}/{rendition}" in lines()[0].values()
