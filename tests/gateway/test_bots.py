"""Bots and webhooks at the edge: what a bot's key opens, how its socket greets and ends, what a webhook is answered."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
from tests.gateway.conftest import NewPerson
from tests.gateway.test_sockets import closed_with
from tests.harness import Person, people, running_server
from websockets.asyncio.client import connect


async def make_bot(owner: Person, name: str) -> tuple[Person, dict[str, Any]]:
    """The bot as somebody who can ask, and as its owner sees it."""
    made = await owner.post("/v1/auth/bots", username=name, display_name="Бот")
    bot = Person(owner.url, name)
    bot.keep({"user": {"id": made["bot"]["person"]["id"]}, "access_token": made["secret"], "refresh_token": ""})
    return bot, made["bot"]


async def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, "" if answer.is_success else answer.json()["code"]


async def test_a_bots_key_opens_chats_and_names_and_nothing_else(new_person: NewPerson) -> None:
    anna = await new_person()
    bot, _ = await make_bot(anna, f"{anna.name}-bot")
    chat_id = await anna.direct_chat(bot)
    asked = await bot.post(
        f"/v1/messaging/chats/{chat_id}/messages", ref="r", text="Да?", buttons=[[{"text": "Да", "data": "y"}]]
    )
    press = f"/v1/messaging/chats/{chat_id}/messages/{asked['seq']}/press"

    assert (await bot.get(f"/v1/auth/people/{anna.id}"))["username"] == anna.name
    for method, path, body in (
        ("GET", "/v1/auth/me", None),
        ("GET", "/v1/auth/bots", None),
        ("POST", "/v1/auth/bots", {"username": "childbot"}),
        ("POST", "/v1/auth/api-keys", {"name": "x", "scopes": ["messaging.read"]}),
        ("POST", press, {"data": "y", "ref": "p"}),
        ("GET", f"/v1/messaging/chats/{chat_id}/webhooks", None),
    ):
        assert await code_of(await bot.http.request(method, path, json=body)) == (403, "insufficient_scope"), path
    refused = await bot.http.post("/v1/messaging/chats", json={"kind": "group", "title": "Ловушка"})
    assert await code_of(refused) == (403, "not_for_bots")
    await bot.close()


async def test_hello_names_the_newest_press_and_a_revoked_key_ends_the_socket(new_person: NewPerson) -> None:
    anna = await new_person()
    bot, seen = await make_bot(anna, f"{anna.name}-bot")
    chat_id = await anna.direct_chat(bot)
    asked = await bot.post(
        f"/v1/messaging/chats/{chat_id}/messages", ref="r", text="Да?", buttons=[[{"text": "Да", "data": "y"}]]
    )
    await anna.post(f"/v1/messaging/chats/{chat_id}/messages/{asked['seq']}/press", data="y", ref="p")
    await bot.connect()
    await anna.connect()

    assert (await bot.hears("hello"))["callbacks"] == 1
    assert "callbacks" not in await anna.hears("hello")
    pressed = await anna.post(f"/v1/messaging/chats/{chat_id}/messages/{asked['seq']}/press", data="y", ref="q")
    heard = await bot.hears("callback", id=pressed["callback_id"])
    assert (heard["number"], heard["user_id"], heard["data"]) == (2, anna.id, "y")
    await bot.disconnect()

    headers = {"authorization": f"Bearer {bot.access_token}"}
    address = anna.url.replace("http", "ws", 1) + "/v1/socket"
    async with connect(address, additional_headers=headers, compression=None, proxy=None) as socket:
        await socket.recv()
        await anna.post(f"/v1/auth/bots/{seen['person']['id']}/key/revoke")
        assert await closed_with(socket, within_s=5) == 4001
    assert await code_of(await bot.http.get("/v1/messaging/chats")) == (401, "api_key_refused")
    await bot.close()


async def test_a_webhook_is_for_whoever_has_its_address(new_person: NewPerson) -> None:
    anna = await new_person()
    chat_id = await anna.group("Сборки")
    made = await anna.post(f"/v1/messaging/chats/{chat_id}/webhooks", name="Сборка")

    async with httpx.AsyncClient(base_url=anna.url, trust_env=False) as program:
        answers = [
            await program.post(made["path"], json={"text": "Готово", "ref": "1"}),
            await program.post(made["path"], json={"text": "Готово", "ref": "1"}),
            await program.post(made["path"], json={"text": "x" * 4097}),
            await program.post(made["path"], json={"text": "Готово", "chat_id": chat_id}),
            await program.post(made["path"], content=b"Hello"),
            await program.post(made["path"][:-1] + "!", json={"text": "Готово"}),
            await program.post(made["path"][:-43] + "x" * 43, json={"text": "Готово"}),
        ]
        codes = [await code_of(answer) for answer in answers]
        refused = await program.post(made["path"], json={"text": "Готово"})
        for _ in range(60):
            if (refused := await program.post(made["path"], json={"text": "Ещё"})).is_error:
                break

    assert codes[:2] == [(201, ""), (201, "")] and answers[0].json() == answers[1].json()
    assert codes[2:] == [
        (422, "invalid"),
        (422, "invalid"),
        (415, "unsupported_media_type"),
        (422, "invalid"),
        (404, "webhook_gone"),
    ]
    assert await code_of(refused) == (429, "webhook_too_fast")
    assert 0 < int(refused.headers["retry-after"]) <= 61


async def test_what_a_chat_does_not_bear_is_refused_with_the_time_to_wait(tmp_path: Path) -> None:
    async with running_server(tmp_path, KAIF_LIMITS_SCALE="0.4") as server, people(server, "anna") as (anna,):
        bot, _ = await make_bot(anna, "lakebot")
        chat_id = await anna.direct_chat(bot)
        headers = {"authorization": f"Bearer {bot.access_token}"}
        address = anna.url.replace("http", "ws", 1) + "/v1/socket"
        async with connect(address, additional_headers=headers, compression=None, proxy=None) as socket:
            sends = [{"type": "send", "chat_id": chat_id, "ref": f"{number}", "text": "!"} for number in range(28)]
            await socket.send(json.dumps(sends))
            heard: list[dict[str, Any]] = []
            while len(heard) < 29:
                frame = json.loads(await asyncio.wait_for(socket.recv(), 10))
                heard += frame if isinstance(frame, list) else [frame]

        refused = [event for event in heard if event["type"] == "refused"]
        # The bots of a chat have 24 at once, one of them alone has 40.
        assert [event["ref"] for event in refused] == ["24", "25", "26", "27"]
        assert {event["code"] for event in refused} == {"too_many_messages"}
        assert all(0 < event["retry_after_ms"] <= 2501 for event in refused)
        path = f"/v1/messaging/chats/{chat_id}/messages"
        answers = [await bot.http.post(path, json={"ref": f"over-{number}", "text": "!"}) for number in range(10)]
        late = next(answer for answer in answers if not answer.is_success)
        assert await code_of(late) == (429, "too_many_messages")
        assert int(late.headers["retry-after"]) > 0
        await bot.close()
