"""Messages that wait, over HTTP, and through a crash at the very moment at which they are due."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.harness import Person, Server, log_is_whole, people, running_server
from tests.waiting import eventually

MESSAGES = 60


def soon(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


async def schedule(person: Person, chat_id: str, at: str, text: str = "Позже") -> dict[str, Any]:
    fields = {"ref": person.new_ref(), "text": text, "send_at": at}
    answer = await person.http.post(f"/v1/messaging/chats/{chat_id}/scheduled", json=fields)
    assert answer.status_code == 201, answer.text
    scheduled: dict[str, Any] = answer.json()
    return scheduled


async def test_a_message_that_waits_is_listed_changed_sent_and_gone(
    server: Server, anna: Person, boris: Person
) -> None:
    chat_id = await anna.direct_chat(boris)
    scheduled = await schedule(anna, chat_id, soon(3600))
    path = f"/v1/messaging/scheduled/{scheduled['id']}"

    changed = await anna.post(path, text="Теперь")
    listed = (await anna.get("/v1/messaging/scheduled", chat_id=chat_id))["messages"]
    sent = await anna.post(f"{path}/send")

    assert listed == [changed] == [{**scheduled, "text": "Теперь"}]
    assert (sent["text"], sent["ref"]) == ("Теперь", scheduled["ref"])
    gone = await anna.http.delete(path)
    assert (gone.status_code, gone.json()["code"]) == (404, "scheduled_not_found")


async def test_a_time_without_its_zone_is_no_time(server: Server, anna: Person, boris: Person) -> None:
    chat_id = await anna.direct_chat(boris)

    for at in ("2027-01-01T09:00:00", "tomorrow", "2020-01-01T00:00:00Z"):
        fields = {"ref": "r", "text": "t", "send_at": at}
        answer = await anna.http.post(f"/v1/messaging/chats/{chat_id}/scheduled", json=fields)
        assert answer.status_code == 422, at


async def test_a_power_cut_while_they_are_sent_loses_and_doubles_none(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, people(server, "anna", "boris") as (anna, boris):
        chat_id = await anna.direct_chat(boris)
        at = soon(5)
        waiting = await asyncio.gather(*(schedule(anna, chat_id, at) for _ in range(MESSAGES)))

        async def some_are_sent() -> bool:
            return len(await boris.history(chat_id)) > 5

        await eventually(some_are_sent, timeout_s=30)
        server.kill()
        await server.restart()

        async def all_are_sent() -> bool:
            return len(await boris.history(chat_id)) > MESSAGES

        await eventually(all_are_sent, timeout_s=30)
        log = await boris.history(chat_id)
        log_is_whole(log)
        assert sorted(entry["ref"] for entry in log if entry["kind"] == "message") == sorted(
            one["ref"] for one in waiting
        )
        assert (await anna.get("/v1/messaging/scheduled"))["messages"] == []
