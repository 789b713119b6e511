"""The operator looks at the store of files and decides about the work that failed."""

import sqlite3
import time

import pytest
from playwright.async_api import expect
from tests.harness import Person, Server
from tests.journeys.browser import ANNA, BORIS, NARROW, WIDE, Window, Windows, make_accounts
from tests.journeys.conftest import embedded
from tests.journeys.looks import Look
from tests.journeys.test_operator import sees_in_log

RUSSIAN = {
    "sections": "Разделы управления",
    "storage": "Хранилище",
    "stored": "3 файла у 2 человек",
    "most": "У кого больше всего",
    "size": "3,4 МБ",
    "jobs": "Обработка видео и звука",
    "failed": "не удалось",
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
    "stored": "3 files of 2 people",
    "most": "Who has most",
    "size": "3.4 MB",
    "jobs": "Work on videos and sounds",
    "failed": "failed",
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
    with sqlite3.connect(place.data / "kaif.db", timeout=10) as database:
        database.execute("UPDATE media_objects SET kind = 'video', type = 'video/mp4' WHERE id = ?", (media_id,))
        database.execute(
            "INSERT INTO media_jobs (media_id, priority, attempts, due_at_us, worker, until_us, error, parked_at_us,"
            " created_at_us) VALUES (?, 5, 3, 0, '', 0, ?, ?, ?)",
            (media_id, error, time.time_ns() // 1000, time.time_ns() // 1000),
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
    await look("storage")

    await jobs.filter(has_text="no frame 1").get_by_role("button", name=words["give up"]).click()
    await look("giving up")
    await owner.dialog.get_by_role("button", name=words["give up"]).click()
    await expect(jobs.filter(has_text="no frame 1")).to_have_count(0)
    await jobs.filter(has_text="no frame 2").get_by_role("button", name=words["retry"]).click()
    await expect(owner.page.get_by_role("status").filter(has_text=words["retrying"])).to_be_visible()
    await see(owner, words, "log")
    await sees_in_log(owner, words["gave up"])
    await sees_in_log(owner, words["retried"])
    look.assert_nothing_grave()
