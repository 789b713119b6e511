"""Socket.IO: the stock client is at home, however it travels and however often it is cut off."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from tests.gateway.conftest import NewPerson
from tests.harness import Person, Server, people, running_server
from tests.journeys.cable import Cable, laid_cable
from tests.socketio import stock_client
from tests.waiting import until
from websockets.asyncio.client import connect

PATH = "/socket.io/?EIO=4&transport=polling"
# The longest of its ping and the wait for one (`pingInterval` and `pingTimeout`), and a little more.
PING_MISSED_S = 60
WAYS = {"both": {}, "websocket": {"transports": ["websocket"]}, "polling": {"transports": ["polling"]}}


@pytest.fixture
async def pair(anna: Person, boris: Person) -> tuple[str, Person, Person]:
    """A group of the test's own, so that its places begin at 1."""
    return await anna.group("Берег", boris), anna, boris


@pytest.mark.parametrize("way", WAYS)
async def test_a_message_is_acknowledged_with_its_entry_and_reaches_who_has_joined(
    pair: tuple[str, Person, Person], way: str
) -> None:
    chat_id, anna, boris = pair
    async with (
        stock_client(anna.url, anna.access_token, **WAYS[way]) as one,
        stock_client(boris.url, boris.access_token, **WAYS[way]) as other,
    ):
        await one.hears("connect")
        await other.hears("connect")
        assert await other.ask("join", chat_id=chat_id) == {"ok": True, "chat_id": chat_id, "seq": 1}

        answer = await one.ask("message", chat_id=chat_id, text="Привет!", ref="m-1", reply_to=1)
        again = await one.ask("send", chat_id=chat_id, text="Привет!", ref="m-1", reply_to=1)
        entry, offset = (await other.hears("new_message"))["content"]

    assert answer["ok"] and answer == again
    assert entry == answer["entry"]
    assert (entry["seq"], entry["text"], entry["sender_id"], offset) == (2, "Привет!", anna.id, f"{chat_id}:2")
    assert len(await anna.history(chat_id)) == 2
    assert one.messages(chat_id) == []


async def test_a_message_goes_into_a_topic_with_a_quote_and_without_a_sound(pair: tuple[str, Person, Person]) -> None:
    _, anna, boris = pair
    chat_id = await anna.group("Темы", boris)
    await anna.post(f"/v1/messaging/chats/{chat_id}/topics-switch", on=True)
    topic = (await anna.post(f"/v1/messaging/chats/{chat_id}/topics", ref="weather", title="Погода"))["id"]
    async with stock_client(anna.url, anna.access_token, **WAYS["websocket"]) as one:
        await one.hears("connect")
        first = (await one.ask("message", chat_id=chat_id, text="Дождь или снег?", topic_id=topic))["entry"]
        place = {"chat_id": chat_id, "topic_id": topic, "reply_to": first["seq"]}
        answer = await one.ask("message", **place, text="Он", quote="снег", silent=True)
        nowhere = await one.ask("message", chat_id=chat_id, text="Ау", topic_id=topic + 100)

    assert {"topic_id": topic, "quote": "снег", "silent": True}.items() <= answer["entry"].items()
    assert nowhere["code"] == "topic_not_found"


async def test_what_waits_for_a_poll_goes_over_the_websocket_that_replaces_it(pair: tuple[str, Person, Person]) -> None:
    chat_id, anna, boris = pair
    async with httpx.AsyncClient(base_url=boris.url, trust_env=False, timeout=20) as http:
        path = await opened(http)
        await http.post(path, content="40" + msgspec.json.encode({"token": boris.access_token}).decode())
        assert (await http.get(path)).text.startswith("40{")
        await http.post(path, content=f'420["join",{{"chat_id":"{chat_id}"}}]')
        assert "430[" in (await http.get(path)).text
        polling = asyncio.create_task(http.get(path))
        await asyncio.sleep(0.1)
        address = boris.url.replace("http", "ws", 1) + path.replace("polling", "websocket")
        async with asyncio.timeout(20), connect(address, proxy=None, compression=None) as socket:
            await socket.send("2probe")
            assert await socket.recv() == "3probe"
            assert (await polling).text == "6"

            await anna.post_message(chat_id, "между двумя")
            await asyncio.sleep(0.2)
            await socket.send("5")

            packet = str(await socket.recv())
            while not packet.startswith('42["new_message"'):
                packet = str(await socket.recv())
            assert "между двумя" in packet


