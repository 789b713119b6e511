"""Of who has left nothing stays but what others are shown: not what their cameras wrote beside it."""

from pathlib import Path

import pytest
from tests.services.media.home import ANNA, BORIS, Home
from tests.services.media.images import files
from tests.services.media.video.films import H264, SHORT, TONE, make

from kaif.interfaces.auth import Person
from kaif.interfaces.media import Media, MediaId, State
from kaif.interfaces.media.references import Refer
from kaif.interfaces.messaging.attachments import AskedFiles, ShownFiles
from kaif.interfaces.personal_data import PersonErased
from kaif.kernel.actor import Actor
from kaif.kernel.clock import DAY_US
from kaif.services.media import store
from kaif.services.media.cdn.withdrawing import NO_CDN
from kaif.services.media.content.stripping import Stripping
from kaif.services.media.delivery.rights import ShowsFiles
from kaif.services.media.queue import store as jobs_store
from kaif.services.media.reactions import Reactions
from kaif.services.media.renditions.service import Renditions
from kaif.services.media.work.pictures import PictureWorkers

TITLE = b"Where I live"
HOLED = {"avif": files.avif, "webp": files.webp, "png": files.png}


class Messages:
    """Messaging, in which these are sent as files."""

    def __init__(self, *as_files: MediaId) -> None:
        self.as_files = list(as_files)

    async def which_are_shown(self, actor: Actor, request: AskedFiles) -> ShownFiles:
        raise AssertionError("nobody looks")

    async def which_are_files(self, actor: Actor, request: AskedFiles) -> ShownFiles:
        return ShownFiles(self.as_files, self.as_files)


async def show(home: Home, media: Media) -> None:
    await home.references.refer(ANNA, Refer(media.id, "messaging", "1", "everyone"))


async def leave(home: Home) -> None:
    event = PersonErased(erasure_id="01e", remains=Person(ANNA.user_id, "deleted", "Deleted"))
    await Reactions(home.database, NO_CDN, lambda: home.moment[0]).forget_person(event)


async def set_state(home: Home, media: Media, state: State) -> None:
    async with home.database.transaction() as tx:
        await jobs_store.set_state(tx, media.id, state, "", 0)


async def strip(home: Home, messages: ShowsFiles | None = None) -> None:
    pictures = PictureWorkers(1)
    renditions = Renditions(home.database, home.content, home.keys, pictures, lambda: home.moment[0])
    try:
        await Stripping(home.database, home.content, renditions, messages, lambda: home.moment[0]).strip()
    finally:
        await renditions.close()
        await pictures.close()


async def kept(home: Home, media: Media) -> bytes:
    """What is stored as the file."""
    stored = await home.stored_media(media)
    return await home.content.read(home.database, media.id, 0, stored.size)


@pytest.mark.asvs("14.2.8")
async def test_the_place_where_a_picture_was_taken_goes_and_the_picture_stays(home: Home) -> None:
    content = files.turned(6)
    ours = [await home.put(content, name=name) for name in ("home.jpg", "hut.jpg")]
    for media in ours:
        await show(home, media)
    await leave(home)
    assert all([files.GPS in await kept(home, media) for media in ours])

    await strip(home)
    await strip(home)
    await home.come(DAY_US)
    await home.come(DAY_US)

    for media in ours:
        assert files.GPS not in await kept(home, media)
        small = files.opened(await home.got(media, "small", BORIS))
        assert files.looks_like_the_photo(files.opened(await home.got(media, "medium", BORIS)))
        assert (small.width, small.height) == (120, 120)
    # Each picture, of which the file is one part and the same as what is shown; and two sizes of each.
    assert len(await home.stored()) == 2 * 3


async def test_what_is_shown_as_a_file_stays_as_it_was_said_until_that_is_over(home: Home) -> None:
    photo = await home.put(files.turned(1), name="scan.jpg")
    await show(home, photo)
    await leave(home)
    messages = Messages(photo.id)

    await strip(home, messages)
    assert files.GPS in await kept(home, photo)
    messages.as_files.clear()
    await strip(home, messages)
    assert files.GPS in await kept(home, photo)
    home.moment[0] += DAY_US
    await strip(home, messages)

    assert files.GPS not in await kept(home, photo)


