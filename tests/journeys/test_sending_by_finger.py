"""Files and voices from a phone, in English: what is on its way waits, goes on and is given up as one likes."""

import os
import re
from pathlib import Path

from playwright.async_api import FilePayload, Locator, Request, expect
from tests.harness import Person
from tests.journeys.browser import ANNA, BORIS, NARROW, Window, Windows, chromium, make_accounts
from tests.journeys.conftest import Place, complaints_of, embedded
from tests.journeys.fingers import Hand, spot
from tests.journeys.looks import Look
from tests.journeys.test_avatars import photo
from tests.journeys.test_sending_files import messages, picture
from tests.waiting import until

# Just above what a browser keeps of a file over a reload.
LARGE_BYTES = 257 << 20


async def attach(phone: Window, what: str, files: Path | list[FilePayload]) -> None:
    await phone.page.get_by_role("button", name="Attach").tap()
    async with phone.page.expect_file_chooser() as chooser:
        await phone.page.get_by_role("menuitem", name=what).tap()
    await (await chooser.value).set_files(files)


async def choose_again(phone: Window, file: Path) -> None:
    async with phone.page.expect_file_chooser() as chooser:
        await upload_button(phone, "Choose the file again").tap()
    await (await chooser.value).set_files(file)


def upload_button(phone: Window, deed: str) -> Locator:
    return phone.log.get_by_role("button", name=re.compile(f"^{deed}: "))


@embedded
async def test_from_a_phone_files_and_voices_are_sent_paused_and_given_up(place: Place, tmp_path: Path) -> None:
    await make_accounts(place.url, place.setup_code, ANNA, BORIS)
    anna, boris = Person(place.url, ANNA.username), Person(place.url, BORIS.username)
    for person in (anna, boris):
        await person.log_in()
    await anna.post_message(await anna.direct_chat(boris), "Пришли плёнку")
    async with chromium() as browser:
        windows = Windows(browser, place.url)
        # axe is a script of its own, which the page's policy rightly refuses.
        phone = await windows.open(
            NARROW, "en-GB", has_touch=True, bypass_csp=True, reduced_motion="reduce", permissions=["microphone"]
        )
        await send_by_finger(phone, tmp_path)
        windows.assert_no_complaints()

    album, voice = (await messages(anna))[1:]
    assert [file["name"] for file in album["attachments"]] == ["shore.png", "boat.png"]
    assert voice["attachments"][0]["kind"] == "voice"
    for person in (anna, boris):
        await person.close()
    assert not complaints_of(place)


async def send_by_finger(phone: Window, folder: Path) -> None:
    hand, look = Hand(phone), Look(phone)
    await phone.sign_in(BORIS.username)
    await phone.row(ANNA.name).tap()

    # An album
    await attach(phone, "Photo or video", [picture("shore.png", 40), picture("boat.png", 200)])
    tray = phone.page.get_by_role("region", name="Attachments")
    await expect(tray.get_by_role("button", name="boat.png: Uploaded")).to_be_visible()
    await look("what lies ready")
    await phone.say("Shore and boat")
    await phone.see_state("Shore and boat", "sent")

    # A voice, as long as the finger is down; the finger that goes away gives it up.
    microphone = phone.page.get_by_role("button", name="Record a voice message")
    start = await spot(microphone)
    await hand.press(start)
    await expect(phone.page.get_by_role("timer")).to_have_text("0:01")
    await look("a voice that is held")
    await hand.move(start, (start[0] - 160, start[1]))
    await hand.lift()
    await expect(phone.page.get_by_role("timer")).to_have_count(0)
    await hand.press(start)
    await expect(phone.page.get_by_role("timer")).to_have_text("0:01")
    await hand.lift()
    await expect(phone.log.get_by_role("group", name="Voice message")).to_be_visible()
    await expect(phone.log.locator("[data-state=sent]")).to_have_count(2)

    await a_large_file_waits_and_is_chosen_again(phone, look, folder)

    # A picture of oneself, cut out with two fingers
    await phone.page.goto("/settings")
    await phone.page.get_by_role("button", name="Add a picture").tap()
    await phone.dialog.locator("input[type=file]").set_input_files(photo())
    stage = phone.dialog.get_by_role("application", name="Frame")
    await hand.pinch(await spot(stage), 60, 180)
    zoom = float(await phone.dialog.get_by_role("slider", name="Zoom").input_value())
    assert zoom > 2
    await look("the frame")
    await phone.dialog.get_by_role("button", name="Save").tap()
    await expect(phone.page.get_by_role("button", name="Change the picture")).to_be_visible()
    look.assert_nothing_grave()


async def a_large_file_waits_and_is_chosen_again(phone: Window, look: Look, folder: Path) -> None:
    file, other = folder / "film.bin", folder / "other" / "film.bin"
    other.parent.mkdir()
    for path in (file, other):
        path.touch()
        os.truncate(path, LARGE_BYTES)
    os.utime(other, (1, 1))
    offsets: list[int] = []

    def look_at(request: Request) -> None:
        if request.method == "PATCH":
            offsets.append(int(request.headers["upload-offset"]))

    phone.page.on("request", look_at)
    await slow_down(phone)
    await attach(phone, "File", file)
    await phone.say("")
    await upload_button(phone, "Pause the upload").tap()
    going_on = upload_button(phone, "Go on uploading")
    await expect(going_on).to_be_visible()
    await look("a paused upload")
    begun = len(offsets)
    await going_on.tap()
    await until(lambda: len(offsets) > begun, 10)
    await upload_button(phone, "Pause the upload").tap()
    await expect(going_on).to_be_visible()

    # Too large to be kept over a reload: the same one is chosen again, and no other one is taken for it.
    await phone.page.reload()
    await look("a lost file")
    await choose_again(phone, other)
    await expect(phone.page.get_by_text("That is another file")).to_be_visible()
    begun = len(offsets)
    await choose_again(phone, file)
    await until(lambda: len(offsets) > begun, 10)
    assert offsets[-1] > 0, "it goes on where it was"
    await upload_button(phone, "Cancel the upload").tap()
    await expect(phone.message("film.bin")).to_have_count(0)


async def slow_down(phone: Window) -> None:
    """To 8 MiB a second, so that nothing arrives while one thinks."""
    session = await phone.context.new_cdp_session(phone.page)
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 8 << 20}
    await session.send("Network.enable")
    await session.send("Network.emulateNetworkConditions", limits)
