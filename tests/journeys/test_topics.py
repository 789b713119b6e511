"""A group by its topics, as people use it: made, read one by one, closed, searched, and one log again."""

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Locator, expect
from tests.journeys.browser import ANNA, BORIS, NARROW, Window, Windows, make_accounts
from tests.journeys.conftest import Place, embedded


async def complaints(window: Window) -> list[str]:
    results = await Axe().run(window.page)
    grave = [each for each in results.response["violations"] if each["impact"] in ("serious", "critical")]
    return [f"{each['id']} {each['nodes'][0]['html']}" for each in grave]


def topic(window: Window, title: str) -> Locator:
    return window.page.locator("a[data-topic]").filter(has=window.page.locator(".name", has_text=title))


def unread(window: Window, title: str) -> Locator:
    return topic(window, title).get_by_role("img", name="непрочитан")


async def make_topic(window: Window, title: str, icon: str) -> None:
    await window.page.get_by_role("button", name="Новая тема").click()
    await window.dialog.get_by_label("Название темы").fill(title)
    await window.dialog.get_by_role("radio", name=icon).check()
    await window.dialog.get_by_role("button", name="Создать тему").click()
    await expect(window.page.get_by_role("region", name=f"Тема: {title}")).to_be_visible()


async def to_topics(window: Window) -> None:
    await window.page.get_by_role("link", name="К темам группы").click()
    await expect(window.page.get_by_role("list", name="Темы")).to_be_visible()


async def choose(window: Window, deed: str) -> None:
    await window.page.get_by_role("button", name="Ещё о теме").click()
    await window.page.get_by_role("menuitem", name=deed).click()


async def choose_of_group(window: Window, deed: str) -> None:
    await window.page.get_by_role("button", name="Ещё о чате").click()
    await window.page.get_by_role("menuitem", name=deed).click()


