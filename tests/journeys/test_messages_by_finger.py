"""What one does with messages on a phone, by fingers, and what one keeps from others of oneself."""

import re

from playwright.async_api import Locator, expect
from tests.harness import Person
from tests.journeys.browser import ANNA, BORIS, NARROW, Window, Windows, make_accounts
from tests.journeys.conftest import Place, embedded
from tests.journeys.fingers import Hand
from tests.journeys.looks import Look
from tests.journeys.test_messages import choose

MEETING = "Встреча в полночь у маяка"


def bubble(window: Window, text: str) -> Locator:
    return window.message(text).locator(".b")


async def make_chats(place: Place) -> None:
    """A group and a direct chat of the two, and a group of topics."""
    anna, boris = Person(place.url, ANNA.username), Person(place.url, BORIS.username)
    for person in (anna, boris):
        await person.log_in()
    await anna.group("Озеро", boris)
    talks = await anna.group("Беседы", boris)
    await anna.post(f"/v1/messaging/chats/{talks}/topics-switch", on=True)
    await anna.post(f"/v1/messaging/chats/{talks}/topics", title="Лодки", ref="boats")
    await anna.post_message(await anna.direct_chat(boris), "Привет")
    for person in (anna, boris):
        await person.close()


async def hold(hand: Hand, text: str, deed: str) -> None:
    """A long press, as browsers make it known, and what its menu has."""
    await hand.hold(bubble(hand.window, text), x=0.2)
    await hand.window.page.get_by_role("menu").get_by_role("menuitem", name=deed, exact=True).tap()


@embedded
async def test_by_finger_one_reads_what_was_said_before_reminds_oneself_and_is_silent(
    place: Place, windows: Windows
) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    await make_chats(place)
    # axe is a script of its own, which the page's policy rightly refuses.
    anna = await windows.open()
    boris = await windows.open(NARROW, "en-GB", has_touch=True, bypass_csp=True, reduced_motion="reduce")
    hand, look = Hand(boris), Look(boris)
    await anna.sign_in(ANNA.username)
    await boris.sign_in(BORIS.username)
    await anna.open_chat("Озеро")
    await anna.say(f"{MEETING}: ||Борис платит||")
    await choose(anna, MEETING, "Изменить")
    await anna.composer.press("End")
    await anna.say(f"{MEETING} в семь: ||Анна платит||")

    # Hidden text is shown by a tap; a long press tells what it was before.
    await boris.row("Озеро").tap()
    await expect(bubble(boris, MEETING)).to_contain_text("edited")
    spoiler = boris.log.get_by_role("button", name="Hidden text. Show it")
    await spoiler.tap()
    await expect(spoiler).to_have_count(0)
    await expect(bubble(boris, MEETING).get_by_text("Анна платит")).to_be_visible()
    await hold(hand, MEETING, "Earlier versions")
    versions = boris.dialog.get_by_role("listitem")
    await expect(versions).to_have_count(1)
    await expect(versions).to_contain_text("Борис платит")
    await look("earlier versions")
    await boris.page.keyboard.press("Escape")
    await choose(anna, MEETING, "Кто прочитал")
    await expect(anna.dialog.get_by_role("listitem")).to_contain_text(BORIS.name)
    await anna.page.keyboard.press("Escape")

    # To be reminded of it, and to think better of it.
    await hold(hand, MEETING, "Remind me")
    await boris.dialog.get_by_role("button", name=re.compile("^In an hour")).tap()
    await boris.dialog.get_by_role("button", name="Remind me", exact=True).tap()
    await expect(boris.page.get_by_text(re.compile("You will be reminded"))).to_be_visible()

    # Silently: the button to send has more to offer when it is held.
    await boris.composer.fill("Не шуми")
    await hand.hold(boris.page.get_by_role("button", name="Send", exact=True))
    await boris.page.get_by_role("menuitem", name="Send without sound").tap()
    await expect(bubble(boris, "Не шуми").get_by_role("img", name="Without sound")).to_be_visible()
    await expect(bubble(anna, "Не шуми").get_by_role("img", name="Без звука")).to_be_visible()

    # Unread again, as long as one does not open it.
    await boris.page.get_by_role("button", name="More", exact=True).tap()
    await boris.page.get_by_role("menuitem", name="Mark as unread").tap()
    await expect(boris.row("Озеро").get_by_role("img", name=re.compile("[Uu]nread"))).to_be_visible()
    await look("chats, one of them marked")
    await boris.row("Озеро").tap()
    await boris.page.get_by_role("link", name="Back to chats").tap()
    await expect(boris.row("Озеро").get_by_role("img", name=re.compile("[Uu]nread"))).to_have_count(0)
    await boris.row("Saved messages").tap()
    await boris.page.get_by_role("button", name=re.compile("reminder")).tap()
    await expect(boris.dialog.get_by_role("link")).to_contain_text("Озеро")
    await look("reminders")
    await boris.dialog.get_by_role("button", name="Don’t remind me").tap()
    await expect(boris.dialog.get_by_text("There are no reminders")).to_be_visible()
    await boris.page.keyboard.press("Escape")

    # A topic without sound, in a group that has it.
    await boris.page.get_by_role("link", name="Back to chats").tap()
    await boris.row("Беседы").tap()
    topic = boris.page.locator("a[data-topic]").filter(has_text="Лодки")
    await topic.tap()
    await boris.page.get_by_role("button", name="More about the topic").tap()
    await boris.page.get_by_role("menuitem", name="Mute for good").tap()
    await boris.page.get_by_role("link", name="To the group’s topics").tap()
    await expect(topic.get_by_role("img", name="Muted")).to_be_visible()
    look.assert_nothing_grave()

    await what_one_keeps_from_others_is_not_seen(anna, boris)


async def what_one_keeps_from_others_is_not_seen(anna: Window, boris: Window) -> None:
    """Boris turns three things off on his phone, and turns them off for Anna by that."""
    await anna.open_chat("Привет")
    await expect(anna.page.get_by_text("в сети", exact=True).last).to_be_visible()
    await boris.page.goto("/settings/privacy")
    for name in ("Read receipts", "Name in forwarded messages"):
        await boris.page.get_by_role("switch", name=name).tap()
        await expect(boris.page.get_by_role("switch", name=name)).not_to_be_checked()
    online = boris.page.get_by_role("group", name="Who sees that you are online").get_by_role("button", name="Nobody")
    await online.tap()
    await expect(online).to_have_attribute("aria-pressed", "true")
    await boris.page.reload()
    await expect(online).to_have_attribute("aria-pressed", "true")
    await boris.page.goto("/")
    await boris.row("Привет").tap()
    await boris.see_message("Привет")
    await boris.say("Это между нами")

    await anna.see_message("Это между нами")
    await anna.say("Прочитал?")
    await boris.see_message("Прочитал?")
    await expect(anna.page.get_by_text("в сети", exact=True)).to_have_count(0)
    await choose(anna, "Это между нами", "Переслать")
    await anna.dialog.get_by_role("button", name="Озеро").click()
    await expect(bubble(anna, "Это между нами")).to_contain_text("Переслано, автор: имя скрыто")
    await choose(anna, "Это между нами", "Кто прочитал")
    await expect(anna.dialog.get_by_text("Пока никто")).to_be_visible()
    await anna.page.keyboard.press("Escape")
    await anna.open_chat("Прочитал?")
    await anna.see_state("Прочитал?", "sent")
