"""The bot of the README, run as it is printed."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import pytest
from tests.client.conftest import NewPerson, key_of
from tests.servers import die_with_parent

ROOT = Path(__file__).parents[2]


def printed(name: str) -> str:
    code = re.search(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)
    assert code, f"{name} shows no bot"
    return code[1]


def test_both_languages_show_the_same_bot() -> None:
    assert printed("README.md") == printed("README.ru.md")


@pytest.mark.parametrize("name", ["README.md", "README.ru.md"])
async def test_the_bot_answers_with_the_same_words_once(new_person: NewPerson, name: str) -> None:
    bot, boris = await new_person(), await new_person()
    chat_id = await boris.direct_chat(bot)
    quiet, lively = await boris.group("Тихо", bot), await boris.group("Темы", bot)
    await boris.post(f"/v1/messaging/chats/{quiet}/settings", default_rights=[])
    await boris.post(f"/v1/messaging/chats/{lively}/topics-switch", on=True)
    topic = (await boris.post(f"/v1/messaging/chats/{lively}/topics", ref="weather", title="Погода"))["id"]
    await boris.connect()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        printed(name),
        env={**os.environ, "KAIF_URL": bot.url, "KAIF_KEY": await key_of(bot)},
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    try:
        await boris.hears("presence", user_id=bot.id, online=True, timeout_s=30)
        # Where it may not write it is refused, and goes on.
        await boris.post_message(quiet, "Сюда нельзя")
        asked = await boris.post(f"/v1/messaging/chats/{lively}/messages", ref="q", text="Дождь?", topic_id=topic)
        (answer,) = [one for one in await boris.sees(lively, asked["seq"] + 1) if one["sender_id"] == bot.id]
        assert (answer["text"], answer["topic_id"], answer["reply_to"]) == ("Дождь?", topic, asked["seq"])
        for number in range(3):
            await boris.send(chat_id, f"Ау {number}")
        shown = await boris.sees(chat_id, 7)
    finally:
        process.kill()
        await process.wait()

    answers = [entry for entry in shown if entry["sender_id"] == bot.id]
    assert sorted(entry["text"] for entry in answers) == ["Ау 0", "Ау 1", "Ау 2"]
    assert sorted(entry["reply_to"] for entry in answers) == sorted(
        entry["seq"] for entry in shown if entry["sender_id"] == boris.id and entry["kind"] == "message"
    )