async def test_stock_clients_move_from_polling_to_websocket(boris: Person) -> None:
    async with stock_client(boris.url, boris.access_token) as client:
        connected = await client.hears("connect")

        assert connected["transport"] == "websocket" or (await client.hears("upgrade"))["transport"] == "websocket"


async def test_typing_and_marks_go_both_ways_and_leaving_ends_them(pair: tuple[str, Person, Person]) -> None:
    chat_id, anna, boris = pair
    async with (
        stock_client(anna.url, anna.access_token) as one,
        stock_client(boris.url, boris.access_token) as other,
    ):
        for client in (one, other):
            await client.hears("connect")
            await client.ask("join", chat_id=chat_id)

        assert await one.ask("typing", chat_id=chat_id) == {"ok": True}
        assert await other.ask("read", chat_id=chat_id, seq=1) == {"ok": True, "seq": 1, "unread": 0}

        # What is told beside the log, and is of no chat, does no harm to what is.
        arranged = await boris.http.post("/v1/messaging/folders", json={"folders": []})
        assert arranged.is_success, arranged.text
        renamed = await anna.http.post("/v1/auth/display-name", json={"display_name": "Аня"})
        assert renamed.is_success, renamed.text
        assert (await other.hears("person"))["content"][0]["person"]["display_name"] == "Аня"
        assert (await other.hears("typing"))["content"] == [{"chat_id": chat_id, "user_id": anna.id}]
        assert {"chat_id": chat_id, "user_id": boris.id, "seq": 1} in (await one.hears("read"))["content"]

        assert (await other.ask("leave", chat_id=chat_id))["ok"]
        await one.ask("message", chat_id=chat_id, text="Ушёл?")
        assert (await other.ask("message", chat_id=chat_id, text="Ушёл"))["ok"]
        assert other.messages(chat_id) == []


@pytest.mark.parametrize(
    ("event", "content", "code"),
    [
        ("join", {"chat_id": "01k9zzzzzzzzzzzzzzzzzzzzzz"}, "chat_not_found"),
        ("send", {"chat_id": "01k9zzzzzzzzzzzzzzzzzzzzzz", "text": "x"}, "chat_not_found"),
        ("read", {"chat_id": "01k9zzzzzzzzzzzzzzzzzzzzzz", "seq": 1}, "chat_not_found"),
        ("send", {"text": "x"}, "invalid"),
        ("send", {"chat_id": "../../etc", "text": "x"}, "invalid"),
        ("join", "everything", "invalid"),
        ("join", None, "invalid"),
        ("explode", {}, "invalid"),
    ],
)
async def test_what_makes_no_sense_is_answered_and_harms_nothing(
    boris: Person, event: str, content: Any, code: str
) -> None:
    async with stock_client(boris.url, boris.access_token, transports=["websocket"]) as client:
        await client.hears("connect")

        client.emit(event, content, 1)

        answer = await client.answer(1)
        assert (answer["ok"], answer["code"]) == (False, code)
        assert client.events("disconnect") == []


async def test_who_is_not_in_a_chat_hears_nothing_of_it(
    pair: tuple[str, Person, Person], new_person: NewPerson
) -> None:
    chat_id, anna, _ = pair
    stranger = await new_person()
    async with stock_client(stranger.url, stranger.access_token) as client:
        await client.hears("connect")
        assert (await client.ask("join", chat_id=chat_id, after=0))["code"] == "chat_not_found"

        await anna.post_message(chat_id, "тайна")
        assert (await client.ask("join", chat_id=chat_id, after=0))["code"] == "chat_not_found"

    assert client.messages(chat_id) == []


async def test_a_wrong_token_is_refused_with_its_code(server: Server) -> None:
    async with stock_client(server.url, "wrong") as client:
        assert (await client.hears("connect_error"))["data"]["code"] == "unauthenticated"
    async with stock_client(server.url, "kaif_" + "0" * 49) as client:
        assert (await client.hears("connect_error"))["data"]["code"] == "api_key_refused"


