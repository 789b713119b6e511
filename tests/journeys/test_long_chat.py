"""A chat of a hundred thousand messages in a browser: it opens at once, stays small and never jumps."""

import json
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, expect
from tests.harness import Person, Server, running_server
from tests.journeys.browser import ANNA, BORIS, Window, Windows, make_accounts
from tests.journeys.conftest import complaints_of

MESSAGES = 100_000
MIDDLE = 50_000
COMMENTS = 10_000
UNREAD = 10_000
HEAP_BYTES_MAX = 150_000_000
ROWS_MAX = 120
# A pixel may be lost where heights are rounded.
STEADY_PX = 2


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with running_server(tmp_path) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def windows(browser: Browser, server: Server) -> AsyncIterator[Windows]:
    windows = Windows(browser, server.url)
    yield windows
    windows.assert_no_complaints()
    await windows.close()
    assert not complaints_of(server)


async def long_chat(server: Server, unread: int = 0) -> tuple[Person, str]:
    """Boris, and his chat with Anna, filled in the database as if they had talked for two years.

    The last ones are his, and she has not read as many.
    """
    await make_accounts(server.url, server.setup_code, ANNA, BORIS)
    anna = await Person(server.url, ANNA.username).log_in()
    boris = await Person(server.url, BORIS.username).log_in()
    chat_id = await anna.direct_chat(boris)
    await server.stop()
    path = server.data / "kaif.db"
    _, last = fill(path, chat_id, (anna.id, boris.id))
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "UPDATE messaging_entries SET sender_id = ? WHERE chat_id = ? AND seq > ?",
            (boris.id, chat_id, last - unread),
        )
        database.execute(
            "UPDATE messaging_members SET read_seq = read_seq - :n, read_messages = read_messages - :n"
            " WHERE chat_id = :chat_id AND user_id = :user_id",
            {"n": unread, "chat_id": chat_id, "user_id": anna.id},
        )
    await server.restart()
    return boris, chat_id


async def long_thread(server: Server) -> tuple[Person, str, int]:
    """Boris, and a post in a channel that he reads with Anna, on which they have said ten thousand things."""
    await make_accounts(server.url, server.setup_code, ANNA, BORIS)
    anna = await Person(server.url, ANNA.username).log_in()
    boris = await Person(server.url, BORIS.username).log_in()
    channel = await anna.post("/v1/messaging/chats", kind="channel", title="Новости озера", members=[boris.id])
    group_id = await anna.group("Обсуждение", boris)
    await anna.post(f"/v1/messaging/chats/{channel['id']}/discussion", group_id=group_id, open=True)
    post = (await anna.post_message(channel["id"], "Лёд сошёл"))["seq"]
    root = (await comment(boris, channel["id"], post, "Первый!"))["reply_to"]
    await server.stop()
    path = server.data / "kaif.db"
    first, last = fill(path, group_id, (anna.id, boris.id), COMMENTS, root)
    with closing(sqlite3.connect(path)) as database, database:
        database.executemany(
            "INSERT INTO messaging_thread_entries VALUES (?, ?, ?)",
            ((group_id, at, root) for at in range(first, last + 1)),
        )
        database.execute("UPDATE messaging_threads SET comments = comments + ?", (COMMENTS,))
    await server.restart()
    return boris, channel["id"], post


async def comment(person: Person, channel_id: str, post: int, text: str) -> dict[str, Any]:
    path = f"/v1/messaging/chats/{channel_id}/messages/{post}/comments"
    entry: dict[str, Any] = await person.post(path, ref=person.new_ref(), text=text)
    return entry


def fill(
    path: Path, chat_id: str, senders: tuple[str, str], count: int = MESSAGES, reply_to: int = 0
) -> tuple[int, int]:
    """The places of the first and the last of them."""
    with closing(sqlite3.connect(path)) as database, database:
        seq, now_us = database.execute(
            "SELECT seq, active_at_us FROM messaging_chats WHERE id = ?", (chat_id,)
        ).fetchone()
        last = seq + count
        database.executemany(
            "INSERT INTO messaging_entries VALUES (?, ?, 'message', ?, ?, ?, ?, ?)",
            (
                (chat_id, at, senders[at % 7 % 2], now_us - (last - at) * 600_000_000, at - seq, f"r{at}", words)
                for at in range(seq + 1, last + 1)
                for words in [body(at, reply_to)]
            ),
        )
        database.execute(
            "UPDATE messaging_chats SET seq = ?, shown_seq = ?, messages = ? WHERE id = ?",
            (last, last, count, chat_id),
        )
        database.execute(
            "UPDATE messaging_members SET read_seq = ?, read_messages = ? WHERE chat_id = ?", (last, count, chat_id)
        )
    return seq + 1, last


def body(seq: int, reply_to: int) -> str:
    text = f"Сообщение №{seq}. " + "Ветер с озера, вода прозрачная. " * (seq % 5)
    return json.dumps({"text": text, **({"reply_to": reply_to} if reply_to else {})})


