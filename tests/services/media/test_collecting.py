"""What nothing needs goes, and what anything needs stays, whoever comes first."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.harness import wired_services
from tests.services.media.home import ANNA, BORIS, Home, at_home, random_bytes
from tests.services.messaging.chats import group

from kaif.engines.blobs import Blobs
from kaif.engines.blobs.store import ObjectBlobs
from kaif.interfaces.auth import Person
from kaif.interfaces.media import Media, MediaNotFound, OfMedia, SignMedia
from kaif.interfaces.media.references import LetGo, Refer
from kaif.interfaces.media.uploads import PIECE_BYTES_MAX, Append, BeginWriting, Displaced, OfUpload
from kaif.interfaces.messaging import RemoveMember
from kaif.interfaces.personal_data import DataErased, PersonErased
from kaif.kernel.clock import DAY_US, MINUTE_US, SECOND_US
from kaif.kernel.errors import Unavailable
from kaif.services.media.cdn.withdrawing import NO_CDN
from kaif.services.media.collecting import Collector
from kaif.services.media.content.parts import Content
from kaif.services.media.model import GARBAGE_LIVES_US, ORPHAN_LIVES_US
from kaif.services.media.reactions import Reactions

Happening = Callable[[], Awaitable[None]]

CONTENT = random_bytes(100_000)


async def refer(home: Home, media: Media, reference: str = "1", audience: str = "") -> Media:
    return await home.references.refer(ANNA, Refer(media.id, "messaging", reference, audience))


async def test_a_file_stays_as_long_as_something_refers_to_it_and_a_while_longer(home: Home) -> None:
    media = await home.put(CONTENT, keep=False)
    await home.come(ORPHAN_LIVES_US - SECOND_US)
    await refer(home, media)
    await refer(home, media, "2")
    await home.come(10 * DAY_US)
    await home.references.let_go(ANNA, LetGo(media.id, "messaging", "1"))
    await home.come(10 * DAY_US)
    assert await home.read(media) == CONTENT

    await home.references.let_go(ANNA, LetGo(media.id, "messaging", "2"))
    await home.come(ORPHAN_LIVES_US - SECOND_US)
    assert await home.read(media) == CONTENT
    # Whoever lets go of what they do not hold keeps nothing by it.
    await home.references.let_go(BORIS, LetGo(media.id, "auth", "2"))
    await home.come(SECOND_US)

    with pytest.raises(MediaNotFound):
        await home.read(media)
    await home.come(GARBAGE_LIVES_US)
    assert await home.stored() == []


async def test_what_was_shown_somewhere_stays_when_its_owner_keeps_it_no_longer(home: Home) -> None:
    media = await home.put(CONTENT)
    await refer(home, media)

    await home.library.delete_media(ANNA, OfMedia(media.id))
    await home.come(10 * DAY_US)

    assert await home.listed() == []
    assert await home.read(media) == CONTENT
    with pytest.raises(MediaNotFound):
        await home.library.delete_media(ANNA, OfMedia(media.id))


async def test_of_a_reference_and_the_collector_at_the_same_moment_either_comes_first(home: Home) -> None:
    for _ in range(8):
        media = await home.put(random_bytes(1000), keep=False)
        home.moment[0] += ORPHAN_LIVES_US

        referred, *_ = await asyncio.gather(
            refer(home, media), *(home.collect() for _ in range(3)), return_exceptions=True
        )
        await home.come(GARBAGE_LIVES_US)

        if isinstance(referred, Media):
            assert len(await home.read(media)) == 1000
        else:
            assert isinstance(referred, MediaNotFound)
            with pytest.raises(MediaNotFound):
                await home.look(media)


async def test_a_reference_made_after_the_collector_has_looked_saves_the_file(home: Home) -> None:
    media = await home.put(CONTENT, keep=False)

    class Dawdling(Collector):
        async def _drop_orphan(self, media_id: str) -> None:
            await refer(home, media)
            await super()._drop_orphan(media_id)

    home.moment[0] += ORPHAN_LIVES_US
    await home.collect(Dawdling(home.database, home.content, lambda: home.moment[0]))
    await home.come(GARBAGE_LIVES_US)

    assert await home.read(media) == CONTENT


async def test_the_same_file_uploaded_again_in_the_last_moment_is_not_collected(home: Home) -> None:
    media = await home.put(CONTENT, keep=False)
    home.moment[0] += ORPHAN_LIVES_US

    again, _ = await asyncio.gather(home.put(CONTENT, keep=False), home.collect())
    await home.come(GARBAGE_LIVES_US)

    assert await home.read(again) == CONTENT
    assert again.id == media.id or len(await home.stored()) == 1


class OddBlobs(ObjectBlobs):
    """A store during whose writing something happens."""

    def __init__(self, blobs: Blobs, before: Happening, after: Happening) -> None:
        assert isinstance(blobs, ObjectBlobs)
        super().__init__(blobs._store)
        self._blobs, self._before, self._after = blobs, before, after

    async def put(self, name: str, content: bytes | bytearray | memoryview) -> None:
        await self._before()
        await self._blobs.put(name, content)
        await self._after()


class KeepingBlobs(ObjectBlobs):
    """A store that keeps what it has been told to keep."""

    def __init__(self, blobs: Blobs) -> None:
        assert isinstance(blobs, ObjectBlobs)
        super().__init__(blobs._store)
        self.kept: set[str] = set()

    async def delete(self, name: str) -> None:
        if name in self.kept:
            raise Unavailable
        await super().delete(name)


async def nothing() -> None:
    pass


async def death() -> None:
    raise Unavailable


async def test_what_can_not_be_taken_away_keeps_nothing_else_waiting(home: Home) -> None:
    blobs = KeepingBlobs(home.blobs)
    collector = Collector(home.database, Content(blobs, home.keys), lambda: home.moment[0])
    first = await home.put(CONTENT)
    [name] = blobs.kept = {*await home.stored()}
    await home.library.delete_media(ANNA, OfMedia(first.id))
    home.moment[0] += MINUTE_US
    second = await home.put(random_bytes(1000))
    await home.library.delete_media(ANNA, OfMedia(second.id))
    assert len(await home.stored()) == 2

    home.moment[0] += GARBAGE_LIVES_US
    for _ in range(2):
        with pytest.raises(Unavailable):
            await collector.collect()
    assert await home.stored() == [name]

    blobs.kept.clear()
    await home.collect(collector)
    assert (await home.stored(), await home.rows("media_garbage")) == ([], 0)


@pytest.mark.parametrize("written", [0, 1])
async def test_what_was_written_by_a_process_that_died_is_collected(home: Home, written: int) -> None:
    upload = await home.write(await home.create(2000), b"x" * 1000)
    writing = await home.uploads.begin_writing(ANNA, BeginWriting(upload.id, 1000))
    dying = home.process(OddBlobs(home.blobs, *((nothing, death) if written else (death, nothing))))
    with pytest.raises(Unavailable):
        await dying.append(ANNA, Append(upload.id, writing.writer, 1000, b"y" * 1000))
    assert len(await home.stored()) == 1 + written

    await home.come(GARBAGE_LIVES_US)

    assert len(await home.stored()) == 1
    media = await home.finish(await home.write(upload, b"z" * 1000))
    assert await home.read(media) == b"x" * 1000 + b"z" * 1000


@pytest.mark.parametrize("written", [0, 1])
async def test_what_was_written_by_a_process_that_went_on_and_died_is_collected(home: Home, written: int) -> None:
    """The names of what it writes it has had since the piece before."""
    moods = [nothing, nothing]
    dying = home.process(OddBlobs(home.blobs, lambda: moods[0](), lambda: moods[1]()))
    upload = await home.create(PIECE_BYTES_MAX + 1000)
    writing = await home.uploads.begin_writing(ANNA, BeginWriting(upload.id, 0))
    upload = await dying.append(ANNA, Append(upload.id, writing.writer, 0, b"x" * PIECE_BYTES_MAX))
    moods[written] = death
    with pytest.raises(Unavailable):
        await dying.append(ANNA, Append(upload.id, writing.writer, PIECE_BYTES_MAX, b"y" * 1000))
    assert len(await home.stored()) == 1 + written

    await home.come(GARBAGE_LIVES_US)

    assert (len(await home.stored()), await home.rows("media_garbage")) == (1, 0)
    media = await home.finish(await home.write(upload, b"z" * 1000))
    assert await home.read(media) == b"x" * PIECE_BYTES_MAX
    assert await home.read(media, PIECE_BYTES_MAX) == b"z" * 1000


async def test_who_goes_on_an_hour_later_and_slowly_has_names_that_the_collector_leaves_alone(home: Home) -> None:
    async def two_minutes_pass() -> None:
        await home.come(2 * MINUTE_US)

    slow = home.process(OddBlobs(home.blobs, nothing, two_minutes_pass))
    upload = await home.create(PIECE_BYTES_MAX + 1000)
    writing = await home.uploads.begin_writing(ANNA, BeginWriting(upload.id, 0))
    upload = await slow.append(ANNA, Append(upload.id, writing.writer, 0, b"x" * PIECE_BYTES_MAX))
    await home.come(GARBAGE_LIVES_US - MINUTE_US)

    upload = await slow.append(ANNA, Append(upload.id, writing.writer, PIECE_BYTES_MAX, b"y" * 1000))

    assert await home.read(await home.finish(upload), PIECE_BYTES_MAX) == b"y" * 1000
    await home.come(GARBAGE_LIVES_US)
    assert (len(await home.stored()), await home.rows("media_garbage")) == (2, 0)


async def test_a_part_that_the_collector_took_never_becomes_part_of_a_file(home: Home) -> None:
    upload = await home.create(1000)
    writing = await home.uploads.begin_writing(ANNA, BeginWriting(upload.id, 0))

    async def an_hour_passes() -> None:
        # The collector takes what was written for what a dead process left.
        await home.come(GARBAGE_LIVES_US)

    slow = home.process(OddBlobs(home.blobs, nothing, an_hour_passes))
    with pytest.raises(Displaced):
        await slow.append(ANNA, Append(upload.id, writing.writer, 0, b"y" * 1000))

    upload = await home.uploads.get_upload(ANNA, OfUpload(upload.id))
    assert (upload.received, await home.stored()) == (0, [])
    assert await home.read(await home.finish(await home.write(upload, b"z" * 1000))) == b"z" * 1000


async def test_a_part_that_is_just_being_deleted_is_not_taken_into_use(home: Home) -> None:
    upload = await home.create(1000)
    writing = await home.uploads.begin_writing(ANNA, BeginWriting(upload.id, 0))
    is_written, is_deleted = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        is_written.set()
        await is_deleted.wait()

    slow = home.process(OddBlobs(home.blobs, nothing, wait))
    appending = asyncio.create_task(slow.append(ANNA, Append(upload.id, writing.writer, 0, b"y" * 1000)))
    await is_written.wait()

    class Interrupted(Content):
        async def delete(self, part: str) -> None:
            await super().delete(part)
            is_deleted.set()
            await asyncio.wait([appending])

    home.moment[0] += GARBAGE_LIVES_US
    await home.collect(Collector(home.database, Interrupted(home.blobs, home.keys), lambda: home.moment[0]))

    with pytest.raises(Displaced):
        await appending
    assert (await home.uploads.get_upload(ANNA, OfUpload(upload.id))).received == 0


async def test_a_store_that_does_not_answer_keeps_what_is_to_be_deleted_for_later(home: Home) -> None:
    await home.library.delete_media(ANNA, OfMedia((await home.put(CONTENT)).id))
    home.moment[0] += GARBAGE_LIVES_US

    class Dead(Content):
        async def delete(self, part: str) -> None:
            raise Unavailable

    with pytest.raises(Unavailable):
        await home.collect(Collector(home.database, Dead(home.blobs, home.keys), lambda: home.moment[0]))
    assert len(await home.stored()) == 1

    await home.collect()
    assert (await home.stored(), await home.rows("media_garbage")) == ([], 0)


async def test_the_key_of_a_file_goes_with_it_at_once_and_its_bytes_after_a_while(home: Home) -> None:
    media = await home.put(CONTENT)
    keys = await home.rows("media_keys")

    await home.library.delete_media(ANNA, OfMedia(media.id))

    assert (len(await home.stored()), await home.rows("media_keys")) == (1, keys - 1)


async def test_a_chat_sees_a_file_and_whoever_leaves_it_sees_it_no_more(
    migrated_sqlite_url: str, tmp_path: Path
) -> None:
    async with (
        wired_services(tmp_path, migrated_sqlite_url) as services,
        at_home(tmp_path, f"sqlite:{tmp_path / 'media.db'}", chats=services.messaging) as home,
    ):
        anna, boris = await services.newcomer("anna"), await services.newcomer("boris")
        chat_id = await group(services, anna, boris)
        media, other = await home.put(CONTENT, anna), await home.put(b"other", anna)
        with pytest.raises(MediaNotFound):
            await home.look(media, boris)

        await home.references.refer(anna, Refer(media.id, "messaging", "1", f"chat:{chat_id}"))

        assert await home.read(media, actor=boris) == CONTENT
        link = (await home.library.sign_media(boris, SignMedia(media.id, 60))).path.rpartition("/")[2]
        assert (await home.look(media, link=link)).media_id == media.id
        with pytest.raises(MediaNotFound):
            await home.look(other, boris)
        with pytest.raises(MediaNotFound):
            await home.look(media, BORIS)

        await services.messaging.remove_member(boris, RemoveMember(chat_id, boris.user_id))
        with pytest.raises(MediaNotFound):
            await home.read(media, actor=boris)
        # The link was his: it dies with his membership, though its owner still sees the file.
        with pytest.raises(MediaNotFound):
            await home.look(media, anna, link)
        assert await home.look(media, anna)


async def test_a_link_dies_when_its_time_is_over(small_home: Home) -> None:
    media = await small_home.put(CONTENT)
    link = (await small_home.library.sign_media(ANNA, SignMedia(media.id, 60))).path.rpartition("/")[2]

    small_home.moment[0] += 59 * SECOND_US
    assert await small_home.look(media, BORIS, link)
    small_home.moment[0] += SECOND_US
    with pytest.raises(MediaNotFound):
        await small_home.look(media, BORIS, link)


async def test_only_its_owner_can_have_a_file_shown_to_others(home: Home) -> None:
    media = await home.put(CONTENT)

    with pytest.raises(MediaNotFound):
        await home.references.refer(BORIS, Refer(media.id, "messaging", "1", "everyone"))
    with pytest.raises(MediaNotFound):
        await home.look(media, BORIS)


async def test_whoever_leaves_takes_all_of_theirs_along_but_for_what_others_are_shown(home: Home) -> None:
    shown, own = await home.put(CONTENT, name="мой паспорт.bin"), await home.put(b"own")
    theirs = await home.put(CONTENT, BORIS)
    await refer(home, shown, audience="everyone")
    await home.write(await home.create(10), b"half")
    event = PersonErased(erasure_id="01e", remains=Person(ANNA.user_id, "deleted", "Deleted"))

    await Reactions(home.database, NO_CDN, lambda: home.moment[0]).forget_person(event)
    await Reactions(home.database, NO_CDN, lambda: home.moment[0]).forget_person(event)
    await home.come(GARBAGE_LIVES_US)

    with pytest.raises(MediaNotFound):
        await home.look(own)
    assert (await home.look(shown, BORIS)).name == "file"
    assert await home.read(theirs, actor=BORIS) == CONTENT
    assert len(await home.stored()) == 2
    sql = "SELECT body FROM outbox WHERE name = :name ORDER BY id"
    rows: list[tuple[str]] = await home.database.fetch(tuple, sql, name=DataErased.name)
    assert '"erased":{"files":1,"uploads":1}' in rows[0][0]