async def test_of_a_film_its_original_goes_when_all_is_made_of_it_and_no_sooner(
    small_home: Home, tmp_path: Path
) -> None:
    home = small_home
    path = make(tmp_path / "film.mp4", *SHORT, *H264, "-metadata", f"title={TITLE.decode()}")
    media = await home.put(path.read_bytes(), name="yard.mp4")
    await show(home, media)
    await leave(home)

    await strip(home)
    assert TITLE in await kept(home, media)
    async with home.workshop() as work:
        await work.through()
    home.moment[0] += DAY_US
    await strip(home)

    film = await home.got(media, "film.mp4", BORIS)
    assert (await kept(home, media), TITLE in film) == (film, False)
    assert await home.got(media, "hls/master.m3u8", BORIS)
    await home.come(DAY_US)
    assert await kept(home, media) == film


async def test_a_song_that_was_sent_as_a_voice_too_stays_whole_and_a_voice_waits_until_it_is_made(
    small_home: Home, tmp_path: Path
) -> None:
    home = small_home
    content = make(tmp_path / "song.mp4", *TONE, "-c:a", "aac", "-t", "1").read_bytes()
    other = make(tmp_path / "voice.mp4", *TONE, "-c:a", "aac", "-t", "2").read_bytes()
    song = await home.put(content, name="song.m4a", voice=True)
    voice = await home.put(other, name="voice.m4a", voice=True)
    for media in (song, voice):
        await show(home, media)
    await leave(home)
    messages = Messages(song.id)

    await strip(home, messages)
    assert await kept(home, voice) == other
    async with home.workshop() as work:
        await work.through()
    home.moment[0] += DAY_US
    await strip(home, messages)

    assert await kept(home, song) == content
    assert await kept(home, voice) == await home.got(voice, "voice.ogg", BORIS)


async def test_what_is_lost_or_failed_keeps_nothing_else_from_going(small_home: Home, tmp_path: Path) -> None:
    home = small_home
    lost, photo = [await home.put(files.turned(turn), name=f"{turn}.jpg") for turn in (1, 6)]
    said = make(tmp_path / "voice.mp4", *TONE, "-c:a", "aac", "-t", "1").read_bytes()
    failed = await home.put(said, name="voice.m4a", voice=True)
    for media in (lost, failed, photo):
        await show(home, media)
    for part in await store.parts_of(home.database, lost.id, 0, lost.size):
        await home.content.delete(part.part)
    await set_state(home, failed, "failed")
    await leave(home)

    await strip(home)

    assert files.GPS not in await kept(home, photo)
    await set_state(home, failed, "working")
    async with home.workshop() as work:
        await work.through()
    home.moment[0] += DAY_US
    await strip(home)
    assert await kept(home, failed) == await home.got(failed, "voice.ogg", BORIS)


async def test_what_was_a_hole_in_a_picture_stays_one(small_home: Home) -> None:
    home = small_home
    holed = files.photo().bandjoin(files.photo().extract_band(0) > 128)
    pictures = [await home.put(make_of(holed), name=f"{name}.x") for name, make_of in HOLED.items()]
    for media in pictures:
        await show(home, media)
    await leave(home)

    await strip(home)

    for media in pictures:
        assert (await home.stored_media(media)).type in ("image/webp", "image/png")
        assert files.opened(await kept(home, media)).hasalpha()


async def test_what_is_nothing_but_its_file_stays_and_is_asked_about_once(home: Home) -> None:
    media = await home.put(b"a list of words", name="words.txt")
    await show(home, media)
    await leave(home)

    await strip(home, Messages(media.id))

    assert await kept(home, media) == b"a list of words"
    sql = "SELECT COUNT(*) FROM media_objects WHERE strip_at_us > 0"
    rows: list[tuple[int]] = await home.database.fetch(tuple, sql)
    assert rows[0][0] == 0
