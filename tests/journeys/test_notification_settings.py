"""From the switch to the open chat: a browser subscribes, its person chooses, what they missed comes as they chose."""

import hmac
import json
from pathlib import Path
from typing import Any

from playwright.async_api import Page, expect
from tests.harness import Server, running_server
from tests.journeys.browser import ANNA, BORIS, NARROW, Window, Windows, chromium, make_accounts
from tests.journeys.test_search import assert_accessible
from tests.services.messaging.notified import push_service
from tests.waiting import eventually, until

from kaif.services.auth.tokens import Signer

# The maker's service of a headless browser is nowhere: here it is one of ours, and the badge is a number to look at.
MAKER = """
PushManager.prototype.subscribe = async function ({ applicationServerKey }) {
  if (!applicationServerKey) throw new DOMException('', 'InvalidStateError')
  localStorage.setItem('subscribed', '1')
  return SUBSCRIPTION
}
PushManager.prototype.getSubscription = async () => (localStorage.getItem('subscribed') ? SUBSCRIPTION : null)
const SUBSCRIPTION = {
  toJSON: () => (GIVEN),
  unsubscribe: async () => localStorage.removeItem('subscribed'),
}
navigator.setAppBadge = async (count) => void (window.badge = count)
navigator.clearAppBadge = async () => void (window.badge = 0)
"""

CLICK = """
async () => {
  const [notification] = await registration.getNotifications()
  const event = new NotificationEvent('notificationclick', { notification })
  // Only the browser itself may prolong an event, and bring a window to the front.
  event.waitUntil = (deed) => void deed.catch(() => {})
  dispatchEvent(event)
}
"""
SHOWN = """
async () => {
  const [shown] = await registration.getNotifications()
  return shown ? `${shown.title}: ${shown.body}` : ''
}
"""


async def test_what_was_missed_comes_as_its_reader_chose_and_a_press_opens_it(tmp_path: Path) -> None:
    # The shell, which other journeys have, shows no notifications.
    async with (
        push_service() as service,
        running_server(tmp_path, KAIF_PUSH_ADDRESSES="any") as server,
        chromium() as browser,
    ):
        await make_accounts(server.url, server.setup_code, ANNA, BORIS)
        windows = Windows(browser, server.url)
        anna = await windows.open()
        listening = service.browser("anna")
        keys = listening.subscription()
        given = json.dumps({"endpoint": keys.endpoint, "keys": {"p256dh": keys.p256dh, "auth": keys.auth}})
        await anna.context.add_init_script(MAKER.replace("GIVEN", given))
        await anna.context.grant_permissions(["notifications"], origin=server.url)
        await anna.sign_in(ANNA.username)
        await anna.page.evaluate("async () => void (await navigator.serviceWorker.ready)")

        await subscribe_and_choose(anna)

        await anna.page.goto("about:blank")
        boris = await windows.open()
        await boris.sign_in(BORIS.username)
        await boris.start_chat(ANNA)
        await boris.say("Тайна: клад под ивой")
        await until(lambda: bool(listening.shown))
        (told,) = listening.shown
        assert (told["title"], told["text"], told["badge"]) == (BORIS.name, "", 1)

        await anna.page.goto("/")
        await expect(anna.unread(BORIS.name)).to_be_visible()
        await eventually(lambda: badge_is(anna.page, 1))
        (worker,) = anna.context.service_workers
        await worker.evaluate("() => void (navigator.setAppBadge = async (count) => void (self.badge = count))")
        await push(anna, server.url, told)
        await eventually(lambda: says(worker, f"{BORIS.name}: Новое сообщение"))
        assert await worker.evaluate("() => self.badge") == 1
        await worker.evaluate(CLICK)
        await anna.see_message("Тайна: клад под ивой")
        await eventually(lambda: badge_is(anna.page, 0))
        await decline_letters(anna, server)
        windows.assert_no_complaints()
        await windows.close()


async def decline_letters(anna: Window, server: Server) -> None:
    me: str = await anna.page.evaluate("async () => (await (await fetch('/v1/auth/me')).json()).id")
    key = Signer((server.data / "secrets" / "signing-key.json").read_text()).key_for("declined digests")
    await anna.page.goto(f"/unsubscribe#{me}.{hmac.digest(key, me.encode(), 'sha256').hex()}")
    await expect(anna.page.get_by_role("heading", name="Не присылать больше?")).to_be_visible()
    await assert_accessible(anna)
    await anna.page.get_by_role("button", name="Больше не присылать").click()
    await expect(anna.page.get_by_text("Больше таких писем не будет")).to_be_visible()

    async def over() -> bool:
        digest = "async () => (await (await fetch('/v1/messaging/digest')).json()).every"
        return bool(await anna.page.evaluate(digest) == "never")

    await eventually(over)


async def subscribe_and_choose(anna: Window) -> None:
    page = anna.page
    await page.goto("/settings")
    await page.get_by_role("link", name="Подробнее").click()
    here = page.get_by_role("switch", name="Уведомления на этом устройстве")
    await here.click()
    await expect(here).to_be_checked()
    await page.get_by_role("switch", name="Показывать текст").uncheck()

    quiet = page.get_by_role("switch", name="Не беспокоить по расписанию")
    await quiet.check()
    await expect(page.get_by_label("Часовой пояс")).to_have_value("Europe/Moscow")
    await page.get_by_label("С", exact=True).fill("22:30")
    await page.get_by_label("С", exact=True).blur()
    await page.get_by_role("button", name="Воскресенье").click()
    await page.get_by_role("button", name="Раз в день").click()
    await page.get_by_label("В какое время").fill("19:45")
    await page.get_by_label("В какое время").blur()
    await expect(page.get_by_text(f"Адрес {ANNA.email} ещё не подтверждён")).to_be_visible()
    await page.wait_for_load_state("networkidle")
    await assert_accessible(anna)
    await page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    await page.reload()
    await expect(page.get_by_label("С", exact=True)).to_have_value("22:30")
    await expect(page.get_by_label("До", exact=True)).to_have_value("08:00")
    await expect(page.get_by_label("В какое время")).to_have_value("19:45")
    await expect(page.get_by_role("button", name="Воскресенье")).to_have_attribute("aria-pressed", "false")
    await expect(page.get_by_role("button", name="Суббота")).to_have_attribute("aria-pressed", "true")
    await expect(page.get_by_role("switch", name="Показывать текст")).not_to_be_checked()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await quiet.uncheck()
    await expect(page.get_by_label("Часовой пояс")).to_have_count(0)
    await page.wait_for_load_state("networkidle")


async def push(window: Window, origin: str, told: dict[str, Any]) -> None:
    devtools = await window.context.new_cdp_session(window.page)
    versions: list[dict[str, str]] = []
    devtools.on("ServiceWorker.workerRegistrationUpdated", lambda event: versions.extend(event["registrations"]))
    await devtools.send("ServiceWorker.enable")
    await until(lambda: bool(versions))
    message = {"origin": origin, "registrationId": versions[0]["registrationId"], "data": json.dumps(told)}
    await devtools.send("ServiceWorker.deliverPushMessage", message)


async def badge_is(page: Page, count: int) -> bool:
    return bool(await page.evaluate("count => window.badge === count", count))


async def says(worker: Any, text: str) -> bool:
    return bool(await worker.evaluate(SHOWN) == text)
