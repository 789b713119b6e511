"""Files wherever messages go: into their time, comments, reports, searches, notifications and what one takes along."""

import asyncio
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.services.media.images import files
from tests.services.messaging.attached import SOUND, FilesHome
from tests.services.messaging.chats import channel, direct, group, log_of
from tests.services.messaging.searches import found_messages, searching
from tests.services.messaging.test_discussions import link
from tests.services.messaging.test_history import export, export_json
from tests.services.messaging.test_reports import decide, file, operator
from tests.waiting import eventually

from kaif.interfaces.auth import Nothing, Person
from kaif.interfaces.media import Media, MediaId
from kaif.interfaces.media.references import HeldFiles, HoldFiles, References, ReleaseFiles
from kaif.interfaces.messaging import AddMembers, ChatId, GetChat, RemoveMember, SendMessage
from kaif.interfaces.messaging.administration import ChangeChat
from kaif.interfaces.messaging.attached import Attachment, GivenAttachment, MediaNotAllowed
from kaif.interfaces.messaging.attachments import AskedFiles, Attachments, ShownFiles
from kaif.interfaces.messaging.discussions import ListComments, WriteComment
from kaif.interfaces.messaging.history import ExportHistory, HistoryFile
from kaif.interfaces.messaging.order import Draft, KeepDraft
from kaif.interfaces.messaging.reports import OfReport
from kaif.interfaces.messaging.scheduled import ChangeScheduled, OfScheduled, Scheduled, ScheduleMessage
from kaif.interfaces.messaging.topics import GENERAL, MakeTopic, OfTopic, SwitchTopics
from kaif.interfaces.personal_data import PersonErased
from kaif.kernel.actor import NOBODY, Actor, UserId
from kaif.kernel.ids import new_id
from kaif.services.media.delivery.rights import Rights
from kaif.services.messaging import entry_store
from kaif.services.messaging.attachments import store as attachment_store
from kaif.services.messaging.attachments.model import kept_at
from kaif.services.messaging.chats import administration_store
from kaif.services.messaging.notifications import telling
from kaif.services.messaging.reactions import Reactions

HOUR_US = 3600 * 1_000_000


async def schedule(home: FilesHome, actor: Actor, chat_id: ChatId, media_id: MediaId, ref: str = "") -> Scheduled:
    wanted = ScheduleMessage(
        chat_id, ref or new_id(), "", home.at(24 * HOUR_US), attachments=[GivenAttachment(media_id)]
    )
    return await home.services.scheduled.schedule_message(actor, wanted)


async def test_a_scheduled_message_holds_its_files_until_it_is_sent_and_shows_them_to_nobody_before(
    files_home: FilesHome,
) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    media = await home.put(anna)
    waiting = await schedule(home, anna, chat_id, media.id, ref="later")
    again = await schedule(home, anna, chat_id, media.id, ref="later")
    assert again == waiting and waiting.attachments[0].media_id == media.id
    await home.settle()
    assert await home.held() == [media.id] and not await home.sees(boris, media)

    await home.services.scheduled.change_scheduled(anna, ChangeScheduled(waiting.id, text=""))
    await home.come(24 * HOUR_US)

    (sent,) = await home.said(boris, chat_id)
    assert sent.attachments == waiting.attachments and await home.sees(boris, media)
    await home.settle()
    assert await home.held() == [media.id] and await home.known() == 1


