"""The operator at work in a browser: who may join, who is stopped, who is helped, and what the log tells of it."""

import asyncio
import re
import sqlite3
import time
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Route, expect
from tests.harness import PASSWORD, Person, Server
from tests.journeys.browser import ANNA, BORIS, NARROW, VERA, WIDE, WITHIN_MS, Human, Window, Windows, make_accounts
from tests.journeys.conftest import Place, embedded
from tests.journeys.looks import Look
from tests.journeys.test_own_account import link

REFUSED = re.compile(r"console: Failed to load resource: .* status of (401|403|422)")
THROWN_OUT_MS = 1500
NEW_PASSWORD = "тихое озеро и две лодки"


def forgive_refusals(*windows: Window) -> None:
    """The browser writes each answer that is an error to its console; these were meant."""
    for window in windows:
        window.complaints[:] = [complaint for complaint in window.complaints if not REFUSED.match(complaint)]


async def see(window: Window, section: str) -> None:
    await window.page.get_by_role("navigation", name="Разделы управления").get_by_role("link", name=section).click()
    await expect(window.page.get_by_role("heading", level=1, name=section)).to_be_visible()


async def choose(window: Window, mode: str) -> None:
    await see(window, "Приглашения")
    await window.page.get_by_role("radio", name=mode).check()
    await expect(window.page.get_by_text(f"Аккаунты создают: {mode}")).to_be_visible()


async def invite(window: Window, note: str) -> str:
    """The link, as a path."""
    await window.page.get_by_role("button", name="Пригласить").click()
    await window.dialog.get_by_label("Заметка").fill(note)
    await window.dialog.get_by_role("button", name="Создать").click()
    found = await window.dialog.get_by_label("Ссылка", exact=True).input_value()
    await window.dialog.get_by_role("button", name="Готово").click()
    return found.removeprefix(window.page.url.partition("/operator")[0])


async def open_person(window: Window, human: Human) -> None:
    await see(window, "Люди")
    await window.page.get_by_role("searchbox").fill(human.name.split()[1])
    await window.page.get_by_role("link", name=human.name).click()
    await expect(window.page.get_by_role("heading", level=1, name=human.name)).to_be_visible()


async def act(window: Window, action: str, done: str) -> None:
    await window.page.get_by_role("button", name=action).click()
    await window.dialog.get_by_role("button", name=action).click()
    await expect(window.page.get_by_role("status").filter(has_text=done)).to_be_visible()


async def sees_in_log(window: Window, sentence: str) -> None:
    await expect(window.page.get_by_role("listitem").filter(has_text=sentence).first).to_be_visible()


def grow_old(place: Server) -> None:
    """All sessions were authenticated long ago."""
    with sqlite3.connect(place.data / "kaif.db", timeout=10) as database:
        database.execute("UPDATE auth_sessions SET authenticated_at_us = 1")
    database.close()


