"""The operator says how much people may keep, by role and of one person, and people see it in their settings."""

import pytest
from playwright.async_api import expect
from tests.harness import Person, Server
from tests.journeys.browser import ANNA, BORIS, NARROW, WIDE, Windows, make_accounts
from tests.journeys.conftest import embedded
from tests.journeys.looks import Look
from tests.journeys.test_operator import sees_in_log
from tests.journeys.test_operator_storage import see, upload

RUSSIAN = {
    "sections": "Разделы управления",
    "storage": "Хранилище",
    "log": "Журнал",
    "card": "Сколько можно хранить",
    "change member": "Изменить место для файлов: Участник",
    "change boris": f"Изменить место для файлов: {BORIS.name}",
    "file": "Один файл, ГБ",
    "total": "Все файлы человека, ГБ",
    "default": "Пустое поле — по умолчанию, 11 ГБ",
    "by roles": "Пустое поле — по ролям, 5 ГБ",
    "wrong": "Число больше 0",
    "save": "Сохранить",
    "half": "0,5",
    "member": "Файл до 500 МБ, всего 5 ГБ",
    "of boris": "Занято 3,4 МБ из 1 МБ",
    "room": "Место для файлов",
    "over": "Ничего не удалено",
    "only boris": "Всего 1 МБ",
    "set member": f"{ANNA.name} задаёт место для файлов роли «Участник». Один файл: 500 МБ, всего: 5 ГБ",
    "set boris": f"{ANNA.name} задаёт место для файлов: {BORIS.name}. Один файл: по умолчанию, всего: 1 МБ",
}
ENGLISH = {
    "sections": "Sections for operators",
    "storage": "Storage",
    "log": "Log",
    "card": "How much people may keep",
    "change member": "Change how much may be kept: Member",
    "change boris": f"Change how much may be kept: {BORIS.name}",
    "file": "One file, GB",
    "total": "All of a person’s files, GB",
    "default": "Empty: by default, 11 GB",
    "by roles": "Empty: as their roles give, 5 GB",
    "wrong": "A number above 0",
    "save": "Save",
    "half": "0.5",
    "member": "A file up to 500 MB, 5 GB in all",
    "of boris": "3.4 MB of 1 MB taken",
    "room": "Room for files",
    "over": "Nothing was deleted",
    "only boris": "1 MB in all",
    "set member": f"{ANNA.name} sets the room for files of the role “Member”. One file: 500 MB, in all: 5 GB",
    "set boris": f"{ANNA.name} sets the room for files of {BORIS.name}. One file: by default, in all: 1 MB",
}


@embedded
@pytest.mark.parametrize(
    ("size", "locale", "words"),
    [(WIDE, "ru-RU", RUSSIAN), (NARROW, "en-GB", ENGLISH)],
    ids=["wide, in Russian", "narrow, in English"],
)
async def test_an_operator_says_how_much_people_may_keep_and_they_see_it(
    place: Server, windows: Windows, size: tuple[int, int], locale: str, words: dict[str, str]
) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    await upload(place, BORIS.username, b"\x01" * 3_400_000)
    boris = await Person(place.url, BORIS.username).log_in()
    await boris.close()
    owner = await windows.open(size, locale, bypass_csp=True, reduced_motion="reduce")
    look = Look(owner)
    await owner.sign_in(ANNA.username)
    await owner.page.goto("/operator")

    await see(owner, words, "storage")
    card = owner.page.get_by_role("region", name=words["card"])
    await card.get_by_role("button", name=words["change member"]).click()
    await expect(owner.dialog.get_by_text(words["default"])).to_be_visible()
    await owner.dialog.get_by_label(words["file"]).fill("0")
    await owner.dialog.get_by_label(words["total"]).fill("5")
    await owner.dialog.get_by_role("button", name=words["save"]).click()
    await expect(owner.dialog.get_by_text(words["wrong"])).to_be_visible()
    await look("a quota that can't be")
    await owner.dialog.get_by_label(words["file"]).fill(words["half"])
    await owner.dialog.get_by_role("button", name=words["save"]).click()
    await expect(card.get_by_text(words["member"])).to_be_visible()
    await look("quotas of roles")

    await owner.go(f"/operator/people/{boris.id}")
    await owner.page.get_by_role("button", name=words["change boris"]).click()
    await expect(owner.dialog.get_by_text(words["by roles"])).to_be_visible()
    await owner.dialog.get_by_label(words["total"]).fill("0.001")
    await owner.dialog.get_by_role("button", name=words["save"]).click()
    await expect(owner.page.get_by_text(words["of boris"])).to_be_visible()
    await look("somebody's quota")

    await owner.go("/operator")
    await see(owner, words, "storage")
    await expect(card.get_by_role("listitem").filter(has_text=BORIS.name)).to_contain_text(words["only boris"])
    await see(owner, words, "log")
    await sees_in_log(owner, words["set member"])
    await sees_in_log(owner, words["set boris"])

    his = await windows.open(size, locale, bypass_csp=True, reduced_motion="reduce")
    await his.sign_in(BORIS.username)
    await his.page.goto("/settings")
    await expect(his.page.get_by_text(words["of boris"])).to_be_visible()
    await expect(his.page.get_by_text(words["over"])).to_be_visible()
    look.assert_nothing_grave()
