"""A voice is recorded over pauses and reloads, and stays in the browser no longer than it must."""

from playwright.async_api import Locator, expect
from tests.harness import Person, Server
from tests.journeys.browser import ANNA, BORIS, NARROW, Window, Windows, chromium, make_accounts
from tests.journeys.conftest import embedded
from tests.journeys.looks import Look
from tests.journeys.test_own_account import sign_out
from tests.journeys.test_sending_files import messages
from tests.waiting import eventually

PARTS_KEPT = """async () => {
  const names = (await indexedDB.databases()).map(({ name }) => name)
  const kept = names.find((name) => name.startsWith('kaif-voices-'))
  if (!kept) return 0
  const opened = indexedDB.open(kept)
  await new Promise((resolve) => (opened.onsuccess = resolve))
  const count = opened.result.transaction('parts').objectStore('parts').count()
  await new Promise((resolve) => (count.onsuccess = resolve))
  opened.result.close()
  return count.result
}"""


class Voice:
    """What one does with a voice in the chat that is open."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self.timer = window.page.get_by_role("timer")
        self.recorded = self._button("Прослушать запись")

    def _button(self, name: str) -> Locator:
        return self._window.page.get_by_role("button", name=name)

    async def begin(self) -> None:
        await self._button("Записать голосовое").press("Enter")

    async def record(self, until: str) -> None:
        await self.begin()
        await expect(self.timer).to_have_text(until)

    async def pause(self) -> None:
        await self._button("Приостановить и прослушать").click()
        await expect(self.recorded).to_be_visible()

    async def go_on(self, until: str) -> None:
        await self._button("Продолжить запись").click()
        await expect(self.timer).to_have_text(until)

    async def send(self) -> None:
        await self._button("Отправить голосовое").click()
        await expect(self._window.log.locator("[data-state=sent]")).to_have_count(1)

    async def throw_away(self) -> None:
        await self._button("Удалить запись").click()
        await expect(self._button("Записать голосовое")).to_be_visible()

    async def is_in_the_browser(self) -> bool:
        return bool(await self._window.page.evaluate(PARTS_KEPT))

    async def is_gone(self) -> bool:
        return not await self.is_in_the_browser()


@embedded
async def test_a_voice_goes_on_after_pauses_and_reloads_and_leaves_nothing_behind(place: Server) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    # The shell of the other journeys has no microphone.
    async with chromium() as browser:
        windows = Windows(browser, place.url)
        anna = await windows.open(size=NARROW)
        await anna.context.grant_permissions(["microphone"], origin=place.url)
        await anna.sign_in(ANNA.username)
        await anna.start_chat(BORIS)
        await record_over_pauses_and_a_reload(anna)
        boris = await Person(place.url, BORIS.username).log_in()
        (message,) = await messages(boris)
        await boris.close()
        await record_elsewhere(anna)
        await record_and_give_up(anna)
        windows.assert_no_complaints()

    (said,) = message["attachments"]
    assert said["kind"] == "voice" and 4000 < said["shown"]["duration_ms"] < 8000
    # The microphone of the test beeps once a second, from the first to the last of what was joined.
    loud = [place for place, level in enumerate(said["shown"]["waveform"]) if level > 10]
    assert min(loud) < 30 and max(loud) > 70


async def record_over_pauses_and_a_reload(anna: Window) -> None:
    look, voice = Look(anna), Voice(anna)
    await voice.record(until="0:02")
    await anna.page.reload()
    await expect(voice.recorded).to_be_visible()
    await look("recorded before")
    await voice.go_on(until="0:03")
    await voice.pause()
    await voice.go_on(until="0:05")
    await anna.page.get_by_role("link", name="К списку чатов").click()
    await expect(anna.row(BORIS.name)).to_contain_text("Голосовое")
    await anna.row(BORIS.name).click()
    await voice.send()
    await eventually(voice.is_gone)
    look.assert_nothing_grave()


async def record_elsewhere(anna: Window) -> None:
    """What waits in one chat is thrown away for another only by whoever was told."""
    look, voice = Look(anna), Voice(anna)
    await voice.record(until="0:01")
    await anna.page.get_by_role("link", name="К списку чатов").click()
    await anna.start_group("Рыбаки", [BORIS])
    await voice.begin()
    told = anna.page.get_by_role("alert").filter(has_text="В другом чате ждёт")
    await expect(told).to_be_visible()
    await look("a voice waits elsewhere")
    await voice.record(until="0:01")
    await expect(told).to_have_count(0)
    await voice.throw_away()
    await eventually(voice.is_gone)
    look.assert_nothing_grave()


async def record_and_give_up(anna: Window) -> None:
    voice = Voice(anna)
    await voice.record(until="0:01")
    await anna.page.reload()
    await expect(voice.recorded).to_be_visible()
    await voice.throw_away()
    await eventually(voice.is_gone)
    await voice.record(until="0:01")
    await eventually(voice.is_in_the_browser)
    await anna.page.reload()
    await expect(voice.recorded).to_be_visible()
    await sign_out(anna)
    await eventually(voice.is_gone)
