"""The operator looks at the store of files and decides about the work that failed."""

import sqlite3
import time
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from tests.harness import Person, Server, running_server
from tests.journeys.browser import ANNA, BORIS, NARROW, WIDE, Window, Windows, make_accounts
from tests.journeys.conftest import embedded
from tests.journeys.looks import Look
from tests.journeys.test_operator import sees_in_log

from kaif.kernel.clock import SECOND_US
from kaif.kernel.ids import new_id

RUSSIAN = {
    "sections": "Разделы управления",
    "storage": "Хранилище",
    "stored": "4 файла у 2 человек",
    "most": "У кого больше всего",
    "size": "3,4 МБ",
    "jobs": "Обработка видео и звука",
    "failed": "не удалось",
    "under way": "идёт 40 %",
    "stop": "Остановить",
    "stopped": "Обработку остановил оператор",
    "has stopped": f"{ANNA.name} останавливает обработку файла",
    "purges": "Очистка CDN",
    "deleted": "Удалённый файл",
    "tell": "Запросить снова",
    "told": "Все запросы на очистку CDN выполнены.",
    "has told": f"{ANNA.name} повторяет очистку CDN: 2 файла",
    "give up": "Прекратить",
    "retry": "Повторить",
    "retrying": "Пробуем ещё раз",
    "log": "Журнал",
    "gave up": f"{ANNA.name} прекращает обработку файла",
    "retried": f"{ANNA.name} повторяет обработку файла",
}
ENGLISH = {
    "sections": "Sections for operators",
    "storage": "Storage",
    "stored": "4 files of 2 people",
    "most": "Who has most",
    "size": "3.4 MB",
    "jobs": "Work on videos and sounds",
    "failed": "failed",
    "under way": "under way 40%",
    "stop": "Stop",
    "stopped": "An operator has stopped the work on it",
    "has stopped": f"{ANNA.name} stops the work on a file",
    "purges": "What the CDN is to forget",
    "deleted": "Deleted file",
    "tell": "Tell it again",
    "told": "The CDN knows of all that was taken away.",
    "has told": f"{ANNA.name} has the CDN told again to forget 2 files",
    "give up": "Give up",
    "retry": "Try again",
    "retrying": "Trying again",
    "log": "Log",
    "gave up": f"{ANNA.name} gives up the work on a file",
    "retried": f"{ANNA.name} has the work on a file tried again",
}