async def test_what_is_not_to_be_sent_any_more_lets_its_files_go(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await group(home.services, anna, boris)
    kept, given_up, erased = [await home.put(who) for who in (anna, anna, boris)]
    await schedule(home, anna, chat_id, kept.id)
    waiting = await schedule(home, anna, chat_id, given_up.id)
    await schedule(home, boris, chat_id, erased.id)

    await home.services.scheduled.delete_scheduled(anna, OfScheduled(waiting.id))
    nameless = Person(boris.user_id, f"deleted-{boris.user_id}", "")
    reactions = Reactions(home.services.database, lambda: home.moment[0])
    for _ in range(2):
        await reactions.forget_person(PersonErased(erasure_id=new_id(), remains=nameless))
    await home.settle()

    assert await home.held() == [kept.id] and await home.known() == 1
    await home.services.administration.change_chat(anna, ChangeChat(chat_id, default_rights=["send"]))
    clara = await home.services.newcomer("clara")
    await home.services.messaging.add_members(anna, AddMembers(chat_id, [clara.user_id]))
    with pytest.raises(MediaNotAllowed):
        await schedule(home, clara, chat_id, (await home.put(clara)).id)


async def test_readers_of_a_channel_see_what_is_on_a_post_and_in_its_comments_and_nothing_else_of_the_group(
    files_home: FilesHome,
) -> None:
    home = files_home
    owner, reader, member = await home.services.newcomers("owner", "reader", "member")
    channel_id = await channel(home.services, owner, reader, member)
    group_id = await group(home.services, owner, title="Обсуждение")
    await link(home.services, owner, channel_id, group_id)
    picture, answer, private = await home.put(owner), await home.put(member), await home.put(owner)
    post = await home.attach(owner, channel_id, picture)

    given = [GivenAttachment(answer.id)]
    await home.services.discussions.write_comment(member, WriteComment(channel_id, post.seq, "c", attachments=given))
    await home.attach(owner, group_id, private)

    thread = await home.services.discussions.list_comments(reader, ListComments(channel_id, post.seq))
    assert [one.media_id for entry in thread.entries for one in entry.attachments] == [answer.id]
    assert [await home.sees(reader, one) for one in (picture, answer, private)] == [True, True, False]
    brought = [entry for entry in await log_of(home.services, member, group_id) if entry.forward is None]
    assert any(one.media_id == picture.id for entry in brought for one in entry.attachments)
    # Once moderators have closed the group, those who are in it see what hangs there, and nobody else.
    async with home.services.database.transaction() as tx:
        await administration_store.suspend(tx, group_id, "spam")
    assert [await home.sees(one, answer) for one in (reader, member)] == [False, True]
    assert await home.sees(reader, picture), "the channel is open"
    async with home.services.database.transaction() as tx:
        await administration_store.suspend(tx, group_id, "")
    await home.services.messaging.remove_member(reader, RemoveMember(channel_id, reader.user_id))
    await home.delete(owner, post)
    await home.settle()
    assert not await home.sees(reader, answer) and not await home.sees(reader, picture)
    # Where the post was brought to it still stands.
    assert await home.sees(member, picture) and len(await home.held()) == 3


async def test_evidence_keeps_its_files_for_who_looks_at_it_until_the_report_is_decided(files_home: FilesHome) -> None:
    home = files_home
    anna, boris, clara = await home.services.newcomers("anna", "boris", "clara")
    moderator = await operator(home.services)
    chat_id = await group(home.services, anna, boris, clara)
    media = await home.put(anna)
    sent = await home.attach(anna, chat_id, media)
    report_id = await file(home.services, boris, chat_id=chat_id, seqs=[sent.seq])

    await home.delete(anna, sent)
    await home.settle()

    plain = Actor(moderator.user_id)
    assert await home.held() == [media.id] and not await home.sees(boris, media)
    # By which media knows that no CDN may hold it.
    assert await audiences(home) == ["evidence"]
    assert await home.sees(moderator, media) and not await home.sees(plain, media)
    await home.services.reports.take_report(moderator, OfReport(report_id))
    # Whom a link stands for has no more than a name.
    assert await home.sees(plain, media) and not await home.sees(Actor(UserId(new_id())), media)
    report = await decide(home.services, moderator, report_id, "dismiss")
    assert report.evidence[0].entry.attachments[0].media_id == media.id
    await home.settle()
    assert (await home.held(), await home.known()) == ([], 0) and not await home.sees(moderator, media)


async def audiences(home: FilesHome) -> list[str]:
    rows: list[tuple[str]] = await home.services.database.fetch(
        tuple, "SELECT audience FROM media_references WHERE holder = 'messaging'"
    )
    return [audience for (audience,) in rows]


async def test_a_report_that_is_decided_while_media_hears_of_its_evidence_lets_the_files_go(
    files_home: FilesHome,
) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    moderator = await operator(home.services)
    chat_id = await group(home.services, anna, boris)
    sent = await home.attach(anna, chat_id, await home.put(anna))
    report_id = await file(home.services, boris, chat_id=chat_id, seqs=[sent.seq])
    references: References = home.services.media[References]

    class Meanwhile:
        """Media, which answers after the report has been decided."""

        async def hold_files(self, actor: Actor, request: HoldFiles) -> HeldFiles:
            held = await references.hold_files(actor, request)
            await home.services.reports.take_report(moderator, OfReport(report_id))
            await decide(home.services, moderator, report_id, "dismiss")
            return held

        async def release_files(self, actor: Actor, request: ReleaseFiles) -> Nothing:
            return await references.release_files(actor, request)

    rows: list[tuple[str]] = await home.services.database.fetch(tuple, "SELECT hold FROM messaging_attachments")
    async with home.services.database.transaction() as tx:
        await attachment_store.take_off(tx, chat_id, [sent.seq], home.moment[0])
    attaching = home.attaching()
    attaching._media = Meanwhile()
    await attaching.release_due(rows[0][0])
    await home.settle()

    assert (await home.held(), await home.known()) == ([], 0)


async def test_files_are_found_by_name_and_caption_and_kind(small_files_home: FilesHome, tmp_path: Path) -> None:
    home = small_files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    report = await home.attach(anna, chat_id, await home.put(anna, "Отчёт за март.txt"))
    captioned = await home.attach(anna, chat_id, await home.put(anna, "a.txt"), text="Смета на дом")
    given = [GivenAttachment((await home.put(anna, "голос.wav", SOUND)).id, "voice")]
    voice = await home.services.messaging.send_message(anna, SendMessage(chat_id, "v", attachments=given))
    async with searching(tmp_path, home.services) as search:

        async def seqs(words: str = "", **filters: object) -> list[int]:
            return [one.entry.seq for one in await found_messages(search, boris, words, **filters)]

        async def so() -> bool:
            return await seqs("отчёта") == [report.seq]

        await eventually(so)
        assert await seqs("смету") == [captioned.seq]
        assert await seqs(has="file") == [captioned.seq, report.seq] and await seqs(has="voice") == [voice.seq]
        assert await seqs(has="image") == []
        # Nobody knows a voice message by the name that its recorder gave it.
        assert await seqs("голос") == []
        await home.delete(anna, report)

        async def gone() -> bool:
            return await seqs("отчёт") == []

        await eventually(gone)


async def test_who_is_told_of_a_file_is_told_what_it_is_in_their_language(small_files_home: FilesHome) -> None:
    home = small_files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    recorded = (await home.put(anna, "голос.wav", SOUND)).id
    for how in ("voice", "media"):
        given = [GivenAttachment(recorded, how)]
        await home.services.messaging.send_message(anna, SendMessage(chat_id, how, attachments=given))
    await home.attach(anna, chat_id, await home.put(anna), text="Вот  план")
    await home.attach(anna, chat_id, await home.put(anna), await home.put(anna))
    rows = await entry_store.entries_after(home.services.database, chat_id, 0, 20)

    messages = telling.messages_of(rows, {}, 0)

    assert [one.words("ru") for one in messages] == [
        "🎤 Голосовое сообщение",
        "🎵 голос.wav",
        "📎 Вот план",
        "📎 Файлы: 2",
    ]
    assert [one.words("en") for one in messages[::3]] == ["🎤 Voice message", "📎 Files: 2"]


async def test_a_history_names_the_files_in_both_forms(small_files_home: FilesHome) -> None:
    home = small_files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    media = await home.put(anna, "план & смета.txt")
    await home.attach(anna, chat_id, media)

    page, exported = await export(home.services, boris, format="html"), await export_json(home.services, boris)
    beside = await export_json(home.services, boris, with_files=True)
    beside_page = await home.services.history.export_history(boris, ExportHistory("html", with_files=True))

    assert "📎 план &amp; смета.txt <small>" in page and "files/" not in page
    named, kept = (of["chats"][0]["entries"][-1]["attachments"][0] for of in (exported, beside))
    assert named["media_id"] == media.id and "path" not in named
    # Under a name that every file system takes.
    path = f"files/{media.id}-план _ смета.txt"
    assert kept["path"] == path
    assert beside_page.files == [HistoryFile(media.id, path, media.size)]
    assert f'<a href="{quote(path)}">📎 план' in beside_page.content


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a" * 300 + ".jpeg", "NUL. ", ".bash_profile", "\u202etxt.exe", "…"]
)
def test_a_file_beside_a_history_stays_in_its_folder(name: str) -> None:
    folder, _, kept = kept_at(Attachment(MediaId("m1"), "file", name, "", 1, "ready")).partition("/")

    assert folder == "files" and kept.startswith("m1-") and len(kept) <= 90
    assert re.fullmatch(r"[\w.() -]*[\w)-]", kept)
    assert not name.endswith(".jpeg") or kept.endswith(".jpeg")


