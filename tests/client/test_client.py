"""The client on a real server, over lines that break."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.client.conftest import Connect, NewPerson, key_of
from tests.harness import Person, Server, log_is_whole, people, running_server
from tests.journeys.cable import Cable, laid_cable
from tests.waiting import until

from kaif.client import Client, Closed, Entry, Refused, Tokens

SPEAKERS = 3
LONG = 10_000


@pytest.fixture
async def cable(server: Server) -> AsyncIterator[Cable]:
    async with laid_cable(server.host, server.port) as cable:
        yield cable


async def take(client: Client, count: int) -> list[Entry]:
    taken: list[Entry] = []
    async with asyncio.timeout(60):
        async for entry in client.entries():
            taken.append(entry)
            if len(taken) == count:
                break
    return taken


def seqs(entries: list[Entry]) -> list[int]:
    return [entry.seq for entry in entries]


async def test_what_is_sent_is_durable_when_it_returns_and_reaches_the_other(
    new_person: NewPerson, connect: Connect
) -> None:
    anna, boris = await new_person(), await new_person()
    chat_id = await anna.direct_chat(boris)
    listener, speaker = await connect(boris), await connect(anna)

    sent = await speaker.send(chat_id, "Привет!", reply_to=1)

    assert (sent.seq, sent.sender_id, sent.text, sent.reply_to) == (2, anna.id, "Привет!", 1)
    assert [entry["text"] for entry in await anna.history(chat_id, after=1)] == ["Привет!"]
    assert await take(listener, 1) == [sent]


async def test_an_answer_goes_into_the_topic_of_what_it_answers(new_person: NewPerson, connect: Connect) -> None:
    anna = await new_person()
    chat_id = await anna.group("Темы")
    await anna.post(f"/v1/messaging/chats/{chat_id}/topics-switch", on=True)
    topic = (await anna.post(f"/v1/messaging/chats/{chat_id}/topics", ref="weather", title="Погода"))["id"]
    client = await connect(anna)

    asked = await client.send(chat_id, "Дождь или снег?", topic_id=topic)
    answer = await client.send(chat_id, "Он", reply_to=asked.seq, quote="снег", topic_id=asked.topic_id, silent=True)

    assert (asked.topic_id, answer.topic_id) == (topic, topic)
    assert (answer.data["quote"], answer.data["silent"]) == ("снег", True)
    with pytest.raises(Refused, match="topic_not_found"):
        await client.send(chat_id, "Ау", topic_id=topic + 100)


async def test_an_api_key_connects_lists_chats_and_reads_history(new_person: NewPerson) -> None:
    anna, boris = await new_person(), await new_person()
    chat_ids = {await anna.direct_chat(boris), await anna.group("Берег", boris)}

    async with Client(anna.url, key=await key_of(anna)) as kaif:
        assert {chat.id async for chat in kaif.chats()} == chat_ids
        chat_id = await kaif.direct_chat(boris.id)
        sent = [await kaif.send(chat_id, f"{number}") for number in range(3)]
        history = [entry async for entry in kaif.history(chat_id)]

    assert chat_id in chat_ids
    assert history[1:] == sent


async def test_a_refused_message_says_why_and_harms_no_other(new_person: NewPerson, connect: Connect) -> None:
    anna, boris = await new_person(), await new_person()
    chat_id = await anna.direct_chat(boris)
    client = await connect(anna)

    with pytest.raises(Refused) as refused:
        await client.send("01k9zzzzzzzzzzzzzzzzzzzzzz", "никому")

    assert refused.value.code == "chat_not_found"
    assert (await client.send(chat_id, "Боре")).seq == 2


async def test_a_key_that_is_for_listening_hears_and_may_not_speak(new_person: NewPerson) -> None:
    anna, boris = await new_person(), await new_person()
    chat_id = await anna.direct_chat(boris)

    async with Client(anna.url, key=await key_of(anna, "messaging.read")) as kaif:
        await boris.post_message(chat_id, "Слышно?")

        assert [entry.text for entry in await take(kaif, 1)] == ["Слышно?"]
        with pytest.raises(Refused, match="insufficient_scope"):
            await kaif.send(chat_id, "Слышно")


async def test_a_wrong_key_is_told_at_once(server: Server) -> None:
    with pytest.raises(Refused) as refused:
        async with asyncio.timeout(10), Client(server.url, key="kaif_" + "0" * 49):
            pass

    assert (refused.value.code, refused.value.status) == ("api_key_refused", 401)


async def test_a_revoked_key_ends_the_client(new_person: NewPerson) -> None:
    anna = await new_person()
    key = await key_of(anna)

    async with Client(anna.url, key=key) as kaif:
        listening = asyncio.create_task(take(kaif, 1))
        for made in (await anna.get("/v1/auth/api-keys"))["keys"]:
            (await anna.http.delete(f"/v1/auth/api-keys/{made['id']}")).raise_for_status()

        with pytest.raises(Refused, match="api_key_refused"):
            await listening
        with pytest.raises(Refused, match="api_key_refused"):
            await kaif.send("01k9zzzzzzzzzzzzzzzzzzzzzz", "x")


async def test_tokens_that_ran_out_are_refreshed_and_the_new_ones_are_handed_over(new_person: NewPerson) -> None:
    anna, boris = await new_person(), await new_person()
    chat_id = await anna.direct_chat(boris)
    kept: list[Tokens] = []

    async def keep(tokens: Tokens) -> None:
        kept.append(tokens)

    stale = Tokens(anna.access_token[:-4] + "AAAA", anna.refresh_token)
    async with Client(anna.url, tokens=stale, on_tokens=keep) as kaif:
        sent = await kaif.send(chat_id, "x")

    assert sent.seq == 2
    assert len(kept) == 1
    async with Client(anna.url, tokens=kept[0]) as kaif:
        assert kaif.user_id == anna.id


async def test_the_same_reference_after_a_restart_stores_one_message(new_person: NewPerson, connect: Connect) -> None:
    anna, boris = await new_person(), await new_person()
    chat_id = await anna.direct_chat(boris)

    first = await (await connect(anna)).send(chat_id, "однажды", ref="report-1")
    again = await (await connect(anna)).send(chat_id, "однажды", ref="report-1")

    assert first == again
    assert len(await anna.history(chat_id)) == 2


async def test_what_is_unacknowledged_when_the_client_is_closed_raises(new_person: NewPerson, cable: Cable) -> None:
    anna, boris = await new_person(), await new_person()
    chat_id = await anna.direct_chat(boris)

    async with Client(cable.url, tokens=Tokens(anna.access_token, anna.refresh_token)) as kaif:
        cable.cut()
        sending = asyncio.create_task(kaif.send(chat_id, "в пустоту"))
        await asyncio.sleep(0.05)

    with pytest.raises(Closed):
        await sending


async def test_a_restarted_client_goes_on_exactly_where_the_last_one_was(
    new_person: NewPerson, connect: Connect
) -> None:
    anna, boris = await new_person(), await new_person()
    chat_id = await anna.direct_chat(boris)
    have: dict[str, int] = {chat_id: 1}
    shown: list[int] = []
    for life in range(4):
        for number in range(5):
            await anna.post_message(chat_id, f"{life}-{number}")
        client = await connect(boris, have)
        shown += seqs(await take(client, random.randint(1, 4)))
        have = client.have
        await client.close()

    shown += seqs(await take(await connect(boris, have), 21 - 1 - len(shown)))

    assert shown == list(range(2, 22))


async def test_a_bot_that_answers_everything_and_reads_slowly_holds_little_and_misses_nothing(
    new_person: NewPerson, connect: Connect
) -> None:
    """More waits than the client holds, and it must hear its own acknowledgements behind all that."""
    anna, boris = await new_person(), await new_person()
    chat_id = await anna.direct_chat(boris)
    slow, speaker = await connect(boris), await connect(anna)
    await asyncio.gather(*[speaker.send(chat_id, "x" * 1000) for _ in range(3000)])
    await until(lambda: slow._inbox.held >= 1000)

    answer = await asyncio.wait_for(slow.send(chat_id, "Успеваю"), 20)

    assert slow._inbox.held <= 1000
    assert seqs(await take(slow, 3001)) == list(range(2, 3003))
    assert answer.seq == 3002


async def test_over_a_line_that_breaks_all_the_time_nothing_is_lost_or_doubled(
    new_person: NewPerson, connect: Connect, cable: Cable
) -> None:
    anna, boris = await new_person(), await new_person()
    chat_id = await anna.direct_chat(boris)
    one, other = await connect(anna, url=cable.url), await connect(boris, {chat_id: 1}, url=cable.url)
    count = 300
    breaking = asyncio.create_task(break_again_and_again(cable))

    taking = asyncio.create_task(take(other, count))
    async with asyncio.timeout(60):
        sent = await asyncio.gather(*[one.send(chat_id, f"{number}") for number in range(count)])
    taken = await taking
    breaking.cancel()

    assert seqs(taken) == list(range(2, count + 2))
    assert sorted(seqs(sent)) == seqs(taken)
    log_is_whole(await anna.history(chat_id))


async def break_again_and_again(cable: Cable) -> None:
    while True:
        cable.delay_s = random.uniform(0, 0.02)
        await asyncio.sleep(random.uniform(0.05, 0.3))
        cable.cut()
        await asyncio.sleep(random.uniform(0, 0.2))
        cable.mend()


async def test_one_leaves_for_ten_thousand_entries_and_catches_up_while_three_others_go_on(
    new_person: NewPerson, connect: Connect, cable: Cable
) -> None:
    listener, *speakers = [await new_person() for _ in range(1 + SPEAKERS)]
    chat_id = await listener.group("Берег", *speakers)
    clients = [await connect(speaker) for speaker in speakers]
    reader = await connect(listener, {chat_id: 0}, url=cable.url)
    taken = await take(reader, 1)
    cable.cut()
    await talk(clients, chat_id, LONG)

    cable.mend()
    more = 500
    talking = asyncio.create_task(talk(clients, chat_id, more))
    taken += await take(reader, LONG + more)
    await talking

    assert seqs(taken) == list(range(1, LONG + more + 2))
    assert len({(entry.sender_id, entry.ref) for entry in taken if entry.ref}) == LONG + more


async def talk(clients: list[Client], chat_id: str, count: int) -> None:
    async def say(client: Client, number: int) -> None:
        await client.send(chat_id, f"{number}")

    await asyncio.gather(*[say(clients[number % SPEAKERS], number) for number in range(count)])


async def test_a_server_that_is_killed_again_and_again_is_followed_by_its_clients(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, people(server, "anna", "boris") as (anna, boris):
        chat_id = await anna.direct_chat(boris)
        async with follower(anna, chat_id) as one, follower(boris, chat_id) as other:
            sent: list[Entry] = []
            speaking = asyncio.create_task(speak(one, chat_id, sent))
            for _ in range(2):
                await asyncio.sleep(0.3)
                server.kill()
                await server.restart()
                before = len(sent)
                await until(lambda before=before: len(sent) > before, timeout_s=20)  # type: ignore[misc]
            speaking.cancel()
            await asyncio.wait([speaking])
            log = await boris.history(chat_id)
            taken = await take(other, len(log) - 1)

        log_is_whole(log)
        assert seqs(taken) == [entry["seq"] for entry in log[1:]]
        assert {entry.ref: entry.seq for entry in sent}.items() <= {
            entry["ref"]: entry["seq"] for entry in log[1:]
        }.items()


def follower(person: Person, chat_id: str) -> Client:
    return Client(person.url, tokens=Tokens(person.access_token, person.refresh_token), have={chat_id: 1})


async def speak(client: Client, chat_id: str, sent: list[Entry]) -> None:
    while True:
        sent.append(await client.send(chat_id, "Слышно?"))
