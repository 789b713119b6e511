"""Reading: one begins where one left off, and what has not been seen is not read."""

import asyncio

from playwright.async_api import expect
from tests.harness import Person
from tests.journeys.browser import ANNA, BORIS, Window, Windows, make_accounts
from tests.journeys.conftest import Place, embedded
from tests.waiting import eventually

MESSAGES = 12
# Each is taller than a list guesses of rows that it has not drawn, and all of them do not fit into the window.
TEXT = "Слово за словом, и так весь вечер. " * 20
# So much is to be done that what waits a quarter of a second is due before the next frame.
SLOW = """const later = window.setTimeout
window.setTimeout = (call, ms, ...rest) => later(call, ms === 250 ? 0 : ms, ...rest)"""
BUSY_MS = 1500
BUSY = "(ms) => { const end = performance.now() + ms; while (performance.now() < end); }"


async def people(place: Place) -> tuple[Person, Person, str]:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    anna, boris = [await Person(place.url, human.username).log_in() for human in (ANNA, BORIS)]
    return anna, boris, await anna.direct_chat(boris)


async def tell(boris: Person, chat_id: str) -> list[int]:
    return [(await boris.post_message(chat_id, f"№{number}. {TEXT}"))["seq"] for number in range(MESSAGES)]


async def only_what_is_seen_is_read(window: Window, anna: Person, chat_id: str, seqs: list[int]) -> None:
    """From the first of these on."""
    await expect(window.message("№0.")).to_be_in_viewport()
    await expect(window.message(f"№{MESSAGES - 1}.")).not_to_be_in_viewport()

    async def the_first_is_read() -> bool:
        return bool((await anna.get(f"/v1/messaging/chats/{chat_id}"))["read_seq"] >= seqs[0])

    await eventually(the_first_is_read)
    # What would be marked by mistake would be soon.
    await window.page.wait_for_timeout(600)
    seen = max(await window.seqs_in_view())
    chat = await anna.get(f"/v1/messaging/chats/{chat_id}")
    assert seqs[0] <= chat["read_seq"] <= seen < seqs[-1]
    assert chat["unread"] == seqs[-1] - chat["read_seq"]


@embedded
async def test_who_opens_a_few_tall_messages_is_at_the_first_of_them(place: Place, windows: Windows) -> None:
    anna, boris, chat_id = await people(place)
    seqs = await tell(boris, chat_id)
    window = await windows.open()
    await window.sign_in(ANNA.username)
    await window.open_chat(BORIS.name)
    await only_what_is_seen_is_read(window, anna, chat_id, seqs)


@embedded
async def test_who_is_at_the_end_is_not_carried_past_what_comes_at_once(place: Place, windows: Windows) -> None:
    anna, boris, chat_id = await people(place)
    await boris.post_message(chat_id, "Я скоро вернусь")
    window = await windows.open()
    await window.page.add_init_script(SLOW)
    await window.sign_in(ANNA.username)
    await window.open_chat(BORIS.name)
    await expect(window.unread(BORIS.name)).to_have_count(0)

    seqs, _ = await asyncio.gather(tell(boris, chat_id), window.page.evaluate(BUSY, BUSY_MS))
    await only_what_is_seen_is_read(window, anna, chat_id, seqs)
