"""What a CDN is given: the same link for all who may see a file, for minutes, and nothing that it should not hold."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.cloudflare import TOKEN, CloudflareApi
from tests.services.media.home import ANNA, BORIS, Home, at_home, random_bytes
from tests.services.media.images import files
from tests.services.media.test_health import findings
from tests.services.media.test_links import TheirChat
from tests.services.media.test_storage import OPERATOR
from tests.services.media.video.films import H264, SHORT, make

from kaif.engines.cdn import PREFIXES_AT_ONCE_MAX, PurgeRefused, open_purger
from kaif.interfaces.auth import Nothing, Person
from kaif.interfaces.media import CdnLink, Media, MediaNotFound, OfMedia, RenditionNotFound, SignMany
from kaif.interfaces.media.cdn import CdnDelivery, LookForCdn, ReadForCdn, SightForCdn
from kaif.interfaces.media.purges import NoPurgeFailed, PurgeQueue
from kaif.interfaces.media.references import AS_EVIDENCE, LetGo, Refer, ReleaseFiles
from kaif.interfaces.media.storage import CdnPurges
from kaif.interfaces.personal_data import PersonErased
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.clock import DAY_US, SECOND_US
from kaif.kernel.errors import MissingPermission
from kaif.kernel.ids import new_id
from kaif.services.media.cdn import store as cdn_store
from kaif.services.media.cdn.links import WINDOW_S, CdnLinks
from kaif.services.media.cdn.purging import TOLD_AGAIN_US, Purging
from kaif.services.media.cdn.withdrawing import Withdrawing
from kaif.services.media.delivery.links import sealing_key
from kaif.services.media.reactions import Reactions
from kaif.services.media.renditions.service import Renditions
from kaif.services.media.work.pictures import PictureWorkers

CDN = "http://cdn.ozero.example"
WINDOW_US = WINDOW_S * SECOND_US
PHOTO = files.jpeg(files.photo(400, 300))


class Edge:
    """What stands between a CDN and media, and what media tells it."""

    def __init__(self, home: Home, api: CloudflareApi, key: bytes) -> None:
        self.home, self.api = home, api
        self.cdn: CdnDelivery = home.services[CdnDelivery]
        self.links = CdnLinks(key, CDN)

    async def shared(self, media: Media, audience: str = "everyone", reference: str = "one") -> Media:
        await self.home.references.refer(ANNA, Refer(media.id, "tests", reference, audience))
        return media

    async def photo(self) -> Media:
        return await self.shared(await self.home.put(PHOTO, declared_type="image/jpeg"))

    async def link(self, media: Media, actor: Actor = BORIS) -> CdnLink | None:
        found = await self.home.library.sign_many(actor, SignMany([media.id]))
        return found.links[0].cdn if found.links else None

    async def grant(self, media: Media) -> str:
        link = await self.link(media)
        assert link
        return link.url.rpartition("/")[2]

    async def look(self, media: Media, grant: str, rendition: str = "small.webp") -> SightForCdn:
        return await self.cdn.look_for_cdn(NOBODY, LookForCdn(media.id, grant, rendition))

    async def is_refused(self, media: Media, grant: str, rendition: str = "small.webp") -> bool:
        try:
            seen = await self.look(media, grant, rendition)
            await self.cdn.read_for_cdn(NOBODY, ReadForCdn(media.id, grant, seen.sight.rendition, 0, 100))
        except MediaNotFound:
            return True
        return False

    def purging(self) -> Purging:
        """A process that tells the CDN."""
        purger = open_purger(self.api.place, TOKEN)
        return Purging(self.home.database, self.links, purger, lambda: self.home.moment[0])

    async def purge(self) -> list[list[str]]:
        """What the CDN is told by now."""
        del self.api.calls[:]
        purging = self.purging()
        try:
            while await purging.purge():
                pass
        finally:
            await purging.close()
        return self.api.calls

    def named(self, *medias: Media) -> list[str]:
        return [f"cdn.ozero.example/cdn/{media.id}" for media in medias]


@pytest.fixture
async def api() -> AsyncIterator[CloudflareApi]:
    api = CloudflareApi()
    await api.start()
    yield api
    await api.close()


@pytest.fixture
async def edge(database_url: str, tmp_path: Path, api: CloudflareApi) -> AsyncIterator[Edge]:
    async with at_home(tmp_path, database_url, chats=TheirChat(), KAIF_CDN_URL=CDN) as home:
        home.moment[0] = home.moment[0] // WINDOW_US * WINDOW_US
        yield Edge(home, api, await sealing_key(home.database, home.keys))


@pytest.fixture
async def small_edge(migrated_sqlite_url: str, tmp_path: Path, api: CloudflareApi) -> AsyncIterator[Edge]:
    async with at_home(tmp_path, migrated_sqlite_url, chats=TheirChat(), KAIF_CDN_URL=CDN) as home:
        home.moment[0] = home.moment[0] // WINDOW_US * WINDOW_US
        yield Edge(home, api, await sealing_key(home.database, home.keys))


async def test_all_who_may_see_it_have_one_link_for_minutes_and_who_may_not_has_none(edge: Edge) -> None:
    media = await edge.home.put(PHOTO, declared_type="image/jpeg")
    await edge.shared(media, "chat:shared")
    hidden = await edge.shared(await edge.home.put(files.png(), declared_type="image/png"), "chat:other")
    first = await edge.link(media)

    assert first and first == await edge.link(media, ANNA)
    assert first.url.startswith(f"{CDN}/cdn/{media.id}/") and BORIS.user_id not in first.url
    assert await edge.link(hidden) is None and await edge.link(hidden, ANNA) is not None
    edge.home.moment[0] += WINDOW_US - SECOND_US
    assert await edge.link(media) == first
    edge.home.moment[0] += SECOND_US
    second = await edge.link(media)
    assert second and second != first
    grant = first.url.rpartition("/")[2]
    edge.home.moment[0] += WINDOW_US - SECOND_US
    assert (await edge.look(media, grant)).fresh_s == 1
    edge.home.moment[0] += SECOND_US
    assert await edge.is_refused(media, grant) and not await edge.is_refused(media, second.url.rpartition("/")[2])


async def test_links_are_ours_alone_and_open_one_file_until_they_say(small_edge: Edge) -> None:
    edge = small_edge
    media, other = await edge.photo(), await edge.shared(await edge.home.put(files.png(), declared_type="image/png"))
    grant = await edge.grant(media)
    generation, until, seal = grant.split(".")
    viewers = (await edge.home.library.sign_many(BORIS, SignMany([media.id]))).links[0].path.rpartition("/")[2]

    assert not await edge.is_refused(media, grant)
    for forged in (
        f"{generation}.{int(until) + WINDOW_S}.{seal}",
        f"1.{until}.{seal}",
        f"00.{until}.{seal}",
        f"{generation}.{until}.{seal[:-1]}",
        f"{generation}.{until}.",
        f"{generation}.{until}.é",
        "",
        "..",
        viewers,
        CdnLinks(b"k" * 32, CDN).make(media.id, 0, edge.home.moment[0]).url.rpartition("/")[2],
    ):
        assert await edge.is_refused(media, forged), forged
    assert await edge.is_refused(other, grant)
    with pytest.raises(MediaNotFound):
        await edge.home.look(media, NOBODY, grant)


async def test_pictures_come_in_the_best_that_the_address_names_and_the_file_itself_never(small_edge: Edge) -> None:
    edge = small_edge
    media = await edge.photo()
    grant = await edge.grant(media)
    for name, type in (
        ("small.avif", "image/avif"),
        ("w320.webp", "image/webp"),
        ("medium.jpeg", "image/jpeg"),
        # Not made in AVIF.
        ("large.avif", "image/webp"),
    ):
        seen = await edge.look(media, grant, name)
        assert (seen.sight.type, seen.fresh_s, seen.sight.inline) == (type, 2 * WINDOW_S, True), name
        piece = await edge.cdn.read_for_cdn(NOBODY, ReadForCdn(media.id, grant, seen.sight.rendition, 0, 1 << 20))
        assert len(piece.content) == seen.sight.size
    for name in ("", "small", "small.png", "poster.jpeg", "film.mp4", "pictures/x", "../x", "original", "at-x.webp"):
        with pytest.raises(RenditionNotFound):
            await edge.look(media, grant, name)


async def test_what_its_owner_alone_sees_files_sounds_and_evidence_go_to_no_cdn(edge: Edge, tmp_path: Path) -> None:
    home = edge.home
    own = await home.put(PHOTO, declared_type="image/jpeg")
    paper = await edge.shared(await home.put(random_bytes(100), declared_type="application/octet-stream"))
    song = make(tmp_path / "song.ogg", "-f", "lavfi", "-i", "sine=duration=1", "-c:a", "libopus").read_bytes()
    sound = await edge.shared(await home.put(song, declared_type="audio/ogg"))
    assert [await edge.link(one, ANNA) for one in (own, paper, sound)] == [None] * 3

    await edge.shared(own)
    grant = await edge.grant(own)
    assert not await edge.is_refused(own, grant)
    await edge.shared(own, AS_EVIDENCE)
    assert await edge.link(own, ANNA) is None and await edge.is_refused(own, grant)
    assert await edge.purge() == [edge.named(own)]


async def test_a_film_is_given_in_all_that_was_made_of_it(small_edge: Edge, tmp_path: Path) -> None:
    edge = small_edge
    film = make(tmp_path / "film.mp4", *SHORT, *H264).read_bytes()
    media = await edge.shared(await edge.home.put(film, declared_type="video/mp4"))
    async with edge.home.workshop() as work:
        await work.through()
    grant = await edge.grant(media)

    for name in ("film.mp4", "hls/master.m3u8", "hls/0.m3u8", "hls/0.m4s", "previews.vtt", "previews.jpeg"):
        seen = await edge.look(media, grant, name)
        assert seen.sight.rendition == name and seen.sight.size
    assert (await edge.look(media, grant, "poster.webp")).sight.type == "image/webp"
    # Pieces of two runs don't fit together: before they are made anew nobody has those of the first.
    home = edge.home
    pictures = PictureWorkers(1)
    renditions = Renditions(
        home.database, home.content, home.keys, pictures, lambda: home.moment[0], Withdrawing(on=True)
    )
    await renditions.drop_under(media.id, "hls/")
    await renditions.close()
    await pictures.close()
    assert await edge.is_refused(media, grant, "film.mp4")
    assert await edge.purge() == [edge.named(media)]


@pytest.mark.parametrize("way", ["let go", "release", "delete", "erase"])
async def test_what_is_shown_no_more_is_refused_at_once_and_purged(edge: Edge, way: str) -> None:
    home, media = edge.home, await edge.photo()
    grant = await edge.grant(media)
    assert not await edge.is_refused(media, grant)
    assert await edge.purge() == []

    if way == "let go":
        await home.references.let_go(ANNA, LetGo(media.id, "tests", "one"))
    elif way == "release":
        await home.references.release_files(ANNA, ReleaseFiles([media.id], "tests", "one"))
    else:
        # With what the test holds of it taken away behind everybody's back, it goes by these alone.
        async with home.database.transaction() as tx:
            await tx.execute("DELETE FROM media_references WHERE holder = 'tests'")
        assert await edge.is_refused(media, grant)
        if way == "delete":
            await home.library.delete_media(ANNA, OfMedia(media.id))
        else:
            gone = Person(ANNA.user_id, "", "Deleted")
            reactions = Reactions(home.database, Withdrawing(on=True), lambda: home.moment[0])
            await reactions.forget_person(PersonErased(erasure_id=new_id(), remains=gone))

    assert await edge.is_refused(media, grant)
    assert await edge.purge() == [edge.named(media)]
    assert await edge.purge() == []
    # What was on its way to the CDN while it was told.
    home.moment[0] += TOLD_AGAIN_US
    assert await edge.purge() == [edge.named(media)]
    home.moment[0] += TOLD_AGAIN_US
    assert await edge.purge() == []


async def test_links_from_before_do_not_outlive_one_of_two_places_where_it_is_shown(edge: Edge) -> None:
    media = await edge.photo()
    await edge.shared(media, reference="two")
    before = await edge.grant(media)

    # Nothing was fetched by now, so nothing is to be forgotten; yet what one place gave out ends with it.
    await edge.home.references.let_go(ANNA, LetGo(media.id, "tests", "one"))

    after = await edge.grant(media)
    assert await edge.is_refused(media, before) and not await edge.is_refused(media, after)
    assert await edge.purge() == []
    await edge.home.references.let_go(ANNA, LetGo(media.id, "tests", "two"))
    await edge.shared(media, reference="three")
    assert await edge.is_refused(media, before) and await edge.is_refused(media, after)
    assert await edge.purge() == [edge.named(media)]


async def test_what_was_withdrawn_once_is_not_forgotten_while_links_from_after_it_are_about(edge: Edge) -> None:
    home, media = edge.home, await edge.photo()
    await edge.shared(media, reference="two")
    await home.references.let_go(ANNA, LetGo(media.id, "tests", "one"))
    home.moment[0] += WINDOW_US + WINDOW_US // 2
    grant = await edge.grant(media)

    # All links from before have ended, and this one was never asked for.
    home.moment[0] += WINDOW_US
    await edge.purge()
    await home.references.let_go(ANNA, LetGo(media.id, "tests", "two"))
    await edge.shared(media, reference="three")

    assert await edge.is_refused(media, grant)
    home.moment[0] += 2 * WINDOW_US
    await edge.purge()
    assert await home.rows("media_cdn") == 0


async def test_of_what_is_fetched_while_it_is_withdrawn_nothing_stays(edge: Edge) -> None:
    medias = [await edge.photo()] + [
        await edge.shared(await edge.home.put(files.jpeg(files.photo(100 + number, 80)), declared_type="image/jpeg"))
        for number in range(9)
    ]
    grants = [await edge.grant(media) for media in medias]

    async def fetched(media: Media, grant: str) -> bool:
        return not await edge.is_refused(media, grant)

    results = await asyncio.gather(
        *[fetched(media, grant) for media, grant in zip(medias, grants, strict=True)],
        *[edge.home.references.let_go(ANNA, LetGo(media.id, "tests", "one")) for media in medias],
    )

    had = {media.id for media, fetched in zip(medias, results, strict=False) if fetched is True}
    purged = {prefix.rpartition("/")[2] for call in await edge.purge() for prefix in call}
    assert had <= purged
    assert all([await edge.is_refused(media, grant) for media, grant in zip(medias, grants, strict=True)])


async def test_many_are_told_of_by_the_thirty_and_by_two_processes_once_each(edge: Edge) -> None:
    home, now_us = edge.home, edge.home.moment[0]
    ids = [new_id() for _ in range(2 * PREFIXES_AT_ONCE_MAX + 5)]
    async with home.database.transaction() as tx:
        for id in ids:
            await cdn_store.note_given(tx, id, now_us + WINDOW_US)
            await cdn_store.withdraw(tx, id, now_us, now_us + 2 * WINDOW_US)
    one, other = edge.purging(), edge.purging()

    for _ in range(3):
        await asyncio.gather(one.purge(), other.purge())

    assert sorted(edge.api.purged) == sorted(f"cdn.ozero.example/cdn/{id}" for id in ids)
    assert max(map(len, edge.api.calls)) == PREFIXES_AT_ONCE_MAX
    await asyncio.gather(one.close(), other.close())


async def test_a_purge_is_tried_again_until_it_is_done_and_an_operator_sees_how_long(edge: Edge) -> None:
    home, media = edge.home, await edge.photo()
    await edge.look(media, await edge.grant(media))
    await home.references.let_go(ANNA, LetGo(media.id, "tests", "one"))

    edge.api.fail = "busy"
    with pytest.raises(PurgeRefused):
        await edge.purge()
    edge.api.fail = "denied"
    # Not before the seven seconds that it asked for.
    home.moment[0] += 7 * SECOND_US - 1
    assert await edge.purge() == []
    for wait_s in (1, 4, 8, 16, 300):
        home.moment[0] += wait_s * SECOND_US
        with pytest.raises(PurgeRefused):
            await edge.purge()
    assert (await home.storage.count_media(NOBODY, Nothing())).purges == CdnPurges(waiting=1, oldest_s=335)

    edge.api.fail = ""
    home.moment[0] += 300 * SECOND_US
    assert await edge.purge() == [edge.named(media)]
    assert (await home.storage.count_media(NOBODY, Nothing())).purges.waiting == 0


async def test_a_process_that_dies_while_it_tells_is_followed_by_another(edge: Edge) -> None:
    home, media = edge.home, await edge.photo()
    await edge.look(media, await edge.grant(media))
    await home.references.let_go(ANNA, LetGo(media.id, "tests", "one"))
    async with home.database.transaction() as tx:
        (row,) = await cdn_store.due(tx, home.moment[0], 10)
        assert await cdn_store.put_off(tx, row, home.moment[0] + 60 * SECOND_US)

    assert await edge.purge() == []
    home.moment[0] += 60 * SECOND_US
    assert await edge.purge() == [edge.named(media)]


async def test_what_is_withdrawn_anew_while_the_cdn_is_told_is_told_anew(edge: Edge) -> None:
    home, media = edge.home, await edge.photo()
    await edge.shared(media, reference="two")
    await edge.look(media, await edge.grant(media))
    await home.references.let_go(ANNA, LetGo(media.id, "tests", "one"))
    await edge.look(media, await edge.grant(media))
    (before,) = await cdn_store.due(home.database, home.moment[0], 10)
    await home.references.let_go(ANNA, LetGo(media.id, "tests", "two"))

    async with home.database.transaction() as tx:
        await cdn_store.note_told(tx, before, 0)

    assert await edge.purge() == [edge.named(media)]


async def test_nothing_is_kept_of_what_has_long_been_stale(edge: Edge) -> None:
    home, media = edge.home, await edge.photo()
    await edge.look(media, await edge.grant(media))
    other = await edge.shared(await home.put(files.png(), declared_type="image/png"))
    await edge.look(other, await edge.grant(other))
    await home.references.let_go(ANNA, LetGo(other.id, "tests", "one"))

    edge.api.fail = "down"
    home.moment[0] += 2 * WINDOW_US
    with pytest.raises(PurgeRefused):
        await edge.purge()
    await edge.purge()
    assert await home.rows("media_cdn") == 1, "what is still to be told"
    home.moment[0] += DAY_US
    edge.api.fail = ""
    await edge.purge()
    home.moment[0] += TOLD_AGAIN_US
    await edge.purge()
    await edge.purge()
    assert await home.rows("media_cdn") == 0


async def test_the_doctor_says_whether_the_cdn_takes_purges_and_what_waits(
    small_edge: Edge, migrated_sqlite_url: str, tmp_path: Path
) -> None:
    edge = small_edge
    settings = {"KAIF_DATABASE_URL": migrated_sqlite_url, "KAIF_CDN_URL": CDN, "KAIF_CDN_PURGE": edge.api.place}

    async def found(**more: str) -> dict[str, str]:
        # It is a command, with a loop of its own.
        return await asyncio.to_thread(findings, tmp_path, **settings, **more)

    well = await found(KAIF_CDN_TOKEN=TOKEN)
    assert (well["CDN"], well["Purges"]) == (f"{CDN}, takes purges", "none wait")
    assert edge.api.purged == ["cdn.ozero.example/cdn/doctor"]

    media = await edge.photo()
    edge.home.moment[0] -= 3600 * SECOND_US
    await edge.look(media, await edge.grant(media))
    await edge.home.references.let_go(ANNA, LetGo(media.id, "tests", "one"))
    edge.api.fail = "denied"
    ill = await found(KAIF_CDN_TOKEN=TOKEN)
    assert ill["CDN"].startswith("✗ Cloudflare answers 403") and ill["Purges"].startswith("✗ 1 wait, for up to 3")
    assert (await found())["CDN"].startswith("✗ KAIF_CDN_PURGE: Cloudflare takes an API token")


async def test_without_a_cdn_nothing_of_all_this_is_there(small_home: Home) -> None:
    home = small_home
    media = await home.put(PHOTO, declared_type="image/jpeg")
    await home.references.refer(ANNA, Refer(media.id, "tests", "one", "everyone"))
    key = await sealing_key(home.database, home.keys)
    grant = CdnLinks(key, CDN).make(media.id, 0, home.moment[0]).url.rpartition("/")[2]

    (link,) = (await home.library.sign_many(BORIS, SignMany([media.id]))).links
    assert link.cdn is None
    with pytest.raises(MediaNotFound):
        await home.services[CdnDelivery].look_for_cdn(NOBODY, LookForCdn(media.id, grant, "small.webp"))
    await home.references.let_go(ANNA, LetGo(media.id, "tests", "one"))
    assert await home.rows("media_cdn") == 0


async def test_an_operator_sees_what_the_cdn_was_not_told_and_has_it_told_now(edge: Edge) -> None:
    home, media = edge.home, await edge.photo()
    deleted = await home.put(b"words", BORIS)
    await home.references.refer(BORIS, Refer(deleted.id, "tests", "one", "everyone"))
    queue: PurgeQueue = home.services[PurgeQueue]
    await edge.look(media, await edge.grant(media))
    await home.references.let_go(ANNA, LetGo(media.id, "tests", "one"))
    async with home.database.transaction() as tx:
        await cdn_store.note_given(tx, deleted.id, home.moment[0] + WINDOW_US)
    await home.references.let_go(BORIS, LetGo(deleted.id, "tests", "one"))
    await home.library.delete_media(BORIS, OfMedia(deleted.id))
    waiting = await queue.list_cdn_purges(OPERATOR, Nothing())
    assert [(one.media_id, one.owner_id, one.kind, one.error) for one in waiting.purges] == [
        (media.id, ANNA.user_id, "image", ""),
        (deleted.id, None, None, ""),
    ]
    with pytest.raises(NoPurgeFailed):
        await queue.retry_cdn_purges(OPERATOR, Nothing())

    edge.api.fail = "busy"
    purging = edge.purging()
    with pytest.raises(PurgeRefused):
        await purging.purge()
    failed = await queue.list_cdn_purges(OPERATOR, Nothing())
    assert [(one.attempts, bool(one.error)) for one in failed.purges] == [(1, True)] * 2
    assert failed.purges[0].next_at > failed.purges[0].asked_at
    edge.api.fail = ""
    assert not await purging.purge() and not edge.api.purged

    await queue.retry_cdn_purges(OPERATOR, Nothing())

    # By the process that the CDN has asked to wait.
    await purging.purge()
    await purging.close()
    assert sorted(edge.api.purged) == sorted(edge.named(media, deleted))
    assert (await queue.list_cdn_purges(OPERATOR, Nothing())).purges == []


async def test_only_operators_see_what_a_cdn_is_to_forget_and_without_one_it_is_off(small_home: Home) -> None:
    queue: PurgeQueue = small_home.services[PurgeQueue]

    for ask in (queue.list_cdn_purges, queue.retry_cdn_purges):
        with pytest.raises(MissingPermission):
            await ask(ANNA, Nothing())
    assert (await queue.list_cdn_purges(OPERATOR, Nothing())).off
