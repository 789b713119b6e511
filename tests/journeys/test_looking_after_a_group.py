"""A group is looked after: who comes in and by which link, how fast they write, and who may do what."""

import contextlib
import re
import sqlite3
from datetime import UTC, datetime

from playwright.async_api import Locator, expect
from tests.harness import Person, Server
from tests.journeys.browser import ANNA, BORIS, NARROW, VERA, Window, Windows, make_accounts
from tests.journeys.conftest import Place, embedded
from tests.journeys.looks import Look


async def about(window: Window, page: str = "") -> None:
    await window.page.get_by_role("button", name=re.compile(r"^(Участники|Members)(\.|$)")).click()
    if page:
        await window.dialog.get_by_role("button", name=page, exact=True).click()


async def close(window: Window) -> None:
    await window.page.keyboard.press("Escape")
    await expect(window.dialog).to_have_count(0)


async def make_link(window: Window, note: str, *, uses: str = "", days: str = "0", approval: bool = False) -> str:
    await window.dialog.get_by_label("Для кого").fill(note)
    await window.dialog.get_by_label("Сколько раз").fill(uses)
    await window.dialog.get_by_label("Срок").select_option(days)
    await window.dialog.get_by_label("Впускать только с согласия админа").set_checked(approval)
    await window.dialog.get_by_role("button", name="Новая ссылка").click()
    await expect(link(window, note)).to_be_visible()
    return await window.dialog.locator("code").inner_text()


def link(window: Window, note: str) -> Locator:
    return window.dialog.get_by_role("list", name="Приглашения").get_by_role("listitem").filter(has_text=note)


def member(window: Window, name: str) -> Locator:
    return window.dialog.get_by_role("list", name=re.compile("Участники|Members")).get_by_role("button", name=name)


async def save_settings(window: Window) -> None:
    await window.dialog.get_by_role("button", name="Сохранить").click()
    await expect(window.dialog.get_by_role("list", name="Участники")).to_be_visible()


def let_links_end(place: Place) -> None:
    assert isinstance(place, Server)
    now_us = int(datetime.now(UTC).timestamp() * 1_000_000)
    with contextlib.closing(sqlite3.connect(place.data / "kaif.db", timeout=30)) as database, database:
        database.execute("UPDATE messaging_links SET expires_at_us = ? WHERE expires_at_us > 0", (now_us,))