async def test_an_api_key_listens_and_speaks_within_its_scopes(pair: tuple[str, Person, Person]) -> None:
    chat_id, anna, boris = pair
    made = await boris.post("/v1/auth/api-keys", name="reader", scopes=["messaging.read"], days=7)
    async with stock_client(boris.url, made["secret"]) as client:
        await client.hears("connect")
        await client.ask("join", chat_id=chat_id, after=0)
        await anna.post_message(chat_id, "Слышно?")
        await client.hears("new_message")

        assert (await client.ask("message", chat_id=chat_id, text="нет"))["code"] == "insufficient_scope"

    assert client.messages(chat_id) == [1, 2]


async def test_a_session_that_ends_ends_its_client(new_person: NewPerson) -> None:
    person = await new_person()
    async with stock_client(person.url, person.access_token) as client:
        await client.hears("connect")

        (await person.http.post("/v1/auth/logout", json={})).raise_for_status()

        await client.hears("disconnect")
        assert (await client.hears("connect_error"))["data"]["code"] == "session_ended"


# Cut off


@pytest.fixture
async def cable(server: Server) -> AsyncIterator[Cable]:
    async with laid_cable(server.host, server.port) as cable:
        yield cable


@pytest.mark.parametrize("way", WAYS)
async def test_after_a_cut_the_client_is_recovered_and_has_missed_nothing(
    pair: tuple[str, Person, Person], new_person: NewPerson, cable: Cable, way: str
) -> None:
    chat_id, anna, boris = pair
    second_id = await anna.group("Другой", boris)
    async with stock_client(cable.url, boris.access_token, **WAYS[way]) as client:
        await client.hears("connect")
        await client.ask("join", chat_id=chat_id)
        for number in range(5):
            await anna.post_message(chat_id, f"{number}")
        await client.hears("new_message", 5)
        # Nothing comes of this one before the cut: it is not forgotten all the same.
        await client.ask("join", chat_id=second_id)
        await client.hears("joined", 2)

        for life in range(3):
            cable.cut()
            for number in range(120):
                await anna.post_message(chat_id, f"{life}-{number}")
            await anna.post_message(second_id, f"{life}")
            cable.mend()
            # Cut off while it changes from polling to a WebSocket it learns that by a ping that does not come.
            await client.hears("connect", 2 + life, PING_MISSED_S)
            assert client.events("connect")[-1]["recovered"]
            await until(lambda life=life: len(client.messages(chat_id)) == 5 + 120 * (life + 1))  # type: ignore[misc]

        await until(lambda: len(client.messages(second_id)) == 3)

    assert client.messages(chat_id) == list(range(2, 2 + 5 + 360))
    assert client.messages(second_id) == [2, 3, 4]


async def test_another_process_recovers_it_as_well(tmp_path: Path) -> None:
    """What the client missed is in the log: the process that knew it is gone."""
    async with running_server(tmp_path) as server, people(server, "anna", "boris") as (anna, boris):
        chat_id = await anna.group("Берег", boris)
        async with stock_client(server.url, boris.access_token) as client:
            await client.hears("connect")
            await client.ask("join", chat_id=chat_id)
            await anna.post_message(chat_id, "до")
            await client.hears("new_message")

            server.kill()
            await server.restart()
            await anna.post_message(chat_id, "после")
            await client.hears("new_message", 2)

        assert client.events("connect")[-1]["recovered"]
        assert client.messages(chat_id) == [2, 3]


async def test_a_server_that_stops_answers_the_poll_that_waits(tmp_path: Path) -> None:
    async with (
        running_server(tmp_path) as server,
        httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=20) as http,
    ):
        path = await opened(http)
        waiting = asyncio.create_task(http.get(path))
        await asyncio.sleep(0.2)

        await server.stop()

        assert (await waiting).text == "1"


