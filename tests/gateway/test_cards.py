"""Polls, places and people over HTTP and the socket: paths, statuses, bounds, and who hears of what."""

from typing import Any

import pytest
from tests.gateway.conftest import NewPerson
from tests.harness import Person
from tests.waiting import until


async def answer(person: Person, path: str, **fields: Any) -> tuple[int, str]:
    """The status, and the code of a problem."""
    response = await person.http.post(path, json=fields)
    return response.status_code, "" if response.is_success else response.json()["code"]


async def test_a_vote_is_heard_by_everybody_and_the_choice_by_ones_own_devices(new_person: NewPerson) -> None:
    anna, boris = await new_person(), await new_person()
    chat = f"/v1/messaging/chats/{await anna.direct_chat(boris)}"
    chat_id = chat.rpartition("/")[2]
    await anna.connect()
    await boris.connect()

    poll = await anna.post(f"{chat}/polls", ref="p", question="Когда?", options=["да", "нет"], anonymous=False)
    voted = await boris.post(f"{chat}/messages/{poll['seq']}/vote", chosen=[1])

    card = {"type": "poll", "options": [{"text": "да"}, {"text": "нет", "votes": 1}], "voters": 1}
    for person in (anna, boris):
        entry = (await person.sees(chat_id, 3))[2]
        assert (entry["kind"], entry["sender_id"], entry["message"]["card"]) == ("voted", chat_id, card)
    assert voted["card"]["options"][1] == {"text": "нет", "votes": 1, "mine": True}
    heard = await boris.hears("vote", chat_id=chat_id)
    assert heard["message"]["card"] == voted["card"]
    page = await anna.get(f"{chat}/messages/{poll['seq']}/voters", option=1)
    assert [one["person"]["id"] for one in page["voters"]] == [boris.id]
    assert await answer(anna, f"{chat}/messages/{poll['seq']}/close") == (200, "")
    await until(lambda: len(boris.shown[chat_id]) == 4)
    assert not [event for event in anna.heard if event["type"] == "vote"]
    assert await answer(boris, f"{chat}/messages/{poll['seq']}/vote", chosen=[0]) == (409, "poll_closed")


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("polls", {"question": "?", "options": ["да"]}),
        ("polls", {"question": "?", "options": [str(n) for n in range(13)]}),
        ("polls", {"question": "?", "options": ["да", "x" * 101]}),
        ("polls", {"question": "x" * 301, "options": ["да", "нет"]}),
        ("locations", {"latitude": 90.1, "longitude": 0}),
        ("locations", {"latitude": 0, "longitude": -180.1}),
        ("locations", {"latitude": "NaN", "longitude": 0}),
        ("contacts", {"user_id": "НИКТО"}),
    ],
)
async def test_what_is_beyond_the_bounds_is_invalid(anna: Person, path: str, fields: dict[str, Any]) -> None:
    chat_id = (await anna.post("/v1/messaging/chats", kind="saved"))["id"]

    assert await answer(anna, f"/v1/messaging/chats/{chat_id}/{path}", ref="r", **fields) == (422, "invalid")
