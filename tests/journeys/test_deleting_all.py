"""All that somebody wrote in a group goes at once: with a message of theirs, with a ban, from their card."""

from playwright.async_api import expect
from tests.harness import Person
from tests.journeys.browser import ANNA, BORIS, NARROW, VERA, Window, Windows, make_accounts
from tests.journeys.conftest import Place, embedded
from tests.journeys.looks import Look
from tests.journeys.test_looking_after_a_group import about, close, member
from tests.journeys.test_messages import choose


@embedded
async def test_all_that_somebody_wrote_goes_with_a_message_with_a_ban_and_from_their_card(
    place: Place, windows: Windows
) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS, VERA)
    # axe is a script of its own, which the page's policy rightly refuses.
    anna = await windows.open(bypass_csp=True, reduced_motion="reduce")
    boris = await windows.open(NARROW, "en-GB", has_touch=True, bypass_csp=True, reduced_motion="reduce")
    vera = Person(place.url, VERA.username)
    await vera.log_in()
    await anna.sign_in(ANNA.username)
    await boris.sign_in(BORIS.username)
    look = Look(anna)
    await anna.start_group("Рыбаки", [BORIS, VERA])
    chat_id = anna.page.url.rpartition("/")[2]
    await boris.row("Рыбаки").tap()
    await anna.say("Клёв в шесть")

    async def flood(*texts: str) -> None:
        for text in texts:
            await vera.post_message(chat_id, text)
        for window in (anna, boris):
            await window.see_message(texts[-1])

    # One of them and all the rest.
    await flood("Купите сети", "Сети дёшево", "Сети сегодня")
    await choose(anna, "Сети дёшево", "Удалить")
    await anna.dialog.get_by_role(
        "checkbox", name=f"Удалить у всех и остальное, что здесь написал этот человек: {VERA.name}"
    ).check()
    await look("about to delete all with one")
    await anna.dialog.get_by_role("button", name="У всех", exact=True).click()
    await told(anna, "Удалено", VERA.name)
    await gone(boris, "Купите сети", "Сети дёшево", "Сети сегодня")

    # From the card.
    await flood("Лодки со скидкой")
    await about(anna)
    await member(anna, VERA.name).click()
    await anna.dialog.get_by_role("button", name="Удалить все сообщения").click()
    await look("about to delete all from a card")
    await anna.dialog.last.get_by_role("button", name="Удалить все", exact=True).click()
    await told(anna, "Удалено 1 сообщение", VERA.name)
    await gone(boris, "Лодки со скидкой")
    await close(anna)

    # With a ban.
    await flood("Мотор даром", "Пишите мне")
    await about(anna)
    await member(anna, VERA.name).click()
    await anna.dialog.get_by_role("button", name="Заблокировать", exact=True).last.click()
    dialog = anna.page.get_by_role("dialog").last
    await dialog.get_by_label("Удалить и всё, что этот человек написал в чате").check()
    await look("about to ban with all of theirs")
    await dialog.get_by_role("button", name="Заблокировать", exact=True).click()
    await told(anna, "Удалено 2 сообщения", VERA.name)
    for window in (anna, boris):
        await gone(window, "Мотор даром", "Пишите мне")
        await window.see_message("Клёв в шесть")
    look.assert_nothing_grave()
    await vera.close()


async def told(window: Window, what: str, of: str) -> None:
    await expect(window.page.get_by_role("status").filter(has_text=what).filter(has_text=of)).to_be_visible()


async def gone(window: Window, *texts: str) -> None:
    for text in texts:
        await expect(window.message(text)).to_have_count(0)
