"""More files than one message carries arrive in order, and one finds and frees the room that files take."""

import re

from playwright.async_api import FilePayload, expect
from tests.harness import Person, Server
from tests.journeys.browser import ANNA, BORIS, NARROW, WIDE, Windows, make_accounts
from tests.journeys.conftest import embedded
from tests.journeys.looks import Look
from tests.journeys.test_sending_files import choose, messages
from tests.services.media.images import files

DROP_MANY = """(count) => {
  const data = new DataTransfer()
  for (let nth = 0; nth < count; nth += 1) data.items.add(new File([`${nth}`], `${nth}.txt`, { type: 'text/plain' }))
  document.querySelector('[role=log]').dispatchEvent(
    new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }))
}"""


def page(number: int) -> FilePayload:
    return {"name": f"{number:02}.txt", "mimeType": "text/plain", "buffer": f"Страница {number}".encode()}


@embedded
async def test_twenty_three_files_arrive_as_three_albums_in_order_whatever_comes_between(
    place: Server, windows: Windows
) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    anna = await windows.open(size=NARROW)
    await anna.sign_in(ANNA.username)
    await anna.start_chat(BORIS)
    await anna.page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")
    look = Look(anna)
    drawing = files.svg("<rect width='40' height='20' fill='teal'/>", 'width="40" height="20"')
    pages = [page(number) for number in range(1, 23)]

    await choose(anna, "Фото или видео", {"name": "00.svg", "mimeType": "image/svg+xml", "buffer": drawing}, *pages)
    await expect(anna.page.get_by_text("23 вложения в 3 сообщениях")).to_be_visible()
    await expect(anna.page.get_by_role("button", name="00.svg: Загружено").locator("img")).to_be_visible()
    await look("tray of many")
    await anna.context.set_offline(True)
    await anna.say("Страницы")
    await anna.page.reload()
    # Of what is longer than the screen the log draws what can be seen.
    last = anna.log.locator("[data-state]").last
    await expect(last).to_have_attribute("data-state", "pending")
    await anna.context.set_offline(False)
    await expect(last).to_have_attribute("data-state", "sent")

    reader = await Person(place.url, BORIS.username).log_in()
    albums = await messages(reader)
    await reader.close()
    assert [album.get("text", "") for album in albums] == ["Страницы", "", ""]
    names = [[file["name"] for file in album["attachments"]] for album in albums]
    assert [len(album) for album in names] == [10, 10, 3]
    assert [name for album in names for name in album] == ["00.svg", *(one["name"] for one in pages)]
    assert albums[0]["attachments"][0]["kind"] == "image"

    await anna.context.set_offline(True)
    await anna.page.evaluate(DROP_MANY, 101)
    await expect(anna.page.locator(".toast", has_text="не больше 100 вложений")).to_be_visible()
    await expect(anna.page.get_by_text("100 вложений в 10 сообщениях")).to_be_visible()
    look.assert_nothing_grave()
    await anna.page.close()
    anna.complaints[:] = [complaint for complaint in anna.complaints if "net::ERR_" not in complaint]


@embedded
async def test_a_person_finds_their_largest_files_and_frees_the_room_they_take(place: Server, windows: Windows) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    anna = await windows.open(size=WIDE)
    await anna.sign_in(ANNA.username)
    await anna.start_chat(BORIS)
    for name, size in (("карта.bin", 90_000), ("план.bin", 50_000)):
        await choose(anna, "Файл", {"name": name, "mimeType": "", "buffer": name.encode() * (size // 10)})
        await anna.say(f"Это {name}")
        await anna.see_state(f"Это {name}", "sent")
    boris = await Person(place.url, BORIS.username).log_in()
    (chat,) = (await boris.get("/v1/messaging/chats"))["chats"]
    plan = (await messages(boris))[-1]
    look = Look(anna)

    async def open_list() -> None:
        await anna.page.goto("/settings")
        await anna.page.get_by_role("button", name="Большие файлы").click()

    await open_list()
    rows = anna.dialog.get_by_role("listitem")
    await expect(rows).to_have_text([re.compile("карта.bin"), re.compile("план.bin")])
    await look("largest files")
    await anna.page.get_by_role("link", name=f"Показать в чате: карта.bin, {BORIS.name}").click()
    await anna.see_message("Это карта.bin")

    await open_list()
    await anna.page.get_by_role("button", name="Удалить: карта.bin").click()
    await look("deleting a large file")
    await anna.dialog.get_by_role("button", name="Удалить").click()
    await expect(anna.page.locator(".toast", has_text="освободилось")).to_be_visible()
    await expect(rows).to_have_text([re.compile("план.bin")])
    # What others have forwarded stays, and one is told so.
    group = await boris.post("/v1/messaging/chats", kind="group", title="Лодки", members=[])
    await boris.post(
        f"/v1/messaging/chats/{group['id']}/forward",
        from_chat_id=chat["id"],
        messages=[{"seq": plan["seq"], "ref": "forwarded"}],
    )
    await anna.page.get_by_role("button", name="Удалить: план.bin").click()
    await anna.dialog.get_by_role("button", name="Удалить").click()
    await expect(anna.page.locator(".toast", has_text="Файл ещё где-то показан")).to_be_visible()
    await expect(rows).to_have_text([re.compile("Ваших сообщений с.этим файлом нет")])
    assert [entry["deleted"] for entry in await boris.history(chat["id"]) if entry.get("deleted")] == [True, True]
    await boris.close()
    look.assert_nothing_grave()
    # While something shows it, media knows no such file of nobody's.
    anna.complaints[:] = [complaint for complaint in anna.complaints if "404 (Not Found)" not in complaint]