async def upload(place: Server, username: str, content: bytes) -> str:
    person = await Person(place.url, username).log_in()
    answer = await person.http.post("/v1/media/files", content=content)
    await person.close()
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def park(place: Server, media_id: str, error: str) -> None:
    """As the queue does with what fails for good."""
    add_job(place, media_id, error=error, parked_at_us=time.time_ns() // 1000)


def work_at(place: Server, media_id: str, percent: int) -> None:
    """As a process does that has come so far."""
    add_job(place, media_id, worker="elsewhere", until_us=time.time_ns() // 1000 + 3600 * SECOND_US, progress=percent)


def add_job(place: Server, media_id: str, **state: str | int) -> None:
    now_us = time.time_ns() // 1000
    usual = {"worker": "", "until_us": 0, "error": "", "parked_at_us": 0, "progress": 0}
    row = {
        "media_id": media_id,
        "priority": 5,
        "attempts": 3,
        "due_at_us": 0,
        "created_at_us": now_us,
        **usual,
        **state,
    }
    with sqlite3.connect(place.data / "kaif.db", timeout=10) as database:
        database.execute("UPDATE media_objects SET kind = 'video', type = 'video/mp4' WHERE id = ?", (media_id,))
        columns, values = ", ".join(row), ", ".join("?" * len(row))
        database.execute(f"INSERT INTO media_jobs ({columns}) VALUES ({values})", [*row.values()])
    database.close()


def refuse_purges(place: Server, *media_ids: str) -> None:
    """As a CDN does that will be asked again in an hour."""
    now_us = time.time_ns() // 1000
    later_us = now_us + 3600 * SECOND_US
    with sqlite3.connect(place.data / "kaif.db", timeout=10) as database:
        database.executemany(
            "INSERT INTO media_cdn (media_id, generation, given_until_us, until_us, purge_at_us, asked_at_us, told,"
            " attempts, error) VALUES (?, 1, ?, ?, ?, ?, 0, 3, '403 Forbidden: 10000 Authentication error')",
            [(media_id, later_us, later_us, later_us, now_us) for media_id in media_ids],
        )
    database.close()


async def see(window: Window, words: dict[str, str], section: str) -> None:
    sections = window.page.get_by_role("navigation", name=words["sections"])
    await sections.get_by_role("link", name=words[section]).click()
    await expect(window.page.get_by_role("heading", level=1, name=words[section])).to_be_visible()


@embedded
@pytest.mark.parametrize(
    ("size", "locale", "words"),
    [(WIDE, "ru-RU", RUSSIAN), (NARROW, "en-GB", ENGLISH)],
    ids=["wide, in Russian", "narrow, in English"],
)
async def test_an_operator_sees_what_fills_the_store_and_decides_about_failed_work(
    place: Server, windows: Windows, size: tuple[int, int], locale: str, words: dict[str, str]
) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    await upload(place, BORIS.username, b"\x01" * 3_400_000)
    work_at(place, await upload(place, BORIS.username, b"\x03"), 40)
    for number in (1, 2):
        park(place, await upload(place, ANNA.username, b"\x02" * (100_000 * number)), f"OddFilm: no frame {number}")
    owner = await windows.open(size, locale, bypass_csp=True, reduced_motion="reduce")
    look = Look(owner)
    await owner.sign_in(ANNA.username)
    await owner.page.goto("/operator")

    await see(owner, words, "storage")
    await expect(owner.page.get_by_text(words["stored"])).to_be_visible()
    most = owner.page.get_by_role("region", name=words["most"]).get_by_role("listitem")
    await expect(most.nth(0)).to_contain_text(BORIS.name)
    await expect(most.nth(0)).to_contain_text(words["size"])
    jobs = owner.page.get_by_role("region", name=words["jobs"]).get_by_role("listitem")
    await expect(jobs.filter(has_text="no frame 1")).to_contain_text(words["failed"])
    working = jobs.filter(has_text=words["under way"])
    await expect(working).to_contain_text(BORIS.name)
    await look("storage")

    await working.get_by_role("button", name=words["stop"]).click()
    await expect(jobs.filter(has_text=words["stopped"])).to_contain_text(words["failed"])
    await jobs.filter(has_text="no frame 1").get_by_role("button", name=words["give up"]).click()
    await look("giving up")
    await owner.dialog.get_by_role("button", name=words["give up"]).click()
    await expect(jobs.filter(has_text="no frame 1")).to_have_count(0)
    await jobs.filter(has_text="no frame 2").get_by_role("button", name=words["retry"]).click()
    await expect(owner.page.get_by_role("status").filter(has_text=words["retrying"])).to_be_visible()
    await see(owner, words, "log")
    await sees_in_log(owner, words["has stopped"])
    await sees_in_log(owner, words["gave up"])
    await sees_in_log(owner, words["retried"])
    look.assert_nothing_grave()


@pytest.mark.parametrize(
    ("size", "locale", "words"),
    [(WIDE, "en-GB", ENGLISH), (NARROW, "ru-RU", RUSSIAN)],
    ids=["wide, in English", "narrow, in Russian"],
)
async def test_an_operator_sees_what_the_cdn_could_not_be_told_and_has_it_told_again(
    browser: Browser, tmp_path: Path, size: tuple[int, int], locale: str, words: dict[str, str]
) -> None:
    # One that forgets by itself, and so refuses nothing.
    async with running_server(tmp_path, KAIF_CDN_URL="https://cdn.example.org") as place:
        await make_accounts(place.url, place.setup_code, ANNA)
        refuse_purges(place, await upload(place, ANNA.username, b"words"), new_id())
        windows = Windows(browser, place.url)
        owner = await windows.open(size, locale, bypass_csp=True, reduced_motion="reduce")
        look = Look(owner)
        await owner.sign_in(ANNA.username)
        await owner.page.goto("/operator")

        await see(owner, words, "storage")
        section = owner.page.get_by_role("region", name=words["purges"])
        await expect(section.get_by_role("listitem").filter(has_text=ANNA.name)).to_contain_text("Authentication error")
        await expect(section.get_by_role("listitem").filter(has_text=words["deleted"])).to_contain_text(words["failed"])
        await look("purges")
        await section.get_by_role("button", name=words["tell"]).click()
        await expect(section).to_contain_text(words["told"])
        await see(owner, words, "log")
        await sees_in_log(owner, words["has told"])
        look.assert_nothing_grave()
        windows.assert_no_complaints()
        await windows.close()