async def heap_bytes(window: Window) -> float:
    """What is alive: after a collection."""
    session = await window.context.new_cdp_session(window.page)
    await session.send("HeapProfiler.collectGarbage")
    usage: dict[str, Any] = await session.send("Runtime.getHeapUsage")
    return float(usage["usedSize"])


async def blocking_listeners(window: Window) -> list[str]:
    """For which the browser waits before it scrolls the log: listeners on it or around it that could forbid that."""
    session = await window.context.new_cdp_session(window.page)
    found: list[str] = []
    for expression in (
        "document.querySelector('[role=log]')",
        "document.querySelector('#app, body')",
        "document",
        "window",
    ):
        object_id = (await session.send("Runtime.evaluate", {"expression": expression}))["result"]["objectId"]
        answer = await session.send("DOMDebugger.getEventListeners", {"objectId": object_id})
        found += [
            f"{one['type']} on {expression}"
            for one in answer["listeners"]
            if one["type"] in ("wheel", "mousewheel", "touchstart", "touchmove") and not one["passive"]
        ]
    return found


async def rendered_rows(window: Window) -> int:
    return await window.log.locator("[data-index]").count()


async def top_of(window: Window, seq: int) -> float:
    """Where the message stands on the screen."""
    top: float = await window.log.locator(f'[data-seq="{seq}"]').evaluate("(row) => row.getBoundingClientRect().top")
    return top


async def travel(window: Window, by_px: int, turns: int) -> int:
    """Turn the wheel; returns the most rows that were ever rendered."""
    await window.log.hover()
    most = 0
    for _ in range(turns):
        await window.page.mouse.wheel(0, by_px)
        await window.page.wait_for_timeout(30)
        most = max(most, await rendered_rows(window))
    return most


async def test_a_long_chat_stays_small_wherever_one_reads(server: Server, windows: Windows) -> None:
    _, chat_id = await long_chat(server)
    window = await windows.open()
    await window.sign_in(ANNA.username)
    await window.open_chat(BORIS.name)
    await expect(window.message(f"№{MESSAGES}.")).to_be_visible()
    at_first = await heap_bytes(window)
    assert await blocking_listeners(window) == [], "the wheel and a finger scroll without waiting for scripts"

    most = await travel(window, -6000, 80)
    high = min(await window.seqs_in_view())
    assert high < MESSAGES - 3000, "the way up must lead through more than a window holds"
    most = max(most, await travel(window, 6000, 110))

    await expect(window.message(f"№{MESSAGES}.")).to_be_visible()
    await window.page.goto(f"/chat/{chat_id}/{MIDDLE}")
    await expect(window.log.locator(f'[data-seq="{MIDDLE}"]')).to_be_visible()
    most = max(most, await travel(window, 6000, 40), await travel(window, -6000, 60))
    assert max(await window.seqs_in_view()) < MIDDLE
    assert most <= ROWS_MAX
    after = await heap_bytes(window)
    print(f"heap {at_first / 1e6:.1f} MB at first, {after / 1e6:.1f} MB after, {most} rows at most")
    assert after < HEAP_BYTES_MAX
    await window.page.get_by_role("button", name=re.compile("К последним")).click()
    await expect(window.message(f"№{MESSAGES}.")).to_be_visible()