def set_aside(place: Server, event_id: int, consumer: str, name: str, body: str) -> None:
    with sqlite3.connect(place.data / "kaif.db", timeout=10) as database:
        database.execute(
            "INSERT INTO outbox_parked (consumer, id, name, key, body, error, attempts, parked_at_us)"
            " VALUES (?, ?, ?, 'key', ?, 'ValueError: 550 no such mailbox', 2, ?)",
            (consumer, event_id, name, body, time.time_ns() // 1000),
        )
    database.close()


@embedded
async def test_who_goes_on_before_a_page_has_come_is_where_they_went_last(place: Server, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA)
    owner = await windows.open(service_workers="block")
    await owner.sign_in(ANNA.username)
    asked, may_come = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        asked.set()
        await may_come.wait()
        await route.continue_()

    # What opens by itself is still on its way when something else is chosen.
    await owner.page.route("**/assets/People-*.js", hold)
    await owner.page.goto("/operator")
    await asyncio.wait_for(asked.wait(), WITHIN_MS / 1000)
    await see(owner, "Хранилище")
    async with owner.page.expect_response("**/assets/People-*.js"):
        may_come.set()

    await owner.page.wait_for_load_state("networkidle")
    await expect(owner.page).to_have_url(f"{place.url}/operator/storage")


@embedded
async def test_who_is_invited_joins_is_stopped_comes_back_and_the_log_tells_it(place: Server, windows: Windows) -> None:
    owner = await windows.open()
    await owner.set_up(ANNA, place.setup_code)
    await owner.page.get_by_role("link", name="Сервер").click()
    await choose(owner, "По приглашению")

    guest = await windows.open()
    await guest.page.goto("/sign-up")
    await expect(guest.page.get_by_text("Аккаунты здесь создают по приглашению")).to_be_visible()
    path = await invite(owner, "Сосед по причалу")
    await guest.page.goto(path)
    await expect(guest.page.get_by_text("Вас пригласили на сервер")).to_be_visible()
    assert "#" not in guest.page.url
    await guest.fill_account(BORIS)
    await guest.page.get_by_role("button", name="Создать аккаунт").click()
    await guest.see_chats()

    another = await windows.open()
    await another.page.goto(path)
    await expect(another.page.get_by_text("Приглашение уже использовано")).to_be_visible()
    await owner.page.reload()
    await expect(owner.page.get_by_role("listitem").filter(has_text="Сосед по причалу")).to_contain_text("1 из 1")

    await open_person(owner, BORIS)
    await expect(owner.page.get_by_text("Chrome, Linux").first).to_be_visible()
    await act(owner, "Закрыть доступ", "Доступ закрыт: Борис Лунин")
    await expect(guest.page.get_by_label("Имя пользователя или почта")).to_be_visible(timeout=THROWN_OUT_MS)
    await act(owner, "Вернуть доступ", "Доступ возвращён: Борис Лунин")
    await guest.sign_in(BORIS.username)

    grow_old(place)
    await owner.page.get_by_role("button", name="Сбросить пароль").click()
    await owner.dialog.get_by_role("button", name="Сбросить пароль").click()
    await owner.dialog.get_by_label("Пароль", exact=True).fill(PASSWORD)
    await owner.dialog.get_by_role("button", name="Подтвердить").click()
    await expect(owner.page.get_by_text("Пароль сброшен, письмо отправлено: Борис Лунин")).to_be_visible()
    await expect(owner.page.get_by_text("ждём новый пароль")).to_be_visible()
    await expect(guest.page.get_by_label("Имя пользователя или почта")).to_be_visible(timeout=THROWN_OUT_MS)
    await guest.page.goto(await link(place, BORIS.email, "reset"))
    await guest.page.get_by_role("textbox", name="Новый пароль").fill(NEW_PASSWORD)
    await guest.page.get_by_role("button", name="Сохранить пароль").click()
    await expect(guest.page.get_by_role("heading", name="Пароль изменён")).to_be_visible()
    await guest.sign_in(BORIS.username, NEW_PASSWORD)

    await see(owner, "Журнал")
    for sentence in (
        "Анна Ветрова решает, кто создаёт аккаунты: По приглашению",
        "Анна Ветрова создаёт приглашение",
        "Борис Лунин создаёт аккаунт по приглашению",
        "Анна Ветрова закрывает доступ: Борис Лунин",
        "Анна Ветрова возвращает доступ: Борис Лунин",
        "Анна Ветрова сбрасывает пароль: Борис Лунин",
        "Борис Лунин задаёт новый пароль по ссылке",
        "Борис Лунин входит: Chrome, Linux",
    ):
        await sees_in_log(owner, sentence)
    forgive_refusals(owner, guest, another)


@embedded
async def test_the_log_is_filtered_and_taken_away(place: Server, windows: Windows, tmp_path: Path) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    owner = await windows.open()
    await owner.sign_in(ANNA.username)
    await owner.page.goto("/operator/audit")
    entries = owner.page.get_by_role("listitem").filter(has=owner.page.locator("time"))

    await owner.page.get_by_label("Действие").select_option(label="Новый аккаунт")
    await expect(entries).to_have_count(2)
    async with owner.page.expect_download() as downloading:
        await owner.page.get_by_role("button", name="Скачать").click()
    kept = tmp_path / "audit.ndjson"
    await (await downloading.value).save_as(kept)
    lines = kept.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2 and all('"account_created"' in line for line in lines)

    await owner.page.get_by_label("с", exact=True).fill("2099-01-01")
    await expect(owner.page.get_by_text("Записей нет")).to_be_visible()
    await owner.page.get_by_label("с", exact=True).fill("")
    await open_person(owner, BORIS)
    await owner.page.get_by_role("link", name="Весь журнал").click()
    await expect(entries).to_have_count(2)
    await owner.page.get_by_role("link", name="Показать журнал обо всех").click()
    await expect(entries).to_have_count(5)


async def test_support_sees_people_and_no_log_and_a_member_sees_nothing(place: Place, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS, VERA)
    owner = await windows.open()
    await owner.sign_in(ANNA.username)
    await owner.page.goto("/operator")
    await open_person(owner, BORIS)
    await owner.page.get_by_role("button", name="Роли").click()
    await owner.dialog.get_by_role("switch", name="Поддержка").click()
    await expect(owner.dialog.get_by_role("switch", name="Поддержка")).to_be_checked()

    support = await windows.open()
    await support.sign_in(BORIS.username)
    await support.page.goto("/operator")
    await expect(support.page.get_by_role("heading", level=1, name="Люди")).to_be_visible()
    sections = support.page.get_by_role("navigation", name="Разделы управления").get_by_role("listitem")
    assert await sections.all_inner_texts() == ["Люди", "Жалобы"]
    await open_person(support, VERA)
    await expect(support.page.get_by_role("button", name="Закрыть доступ")).to_be_visible()
    await expect(support.page.get_by_role("heading", name="Журнал")).to_have_count(0)
    await open_person(support, ANNA)
    await expect(support.page.get_by_text("больше прав, чем у вас")).to_be_visible()
    await expect(support.page.get_by_role("button", name="Закрыть доступ")).to_have_count(0)
    await support.page.goto("/operator/audit")
    await expect(support.page.get_by_text("Этот раздел для вас закрыт")).to_be_visible()

    member = await windows.open(size=NARROW)
    await member.sign_in(VERA.username)
    await member.page.goto("/settings")
    await expect(member.page.get_by_role("link", name="Безопасность")).to_be_visible()
    await expect(member.page.get_by_role("link", name="Управление сервером")).to_have_count(0)
    await member.page.goto("/operator/people")
    await expect(member.page.get_by_text("Этот раздел для вас закрыт")).to_be_visible()
    vera = await Person(place.url, VERA.username).log_in()
    for route in ("accounts", "invitations", "audit", "parked-events", f"accounts/{vera.id}"):
        answer: httpx.Response = await vera.http.get(f"/v1/auth/{route}")
        assert (answer.status_code, answer.json()["code"]) == (403, "missing_permission"), route
    await vera.close()


@embedded
async def test_an_event_is_tried_again_and_another_is_dropped(place: Server, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    body = f'{{"email":"{BORIS.email}"}}'
    set_aside(place, 901, "auth.resets", "auth.password_forgotten.v1", body)
    set_aside(place, 902, "auth.letters", "auth.letter_due.v1", "{}")
    owner = await windows.open(size=NARROW)
    await owner.sign_in(ANNA.username)
    await owner.page.goto("/operator/events")
    resets = owner.page.get_by_role("listitem").filter(has_text="Ссылки для нового пароля")
    letters = owner.page.get_by_role("listitem").filter(has_text="auth.letter_due.v1")
    await expect(resets).to_contain_text("550 no such mailbox")

    await resets.get_by_role("button", name="Повторить").click()
    await expect(resets).to_have_count(0)
    assert "/reset#" in await link(place, BORIS.email, "reset")

    await letters.get_by_role("button", name="Повторить").click()
    await expect(letters).to_contain_text("ValidationError")
    grow_old(place)
    await letters.get_by_role("button", name="Удалить").click()
    await owner.dialog.get_by_role("button", name="Удалить").click()
    await owner.dialog.get_by_label("Пароль", exact=True).fill(PASSWORD)
    await owner.dialog.get_by_role("button", name="Подтвердить").click()
    await expect(owner.page.get_by_text("Очереди пусты")).to_be_visible()
    forgive_refusals(owner)


@embedded
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_axe_finds_nothing_grave_on_the_operators_pages(
    place: Server, windows: Windows, size: tuple[int, int]
) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    set_aside(place, 901, "auth.letters", "auth.letter_due.v1", "{}")
    owner = await windows.open(size=size, bypass_csp=True, reduced_motion="reduce")
    look = Look(owner)

    await owner.sign_in(ANNA.username)
    await owner.page.goto("/operator")
    await expect(owner.page.get_by_role("link", name=BORIS.name)).to_be_visible()
    await look("people")
    await open_person(owner, BORIS)
    await look("person")
    await owner.page.get_by_role("button", name="Сбросить пароль").click()
    await look("asking")
    await owner.page.keyboard.press("Escape")
    await owner.page.get_by_role("button", name="Роли").click()
    await expect(owner.dialog.get_by_role("switch", name="Поддержка")).to_be_visible()
    await look("roles")
    await owner.page.keyboard.press("Escape")
    await see(owner, "Приглашения")
    await invite(owner, "Сосед")
    await expect(owner.page.get_by_role("listitem").filter(has_text="Сосед")).to_be_visible()
    await look("invitations")
    await owner.page.get_by_role("button", name="Пригласить").click()
    await owner.dialog.get_by_role("button", name="Письмом").click()
    await owner.dialog.get_by_role("button", name="Создать").click()
    await look("inviting with an error")
    await owner.page.keyboard.press("Escape")
    await see(owner, "Журнал")
    await sees_in_log(owner, "создаёт приглашение")
    await look("log")
    await see(owner, "Очереди")
    await expect(owner.page.get_by_text("550 no such mailbox")).to_be_visible()
    await look("queues")

    look.assert_nothing_grave()
