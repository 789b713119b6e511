"""The operator looks at the store of files and decides about the work that failed."""

import sqlite3
import time

import pytest
from playwright.async_api import expect
from tests.harness import Person, Server
from tests.journeys.browser import ANNA, BORIS, NARROW, WIDE, Windows, make_accounts
from tests.journeys.conftest import embedded
from tests.journeys.looks import Look
from tests.journeys.test_operator import see, sees_in_log


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


@embedded
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_an_operator_sees_what_fills_the_store_and_decides_about_failed_work(
    place: Server, windows: Windows, size: tuple[int, int]
) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    await upload(place, BORIS.username, b"\x01" * 3_400_000)
    for number in (1, 2):
        park(place, await upload(place, ANNA.username, b"\x02" * (100_000 * number)), f"OddFilm: no frame {number}")
    owner = await windows.open(size=size, bypass_csp=True, reduced_motion="reduce")
    look = Look(owner)
    await owner.sign_in(ANNA.username)
    await owner.page.goto("/operator")

    await see(owner, "Хранилище")
    await expect(owner.page.get_by_text("3 файла у 2 человек")).to_be_visible()
    most = owner.page.get_by_role("region", name="У кого больше всего").get_by_role("listitem")
    await expect(most.nth(0)).to_contain_text(BORIS.name)
    await expect(most.nth(0)).to_contain_text("3,4 МБ")
    jobs = owner.page.get_by_role("region", name="Обработка видео и звука").get_by_role("listitem")
    await expect(jobs.filter(has_text="no frame 1")).to_contain_text("не удалось")
    await look("storage")

    await jobs.filter(has_text="no frame 1").get_by_role("button", name="Прекратить").click()
    await look("giving up")
    await owner.dialog.get_by_role("button", name="Прекратить").click()
    await expect(jobs.filter(has_text="no frame 1")).to_have_count(0)
    await jobs.filter(has_text="no frame 2").get_by_role("button", name="Повторить").click()
    await expect(owner.page.get_by_role("status").filter(has_text="Пробуем ещё раз")).to_be_visible()
    await see(owner, "Журнал")
    await sees_in_log(owner, f"{ANNA.name} прекращает обработку файла")
    await sees_in_log(owner, f"{ANNA.name} повторяет обработку файла")
    look.assert_nothing_grave()
