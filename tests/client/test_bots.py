"""Bots by the client: the one of the documentation as printed; presses of buttons, heard once, live or later."""

import asyncio
import os
import sys
from datetime import UTC, datetime
from signal import SIGKILL

from tests.client.conftest import NewPerson
from tests.client.test_readme import printed
from tests.harness import Person
from tests.servers import die_with_parent
from tests.waiting import eventually

from kaif.client import Button, Callback, Client
from kaif.client.callbacks import Missing, Presses

YES = Button("Да", "yes")


async def make_bot(owner: Person) -> tuple[str, str]:
    """Its id and its key."""
    made = await owner.post("/v1/auth/bots", username=f"{owner.name}-bot", display_name="Бот")
    return made["bot"]["person"]["id"], made["secret"]


async def direct_with(person: Person, bot_id: str) -> str:
    return str((await person.post("/v1/messaging/chats", kind="direct", members=[bot_id]))["id"])


async def press(person: Person, chat_id: str, seq: int, data: str = "yes") -> str:
    path = f"/v1/messaging/chats/{chat_id}/messages/{seq}/press"
    return str((await person.post(path, data=data, ref=person.new_ref()))["callback_id"])


async def test_the_bot_of_the_documentation_asks_and_thanks(new_person: NewPerson) -> None:
    boris = await new_person()
    bot_id, key = await make_bot(boris)
    chat_id = str((await boris.post("/v1/messaging/chats", kind="group", title="Лодки", members=[bot_id]))["id"])

    async def offers_commands() -> bool:
        return bool((await boris.get(f"/v1/messaging/chats/{chat_id}/commands"))["commands"])

    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        printed("docs/bots.md"),
        env={**os.environ, "KAIF_URL": boris.url, "KAIF_KEY": key},
        preexec_fn=die_with_parent(SIGKILL),
    )
    try:
        await boris.connect()
        await eventually(offers_commands, timeout_s=30)
        name = (await boris.get(f"/v1/auth/people/{bot_id}"))["username"]
        await boris.send(chat_id, f"/poll@{name} На остров?")
        *_, asked = await boris.sees(chat_id, 3)
        assert asked["text"] == "На остров?" and asked["sender_id"] == bot_id
        assert asked["buttons"] == [[{"text": "Да", "data": "yes"}, {"text": "Нет", "data": "no"}]]

        callback_id = await press(boris, chat_id, asked["seq"], "no")
        heard = await boris.hears("callback_answer", callback_id=callback_id)
    finally:
        process.kill()
        await process.wait()

    assert heard["text"] == "Жаль."


async def test_presses_are_heard_once_by_a_bot_that_comes_and_goes(new_person: NewPerson) -> None:
    boris = await new_person()
    bot_id, key = await make_bot(boris)
    chat_id = await direct_with(boris, bot_id)
    async with Client(boris.url, key=key) as kaif:
        asked = await kaif.send(chat_id, "Едем?", buttons=[[YES]])
        pressed = [await press(boris, chat_id, asked.seq)]
        first = await next_callback(kaif)
        have = kaif.have
    pressed += [await press(boris, chat_id, asked.seq) for _ in range(3)]

    async with Client(boris.url, key=key, have=have) as kaif:
        later = [await next_callback(kaif) for _ in range(3)]
        pressed.append(await press(boris, chat_id, asked.seq))
        last = await next_callback(kaif)
        assert await kaif.answer(last, "Вижу") and not await kaif.answer(last, "Ещё раз")
        changed = await kaif.edit(chat_id, asked.seq, "Уже едем", buttons=[])

    heard = [first, *later, last]
    assert [one.id for one in heard] == pressed and have["callbacks"] == 1
    assert {(one.seq, one.sender_id, one.button) for one in heard} == {(asked.seq, boris.id, "yes")}
    assert changed.text == "Уже едем" and "buttons" not in changed.data


async def next_callback(kaif: Client) -> Callback:
    async with asyncio.timeout(20):
        async for entry in kaif.entries():
            if isinstance(entry, Callback):
                return entry
    raise AssertionError("the client ended")


def a_callback(number: int) -> Callback:
    at = datetime(2026, 11, 26, tzinfo=UTC)
    return Callback("chat", 1, "callback", "user", at, id=f"id-{number}", number=number, button="yes")


def test_a_bot_that_reads_slowly_asks_again_for_what_did_not_fit_and_passes_over_what_is_gone() -> None:
    presses = Presses(have=2, callbacks_max=2)
    presses.hear_hello(7)
    gap = presses.next()
    assert isinstance(gap, Missing) and gap.after == 2
    # The server keeps nothing before the fifth.
    presses.fill(gap, [a_callback(5), a_callback(6)], newest=7)
    presses.hear(a_callback(7))
    presses.hear(a_callback(6))

    given = []
    while isinstance(one := presses.next(), Callback):
        given.append(one.number)

    assert given == [5, 6]
    assert isinstance(one, Missing) and one.after == 6
    presses.fill(one, [a_callback(6), a_callback(7)], newest=7)
    assert isinstance(last := presses.next(), Callback) and last.number == 7
    assert presses.next() is None and presses.have == 7


def test_a_new_bot_begins_now_and_asks_for_what_it_did_not_hear() -> None:
    presses = Presses()
    presses.hear_hello(40)
    assert presses.next() is None and presses.have == 40

    for number in (41, 41, 43):
        presses.hear(a_callback(number))

    assert isinstance(first := presses.next(), Callback) and first.number == 41
    assert isinstance(gap := presses.next(), Missing) and gap.after == 41
