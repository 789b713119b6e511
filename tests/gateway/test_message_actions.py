"""Actions on messages over HTTP and the socket: paths, statuses, and who hears of what."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
from tests.gateway.conftest import NewPerson
from tests.harness import Person
from tests.waiting import until


@pytest.fixture
async def pair(new_person: NewPerson) -> AsyncIterator[tuple[Person, Person, str]]:
    anna, boris = await new_person(), await new_person()
    chat_id = await anna.direct_chat(boris)
    await anna.connect()
    await boris.connect()
    yield anna, boris, chat_id


async def answer(person: Person, method: str, path: str, **fields: Any) -> tuple[int, str]:
    """The status, and the code of a problem."""
    body = fields if method == "POST" else None
    response = await person.http.request(method, path, json=body)
    return response.status_code, "" if response.is_success else response.json()["code"]


async def test_each_action_has_its_path_and_is_heard_by_both(pair: tuple[Person, Person, str]) -> None:
    anna, boris, chat_id = pair
    chat = f"/v1/messaging/chats/{chat_id}"
    await anna.post_message(chat_id, "раз")
    message = f"{chat}/messages/2"

    assert await answer(boris, "POST", f"{message}/reactions", emoji="👍") == (204, "")
    assert await answer(boris, "DELETE", f"{message}/reactions?emoji={quote('👍')}") == (204, "")
    assert await answer(anna, "POST", f"{message}/edit", text="**два**") == (200, "")
    assert await answer(anna, "POST", f"{message}/pin") == (204, "")
    assert [one["text"] for one in (await boris.get(f"{chat}/pins"))["messages"]] == ["два"]
    assert await answer(anna, "DELETE", f"{message}/pin") == (204, "")
    assert [one["text"] for one in (await boris.get(f"{message}/versions"))["versions"]] == ["раз"]
    forward = {"from_chat_id": chat_id, "messages": [{"seq": 2, "ref": "f-1"}]}
    assert await answer(boris, "POST", f"{chat}/forward", **forward) == (201, "")
    assert await answer(anna, "POST", f"{chat}/messages/delete", seqs=[2], for_everyone=True) == (204, "")

    for person in (anna, boris):
        heard = (await person.sees(chat_id, 9))[2:]
        assert [entry["kind"] for entry in heard] == [
            "reacted", "unreacted", "edited", "pinned", "unpinned", "message", "deleted",
        ]  # fmt: skip
        assert heard[2]["message"]["entities"] == [{"kind": "bold", "offset": 0, "length": 3}]
        assert heard[5]["forward"]["sender_id"] == anna.id
        assert heard[6]["message"]["deleted"] and "text" not in heard[6]["message"]


async def test_a_place_that_is_no_number_is_refused(pair: tuple[Person, Person, str]) -> None:
    anna, _, chat_id = pair

    for place in ("x", "0", "-1", "1.5", "9" * 30):
        message = f"/v1/messaging/chats/{chat_id}/messages/{place}"
        assert (await answer(anna, "POST", f"{message}/edit", text="x"))[0] == 422
        assert (await answer(anna, "GET", message))[0] == 422


async def test_what_may_not_be_done_is_said_with_its_code(pair: tuple[Person, Person, str]) -> None:
    anna, boris, chat_id = pair
    await anna.post_message(chat_id, "раз")
    message = f"/v1/messaging/chats/{chat_id}/messages/2"

    assert await answer(boris, "POST", f"{message}/edit", text="x") == (403, "not_your_message")
    assert await answer(boris, "POST", f"{message}/reactions", emoji="да") == (422, "not_an_emoji")
    assert await answer(boris, "POST", f"/v1/messaging/chats/{chat_id}/messages/99/pin") == (404, "message_not_found")


async def test_what_one_hides_is_told_to_ones_own_devices_alone(pair: tuple[Person, Person, str]) -> None:
    anna, boris, chat_id = pair
    await anna.post_message(chat_id, "раз")
    laptop = Person(boris.url, boris.name)
    laptop.keep({"user": {"id": boris.id}, **vars(boris)})
    await laptop.connect()

    await answer(boris, "POST", f"/v1/messaging/chats/{chat_id}/messages/delete", seqs=[2], for_everyone=False)
    await boris.post_message(chat_id, "два")

    event = {"type": "hidden", "chat_id": chat_id, "seqs": [2], "hidden": 1}
    await until(lambda: event in boris.heard and event in laptop.heard)
    await anna.sees(chat_id, 3)
    assert not [one for one in anna.heard if one["type"] == "hidden"]
    assert (await boris.history(chat_id))[1].get("text") is None
    assert (await anna.history(chat_id))[1]["text"] == "раз"
    await laptop.close()


async def test_a_socket_sends_quotes_and_silent_messages(pair: tuple[Person, Person, str]) -> None:
    anna, boris, chat_id = pair
    await anna.send(chat_id, "в восемь у причала")
    await boris.sees(chat_id, 2)

    await boris.send(chat_id, "точно?", reply_to=2, quote="в восемь", silent=True)
    refused = await boris.send(chat_id, "x", reply_to=2, quote="в девять")

    entry = (await anna.sees(chat_id, 3))[2]
    assert (entry["quote"], entry["silent"], entry["reply_to"]) == ("в восемь", True, 2)
    await until(lambda: refused in boris.refused)
    assert boris.refused[refused]["code"] == "bad_quote"