@embedded
async def test_a_group_is_looked_after_by_its_owner_and_then_by_another(place: Place, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS, VERA)
    # axe is a script of its own, which the page's policy rightly refuses.
    anna = await windows.open(bypass_csp=True, reduced_motion="reduce")
    boris = await windows.open(NARROW, "en-GB", has_touch=True, bypass_csp=True, reduced_motion="reduce")
    vera = Person(place.url, VERA.username)
    await vera.log_in()
    await anna.sign_in(ANNA.username)
    await boris.sign_in(BORIS.username)
    look, look_narrow = Look(anna), Look(boris)
    await anna.start_group("Рыбаки", [])

    # Three ways in: the first is used up by Vera, the second has ended, by the third one asks.
    await about(anna, "Приглашения")
    used_up = await make_link(anna, "Для одного", uses="1")
    ended = await make_link(anna, "До вечера", days="1")
    asking = await make_link(anna, "Для гостей", approval=True)
    await expect(link(anna, "Для гостей")).to_contain_text("с согласия админа")
    chat_id = str((await vera.post("/v1/messaging/invitations/join", secret=used_up.partition("#")[2]))["chat_id"])
    let_links_end(place)
    for dead in (used_up, ended):
        await boris.page.goto("/")
        await boris.page.goto(dead)
        await expect(boris.page.get_by_role("alert")).to_be_visible()
    # Browsers complain of every refusal.
    boris.complaints[:] = [complaint for complaint in boris.complaints if "invitations/preview" not in complaint]
    await boris.page.goto("/")
    await boris.page.goto(asking)
    await boris.page.get_by_role("button", name="Ask to join").tap()
    await expect(boris.page.get_by_text("Your request is sent")).to_be_visible()
    await look_narrow("asked")
    await close(anna)
    # Seen at once, in the list and on the button that leads there.
    await expect(anna.row("Рыбаки").get_by_role("img", name="1 человек просит впустить")).to_be_visible()
    await look("somebody asks")
    await about(anna, "Приглашения")
    await expect(link(anna, "Для одного")).to_contain_text("использована")
    await expect(link(anna, "До вечера")).to_contain_text("истекла")
    await look("links and a request")
    await anna.dialog.get_by_role("button", name="Впустить").click()
    await expect(anna.dialog.get_by_role("button", name="Впустить")).to_have_count(0)
    await close(anna)
    await expect(anna.row("Рыбаки").get_by_role("img", name="просит впустить")).to_have_count(0)
    await boris.go("/")
    await boris.row("Рыбаки").tap()

    # One message in ten seconds; nothing that was written is lost meanwhile.
    await about(anna, "Настройки")
    await anna.dialog.get_by_label(re.compile("Медленный режим")).select_option("10")
    await anna.dialog.get_by_role("switch", name="Скрыть список участников").check()
    await save_settings(anna)
    await close(anna)
    await boris.say("First")
    await boris.see_state("First", "sent")
    await boris.say("Second")
    send = boris.page.get_by_role("button", name="Send", exact=True)
    await expect(send).to_have_text(re.compile(r"0:\d\d"))
    await expect(boris.page.get_by_text(re.compile(r"you can write again in 0:\d\d"))).to_be_visible()
    await expect(boris.composer).to_have_value("Second")
    await look_narrow("a slow group")
    await about(anna, "Настройки")
    await anna.dialog.get_by_label(re.compile("Медленный режим")).select_option("0")
    await save_settings(anna)
    await send.tap()
    await boris.see_state("Second", "sent")

    # Hidden from its members, the list is there for whoever is made an admin of it.
    await about(boris)
    await expect(boris.dialog.get_by_text("Only admins see who is in this group")).to_be_visible()
    await close(boris)
    await member(anna, BORIS.name).click()
    rights = anna.dialog.get_by_role("group", name="Права админа")
    await rights.get_by_label("Ограничивать и блокировать").check()
    await look("an admin's rights")
    await anna.dialog.get_by_role("button", name="Сделать админом").click()
    await expect(member(anna, BORIS.name)).to_contain_text("админ")

    # The admin bans by finger, and thinks better of it.
    await about(boris)
    await member(boris, VERA.name).tap()
    await boris.dialog.get_by_role("button", name="Ban", exact=True).tap()
    await look_narrow("about to ban")
    await boris.dialog.last.get_by_role("button", name="Ban", exact=True).tap()
    await expect(member(boris, ANNA.name)).to_be_visible()
    await expect(member(boris, VERA.name)).to_have_count(0)
    assert (await vera.http.get(f"/v1/messaging/chats/{chat_id}")).status_code == 404
    await boris.dialog.get_by_role("button", name="Banned").tap()
    await look_narrow("the banned")
    await boris.dialog.get_by_role("button", name="Unban").tap()
    await expect(boris.dialog.get_by_text("Nobody is banned")).to_be_visible()
    await close(boris)
    await vera.close()

    # And the group becomes his.
    await member(anna, BORIS.name).click()
    await anna.dialog.get_by_role("button", name="Передать").click()
    await look("about to transfer")
    await anna.dialog.last.get_by_role("button", name="Передать", exact=True).click()
    people = anna.dialog.get_by_role("list", name="Участники").get_by_role("listitem")
    await expect(people.filter(has_text=BORIS.name)).to_contain_text("владелец")
    await member(anna, BORIS.name).click()
    await expect(anna.dialog.get_by_text("@boris")).to_be_visible()
    await expect(anna.dialog.get_by_role("button", name=re.compile("Передать|Убрать"))).to_have_count(0)
    await about(boris)
    await expect(member(boris, ANNA.name)).to_contain_text("admin")
    await look_narrow("the new owner")
    look.assert_nothing_grave()
    look_narrow.assert_nothing_grave()
