"""How much people may keep, over each way by which files come: what a role gives, and what an operator sees of it."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from tests.gateway.conftest import NewPerson
from tests.gateway.test_bots import make_bot
from tests.gateway.test_uploads import FILES, KIB, TUS, UPLOADS, code_of, create, patch
from tests.harness import Person
from tests.waiting import eventually

from kaif.gateway.tus import OFFSETS

QUOTAS = "/v1/media/quotas"
PAINTERS = f"{QUOTAS}/roles/painter"


async def define_painters(owner: Person) -> None:
    await owner.post("/v1/auth/roles", name="painter", permissions=[])


@pytest.fixture
async def painter(owner: Person, new_person: NewPerson) -> AsyncIterator[Person]:
    """Of a role that is there for one test; the server is that of other tests, too."""
    await define_painters(owner)
    vera = await new_person()
    await owner.post(f"/v1/auth/people/{vera.id}/roles", role="painter")
    await vera.refresh()
    yield vera
    await owner.http.delete("/v1/auth/roles/painter")


async def keep_at_most(owner: Person, person: Person, total: int, file: int | None = None) -> None:
    await owner.post(f"{QUOTAS}/people/{person.id}", file_max=file, total_max=total)


async def unfinished(person: Person) -> int:
    return len((await person.get("/v1/media/own-data"))["uploads"])


async def test_what_a_role_gives_is_given_at_once_and_taken_with_it(owner: Person, painter: Person) -> None:
    usual = await painter.get("/v1/media/usage")

    await owner.post(PAINTERS, file_max=4 << 30, total_max=40 << 30)
    more = await painter.get("/v1/media/usage")
    await owner.http.delete(f"/v1/auth/people/{painter.id}/roles/painter")
    await painter.refresh()

    assert (usual["file_max"], usual["total_max"]) == (2 << 30, 10 << 30)
    assert more == {"used": 0, "total_max": 40 << 30, "file_max": 4 << 30}
    assert await painter.get("/v1/media/usage") == usual


async def test_another_role_of_the_same_name_begins_by_default(owner: Person, painter: Person) -> None:
    await owner.post(PAINTERS, total_max=40 << 30)
    await owner.http.delete("/v1/auth/roles/painter")
    await define_painters(owner)

    async def nothing_is_set() -> bool:
        roles = (await owner.get(QUOTAS))["roles"]
        return [role["total_max"] for role in roles if role["role"] == "painter"] == [None]

    await eventually(nothing_is_set)
    await painter.refresh()


async def test_every_way_in_keeps_to_it_and_leaves_nothing_behind(owner: Person, new_person: NewPerson) -> None:
    vera = await new_person()
    await keep_at_most(owner, vera, 100 * KIB, 60 * KIB)
    large, whole = b"l" * (60 * KIB + 1), b"w" * (60 * KIB)
    key = await vera.post("/v1/auth/api-keys", name="camera", scopes=["media.write"])
    by_key = {"authorization": f"Bearer {key['secret']}"}

    async def sent_every_way(content: bytes) -> list[httpx.Response]:
        length = {**TUS, "upload-length": str(len(content))}
        return [
            await vera.http.post(UPLOADS, headers=length),
            await vera.http.post(UPLOADS, headers={**length, "content-type": OFFSETS.decode()}, content=content),
            await vera.http.post(UPLOADS, headers={**length, "upload-concat": "partial"}),
            await vera.http.post(UPLOADS, headers={**length, **by_key}),
            await vera.http.post(FILES, content=content),
            await vera.http.post(FILES, files={"f": ("a", content)}),
        ]

    refused = await sent_every_way(large)
    assert [code_of(answer) for answer in refused] == [(413, "file_too_large")] * len(refused)
    assert {answer.json()["bytes_max"] for answer in refused} == {60 * KIB}

    assert (await vera.http.post(FILES, content=whole)).status_code == 201
    refused = await sent_every_way(b"a" * len(whole))
    assert [code_of(answer) for answer in refused] == [(403, "quota_exceeded")] * len(refused)
    assert {answer.json()["bytes_free"] for answer in refused} == {40 * KIB}
    assert (await vera.get("/v1/media/usage"))["used"] == len(whole)
    assert await unfinished(vera) == 0


async def test_pieces_join_to_no_larger_file_and_may_be_joined_when_more_is_given(
    owner: Person, new_person: NewPerson
) -> None:
    vera = await new_person()
    await keep_at_most(owner, vera, 200 * KIB, 60 * KIB)
    pieces = [await create(vera, 40 * KIB, **{"upload-concat": "partial"}) for _ in range(2)]
    for place in pieces:
        await patch(vera, place, 0, place[-1].encode() * 40 * KIB)
    joined = {**TUS, "upload-concat": f"final;{' '.join(pieces)}"}

    refused = await vera.http.post(UPLOADS, headers=joined)
    await keep_at_most(owner, vera, 200 * KIB, 80 * KIB)
    taken = await vera.http.post(UPLOADS, headers=joined)

    assert (code_of(refused), refused.json()["bytes_max"]) == ((413, "file_too_large"), 60 * KIB)
    assert taken.status_code == 201 and "kaif-media-id" in taken.headers


async def test_ten_files_at_once_are_not_more_than_one_may_keep(owner: Person, new_person: NewPerson) -> None:
    vera = await new_person()
    await keep_at_most(owner, vera, 300 * KIB)

    answers = await asyncio.gather(
        *(vera.http.post(FILES, content=bytes([number]) * 100 * KIB) for number in range(10))
    )

    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [403] * 7
    assert (await vera.get("/v1/media/usage"))["used"] == 300 * KIB


async def test_a_bot_keeps_what_is_set_for_it_and_not_what_its_owner_has(owner: Person, new_person: NewPerson) -> None:
    anna = await new_person()
    bot, _ = await make_bot(anna, f"{anna.name}-bot")
    await keep_at_most(owner, bot, 10 * KIB)

    refused = await bot.http.post(FILES, content=b"b" * (10 * KIB + 1))
    of_owner = await anna.http.post(FILES, content=b"b" * (10 * KIB + 1))

    assert (code_of(refused), refused.json()["bytes_free"]) == ((403, "quota_exceeded"), 10 * KIB)
    assert of_owner.status_code == 201
    await bot.close()


async def test_what_is_set_stands_in_the_log(owner: Person, painter: Person) -> None:
    await owner.post(PAINTERS, file_max=12345)
    await keep_at_most(owner, painter, 7)

    async def logged() -> list[tuple[str, str, dict[str, object]]]:
        entries = (await owner.get("/v1/auth/audit", action="quota_set"))["entries"]
        return [(entry["actor_id"], entry["subject_id"], entry["details"]) for entry in entries[:2]]

    by_role = (owner.id, "", {"role": "painter", "file_max": 12345, "total_max": None})
    of_person = (owner.id, painter.id, {"file_max": None, "total_max": 7})

    async def both() -> bool:
        found = await logged()
        return by_role in found and of_person in found

    await eventually(both)


async def test_of_nobody_there_is_no_quota(owner: Person) -> None:
    answer = await owner.http.get(f"{QUOTAS}/people/{'0' * 26}")
    missing = await owner.http.post(f"{QUOTAS}/roles/no_such_role", json={})
    odd = await owner.http.post(f"{QUOTAS}/roles/member", json={"file_max": 0})

    assert code_of(answer) == (404, "person_not_found")
    assert code_of(missing) == (404, "role_not_found")
    assert code_of(odd) == (422, "invalid")
