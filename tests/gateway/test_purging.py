"""All that somebody wrote is deleted over HTTP, and through a crash in the middle of it."""

import asyncio
from pathlib import Path

from tests.harness import log_is_whole, people, running_server
from tests.waiting import eventually

MESSAGES = 1200


async def test_a_power_cut_in_the_middle_leaves_nothing_undone_and_nothing_done_twice(tmp_path: Path) -> None:
    async with (
        running_server(tmp_path, KAIF_LIMITS_SCALE="1000") as server,
        people(server, "anna", "boris") as (anna, boris),
    ):
        chat_id = await anna.group("Друзья", boris)
        for start in range(0, MESSAGES, 100):
            await asyncio.gather(*(boris.post_message(chat_id, f"Реклама {start + one}") for one in range(100)))
        await anna.post_message(chat_id, "Остаётся")

        answer = await anna.http.post(f"/v1/messaging/chats/{chat_id}/purges", json={"user_id": boris.id})
        assert answer.status_code == 204, answer.text

        async def deleted() -> int:
            return len([entry for entry in await anna.history(chat_id) if entry["kind"] == "deleted"])

        async def begun() -> bool:
            return await deleted() > 0

        await eventually(begun)
        server.kill()
        await server.restart()

        async def done() -> bool:
            return await deleted() >= MESSAGES

        await eventually(done, 20)
        log = await anna.history(chat_id)
        log_is_whole(log)
        assert await deleted() == MESSAGES
        assert [entry["text"] for entry in log if entry["kind"] == "message" and entry.get("text")] == ["Остаётся"]
