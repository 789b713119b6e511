"""Search at the edge: who may ask, in which form, and what is kept of the question."""

from tests.gateway.conftest import NewPerson
from tests.harness import Person, Server
from tests.waiting import eventually


async def test_people_find_what_was_said_to_them_and_no_log_says_what_they_looked_for(
    server: Server, owner: Person, new_person: NewPerson
) -> None:
    boris, eve = await new_person(), await new_person()
    chat_id = await owner.direct_chat(boris)
    await owner.post_message(chat_id, "Тайное слово: незабудка")

    async def is_found() -> bool:
        answer = await boris.post("/v1/messaging/search", words="незабудки")
        return [found["entry"]["chat_id"] for found in answer["messages"]] == [chat_id]

    await eventually(is_found)
    (found,) = (await boris.post("/v1/messaging/search", words="незабудка"))["messages"]
    assert {"text": "незабудка", "found": True} in found["fragment"]
    assert (await eve.post("/v1/messaging/search", words="незабудка"))["messages"] == []
    assert "незабуд" not in str(server.access_log())


async def test_the_form_of_a_question_is_checked(owner: Person) -> None:
    async def code(**fields: object) -> tuple[int, str]:
        answer = await owner.http.post("/v1/messaging/search", json=fields)
        return answer.status_code, answer.json()["code"]

    assert await code() == (422, "nothing_to_find")
    assert await code(words="x" * 257) == (422, "invalid")
    assert await code(words="слово", limit=51) == (422, "invalid")
    assert await code(words="слово", cursor="../..") == (422, "invalid")
    assert await code(words="слово", cursor="a-b-c") == (422, "bad_cursor")
    assert await code(words="слово", since="2026-01-01T00:00:00") == (422, "invalid")
    assert await code(words="слово", chat_id="01k9nobody") == (404, "chat_not_found")
    assert await code(words="слово", wat=1) == (422, "invalid")


async def test_nobody_searches_without_signing_in(owner: Person) -> None:
    answer = await owner.http.post("/v1/messaging/search", json={"words": "слово"}, headers={"authorization": ""})

    assert answer.status_code == 401
