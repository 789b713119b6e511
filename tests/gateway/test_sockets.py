"""The socket protocol of docs/realtime.md, on a real server."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.conftest import NewPerson
from tests.gateway.wire import exchange, hangs_up_after
from tests.harness import Person, Server, log_is_whole, people, running, running_server
from tests.waiting import until
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Opcode

from kaif.interfaces.auth import ACCESS_TOKEN_SECONDS
from kaif.kernel.actor import Actor, SessionId, UserId
from kaif.kernel.clock import SECOND_US, now_us
from kaif.kernel.ids import new_id
from kaif.services.auth.tokens import Signer

Event = dict[str, Any]

# So many of a hasty server's seconds pass in one of ours, and as many go by between two looks at its sockets.
PACE = 4


def opened(server: Server, person: Person | None = None, headers: dict[str, str] | None = None) -> connect:
    """A bare connection, which keeps to no rule."""
    if person:
        headers = {"authorization": f"Bearer {person.access_token}"}
    address = server.url.replace("http", "ws") + "/v1/socket"
    return connect(
        address, additional_headers=headers, compression=None, proxy=None, max_queue=None, ping_interval=None
    )


async def events(
    connection: ClientConnection, count: int = 1, within_s: float = 10, passing_over: str = "presence"
) -> list[Event]:
    """The next ones; the people of other tests come and go meanwhile."""
    heard: list[Event] = []
    while len(heard) < count:
        frame = json.loads(await asyncio.wait_for(connection.recv(), within_s))
        frame = frame if isinstance(frame, list) else [frame]
        heard += [event for event in frame if event["type"] != passing_over]
    return heard


async def closed_with(connection: ClientConnection, within_s: float = 10) -> int:
    """Read to the end; the code of the close."""
    try:
        while True:
            await asyncio.wait_for(connection.recv(), within_s)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 1006


def a_send(chat_id: str, ref: str, text: str = "Привет!", **more: Any) -> str:
    return json.dumps({"type": "send", "chat_id": chat_id, "ref": ref, "text": text, **more})


def hundred_sends(chat_id: str, first: int) -> str:
    return "[" + ",".join(a_send(chat_id, f"m-{number}") for number in range(first, first + 100)) + "]"


# Opening


async def test_hello_names_the_newest_entry_of_each_chat(server: Server, new_person: NewPerson) -> None:
    anna, boris = await new_person(), await new_person()
    direct, group = await anna.direct_chat(boris), await anna.group("Друзья", boris)
    await anna.post_message(group, "Привет")

    async with opened(server, anna) as connection:
        (hello,) = await events(connection)

    assert hello == {"type": "hello", "user_id": anna.id, "chats": {direct: 1, group: 2}, "online": []}


async def test_hello_names_whom_one_could_talk_to_now(server: Server, new_person: NewPerson) -> None:
    anna, boris, clara = await new_person(), await new_person(), await new_person()
    await anna.direct_chat(boris)
    await anna.group("Друзья", clara)

    async with opened(server, boris) as theirs, opened(server, clara) as others:
        await events(theirs)
        await events(others)
        async with opened(server, anna) as connection:
            (hello,) = await events(connection)

    assert hello["online"] == [boris.id]


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "unauthenticated"),
        ({"authorization": "Bearer nonsense"}, 401, "unauthenticated"),
        ({"authorization": "Basic eA=="}, 401, "unauthenticated"),
        ({"cookie": "__Host-kaif_access="}, 401, "unauthenticated"),
        ({"cookie": "__Host-kaif_access=x"}, 403, "foreign_origin"),
    ],
)
async def test_a_refused_upgrade_is_a_problem(server: Server, headers: dict[str, str], status: int, code: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with opened(server, headers=headers):
            pass

    answer = refused.value.response
    assert (answer.status_code, json.loads(answer.body)["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("origin", ["", "null", "https://evil.example", "http://127.0.0.1"])
async def test_a_page_of_another_site_gets_no_socket_with_our_cookie(server: Server, anna: Person, origin: str) -> None:
    headers = {"cookie": f"__Host-kaif_access={anna.access_token}", **({"origin": origin} if origin else {})}

    with pytest.raises(InvalidStatus) as refused:
        async with opened(server, headers=headers):
            pass

    assert refused.value.response.status_code == 403


async def test_our_own_page_gets_a_socket_by_its_cookie(server: Server, anna: Person) -> None:
    headers = {"cookie": f"a=b; __Host-kaif_access={anna.access_token}", "origin": server.url}

    async with opened(server, headers=headers) as connection:
        (hello,) = await events(connection)

    assert hello["user_id"] == anna.id


@pytest.mark.parametrize("path", ["/", "/v1/sockets", "/v1/socket/"])
async def test_there_is_one_path_for_sockets(server: Server, anna: Person, path: str) -> None:
    request = (
        f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {anna.access_token}\r\n\r\n"
    )

    assert (await exchange(server.url, request.encode())).status == 404


# Talking


async def test_a_message_reaches_everyone_and_its_own_entry_acknowledges_it(
    server: Server, anna: Person, boris: Person
) -> None:
    chat_id = await anna.group("Друзья", boris)
    async with opened(server, anna) as hers, opened(server, anna) as her_other, opened(server, boris) as his:
        for connection in (hers, her_other, his):
            await events(connection)

        await hers.send(a_send(chat_id, "m-1", reply_to=1))
        heard = [(await events(connection))[0] for connection in (hers, her_other, his)]

    assert heard[0] == heard[1] == heard[2]
    assert heard[0].items() >= {"type": "entry", "seq": 2, "kind": "message", "ref": "m-1", "reply_to": 1}.items()
    assert heard[0] == (await boris.history(chat_id))[-1]


async def test_many_events_may_come_in_one_frame_and_keep_their_order(server: Server, anna: Person) -> None:
    chat_id = await anna.group("Я", anna)
    async with opened(server, anna) as connection:
        await events(connection)

        await connection.send(hundred_sends(chat_id, 0))
        heard = await events(connection, 100)

    assert [event["ref"] for event in heard] == [f"m-{number}" for number in range(100)]
    log_is_whole(await anna.history(chat_id))


async def test_a_ref_that_comes_again_is_answered_to_its_sender_alone(
    server: Server, anna: Person, boris: Person
) -> None:
    chat_id = await anna.group("Друзья", boris)
    async with opened(server, anna) as hers, opened(server, boris) as his:
        await events(hers)
        await events(his)
        await hers.send(a_send(chat_id, "m-1", "первый"))
        await events(his)

        await hers.send(a_send(chat_id, "m-1", "второй"))
        await hers.send(a_send(chat_id, "m-2"))
        first, again, other = sorted(await events(hers, 3), key=lambda entry: int(entry["seq"]))
        (next_of_his,) = await events(his)

    assert (first["text"], again) == ("первый", first)
    assert next_of_his == other and other["ref"] == "m-2"


@pytest.mark.parametrize(
    ("chat", "text", "code"), [("nowhere", "x", "chat_not_found"), ("", " ", "bad_text"), ("", "a\x00b", "bad_text")]
)
async def test_a_refused_message_is_told_with_its_ref(
    server: Server, anna: Person, chat: str, text: str, code: str
) -> None:
    chat_id = chat or await anna.group("Я", anna)
    async with opened(server, anna) as connection:
        await events(connection)

        await connection.send(a_send(chat_id, "m-1", text))
        (refusal,) = await events(connection)

    assert (refusal["type"], refusal["ref"], refusal["code"]) == ("refused", "m-1", code)
    assert refusal["detail"]


async def test_a_stranger_is_refused_and_nobody_in_the_chat_hears_of_it(
    server: Server, anna: Person, boris: Person, owner: Person
) -> None:
    chat_id = await anna.direct_chat(boris)
    async with opened(server, owner) as strange, opened(server, anna) as hers:
        await events(strange)
        await events(hers)

        for event in ({"type": "typing"}, {"type": "read", "seq": 1}):
            await strange.send(json.dumps({**event, "chat_id": chat_id}))
        await strange.send(a_send(chat_id, "m-1"))
        (refusal,) = await events(strange)
        with pytest.raises(TimeoutError):
            await events(hers, within_s=0.3)

    assert refusal["code"] == "chat_not_found"


async def test_typing_and_reading_are_told_to_the_others(server: Server, anna: Person, boris: Person) -> None:
    chat_id = await anna.group("Друзья", boris)
    async with opened(server, anna) as hers, opened(server, boris) as his:
        await events(hers)
        await events(his)

        await his.send(json.dumps({"type": "typing", "chat_id": chat_id}))
        await his.send(json.dumps({"type": "typing", "chat_id": chat_id, "topic_id": 2}))
        await his.send(json.dumps({"type": "read", "chat_id": chat_id, "seq": 1}))
        heard = await events(hers, 3)

    assert {"type": "typing", "chat_id": chat_id, "user_id": boris.id} in heard
    assert {"type": "typing", "chat_id": chat_id, "user_id": boris.id, "topic_id": 2} in heard
    assert {"type": "read", "chat_id": chat_id, "user_id": boris.id, "seq": 1} in heard


async def test_coming_and_going_is_told_to_those_with_whom_one_talks(server: Server, new_person: NewPerson) -> None:
    anna, boris = await new_person(), await new_person()
    await anna.direct_chat(boris)
    async with opened(server, anna) as hers:
        await events(hers)

        async with opened(server, boris) as his:
            came = await events(hers, passing_over="")
            await events(his)
        went = await events(hers, passing_over="")

    assert came == [{"type": "presence", "user_id": boris.id, "online": True}]
    assert went == [{"type": "presence", "user_id": boris.id, "online": False}]


async def test_a_chat_made_while_one_is_here_is_heard_from_its_first_entry(
    server: Server, anna: Person, boris: Person
) -> None:
    async with opened(server, boris) as his:
        await events(his)

        chat_id = await anna.group("Новый", boris)
        await anna.post_message(chat_id, "Привет")
        heard = await events(his, 2)

    assert [(event["chat_id"], event["seq"], event["kind"]) for event in heard] == [
        (chat_id, 1, "created"),
        (chat_id, 2, "message"),
    ]


async def test_who_is_removed_hears_that_and_then_nothing_more(server: Server, anna: Person, boris: Person) -> None:
    chat_id = await anna.group("Друзья", boris)
    async with opened(server, boris) as his:
        await events(his)

        await anna.http.delete(f"/v1/messaging/chats/{chat_id}/members/{boris.id}")
        await anna.post_message(chat_id, "без него")
        (left,) = await events(his)
        with pytest.raises(TimeoutError):
            await events(his, within_s=0.3)

    assert (left["kind"], left["user_ids"]) == ("left", [boris.id])


async def test_a_message_may_come_in_fragments(server: Server, anna: Person) -> None:
    chat_id = await anna.group("Я", anna)
    async with opened(server, anna) as connection:
        await events(connection)
        text = a_send(chat_id, "m-1")

        await connection.send([text[start : start + 7] for start in range(0, len(text), 7)])
        (entry,) = await events(connection)

    assert (entry["ref"], entry["text"]) == ("m-1", "Привет!")


# Closing

MALFORMED = [
    "",
    "{",
    "null",
    "1",
    '"send"',
    "{}",
    '{"type":"hello"}',
    '{"type":"send"}',
    '{"type":"typing"}',
    '{"type":"typing","chat_id":"a\\u0000b"}',
    '{"type":"typing","chat_id":"x","topic_id":-1}',
    '{"type":"read","chat_id":"x","seq":0}',
    '{"type":"read","chat_id":"x","seq":1e400}',
    '{"type":"read","chat_id":"x","seq":1,"more":1}',
    '{"type":"send","chat_id":"x","ref":"","text":"x"}',
    '{"type":"send","chat_id":"x","ref":"a b","text":"x"}',
    '{"type":"send","chat_id":"x","ref":"r","text":"\\ud800"}',
    '{"type":"send","chat_id":"\\u0000","ref":"r","text":"x"}',
    '{"type":"send","chat_id":"x","ref":"r","text":"' + "x" * 5000 + '"}',
    "[" * 30_000,
    json.dumps([{"type": "typing", "chat_id": "x"}] * 101),
    b"\x00\x01",
    b"",
]


@pytest.mark.parametrize("frame", MALFORMED, ids=range(len(MALFORMED)))
async def test_a_malformed_frame_closes_the_socket(server: Server, anna: Person, frame: str | bytes) -> None:
    async with opened(server, anna) as connection:
        await events(connection)

        await connection.send(frame)

        assert await closed_with(connection) == 4002


async def test_text_that_is_not_utf_8_closes_the_socket(server: Server, anna: Person) -> None:
    async with opened(server, anna) as connection:
        await events(connection)

        await connection.send(b'{"type":"typing","chat_id":"\xff\xfe"}', text=True)

        assert await closed_with(connection) in (4002, 1007)


async def test_a_frame_over_its_size_closes_the_socket(server: Server, anna: Person) -> None:
    for too_big in (" " * 70_000, [" " * 40_000, " " * 40_000]):
        async with opened(server, anna) as connection:
            await events(connection)

            await connection.send(too_big)

            assert await closed_with(connection) == 1009


async def test_frames_without_their_mask_are_no_frames(server: Server, anna: Person) -> None:
    async with opened(server, anna) as connection:
        await events(connection)

        connection.transport.write(bytes((0x80 | Opcode.TEXT, 2)) + b"{}")

        assert await closed_with(connection) in (1002, 1006, 4002)


async def test_the_end_of_a_session_closes_its_sockets_within_a_second_and_no_other(
    server: Server, new_person: NewPerson
) -> None:
    anna = await new_person()
    phone = Person(server.url, anna.name)
    await phone.log_in()
    async with opened(server, anna) as ended, opened(server, phone) as other:
        await events(ended)
        await events(other)

        await anna.http.post("/v1/auth/logout", json={})

        assert await closed_with(ended, within_s=1) == 4001
        await other.ping()
    assert (await anna.http.get("/v1/auth/me")).json()["code"] == "session_ended"
    await phone.close()


async def test_a_stolen_refresh_token_closes_the_sockets_of_its_session(server: Server, new_person: NewPerson) -> None:
    anna = await new_person()
    spent = anna.refresh_token
    await anna.refresh()
    async with opened(server, anna) as connection:
        await events(connection)

        await anna.http.post("/v1/auth/refresh", json={"refresh_token": spent})

        assert await closed_with(connection, within_s=1) == 4001


async def test_a_flood_is_first_refused_and_then_cut_off(tmp_path: Path) -> None:
    async with running_server(tmp_path, KAIF_LIMITS_SCALE="1") as server, people(server, "anna") as (anna,):
        chat_id = await anna.group("Я", anna)
        async with opened(server, anna) as connection:
            await events(connection)

            await connection.send(hundred_sends(chat_id, 0))
            entries = await events(connection, 100)
            for start in (100, 200, 300):
                await connection.send(hundred_sends(chat_id, start))
            heard: list[Event] = []
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    heard += await events(connection)

        refusals = [event for event in heard if event["type"] == "refused"]
        assert {entry["type"] for entry in entries} == {"entry"}
        assert len(refusals) > 100
        # A few come late enough for the one limit, and too early for that of the chat.
        codes = {refusal["code"] for refusal in refusals}
        assert "too_many_requests" in codes <= {"too_many_requests", "too_many_messages"}
        assert all(refusal["retry_after_ms"] > 0 for refusal in refusals)
        assert closed.value.rcvd and closed.value.rcvd.code == 4008


async def test_a_slow_reader_is_asked_to_resume_and_misses_nothing(server: Server, new_person: NewPerson) -> None:
    anna, boris = await new_person(), await new_person()
    chat_id = await anna.direct_chat(boris)
    await boris.connect()
    await boris.disconnect()
    await anna.connect()

    # A window of a few kilobytes, which nobody reads.
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, (server.host, server.port))
    address = server.url.replace("http", "ws") + "/v1/socket"
    headers = {"authorization": f"Bearer {boris.access_token}"}
    async with connect(address, additional_headers=headers, compression=None, sock=narrow, max_queue=1) as slow:
        for _ in range(1500):
            await anna.send(chat_id, "ж" * 4000)
        await anna.everything_is_acknowledged()

        assert await closed_with(slow) in (4000, 1006)

    await boris.connect()
    log_is_whole(await boris.sees(chat_id, 1501))


async def test_what_is_heard_while_hello_is_on_its_way_is_kept(server: Server, new_person: NewPerson) -> None:
    anna, boris = await new_person(), await new_person()
    chat_id = await anna.direct_chat(boris)
    await anna.connect()

    async def talk() -> None:
        for number in range(300):
            await anna.send(chat_id, str(number))
            await asyncio.sleep(0)

    talking = asyncio.create_task(talk())
    for _ in range(5):
        await boris.connect()
        await boris.disconnect()
    await boris.connect()
    await talking
    await anna.everything_is_acknowledged()

    log_is_whole(await boris.sees(chat_id, 301))


async def test_a_server_that_stops_sends_its_sockets_away(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, people(server, "anna", "boris") as (anna, boris):
        await anna.direct_chat(boris)
        async with opened(server, anna) as one, opened(server, boris) as other:
            await events(one)
            await events(other)

            stopping = asyncio.create_task(server.stop())

            assert [await closed_with(one), await closed_with(other)] == [1001, 1001]
            await stopping
        assert "Error" not in server.complaints()


async def test_messages_on_their_way_when_the_server_stops_are_kept_or_not_acknowledged(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, people(server, "anna") as (anna,):
        chat_id = await anna.group("Я", anna)
        await anna.connect()
        for number in range(500):
            await anna.send(chat_id, str(number))

        await server.stop()
        await server.restart()
        await anna.everything_is_acknowledged()

        log = await anna.history(chat_id)
        log_is_whole(log)
        assert len(log) == 501


async def test_an_unread_ping_is_answered(server: Server, anna: Person) -> None:
    async with opened(server, anna) as connection:
        await events(connection)

        pong = await connection.ping(b"x" * 125)

        await asyncio.wait_for(pong, 5)


@pytest.fixture
async def hasty(tmp_path: Path) -> AsyncIterator[tuple[Server, Person]]:
    """A server that is as patient as any by its own clock, and who set it up."""
    hurried = Server(tmp_path)
    hurried.hurry(PACE)
    async with running(hurried) as server:
        owner = await Person(server.url, "owner").set_up(server.setup_code)
        yield server, owner
        await owner.close()


async def test_who_is_silent_is_pinged_and_who_does_not_answer_is_hung_up_on(hasty: tuple[Server, Person]) -> None:
    """Takes as long as the server is patient."""
    server, owner = hasty
    async with opened(server, owner) as answering:
        took_s, said = await hangs_up_after(server.url, an_upgrade(owner), within_s=60 / PACE + 30)

        assert 44 < took_s * PACE < 60
        ping, close = bytes((0x80 | Opcode.PING, 0)), bytes((0x80 | Opcode.CLOSE, 2)) + (1001).to_bytes(2, "big")
        # Between the two others may come or go.
        assert said.count(ping) == 1
        assert said.endswith(close)
        await asyncio.wait_for(await answering.ping(), 5)


async def test_after_a_standstill_of_the_server_everybody_gets_to_answer_a_ping(hasty: tuple[Server, Person]) -> None:
    """Longer than a silent socket is borne with."""
    server, owner = hasty
    async with opened(server, owner) as connection:
        await events(connection)

        os.kill(server.pid, signal.SIGSTOP)
        await asyncio.sleep(46 / PACE)
        os.kill(server.pid, signal.SIGCONT)
        await asyncio.sleep(3)

        await asyncio.wait_for(await connection.ping(), 5)


async def test_the_end_of_a_token_closes_its_sockets(server: Server, anna: Person) -> None:
    signer = Signer((server.data / "secrets" / "signing-key.json").read_text())
    made_at_us = now_us() - (ACCESS_TOKEN_SECONDS - 3) * SECOND_US
    token = signer.sign(Actor(UserId(anna.id), SessionId(new_id())), 0, made_at_us)

    async with opened(server, headers={"authorization": f"Bearer {token}"}) as connection:
        await events(connection)

        assert await closed_with(connection, within_s=6) == 4001


async def test_a_gone_client_is_forgotten(server: Server, anna: Person) -> None:
    connection = await opened(server, anna)
    await events(connection)

    connection.transport.abort()

    async def sockets() -> float:
        text = (await anna.http.get("/metrics")).text
        return float(next(line for line in text.splitlines() if line.startswith("kaif_sockets ")).split()[1])

    before = await sockets()
    await until(lambda: connection.transport.is_closing())
    assert await sockets() <= before


async def test_a_close_without_a_code_is_answered_with_a_code_that_may_be_sent(server: Server, anna: Person) -> None:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(an_upgrade(anna))
    await reader.readuntil(b'"type":"hello"')
    writer.write(b"\x88\x80\0\0\0\0")

    said = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert said.endswith(b"\x88\x02" + (1000).to_bytes(2, "big"))


async def test_slow_readers_take_nothing_from_the_others_and_are_hung_up_on(
    server: Server, new_person: NewPerson
) -> None:
    anna, boris = await new_person(), await new_person()
    chat_id = await anna.direct_chat(boris)
    await anna.connect()
    before = files_open(server)
    slow = [a_narrow_socket(server, boris) for _ in range(5)]

    for _ in range(10):
        for _ in range(200):
            await anna.send(chat_id, "x" * 4000)
        await anna.everything_is_acknowledged(timeout_s=10)

    await until(lambda: files_open(server) <= before)
    for one in slow:
        one.close()


def a_narrow_socket(server: Server, person: Person) -> socket.socket:
    """A window of a few kilobytes, which nobody reads."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect((server.host, server.port))
    narrow.sendall(an_upgrade(person))
    return narrow


def an_upgrade(person: Person) -> bytes:
    lines = ["GET /v1/socket HTTP/1.1", "Host: x", "Connection: Upgrade", "Upgrade: websocket",
             "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
             f"Authorization: Bearer {person.access_token}", "", ""]  # fmt: skip
    return "\r\n".join(lines).encode()


def files_open(server: Server) -> int:
    return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))
