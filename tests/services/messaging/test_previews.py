"""A link gets a preview after it is sent: once, for those who may see it, and only while the message says so."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from time import monotonic

import pytest
from tests.elsewhere import Asked, Reply
from tests.harness import Services, wired_services
from tests.services.messaging.chats import channel, chat_of, direct, group, log_of, message_of, say
from tests.services.messaging.sites import Site
from tests.services.messaging.test_discussions import link as take_comments
from tests.services.messaging.test_history import export
from tests.waiting import eventually, until

from kaif.engines.web.pages import WebPage
from kaif.engines.web.public import PublicPages
from kaif.interfaces.messaging import ChatId, Entry, RemoveMember, SendMessage
from kaif.interfaces.messaging.actions import (
    DeleteMessages,
    EditMessage,
    ForwardedMessage,
    ForwardMessages,
    MessageNotFound,
    OfMessage,
)
from kaif.interfaces.messaging.administration import Appoint
from kaif.interfaces.messaging.content import LinkPreview
from kaif.interfaces.messaging.discussions import WriteComment
from kaif.interfaces.messaging.errors import ChatNotFound, RightMissing
from kaif.interfaces.messaging.history import ExportHistory
from kaif.interfaces.messaging.previews import LookAtLink, NotYourPreview, SwitchPreviews
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import DAY_US, MINUTE_US, SECOND_US, now_us
from kaif.kernel.ids import new_id
from kaif.services.messaging.previews import store as preview_store
from kaif.services.messaging.previews.page_summaries import HELD_US, OF_ONE_SITE
from kaif.services.messaging.previews.previewing import ATTEMPTS_MAX


@pytest.fixture
async def clock_ahead_us() -> list[int]:
    return [0]


@pytest.fixture
async def services(tmp_path: Path, database_url: str, clock_ahead_us: list[int]) -> AsyncIterator[Services]:
    async with looking_up(tmp_path, database_url, clock_ahead_us) as services:
        yield services


@asynccontextmanager
async def looking_up(
    folder: Path, database_url: str, ahead_us: list[int], pages: PublicPages | None = None
) -> AsyncIterator[Services]:
    pages = pages or PublicPages(private_too=True, within_s=2)
    async with wired_services(folder, database_url, clock=lambda: now_us() + ahead_us[0], pages=pages) as services:
        yield services
    await pages.close()


async def settled(services: Services) -> None:
    """Nothing is left to look up."""

    async def nothing() -> bool:
        return not await preview_store.due(services.database, 2**62, 1)

    await eventually(nothing, timeout_s=10)


async def preview_of(services: Services, actor: Actor, message: Entry) -> LinkPreview | None:
    await settled(services)
    return (await message_of(services, actor, message)).preview


async def title_of(services: Services, actor: Actor, message: Entry) -> str:
    preview = await preview_of(services, actor, message)
    return preview.title if preview else ""


async def look_at(services: Services, actor: Actor, chat_id: ChatId, text: str) -> LinkPreview | None:
    return (await services.previews.look_at_link(actor, LookAtLink(chat_id, text))).preview


async def previewed(services: Services, actor: Actor, chat_id: ChatId) -> list[Entry]:
    return [entry for entry in await log_of(services, actor, chat_id) if entry.kind == "previewed"]


async def test_a_link_gets_its_preview_and_the_chat_hears_of_it(services: Services, site: Site) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    url = site.page("/ladoga", "Ладога")

    sent = await say(services, anna, chat_id, f"Смотри: {url}, красиво")

    # Nobody waits for another site to have their message sent.
    assert sent.preview is None
    preview = LinkPreview(url, "127.0.0.1", "Ладога", "Lakes")
    assert await preview_of(services, boris, sent) == preview
    (entry,) = await previewed(services, boris, chat_id)
    assert (entry.sender_id, entry.target, entry.text) == (UserId(chat_id), sent.seq, "")
    assert entry.message and (entry.message.preview, entry.message.version) == (preview, entry.seq)
    assert (await chat_of(services, boris, chat_id)).unread == 1
    assert '"title":"Ладога"' in (await services.history.export_history(boris, ExportHistory(format="json"))).content
    written = (await services.history.export_history(boris, ExportHistory(format="html"))).content
    assert "<small>Lakes · 127.0.0.1</small><br><b>Ладога</b>" in written


async def test_a_page_is_asked_once_however_many_link_to_it(services: Services, site: Site) -> None:
    people = await services.newcomers(*[f"person{number}" for number in range(10)])
    chat_id = await group(services, *people)
    url = site.page("/ladoga", "Ладога")

    sent = await asyncio.gather(
        *[say(services, person, chat_id, f"{url}#part{at}") for at, person in enumerate(people)]
    )

    assert [await title_of(services, people[0], message) for message in sent] == ["Ладога"] * 10
    assert site.count("/ladoga") == 1


@pytest.mark.parametrize("ahead_us", [0, SECOND_US], ids=["alike", "a clock ahead"])
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_two_processes_ask_a_page_once_and_tell_of_it_once(
    services: Services, site: Site, tmp_path: Path, database_url: str, ahead_us: int
) -> None:
    """An embedded database has one process."""
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)

    async def slowly(_: Asked) -> Reply:
        await asyncio.sleep(0.2)
        return b"HTTP/1.1 200 .\r\ncontent-type: text/html\r\n\r\n<title>Slow</title>"

    site.handlers["/slow"] = slowly
    async with looking_up(tmp_path / "second", database_url, [ahead_us]) as second:
        sent = await asyncio.gather(
            *[
                say(place, actor, chat_id, site.url + "/slow")
                for place, actor in ((services, anna), (second, boris)) * 5
            ]
        )
        assert {await title_of(second, anna, message) for message in sent} == {"Slow"}

    assert (site.count("/slow"), len(await previewed(services, anna, chat_id))) == (1, 10)


async def test_what_is_covered_unlinked_or_not_wanted_is_not_asked(services: Services, site: Site) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    url = site.page("/ladoga", "Ладога")

    for text in (
        f"||{url}||",
        f"||Смотри: {url} там||",
        f"||[слово]({url})||",
        f"`{url}`",
        f"```\n{url}\n```",
        "mailto:a@b.org",
    ):
        sent = await say(services, anna, chat_id, text)
        assert await preview_of(services, boris, sent) is None
    quiet = await services.messaging.send_message(anna, SendMessage(chat_id, new_id(), url, without_preview=True))

    assert await preview_of(services, boris, quiet) is None
    assert (site.asked, await previewed(services, anna, chat_id)) == ([], [])
    # The second one is the first that everybody sees.
    other = site.page("/onega", "Онега")
    assert await title_of(services, boris, await say(services, anna, chat_id, f"||{url}|| [озеро]({other})")) == "Онега"


async def test_an_edit_of_the_link_looks_it_up_anew_one_of_the_words_does_not(services: Services, site: Site) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    ladoga, onega = site.page("/ladoga", "Ладога"), site.page("/onega", "Онега")
    sent = await say(services, anna, chat_id, ladoga)
    assert await title_of(services, boris, sent) == "Ладога"

    async def edit(text: str) -> Entry:
        return await services.actions.edit_message(anna, EditMessage(chat_id, sent.seq, text))

    kept = (await edit(f"**Вот** {ladoga}")).preview
    assert kept and kept.title == "Ладога"
    # What was said of the one page is not said of the other, not even until that one has answered.
    assert (await edit(onega)).preview is None
    assert await title_of(services, boris, sent) == "Онега"
    assert (await edit("ничего")).preview is None
    assert await preview_of(services, boris, sent) is None
    assert (site.count("/ladoga"), site.count("/onega")) == (1, 1)


async def test_an_edit_or_deletion_while_the_page_is_read_leaves_nothing_of_it(services: Services, site: Site) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    answer = asyncio.Event()

    async def hold(_: Asked) -> Reply:
        await answer.wait()
        return b"HTTP/1.1 200 .\r\ncontent-type: text/html\r\n\r\n<title>Held</title>"

    for number in range(3):
        site.handlers[f"/{number}"] = hold
    onega = site.page("/onega", "Онега")
    edited, bare, deleted = [await say(services, anna, chat_id, f"{site.url}/{number}") for number in range(3)]
    await until(partial(asked, site, 3))

    await services.actions.edit_message(anna, EditMessage(chat_id, edited.seq, onega))
    await services.actions.edit_message(anna, EditMessage(chat_id, bare.seq, "ничего"))
    await services.actions.delete_messages(anna, DeleteMessages(chat_id, [deleted.seq], for_everyone=True))
    answer.set()

    assert await title_of(services, boris, edited) == "Онега"
    assert [entry.target for entry in await previewed(services, boris, chat_id)] == [edited.seq]
    assert [await preview_of(services, boris, one) for one in (bare, deleted)] == [None, None]


async def test_a_deleted_message_loses_its_preview_and_a_forwarded_one_gets_its_own(
    services: Services, site: Site
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id, other_id = await group(services, anna, boris), await direct(services, anna, boris)
    sent = await say(services, anna, chat_id, site.page("/ladoga", "Ладога"))
    await settled(services)

    wanted = ForwardMessages(other_id, chat_id, [ForwardedMessage(sent.seq, new_id())])
    (forwarded,) = (await services.actions.forward_messages(boris, wanted)).entries
    assert await title_of(services, anna, forwarded) == "Ладога"

    await services.actions.delete_messages(anna, DeleteMessages(chat_id, [sent.seq], for_everyone=True))
    log = await log_of(services, boris, chat_id)
    assert [entry.preview for message in log for entry in (message, message.message) if entry] == [None] * (
        len(log) + sum(1 for entry in log if entry.message)
    )
    assert site.count("/ladoga") == 1


async def test_a_preview_is_taken_off_by_its_author_or_who_may_delete_here_for_good(
    services: Services, site: Site
) -> None:
    anna, boris, eve = await services.newcomers("anna", "boris", "eve")
    chat_id = await group(services, anna, boris)
    ladoga, onega = site.page("/ladoga", "Ладога"), site.page("/onega", "Онега")
    annas, boriss = await say(services, anna, chat_id, ladoga), await say(services, boris, chat_id, ladoga)
    await settled(services)

    async def remove(actor: Actor, message: Entry) -> None:
        await services.previews.remove_preview(actor, OfMessage(chat_id, message.seq))

    await refused(NotYourPreview, remove(boris, annas))
    await refused(ChatNotFound, remove(eve, annas))
    with pytest.raises(MessageNotFound):
        await services.previews.remove_preview(anna, OfMessage(chat_id, 1))
    assert await title_of(services, anna, annas) == "Ладога"

    for actor, message in ((boris, boriss), (anna, annas), (anna, annas)):
        await remove(actor, message)
    assert [await preview_of(services, anna, one) for one in (annas, boriss)] == [None, None]
    assert len(await previewed(services, anna, chat_id)) == 4

    await services.actions.edit_message(boris, EditMessage(chat_id, boriss.seq, onega))
    assert (await preview_of(services, anna, boriss), site.count("/onega")) == (None, 0)


async def test_a_link_is_looked_at_before_it_is_sent_and_its_page_asked_once(services: Services, site: Site) -> None:
    anna, boris, vera = await services.newcomers("anna", "boris", "vera")
    chat_id = await group(services, anna, boris)
    words = f"Едем: {site.page('/lake', 'Озеро')}"

    looks = await asyncio.gather(*(look_at(services, one, chat_id, words) for one in (anna, boris) for _ in range(5)))

    message = await say(services, anna, chat_id, words)
    assert set(looks) == {await preview_of(services, boris, message)} and looks[0]
    assert site.count("/lake") == 1
    assert [entry.kind for entry in await log_of(services, boris, chat_id)] == ["created", "message", "previewed"]
    with pytest.raises(ChatNotFound):
        await look_at(services, vera, chat_id, words)


async def test_what_will_have_no_card_is_not_looked_at_and_nobody_waits_for_it(services: Services, site: Site) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id, quiet_id = await group(services, anna, boris), await group(services, anna)
    await services.previews.switch_previews(anna, SwitchPreviews(quiet_id, False))
    url, down = site.page("/lake", "Озеро"), site.page("/down", "Никого", status=503)
    for words in ("Без ссылки", f"`{url}`", f"||{url}||", down):
        assert await look_at(services, anna, chat_id, words) is None
    assert await look_at(services, anna, quiet_id, url) is None
    assert site.count("/lake") == 0
    # What does not answer is left alone for a while, whoever looks.
    assert await look_at(services, boris, chat_id, down) is None
    assert site.count("/down") == 1


async def test_a_chat_whose_links_are_not_looked_up(services: Services, site: Site) -> None:
    anna, boris, eve = await services.newcomers("anna", "boris", "eve")
    group_id, direct_id, channel_id = (
        await group(services, anna, boris),
        await direct(services, anna, boris),
        await channel(services, anna, boris),
    )
    url = site.page("/ladoga", "Ладога")

    async def switch(actor: Actor, chat_id: ChatId, *, on: bool) -> bool:
        return (await services.previews.switch_previews(actor, SwitchPreviews(chat_id, on))).previews

    for chat_id in (group_id, channel_id):
        await refused(RightMissing, switch(boris, chat_id, on=False))
        assert (await chat_of(services, boris, chat_id)).previews
    await refused(ChatNotFound, switch(eve, direct_id, on=False))
    assert not await switch(anna, group_id, on=False)
    assert not await switch(anna, channel_id, on=False)
    assert not await switch(boris, direct_id, on=False)
    assert not await switch(boris, direct_id, on=False)
    assert not (await chat_of(services, anna, direct_id)).previews
    for chat_id in (group_id, direct_id, channel_id):
        assert await preview_of(services, anna, await say(services, anna, chat_id, url)) is None
        assert [entry.kind for entry in await log_of(services, anna, chat_id)].count("changed") == 1
    assert site.asked == []

    assert await switch(anna, direct_id, on=True)
    assert await title_of(services, anna, await say(services, anna, direct_id, url)) == "Ладога"


async def test_a_page_is_known_for_a_day_and_what_is_none_for_an_hour(
    services: Services, site: Site, clock_ahead_us: list[int]
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    url = site.page("/ladoga", "Ладога")

    async def titles(path_url: str) -> str:
        return await title_of(services, boris, await say(services, anna, chat_id, path_url))

    assert [await titles(url), await titles(site.url + "/none")] == ["Ладога", ""]
    site.page("/ladoga", "Ладожское озеро")
    site.page("/none", "Есть")
    assert [await titles(url), await titles(site.url + "/none")] == ["Ладога", ""]
    clock_ahead_us[0] = DAY_US // 2
    assert [await titles(url), await titles(site.url + "/none")] == ["Ладога", "Есть"]
    clock_ahead_us[0] = DAY_US + DAY_US // 2
    assert await titles(url) == "Ладожское озеро"
    assert site.count("/ladoga") == 2


async def test_a_site_that_does_not_answer_is_asked_again_and_not_for_ever(
    services: Services, site: Site, clock_ahead_us: list[int]
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)

    async def put_off() -> bool:
        """Longer than anybody works on it."""
        (task,) = await preview_store.due(services.database, 2**62, 1)
        return task.look_at_us > now_us() + clock_ahead_us[0] + MINUTE_US // 2

    sent = await say(services, anna, chat_id, site.page("/ladoga", "Ладога", status=503))
    await eventually(put_off)
    site.page("/ladoga", "Ладога")
    clock_ahead_us[0] += MINUTE_US
    assert await title_of(services, boris, sent) == "Ладога"

    sent = await say(services, anna, chat_id, site.page("/onega", "Онега", status=503))
    for _ in range(2):
        await eventually(put_off)
        clock_ahead_us[0] += MINUTE_US
    assert await preview_of(services, boris, sent) is None
    assert site.count("/onega") == 3


class TrippingPages(PublicPages):
    """Of a kind that trips its reader in a way that nobody foresaw."""

    read_times = 0

    async def read(self, url: str) -> WebPage:
        self.read_times += 1
        raise RuntimeError

    def were_read(self, times: int) -> bool:
        return self.read_times == times


async def test_a_page_that_trips_its_reader_is_not_read_for_ever(
    tmp_path: Path, database_url: str, clock_ahead_us: list[int]
) -> None:
    pages = TrippingPages(private_too=True)
    async with looking_up(tmp_path, database_url, clock_ahead_us, pages) as services:
        anna, boris = await services.newcomers("anna", "boris")
        sent = await say(services, anna, await group(services, anna, boris), "https://example.org/ladoga")
        for attempt in range(ATTEMPTS_MAX):
            await until(partial(pages.were_read, attempt + 1))
            clock_ahead_us[0] += 2 * HELD_US

        assert await preview_of(services, boris, sent) is None
    assert pages.read_times == ATTEMPTS_MAX


async def test_one_site_is_not_asked_for_ever_more_pages(services: Services, site: Site) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    began_s = monotonic()
    for number in range(30):
        await say(services, anna, chat_id, site.page(f"/{number}", f"Озеро {number}"))

    await until(partial(asked, site, OF_ONE_SITE.burst))
    await asyncio.sleep(0.3)

    came_back = (monotonic() - began_s) * OF_ONE_SITE.per_minute / 60
    assert len(site.asked) <= OF_ONE_SITE.burst + came_back + 1


async def test_what_pages_said_is_kept_in_bounds(services: Services) -> None:
    async with services.database.transaction() as tx:
        for number in range(10):
            assert await preview_store.begin_reading(tx, f"{number}", 1, 2)
            await preview_store.keep_page(tx, f"{number}", "", 100 + number)
        await preview_store.sweep_pages(tx, 102, 5)
        left = [number for number in range(10) if await preview_store.find_page(tx, f"{number}")]

    assert left == [5, 6, 7, 8, 9]


async def test_a_server_that_asks_nobody_notes_nothing(tmp_path: Path, migrated_sqlite_url: str, site: Site) -> None:
    async with wired_services(tmp_path, migrated_sqlite_url) as services:
        anna, boris = await services.newcomers("anna", "boris")
        sent = await say(services, anna, await direct(services, anna, boris), site.page("/ladoga", "Ладога"))

        assert await preview_of(services, boris, sent) is None
    assert site.asked == []


def asked(site: Site, times: int) -> bool:
    return len(site.asked) >= times


async def refused(kind: type[Exception], call: Awaitable[object]) -> None:
    with pytest.raises(kind):
        await call


async def test_posts_and_comments_have_previews_where_comments_go_unless_their_writers_want_none(
    services: Services, site: Site
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    channel_id, group_id = await channel(services, anna, boris), await group(services, anna)
    await take_comments(services, anna, channel_id, group_id)
    url = site.page("/ladoga", "Ладога")
    shown = await say(services, anna, channel_id, url)
    without = await services.messaging.send_message(anna, SendMessage(channel_id, "w", url, without_preview=True))

    for post in (shown, without):
        wanted = WriteComment(channel_id, post.seq, f"c-{post.seq}", url, without_preview=post.without_preview)
        await services.discussions.write_comment(boris, wanted)

    await settled(services)
    said = [entry for entry in await log_of(services, boris, group_id) if entry.kind == "message"]
    assert [entry.preview.title if entry.preview else "" for entry in said] == ["Ладога", "Ладога", "", ""]
    assert site.count("/ladoga") == 1


async def test_who_left_a_channel_takes_along_no_preview_of_what_others_made_of_a_post(
    services: Services, site: Site
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await channel(services, anna, boris)
    await services.administration.appoint_admin(anna, Appoint(chat_id, boris.user_id, ["send"]))
    post = await say(services, boris, chat_id, "Своё")
    await services.messaging.remove_member(boris, RemoveMember(chat_id, boris.user_id))
    await services.actions.edit_message(anna, EditMessage(chat_id, post.seq, site.page("/secret", "Чужая тайна")))
    assert await title_of(services, anna, post) == "Чужая тайна"

    taken = await export(services, boris, format="json")

    assert "Своё" in taken and "тайна" not in taken and "/secret" not in taken
