"""One's own account in a browser: the links of letters, a forgotten password, another name, and leaving."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Route, expect
from tests.harness import PASSWORD, Person, Server
from tests.journeys.browser import ANNA, BORIS, NARROW, VERA, WIDE, WITHIN_MS, Window, Windows, make_accounts
from tests.journeys.conftest import Place, embedded
from tests.journeys.test_second_factor import forgive_refusals
from tests.waiting import eventually

from kaif.engines.mail.mailbox import DevMailbox

NEW_PASSWORD = "тихое озеро и две лодки"
NEWER_PASSWORD = "у причала стоит чайник"


async def link(place: Place, address: str, page: str) -> str:
    """Of the newest letter to that address that leads to that page, as a path."""
    assert isinstance(place, Server)
    mailbox = DevMailbox(place.data / "mailbox")
    found: list[str] = []

    async def come() -> bool:
        letters = [kept.letter for kept in await mailbox.letters() if kept.letter.to == address]
        found[:] = [path for letter in letters for path in re.findall(rf"(/{page}#\S+)", letter.text)]
        return bool(found)

    await eventually(come)
    return found[0]


async def sign_out(window: Window) -> None:
    # A socket that is still opening when its session ends is refused, which the browser complains of.
    greeted = asyncio.Event()
    window.page.once("websocket", lambda socket: socket.on("framereceived", lambda _: greeted.set()))
    await window.page.goto("/settings")
    await asyncio.wait_for(greeted.wait(), WITHIN_MS / 1000)
    await window.page.get_by_role("button", name="Выйти").click()
    await expect(window.page.get_by_label("Имя пользователя или почта")).to_be_visible()


@pytest.mark.asvs("14.2.1")
@embedded
async def test_the_link_of_the_welcome_confirms_the_address_and_leaves_no_trace(place: Place, windows: Windows) -> None:
    anna = await windows.open()
    await anna.set_up(ANNA, place.setup_code)
    await expect(anna.page.get_by_text(f"Подтвердите почту {ANNA.email}")).to_be_visible()
    await anna.page.goto("/settings/security")
    await expect(anna.page.get_by_text("Не подтверждена")).to_be_visible()

    await anna.page.goto(await link(place, ANNA.email, "confirm"))

    await expect(anna.page.get_by_role("heading", name="Почта подтверждена")).to_be_visible()
    await expect(anna.page).to_have_url(f"{place.url}/confirm")
    await anna.page.get_by_role("link", name="К чатам").click()
    await anna.see_chats()
    await expect(anna.page.get_by_text(f"Подтвердите почту {ANNA.email}")).to_have_count(0)


@embedded
async def test_whoever_is_not_signed_in_is_asked_whether_the_account_is_theirs(place: Place, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS, VERA)
    guest = await windows.open(NARROW)
    await guest.page.goto(await link(place, BORIS.email, "confirm"))
    await expect(guest.page.get_by_role("heading", name="Это ваш аккаунт?")).to_be_visible()
    await expect(guest.page.get_by_text("@boris")).to_be_visible()
    results = await Axe().run(guest.page)
    assert results.violations_count == 0, results.generate_report()

    await guest.page.get_by_role("button", name="Нет, аккаунт не мой").click()
    await expect(guest.page.get_by_role("heading", name="Адрес не подтверждён")).to_be_visible()
    await guest.page.goto("/sign-in")
    await guest.page.goto(await link(place, BORIS.email, "confirm"))
    await expect(guest.page.get_by_text("Ссылка не действует")).to_be_visible()

    await guest.page.goto(await link(place, VERA.email, "confirm"))
    await guest.page.get_by_role("button", name="Да, подтвердить почту").click()
    await expect(guest.page.get_by_role("heading", name="Почта подтверждена")).to_be_visible()

    # The owner's account is worth more than a letter.
    await guest.page.goto(await link(place, ANNA.email, "confirm"))
    await guest.page.get_by_role("button", name="Да, подтвердить почту").click()
    await expect(guest.page.get_by_text("Сначала войдите в него")).to_be_visible()
    forgive_refusals(guest)


@embedded
async def test_a_forgotten_password_is_replaced_by_the_link_of_a_letter(place: Place, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    boris = await windows.open()
    await boris.page.goto("/sign-in")
    await boris.page.get_by_role("link", name="Забыли пароль?").click()
    await boris.page.get_by_label("Почта").fill(BORIS.email)
    await boris.page.get_by_role("button", name="Прислать ссылку").click()
    await expect(boris.page.get_by_text("письмо уже в пути")).to_be_visible()

    await boris.page.goto(await link(place, BORIS.email, "reset"))
    await expect(boris.page).to_have_url(f"{place.url}/reset")
    await boris.page.get_by_role("textbox", name="Новый пароль").fill("слишком мало")
    await expect(boris.page.get_by_text("Ещё хотя бы 3 знака")).to_be_visible()
    await boris.page.get_by_role("textbox", name="Новый пароль").fill(NEW_PASSWORD)
    await boris.page.get_by_role("button", name="Сохранить пароль").click()

    await expect(boris.page.get_by_role("heading", name="Пароль изменён")).to_be_visible()
    await boris.sign_in(BORIS.username, NEW_PASSWORD)


@embedded
async def test_a_changed_password_and_address_are_those_one_signs_in_with(place: Place, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA)
    anna = await windows.open()
    await anna.sign_in(ANNA.username)
    await anna.page.goto("/settings/security")
    await anna.page.get_by_role("button", name="Сменить пароль").click()
    await anna.dialog.get_by_label("Нынешний пароль").fill(PASSWORD)
    await anna.dialog.get_by_role("textbox", name="Новый пароль").fill(NEWER_PASSWORD)
    await anna.dialog.get_by_role("button", name="Сменить пароль").click()
    await expect(anna.page.get_by_text("Пароль изменён")).to_be_visible()

    await anna.page.get_by_role("button", name="Сменить почту").click()
    await anna.dialog.get_by_label("Новая почта").fill("vetrova@example.org")
    await anna.dialog.get_by_label("Пароль", exact=True).fill(NEWER_PASSWORD)
    await anna.dialog.get_by_role("button", name="Прислать ссылку").click()
    await anna.go(await link(place, "vetrova@example.org", "confirm"))
    await expect(anna.page.get_by_text("vetrova@example.org теперь точно ваш")).to_be_visible()

    await sign_out(anna)
    await anna.sign_in("vetrova@example.org", NEWER_PASSWORD)


@embedded
async def test_others_see_a_new_name_and_then_that_the_account_is_gone(place: Place, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    anna, boris = await windows.open(), await windows.open()
    await anna.sign_in(ANNA.username)
    await boris.sign_in(BORIS.username)
    await boris.start_chat(ANNA)
    await boris.say("До встречи")
    await boris.see_state("До встречи", "sent")

    await boris.page.goto("/settings")
    await boris.page.get_by_role("button", name="Изменить имя").click()
    await boris.dialog.get_by_label("Как вас называть").fill("Борис Озёрный")
    await boris.dialog.get_by_role("button", name="Сохранить").click()
    await expect(boris.page.get_by_text("Борис Озёрный", exact=True)).to_be_visible()
    await boris.page.get_by_role("group", name="Цвет аватара").locator(".av-3").click()
    await expect(boris.page.locator(".lrow.me .av-3")).to_be_visible()
    await expect_row(anna, "Борис Озёрный")
    await expect(anna.row("Борис Озёрный").locator(".av-3")).to_be_visible()

    await boris.page.get_by_role("button", name="Удалить").click()
    await boris.dialog.get_by_label("Пароль", exact=True).fill(PASSWORD)
    await boris.dialog.get_by_role("button", name="Удалить навсегда").click()
    await expect(boris.page.get_by_role("heading", name="Аккаунт удалён")).to_be_visible()
    await expect(boris.page.get_by_text("Имя в чатах")).to_be_visible()
    await expect(boris.page.get_by_text("Стирается…")).to_have_count(0)
    assert not [cookie for cookie in await boris.context.cookies() if cookie["value"]]
    await expect_row(anna, "Удалённый аккаунт")
    await anna.open_chat("Удалённый аккаунт")
    await anna.see_message("До встречи")


async def test_ones_own_data_come_as_a_file(place: Place, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA)
    owner = Person(place.url, ANNA.username)
    await owner.log_in()
    assert (await owner.http.post("/v1/media/files", content=b"all that I wrote")).status_code == 201
    anna = await windows.open()
    await anna.sign_in(ANNA.username)
    await anna.page.goto("/settings")

    async with anna.page.expect_download() as coming:
        await anna.page.get_by_role("button", name="Скачать", exact=True).click()

    download = await coming.value
    data = json.loads(read(await download.path()))
    assert download.suggested_filename == f"kaif-ozero-{ANNA.username}.json"
    assert data["account"]["username"] == ANNA.username and data["history"][-1]["action"] == "account_created"
    assert data["messaging"]["username"] == ANNA.username and data["messaging"]["privacy"]["online"] == "everybody"
    assert data["media"]["uploads"] == []
    (link,) = data["media"]["links"]
    # As it stands there, wherever it is read.
    assert (await anna.context.request.get(link["path"])).ok
    assert (await owner.http.get(link["path"])).content == b"all that I wrote"
    await owner.close()


@embedded
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_no_button_moves_when_the_room_for_files_becomes_known(
    place: Place, windows: Windows, size: tuple[int, int]
) -> None:
    """Somebody may be pressing it."""
    await make_accounts(place.url, place.setup_code, ANNA)
    anna = await windows.open(size=size)
    await anna.sign_in(ANNA.username)
    answering = asyncio.Event()
    await anna.page.route("**/v1/media/usage", lambda route: continue_after(answering, route))
    await anna.page.goto("/settings")
    button = anna.page.get_by_role("button", name="Скачать", exact=True)
    await expect(anna.page.get_by_text("Загружаем")).to_be_visible()
    stood = await button.bounding_box()
    answering.set()
    await expect(anna.page.get_by_role("meter")).to_be_visible()
    assert await button.bounding_box() == stood


async def continue_after(event: asyncio.Event, route: Route) -> None:
    await event.wait()
    await route.continue_()


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


async def expect_row(window: Window, title: str) -> None:
    """Names are kept from one look to the next; a reload asks for them."""

    async def shown() -> bool:
        await window.page.reload()
        await window.see_chats()
        return await window.row(title).count() == 1

    await eventually(shown)
