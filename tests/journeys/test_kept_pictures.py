"""Pictures that were seen are seen without a network, by the one who saw them and until they sign out."""

from typing import Any

from playwright.async_api import Locator, expect
from tests.harness import Person
from tests.journeys.browser import ANNA, BORIS, VERA, Window, Windows, make_accounts
from tests.journeys.conftest import Place, embedded
from tests.journeys.test_offline import forgive_the_cut
from tests.journeys.test_seeing_files import Sender, are_loaded, picture
from tests.waiting import eventually

TEXT = "Пирс"
# What the browser keeps of pictures, and of whom.
KEPT = """
async () => {
  const names = (await caches.keys()).filter((name) => name.startsWith('kaif-pictures-'))
  const all = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()))
  return { names, addresses: all.flat().map(({ url }) => url.slice(location.origin.length)) }
}"""


async def kept(window: Window) -> Any:
    return await window.page.evaluate(KEPT)


async def send_picture(place: Place, reader: Person) -> str:
    boris = Sender(place.url, BORIS.username)
    await boris.log_in()
    chat_id = await reader.direct_chat(boris)
    await reader.post_message(chat_id, "Что видно?")
    photo = await boris.upload(picture(40, 900, 600), "pier.jpg", "image/jpeg")
    await boris.send_files(chat_id, {"media_id": photo}, text=TEXT)
    face = await boris.upload(picture(90, 300, 300), "face.jpg", "image/jpeg")
    await boris.post("/v1/auth/avatar", media_id=face)
    await boris.close()
    return photo


@embedded
async def test_pictures_are_seen_without_a_network_after_a_reload_and_nobody_else_has_them(
    place: Place, windows: Windows
) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS, VERA)
    reader = Person(place.url, ANNA.username)
    await reader.log_in()
    photo = await send_picture(place, reader)
    anna = await windows.open()
    await anna.page.goto("/sign-in")
    await anna.page.evaluate("navigator.serviceWorker.ready.then(() => caches.open('kaif-pictures-0another-1'))")
    await anna.sign_in(ANNA.username)
    await anna.open_chat(BORIS.name)
    await are_loaded(shown(anna))
    await are_loaded(anna.row(BORIS.name).locator("img"))

    async def both_are_kept() -> bool:
        return len((await kept(anna))["addresses"]) >= 2

    await eventually(both_are_kept)
    assert all(name.startswith(f"kaif-pictures-{reader.id}-") for name in (await kept(anna))["names"])

    await anna.context.set_offline(True)
    await anna.page.reload()
    await anna.see_message(TEXT)
    await are_loaded(shown(anna))
    await are_loaded(anna.row(BORIS.name).locator("img"))
    # Large as well, by the picture that there is.
    await shown(anna).click()
    await are_loaded(anna.dialog.locator("img"))
    await anna.page.keyboard.press("Escape")
    await anna.context.set_offline(False)

    await anna.go("/settings")
    await reader.close()
    forgive_the_cut(anna)
    await anna.page.get_by_role("button", name="Выйти").click()
    await expect(anna.page.locator("input[name=username]")).to_be_visible()
    await eventually(lambda: nothing_is_kept(anna))
    await anna.sign_in(VERA.username)
    assert f"/v1/media/{photo}" not in str(await kept(anna))


def shown(window: Window) -> Locator:
    return window.message(TEXT).locator(".tile img")


async def nothing_is_kept(window: Window) -> bool:
    return not (await kept(window))["names"]