async def test_a_client_that_does_not_read_costs_nothing_and_gets_all_when_it_does(
    pair: tuple[str, Person, Person], cable: Cable
) -> None:
    chat_id, anna, boris = pair
    await anna.connect()
    async with stock_client(cable.url, boris.access_token, transports=["websocket"]) as client:
        await client.hears("connect")
        await client.ask("join", chat_id=chat_id)
        # More than all the buffers on the way hold.
        cable.delay_s = 0.5
        for _ in range(3000):
            await anna.send(chat_id, "x" * 4000)
        await anna.everything_is_acknowledged()
        cable.delay_s = 0
        await until(lambda: len(client.messages(chat_id)) == 3000, 60)

    assert client.messages(chat_id) == list(range(2, 3002))


# Clients that lie


async def opened(http: httpx.AsyncClient) -> str:
    answer = await http.get(PATH)
    assert answer.status_code == 200, answer.text
    said = msgspec.json.decode(answer.text[1:])
    assert answer.text[0] == "0" and said["upgrades"] == ["websocket"]
    return f"{PATH}&sid={said['sid']}"


@pytest.mark.parametrize(
    "path",
    ["/socket.io/?EIO=3&transport=polling", "/socket.io/?EIO=4&transport=flashsocket", "/socket.io/", PATH + "&sid=x"],
)
async def test_what_is_no_conversation_of_ours_is_refused(server: Server, path: str) -> None:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
        assert (await http.get(path)).status_code in (400, 422)
        assert (await http.post(path, content="4x")).status_code in (400, 422)


@pytest.mark.parametrize("packet", ["42[", "49", "45-[]", "bAAAA", "1", "7", "", "42" + "[" * 5000, "41"])
async def test_a_packet_that_is_none_ends_its_conversation_and_no_other(server: Server, packet: str) -> None:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
        one, other = await opened(http), await opened(http)

        assert (await http.post(one, content=packet)).status_code == 200

        assert (await http.post(one, content="3")).status_code == 400
        assert (await http.post(other, content="3")).status_code == 200


async def test_nobody_can_speak_before_they_have_said_who_they_are(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
        path = await opened(http)

        await http.post(path, content='421["message",{"chat_id":"x","text":"x"}]')

        assert (await http.get(path)).status_code == 400


async def test_two_polls_at_once_end_the_conversation(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
        path = await opened(http)
        waiting = asyncio.create_task(http.get(path))
        await asyncio.sleep(0.1)

        assert (await http.get(path)).status_code == 400
        assert (await waiting).text == "1"


async def test_other_namespaces_are_refused(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
        path = await opened(http)

        await http.post(path, content="40/admin,{}")

        assert (await http.get(path)).text == '44/admin,{"message":"Invalid namespace"}'


async def test_an_offset_that_lies_gives_no_more_than_asking_would(
    pair: tuple[str, Person, Person], new_person: NewPerson
) -> None:
    chat_id, anna, _ = pair
    stranger = await new_person()
    await anna.post_message(chat_id, "тайна")
    for person, wanted in ((stranger, []), (anna, [1, 2])):
        told = await recovered(person, {"pid": "01k9abc", "offset": f"{chat_id}:0"})
        assert [event[1]["seq"] for event in told] == wanted
    assert await recovered(anna, {"pid": "01k9abc", "offset": f"{chat_id}:999999"}) == []
    assert await recovered(anna, {"pid": {"a": 1}, "offset": ["x"]}) == []
    assert await recovered(anna, {"pid": "01k9abc", "offset": "x" * 9000}) == []


async def recovered(person: Person, more: dict[str, Any]) -> list[list[Any]]:
    """What a client that says so of itself is sent at once."""
    address = person.url.replace("http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"
    told = []
    async with connect(address, proxy=None, compression=None) as socket:
        assert str(await socket.recv())[0] == "0"
        await socket.send("40" + msgspec.json.encode({"token": person.access_token, **more}).decode())
        assert str(await socket.recv()).startswith("40{")
        await socket.send('421["typing",{}]')
        while not (packet := str(await socket.recv())).startswith("431"):
            told.append(msgspec.json.decode(packet[2:]))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                while True:
                    told.append(msgspec.json.decode(str(await socket.recv())[2:]))
    return [event for event in told if event[0] in ("new_message", "entry")]