async def keep(home: FilesHome, actor: Actor, chat_id: ChatId, later_us: int, *media: Media, text: str = "") -> Draft:
    given = [GivenAttachment(one.id) for one in media]
    wanted = KeepDraft(chat_id, text, home.at(later_us - HOUR_US), attachments=given)
    return await home.services.order.keep_draft(actor, wanted)


async def test_a_draft_keeps_its_files_until_another_takes_its_place(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    first, second = await home.put(anna), await home.put(anna)
    drafts = [await keep(home, anna, chat_id, n, first, text="Смо" + "т" * n) for n in range(1, 4)]
    assert [one.attachments[0].media_id for one in drafts] == [first.id] * 3

    late = await keep(home, anna, chat_id, 2, second, text="Старое")
    await home.settle()

    assert late == drafts[-1] and await home.held() == [first.id] and await home.known() == 1
    (listed,) = (await home.services.order.list_drafts(anna, Nothing())).drafts
    assert listed.attachments == drafts[-1].attachments and not await home.sees(boris, first)
    await keep(home, anna, chat_id, 5, second)
    await home.settle()
    assert await home.held() == [second.id]
    await keep(home, anna, chat_id, 6)
    await home.settle()
    assert (await home.held(), await home.known()) == ([], 0)


async def test_ten_devices_that_draft_at_once_keep_the_files_of_one(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    media = [await home.put(anna) for _ in range(10)]

    await asyncio.gather(*(keep(home, anna, chat_id, n, one) for n, one in enumerate(media)))

    await home.settle()
    assert await home.held() == [media[-1].id] and await home.known() == 1


async def test_a_deleted_chat_lets_go_of_what_waits_for_it(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await group(home.services, anna, boris)
    await schedule(home, boris, chat_id, (await home.put(boris)).id)
    await keep(home, boris, chat_id, 0, await home.put(boris))
    await home.attach(boris, chat_id, await home.put(boris))

    await home.services.administration.delete_chat(anna, GetChat(chat_id))

    async def gone() -> bool:
        await home.do_due()
        return not await home.known()

    await eventually(gone)
    assert await home.held() == []


class Counted:
    """Messaging, and how often media asks it."""

    def __init__(self, attachments: Attachments) -> None:
        self._attachments, self.asked = attachments, 0

    async def which_are_shown(self, actor: Actor, request: AskedFiles) -> ShownFiles:
        self.asked += 1
        return await self._attachments.which_are_shown(actor, request)

    async def which_are_files(self, actor: Actor, request: AskedFiles) -> ShownFiles:
        return await self._attachments.which_are_files(actor, request)


async def test_one_question_says_whether_a_picture_is_seen_and_whether_as_a_file(small_files_home: FilesHome) -> None:
    home = small_files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await group(home.services, anna, boris)
    shown, sent = [await home.put(anna, "вид.png", files.png(files.photo() + shade)) for shade in (0, 9)]
    await home.attach(anna, chat_id, shown)
    as_file = SendMessage(chat_id, new_id(), attachments=[GivenAttachment(sent.id, sent_as="file")])
    await home.services.messaging.send_message(anna, as_file)
    messages = Counted(home.services.attachments)
    rights = Rights(home.services.database, home.services.messaging, messages)

    assert [(await rights.seen(boris, one.id)).whole for one in (shown, sent)] == [False, True]
    assert messages.asked == 2
    asked = AskedFiles([shown.id, sent.id])
    assert (await home.services.attachments.which_are_files(NOBODY, asked)).as_files == [sent.id]


async def test_a_sound_that_is_heard_as_such_somewhere_counts_as_a_file(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    song, voice = [await home.put(anna, f"{name}.wav", SOUND) for name in ("песня", "голос")]
    for media in (song, voice):
        said = SendMessage(chat_id, new_id(), attachments=[GivenAttachment(media.id, sent_as="voice")])
        await home.services.messaging.send_message(anna, said)
    await home.attach(anna, chat_id, song)

    asked = AskedFiles([song.id, voice.id])

    # Whoever has the song would find a voice message in its place.
    assert (await home.services.attachments.which_are_files(NOBODY, asked)).as_files == [song.id]


async def test_with_a_topic_go_the_drafts_in_it_and_their_files(files_home: FilesHome) -> None:
    home = files_home
    services = home.services
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    await services.topics.switch_topics(anna, SwitchTopics(chat_id, on=True))
    topic = await services.topics.make_topic(anna, MakeTopic(chat_id, "Грядки", ref="t"))
    media = [await home.put(boris) for _ in range(2)]
    for place, one in zip((topic.id, GENERAL), media, strict=True):
        wanted = KeepDraft(chat_id, "", home.at(-HOUR_US), attachments=[GivenAttachment(one.id)], topic_id=place)
        await services.order.keep_draft(boris, wanted)

    await services.topics.delete_topic(anna, OfTopic(chat_id, topic.id))

    async def gone() -> bool:
        await home.do_due()
        return await home.known() == 1

    await eventually(gone)
    (left,) = (await services.order.list_drafts(boris, Nothing())).drafts
    assert left.topic_id == GENERAL and await home.held() == [media[1].id]