@embedded
async def test_people_talk_by_topics_and_nothing_of_others_comes_between(place: Place, windows: Windows) -> None:
    # axe is a script of its own, which the page's policy rightly refuses.
    anna = await windows.open(bypass_csp=True, reduced_motion="reduce")
    boris = await windows.open(size=NARROW, bypass_csp=True, reduced_motion="reduce", color_scheme="dark")
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    for window, human in ((anna, ANNA), (boris, BORIS)):
        await window.sign_in(human.username)
    await anna.start_group("Озеро", [BORIS])
    await anna.say("Было до тем")
    await boris.open_chat("Озеро")
    await boris.see_message("Было до тем")

    await anna.page.get_by_role("button", name="Участники").click()
    await anna.dialog.get_by_role("button", name="Настройки").click()
    await anna.dialog.get_by_role("switch", name="Темы").check()
    await anna.dialog.get_by_role("button", name="Сохранить").click()
    await anna.page.keyboard.press("Escape")
    # Also where the group was open as one log.
    await expect(topic(boris, "Общее")).to_be_visible()
    await make_topic(anna, "Лодки", "🛶")
    await anna.say("Лодка на ходу")
    await to_topics(anna)
    await make_topic(anna, "Рыба", "🐟")

    await expect(topic(boris, "Лодки")).to_contain_text("Анна: Лодка на ходу")
    await expect(unread(boris, "Лодки")).to_have_text("1")
    assert not await complaints(boris)
    await topic(boris, "Лодки").click()
    await boris.see_message("Лодка на ходу")
    await expect(boris.message("Было до тем")).to_have_count(0)
    await anna.say("Щука клюёт")
    await boris.say("Вёсла взяли?")
    await boris.see_state("Вёсла взяли?", "sent")
    # Beside one's widest message what is done with it is still in the window.
    await boris.say("Ветер стих, " * 9)
    await boris.message("Ветер стих").hover()
    (left,) = [await act.bounding_box() for act in await boris.message("Ветер стих").locator(".act:visible").all()]
    assert left and left["x"] >= 0
    await expect(boris.message("Щука клюёт")).to_have_count(0)
    await expect(anna.message("Вёсла взяли?")).to_have_count(0)
    assert not await complaints(boris)
    await to_topics(boris)
    await expect(unread(boris, "Лодки")).to_have_count(0)
    await expect(unread(boris, "Рыба")).to_have_text("1")

    # A reload in a topic comes back to it; what was missed meanwhile is there.
    await topic(boris, "Рыба").click()
    await boris.see_message("Щука клюёт")
    await boris.context.set_offline(True)
    await anna.say("Окунь тоже")
    await boris.context.set_offline(False)
    await boris.see_message("Окунь тоже")
    await boris.page.reload()
    await boris.see_message("Окунь тоже")
    await expect(anna.message("Окунь тоже").locator("[data-state]")).to_have_attribute("data-state", "read")

    # Messages go to another topic, one by its menu and several that are selected, also where it is looked at. Whoever
    # types does it in a topic, whose header says so.
    await boris.say("Вёсла в сарае")
    for said in ("Щука клюёт", "Окунь тоже"):
        await boris.see_message(said)
    await anna.see_message("Вёсла в сарае")
    await anna.composer.press_sequentially("Ле")
    await expect(boris.page.locator("header.bar").get_by_text("Анна печатает")).to_be_visible()
    await anna.composer.fill("")
    await anna.message("Вёсла в сарае").click(button="right")
    await anna.page.get_by_role("menuitem", name="Перенести в другую тему").click()
    assert not await complaints(anna)
    await anna.dialog.get_by_role("button", name="Лодки").click()
    for window in (anna, boris):
        await expect(window.message("Вёсла в сарае")).to_have_count(0)
        await expect(window.page.get_by_text("1 сообщение перенесено в тему «Лодки»")).to_be_visible()
    await to_topics(boris)
    await topic(boris, "Лодки").click()
    await boris.see_message("Вёсла в сарае")
    await anna.message("Щука клюёт").click(button="right")
    await anna.page.get_by_role("menuitem", name="Выбрать").click()
    await anna.message("Окунь тоже").click()
    await anna.page.get_by_role("button", name="Перенести в другую тему").click()
    await anna.page.keyboard.press("ArrowDown")
    await anna.dialog.get_by_role("button", name="Лодки").click()
    await boris.see_message("Щука клюёт")
    texts = await boris.page.locator('[role="log"] .b').all_inner_texts()
    places = [next(at for at, text in enumerate(texts) if said in text) for said in ("Щука", "Вёсла взяли", "Окунь")]
    assert places == sorted(places), "each stands where it was said"
    # Back again, by its writer's finger.
    await boris.message("Вёсла в сарае").click(button="right")
    await boris.page.get_by_role("menuitem", name="Перенести в другую тему").click()
    await boris.dialog.get_by_role("button", name="Рыба").click()
    await anna.see_message("Вёсла в сарае")
    await to_topics(boris)
    await topic(boris, "Рыба").click()
    await boris.see_message("Вёсла в сарае")

    # Closed: members read.
    await choose(anna, "Закрыть тему")
    await expect(boris.page.get_by_text("Тема закрыта: в ней пишут только админы")).to_be_visible()
    await expect(boris.composer).to_have_count(0)
    await choose(anna, "Снова открыть")
    await expect(boris.composer).to_be_visible()
    # Left to those who are chosen.
    await choose(anna, "Кто пишет в теме")
    await anna.dialog.get_by_label("Админы и выбранные участники").check()
    await expect(boris.page.get_by_text("В этой теме пишут админы и выбранные участники")).to_be_visible()
    await anna.dialog.get_by_label(BORIS.name).check()
    await expect(boris.composer).to_be_visible()
    assert not await complaints(anna)
    await anna.dialog.get_by_label("Все участники").check()
    await expect(anna.dialog.get_by_label(BORIS.name)).to_have_count(0)
    await anna.page.keyboard.press("Escape")
    await choose(anna, "Кто здесь не пишет")
    await anna.dialog.get_by_label(BORIS.name).check()
    await expect(boris.page.get_by_text("Админ запретил вам писать в этой теме")).to_be_visible()
    await anna.page.keyboard.press("Escape")

    # A search stays within the topic, and a link leads into its topic.
    await anna.page.get_by_role("button", name="Поиск по сообщениям").click()
    await anna.page.get_by_role("search").get_by_role("searchbox").fill("лодка")
    await expect(anna.page.get_by_role("search").get_by_text("Ничего не нашлось")).to_be_visible()
    await anna.page.keyboard.press("Escape")
    await choose(anna, "Закрепить тему")
    await to_topics(anna)
    assert not await complaints(anna)
    await expect(anna.page.locator("a[data-topic]").first).to_contain_text("Рыба")
    await topic(anna, "Лодки").click()
    await choose(anna, "Удалить тему")
    assert not await complaints(anna)
    await anna.dialog.get_by_role("button", name="Удалить тему").click()
    await to_topics(boris)
    for window in (anna, boris):
        await expect(topic(window, "Рыба")).to_be_visible()
        await expect(topic(window, "Лодки")).to_have_count(0)
    address = anna.page.url
    await anna.page.goto(f"{address}/2")
    await expect(anna.page.get_by_role("region", name="Тема: Общее")).to_be_visible()
    await anna.see_message("Было до тем")

    # The day of a topic is found in it, that of the group in whichever topic it lies.
    await choose(anna, "Перейти к дате")
    await anna.dialog.get_by_role("button", name="Перейти", exact=True).click()
    await expect(anna.dialog).to_have_count(0)
    await expect(anna.message("Было до тем")).to_be_visible()
    await anna.page.get_by_role("button", name="Поиск по сообщениям").click()
    await anna.page.get_by_role("search").get_by_role("searchbox").fill("было")
    await expect(anna.page.get_by_role("search").locator("a.hit")).to_have_count(1)
    await anna.page.keyboard.press("Escape")
    await to_topics(anna)
    await choose_of_group(anna, "Фото и файлы")
    panel = anna.page.get_by_role("complementary", name="Фото и файлы")
    await expect(panel.get_by_text("Фото и видео из этого чата будут здесь.")).to_be_visible()
    assert not await complaints(anna)
    await anna.page.keyboard.press("Escape")
    await expect(panel).to_have_count(0)
    await choose_of_group(anna, "Перейти к дате")
    await anna.dialog.get_by_role("button", name="Перейти", exact=True).click()
    await expect(anna.page.get_by_role("region", name="Тема: Общее")).to_be_visible()
    await anna.see_message("Было до тем")

    # A few letters lead to a topic, wherever one is.
    await boris.page.keyboard.press("Control+k")
    await boris.dialog.get_by_role("combobox").fill("hs,")
    await expect(boris.dialog.get_by_role("option").first).to_contain_text("Рыба · Озеро")
    assert not await complaints(boris)
    await boris.page.keyboard.press("Enter")
    await expect(boris.page.get_by_role("region", name="Тема: Рыба")).to_be_visible()

    # What was sent in the topic stands beside it; where there is nothing no filter is to be dropped.
    await choose(anna, "Фото и файлы")
    panel = anna.page.get_by_role("complementary", name="Фото и файлы")
    await expect(panel.get_by_text("Фото и видео из этого чата будут здесь.")).to_be_visible()
    await panel.get_by_role("tab", name="Ссылки").click()
    await expect(panel.get_by_text("Ссылки из этого чата будут здесь.")).to_be_visible()
    await expect(panel.get_by_role("button", name="Сбросить фильтры")).to_have_count(0)
    await panel.get_by_role("button", name="Мои").click()
    await expect(panel.get_by_text("Ничего не нашлось")).to_be_visible()
    assert not await complaints(anna)