async def test_what_one_reads_does_not_move_when_things_happen_above_it(server: Server, windows: Windows) -> None:
    boris, chat_id = await long_chat(server)
    window = await windows.open()
    await window.sign_in(ANNA.username)
    await window.page.goto(f"/chat/{chat_id}/{MIDDLE}")
    await expect(window.log.locator(f'[data-seq="{MIDDLE}"]')).to_be_visible()
    await window.page.wait_for_timeout(600)
    await travel(window, -150, 3)
    await window.page.wait_for_timeout(600)
    seqs = await window.seqs_in_view()
    read = seqs[len(seqs) // 2]
    before = await top_of(window, read)

    # Above the edge, out of sight: some are deleted for oneself, others gain reactions.
    above = list(range(seqs[0] - 12, seqs[0]))
    anna = await Person(server.url, ANNA.username).log_in()
    hidden = await anna.http.post(
        f"/v1/messaging/chats/{chat_id}/messages/delete", json={"seqs": above[:3], "for_everyone": False}
    )
    assert hidden.is_success, hidden.text
    await window.page.wait_for_timeout(500)
    assert abs(await top_of(window, read) - before) <= STEADY_PX, "deleted for oneself"

    for seq in above[4:8]:
        reacted = await boris.http.post(f"/v1/messaging/chats/{chat_id}/messages/{seq}/reactions", json={"emoji": "👍"})
        assert reacted.is_success, reacted.text
    await window.page.wait_for_timeout(500)
    assert abs(await top_of(window, read) - before) <= STEADY_PX, "reactions"

    await boris.post_message(chat_id, "Новое внизу")
    await window.page.wait_for_timeout(500)
    assert abs(await top_of(window, read) - before) <= STEADY_PX, "a new message"


async def test_a_jump_is_taken_back_and_new_messages_are_a_press_away(server: Server, windows: Windows) -> None:
    boris, chat_id = await long_chat(server, UNREAD)
    answer = await boris.http.post(
        f"/v1/messaging/chats/{chat_id}/messages", json={"ref": boris.new_ref(), "text": "Помнишь?", "reply_to": 777}
    )
    assert answer.is_success, answer.text
    window = await windows.open()
    await window.sign_in(ANNA.username)
    await ten_thousand_are_read_as_far_as_they_are_seen(server, window, chat_id)
    await window.message("Помнишь?").locator(".q").click()
    await expect(window.message("№777.").or_(window.log.locator('[data-seq="777"]')).first).to_be_visible()

    await window.page.get_by_role("button", name="Вернуться").click()
    await window.see_message("Помнишь?")
    await expect(window.page.get_by_role("button", name="Вернуться")).to_have_count(0)

    # Who left before it was read would have one more to read, and who is still at the end one less.
    await expect(window.unread(BORIS.name)).to_have_count(0)
    await travel(window, -3000, 4)
    await expect(window.page.locator("button.down")).to_be_visible()
    for number in range(30):
        await boris.post_message(chat_id, f"Новость {number}")
    await window.page.get_by_role("button", name="30 новых").click()
    await expect(window.message("Новость 0")).to_be_visible()
    await window.page.locator("button.down").click()
    await expect(window.message("Новость 29")).to_be_visible()


async def ten_thousand_are_read_as_far_as_they_are_seen(server: Server, window: Window, chat_id: str) -> None:
    """One more has been said meanwhile."""
    await expect(window.unread(BORIS.name)).to_have_text("999+")
    await expect(window.unread(BORIS.name)).to_have_accessible_name(re.compile(r"^10.001 непрочитанное$"))
    await window.open_chat(BORIS.name)
    first = window.log.locator("[data-seq]").filter(has=window.page.locator(".unread"))
    await expect(first).to_be_in_viewport()
    # Their chat begins with an entry that says so.
    await expect(first).to_contain_text(f"№{MESSAGES - UNREAD + 2}.")

    down = window.page.locator("button.down")
    await expect(down).to_have_text(re.compile("9.9[0-9]{2} нов"))
    shown = max(await window.seqs_in_view())
    anna = await Person(server.url, ANNA.username).log_in()
    chat = await anna.get(f"/v1/messaging/chats/{chat_id}")
    assert shown - 50 < chat["read_seq"] <= shown
    assert chat["seq"] - chat["read_seq"] == chat["unread"]
    await down.click()
    await window.see_message("Помнишь?")
    await expect(window.unread(BORIS.name)).to_have_count(0)
    await expect(down).to_have_count(0)


async def test_a_thread_of_ten_thousand_comments_stays_small(server: Server, windows: Windows) -> None:
    boris, channel_id, post = await long_thread(server)
    window = await windows.open()
    await window.sign_in(ANNA.username)
    await window.page.goto(f"/chat/{channel_id}/comments/{post}")
    await expect(window.message("Сообщение").last).to_be_visible()
    newest = max(await window.seqs_in_view())

    most = await travel(window, -6000, 60)
    high = min(await window.seqs_in_view())
    assert high < newest - 2500, "the way up must lead through more than a window holds"
    # From anywhere it is one press to the post, and one back.
    await window.page.get_by_role("button", name="Пост").click()
    await expect(window.log.get_by_text("Лёд сошёл")).to_be_visible()
    await expect(window.log.get_by_text(re.compile("10.001 комментарий"))).to_be_visible()
    await expect(window.message("Первый!")).to_be_visible()
    await expect(window.page.get_by_role("button", name="Пост")).to_have_count(0)
    most = max(most, await travel(window, 6000, 20))

    # What is said and taken back meanwhile moves nothing here, and is right where it stands.
    await window.page.wait_for_timeout(600)
    seqs = await window.seqs_in_view()
    read = seqs[len(seqs) // 2]
    before = await top_of(window, read)
    said = [await comment(boris, channel_id, post, f"Новое {number}") for number in range(2)]
    anna = await Person(server.url, ANNA.username).log_in()
    gone = [seqs[0] - 3, seqs[-1], said[0]["seq"]]
    answer = await anna.http.post(
        f"/v1/messaging/chats/{said[0]['chat_id']}/messages/delete", json={"seqs": gone, "for_everyone": True}
    )
    assert answer.is_success, answer.text
    await expect(window.log.locator(f'[data-seq="{seqs[-1]}"]')).to_be_empty()
    await window.page.wait_for_timeout(300)
    assert abs(await top_of(window, read) - before) <= STEADY_PX
    await window.page.get_by_role("button", name=re.compile("К последним")).click()
    await expect(window.message("Новое 1")).to_be_visible()
    await expect(window.message("Новое 0")).to_have_count(0)

    assert most <= ROWS_MAX
    after = await heap_bytes(window)
    print(f"heap {after / 1e6:.1f} MB, {most} rows at most")
    assert after < HEAP_BYTES_MAX
