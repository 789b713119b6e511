"""Files in messages: whoever is shown one sees it, nobody else does, and it stays exactly as long as it is shown."""

import asyncio

import msgspec
import pytest
from tests.services.media.images.files import GPS, looks_like_the_photo, opened, turned
from tests.services.messaging.attached import LATER_US, SOUND, FilesHome
from tests.services.messaging.chats import chat_of, direct, group, log_of, message_of, say

from kaif.interfaces.auth import Nothing
from kaif.interfaces.media import Media, MediaNotFound, MediaReady, RenditionNotFound, Shown
from kaif.interfaces.media.delivery import LookAt, ReadMedia
from kaif.interfaces.media.progress import MediaProgressed
from kaif.interfaces.media.references import HeldFiles, HoldFiles, References, ReleaseFiles
from kaif.interfaces.messaging import AddMembers, RemoveMember, SendMessage
from kaif.interfaces.messaging.actions import EditMessage
from kaif.interfaces.messaging.administration import ChangeChat
from kaif.interfaces.messaging.attached import (
    Attachment,
    AttachmentsLost,
    BadAttachments,
    GivenAttachment,
    MediaNotAllowed,
)
from kaif.interfaces.messaging.attachments import ListAttachments
from kaif.interfaces.messaging.errors import BadText, ChatNotFound
from kaif.interfaces.messaging.news import SIGNALS, Signal
from kaif.interfaces.messaging.topics import GENERAL, MakeTopic, SwitchTopics, TopicNotFound
from kaif.interfaces.messaging.vanishing import SetTimer
from kaif.kernel.actor import Actor
from kaif.kernel.ids import new_id
from kaif.services.messaging.attachments.attaching import Held

# Sending


async def test_an_album_is_one_message_whose_files_those_in_the_chat_see_and_they_alone(files_home: FilesHome) -> None:
    home = files_home
    anna, boris, clara = await home.services.newcomers("anna", "boris", "clara")
    chat_id = await group(home.services, anna, boris)
    files = [await home.put(anna, f"{number}.txt") for number in range(10)]

    sent = await home.attach(anna, chat_id, *files, text="Десять **страниц**")

    (read,) = [entry for entry in await log_of(home.services, boris, chat_id) if entry.kind == "message"]
    assert read == sent and read.text == "Десять страниц"
    assert read.attachments == [
        Attachment(one.id, "file", f"{number}.txt", "text/plain", one.size, "ready") for number, one in enumerate(files)
    ]
    assert [await home.sees(who, files[9]) for who in (anna, boris, clara)] == [True, True, False]
    assert (await chat_of(home.services, boris, chat_id)).last_entry == sent


async def test_who_leaves_the_chat_sees_its_files_no_more_and_who_comes_back_does(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await group(home.services, anna, boris)
    file = await home.put(anna)
    await home.attach(anna, chat_id, file)

    await home.services.messaging.remove_member(boris, RemoveMember(chat_id, boris.user_id))

    assert not await home.sees(boris, file)
    await home.services.messaging.add_members(anna, AddMembers(chat_id, [boris.user_id]))
    assert await home.sees(boris, file)


async def test_whom_a_picture_is_shown_to_does_not_learn_where_it_was_taken(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await group(home.services, anna, boris)
    photo = await home.put(anna, "дом.jpg", turned(6))
    shown = await home.attach(anna, chat_id, photo)

    seen = await home.content(boris, photo)
    assert looks_like_the_photo(opened(seen)) and GPS not in seen and b"Exif" not in seen
    assert (await home.delivery.look_at(boris, LookAt(photo.id))).name == "дом.jpeg"
    with pytest.raises(RenditionNotFound):
        await home.delivery.read(boris, ReadMedia(photo.id, 0, 1000))
    assert GPS in await home.content(anna, photo)

    as_file = GivenAttachment(photo.id, "file")
    sent = await home.services.messaging.send_message(anna, SendMessage(chat_id, new_id(), "", attachments=[as_file]))
    assert GPS in await home.content(boris, photo)
    await home.delete(anna, sent)
    assert GPS not in await home.content(boris, photo)
    await home.delete(anna, shown)
    assert not await home.sees(boris, photo)


async def test_nobody_attaches_a_file_of_somebody_else_even_one_they_see(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    file = await home.put(anna)
    await home.attach(anna, chat_id, file)
    saved = (await log_of(home.services, anna, chat_id))[-1].seq

    with pytest.raises(MediaNotFound):
        await home.attach(boris, chat_id, file)
    with pytest.raises(MediaNotFound):
        await home.attach(anna, chat_id, await home.put(anna), await home.put(boris))

    await home.settle()
    assert (await log_of(home.services, anna, chat_id))[-1].seq == saved
    assert await home.held() == [file.id] and await home.known() == 1


async def test_a_message_that_is_refused_lets_its_files_go(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, boris, await home.services.newcomer("clara"))
    file = await home.put(anna)

    with pytest.raises(ChatNotFound):
        await home.attach(anna, chat_id, file)

    await home.do_due()
    assert (await home.held(), await home.known()) == ([], 0)


async def test_ten_at_once_under_one_reference_are_one_message_and_one_hold(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    file, other = await home.put(anna), await home.put(anna)

    sent = await asyncio.gather(
        *(home.attach(anna, chat_id, file if number % 2 else other, ref="once") for number in range(10))
    )

    assert len({entry.seq for entry in sent}) == 1
    await home.settle()
    (shown,) = sent[0].attachments
    assert await home.held() == [shown.media_id] and await home.known() == 1
    assert await home.sees(boris, file if shown.media_id == file.id else other)


async def test_what_has_files_needs_no_words_and_what_has_none_does(small_files_home: FilesHome) -> None:
    home = small_files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)

    sent = await home.attach(anna, chat_id, await home.put(anna), text=" \n")

    assert sent.text == ""
    for text in ("", "  "):
        with pytest.raises(BadText):
            await say(home.services, anna, chat_id, text)
        with pytest.raises(BadText):
            edited = EditMessage(chat_id, (await say(home.services, anna, chat_id)).seq, text)
            await home.services.actions.edit_message(anna, edited)


async def test_a_voice_message_is_a_sound_alone_and_no_file_comes_twice(small_files_home: FilesHome) -> None:
    home = small_files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    sound, text = await home.put(anna, "голос.wav", SOUND), await home.put(anna)

    async def send(*given: GivenAttachment) -> list[Attachment]:
        wanted = SendMessage(chat_id, new_id(), "", attachments=list(given))
        return (await home.services.messaging.send_message(anna, wanted)).attachments

    for bad in (
        [GivenAttachment(text.id, "voice")],
        [GivenAttachment(sound.id, "voice"), GivenAttachment(text.id)],
        [GivenAttachment(text.id), GivenAttachment(text.id, "file")],
    ):
        with pytest.raises(BadAttachments):
            await send(*bad)
    kinds = [(await send(GivenAttachment(sound.id, how)))[0].kind for how in ("voice", "media", "file")]
    assert kinds == ["voice", "audio", "file"]
    assert (await send(GivenAttachment(text.id, spoiler=True)))[0].spoiler


async def test_who_may_not_send_files_may_still_write_and_forward_words_alone(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await group(home.services, anna, boris)
    elsewhere = await home.attach(boris, await group(home.services, boris), await home.put(boris))
    await home.services.administration.change_chat(anna, ChangeChat(chat_id, default_rights=["send", "links"]))

    with pytest.raises(MediaNotAllowed):
        await home.attach(boris, chat_id, await home.put(boris))
    with pytest.raises(MediaNotAllowed):
        await home.forward(boris, elsewhere, chat_id)
    assert (await say(home.services, boris, chat_id)).seq
    assert (await home.attach(anna, chat_id, await home.put(anna))).attachments


# Staying and going


async def test_a_file_goes_with_its_message_at_once_for_others_and_soon_for_good(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    file = await home.put(anna)
    sent = await home.attach(anna, chat_id, file)
    await home.delete(boris, sent, for_everyone=False)
    assert await home.sees(boris, file)

    await home.delete(anna, sent)

    assert not await home.sees(boris, file) and await home.sees(anna, file)
    assert (await message_of(home.services, anna, sent)).attachments == []
    await home.do_due()
    assert (await home.held(), await home.known()) == ([], 0)


async def test_what_vanishes_takes_its_files_along(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    await home.services.vanishing.set_timer(anna, SetTimer(chat_id, 86_400))
    file = await home.put(anna)
    await home.attach(anna, chat_id, file)
    await home.come(86_300 * 1_000_000)
    assert await home.sees(boris, file)

    await home.come(200 * 1_000_000)
    await home.do_due()

    assert not await home.sees(boris, file)
    assert (await home.held(), await home.known()) == ([], 0)


async def test_what_is_let_go_is_let_go_although_media_fails_or_its_answer_is_lost(small_files_home: FilesHome) -> None:
    home = small_files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    sent = await home.attach(anna, chat_id, await home.put(anna))
    await home.delete(anna, sent)
    media = Unreliable(home.services.media[References])
    attaching = home.attaching()
    attaching._media = media
    (hold,) = await holds(home)

    for _ in range(2):
        with pytest.raises(ConnectionError):
            await attaching.release_due(hold)
        home.moment[0] += 10**9
    await attaching.release_due(hold)

    assert (await home.held(), await home.known()) == ([], 0)


class Unreliable:
    """Media that fails once before it does something, and once after."""

    def __init__(self, media: References) -> None:
        self._media, self._calls = media, 0

    async def hold_files(self, actor: Actor, request: HoldFiles) -> HeldFiles:
        return await self._media.hold_files(actor, request)

    async def release_files(self, actor: Actor, request: ReleaseFiles) -> Nothing:
        self._calls += 1
        if self._calls == 1:
            raise ConnectionError
        answer = await self._media.release_files(actor, request)
        if self._calls == 2:
            raise ConnectionError
        return answer


async def holds(files_home: FilesHome) -> list[str]:
    home = files_home
    rows: list[tuple[str]] = await home.services.database.fetch(tuple, "SELECT hold FROM messaging_attachments")
    return [hold for (hold,) in rows]


async def test_what_media_has_begun_to_let_go_is_not_sent_and_sending_again_sends_it_whole(
    files_home: FilesHome,
) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    file = await home.put(anna)
    attaching = home.attaching()
    held = await attaching.hold(anna.user_id, [GivenAttachment(file.id)])
    attaching._media = Unreliable(home.services.media[References])
    home.moment[0] += LATER_US

    with pytest.raises(ConnectionError):
        await attaching.release_due(held.hold)
    assert await home.held() == [file.id], "media was not told yet"
    with pytest.raises(AttachmentsLost):
        await home.send_held(anna, SendMessage(chat_id, "late"), held)
    await home.settle()
    with pytest.raises(AttachmentsLost):
        await home.send_held(anna, SendMessage(chat_id, "late"), held)

    sent = await home.attach(anna, chat_id, file, ref="late")
    with pytest.raises(AttachmentsLost):
        (row,) = await holds(home)
        await home.send_held(anna, SendMessage(chat_id, "twice"), Held(row, sent.attachments))
    await home.settle()
    assert await home.held() == [file.id] and await home.sees(boris, file)
    assert sent.attachments == held.attachments


async def test_sending_deleting_and_forwarding_at_once_neither_leaks_nor_loses(files_home: FilesHome) -> None:
    home = files_home
    anna, boris, clara = await home.services.newcomers("anna", "boris", "clara")
    chat_id, other = await group(home.services, anna, boris), await group(home.services, boris, clara)
    files = [await home.put(anna) for _ in range(6)]
    sent = [await home.attach(anna, chat_id, file) for file in files]

    results = await asyncio.gather(
        *(home.delete(anna, entry) for entry in sent[:3]),
        *(home.forward(boris, entry, other) for entry in sent),
        *(home.attach(anna, chat_id, file) for file in files[:2]),
        *(home.do_due() for _ in range(3)),
        return_exceptions=True,
    )
    await home.settle()

    shown = [
        one.media_id
        for chat, who in ((chat_id, anna), (other, boris))
        for entry in await log_of(home.services, who, chat)
        if entry.kind == "message"
        for one in entry.attachments
    ]
    assert sorted(shown) == await home.held() and len(shown) == await home.known()
    forwarded = [entry for entry in await log_of(home.services, clara, other) if entry.kind == "message"]
    assert len(forwarded) >= 3, results
    for entry in forwarded:
        (file,) = [one for one in files if one.id == entry.attachments[0].media_id]
        assert await home.sees(clara, file)


# Forwarding


async def test_a_forwarded_file_is_seen_in_the_new_chat_and_outlives_its_first_message(files_home: FilesHome) -> None:
    home = files_home
    anna, boris, clara = await home.services.newcomers("anna", "boris", "clara")
    first, second = await direct(home.services, anna, boris), await direct(home.services, boris, clara)
    file = await home.put(anna)
    sent = await home.attach(anna, first, file, text="Смотри")

    forwarded = await home.forward(boris, sent, second)
    again = await home.forward(boris, sent, second, ref=forwarded.ref)
    await home.delete(anna, sent)
    await home.settle()

    assert again.seq == forwarded.seq and forwarded.attachments == sent.attachments
    assert await home.sees(clara, file) and await home.held() == [file.id]


async def test_a_file_in_a_hundred_chats_is_seen_in_the_last_of_them(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    file = await home.put(anna)
    sent = await home.attach(anna, await group(home.services, anna), file)
    for _ in range(60):
        await home.forward(anna, sent, await group(home.services, anna))

    last = await direct(home.services, anna, boris)
    assert not await home.sees(boris, file)
    await home.forward(anna, sent, last)
    assert await home.sees(boris, file)


# News of media


def ready(file: Media) -> MediaReady:
    known = Media(
        file.id,
        file.owner_id,
        file.name,
        file.type,
        "video",
        file.size,
        file.sha256,
        "ready",
        file.created_at,
        Shown(640, 360, 1500, has_sound=True),
    )
    return MediaReady(media=known)


async def make_film(home: FilesHome, file: Media) -> None:
    """Media has it as a film that is being worked on."""
    async with home.services.database.transaction() as tx:
        await tx.execute(
            "UPDATE media_objects SET kind = 'video', type = 'video/mp4', state = 'working' WHERE id = :id", id=file.id
        )


async def test_everyone_learns_by_the_log_that_a_film_is_ready_once(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    file = await home.put(anna)
    await make_film(home, file)
    sent = await home.attach(anna, chat_id, file)
    assert sent.attachments[0].state == "working"

    for _ in range(2):
        await home.attaching().renew(ready(file))

    *_, last = await log_of(home.services, boris, chat_id)
    assert (last.kind, last.target, last.seq) == ("renewed", sent.seq, sent.seq + 1)
    assert last.message and last.message.attachments[0].state == "ready"
    assert last.message.attachments[0].shown == Shown(640, 360, 1500, has_sound=True)
    assert last.message.edited_at is None and (await chat_of(home.services, boris, chat_id)).unread == 1


async def test_those_to_whom_a_film_was_sent_hear_how_far_it_is_and_of_what_there_is_better_to_watch(
    files_home: FilesHome,
) -> None:
    home, heard = files_home, list[Signal]()
    await home.services.cache.subscribe(
        SIGNALS, lambda payload: heard.append(msgspec.msgpack.decode(payload, type=Signal))
    )
    anna, boris = await home.services.newcomers("anna", "boris")
    chats = [await direct(home.services, anna, boris), await group(home.services, anna)]
    file = await home.put(anna)
    await make_film(home, file)
    for chat_id in (*chats, chats[1]):
        await home.attach(anna, chat_id, file)
    heard.clear()

    await home.attaching().tell_progress(MediaProgressed(media_id=file.id, progress=40))
    on_its_way, heard[:] = list(heard), []
    await home.attaching().renew(ready(file))
    first, heard[:] = list(heard), []
    await home.attaching().renew(ready(file))

    event = {"type": "media", "media_id": file.id, "state": "working", "progress": 40}
    assert sorted((signal.chat_id, signal.user_id) for signal in on_its_way) == sorted((id, "") for id in chats)
    assert all(msgspec.json.decode(signal.event) == event for signal in on_its_way)
    # The log itself says the first time that it can be watched.
    assert first == [] and {signal.chat_id for signal in heard} == set(chats)
    assert {msgspec.json.decode(signal.event)["state"] for signal in heard} == {"ready"}


async def test_a_film_that_becomes_ready_while_its_message_is_on_its_way_is_sent_ready(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    file = await home.put(anna)
    await make_film(home, file)
    held = await home.attaching().hold(anna.user_id, [GivenAttachment(file.id)])
    await home.attaching().renew(ready(file))

    sent = await home.send_held(anna, SendMessage(chat_id, "film"), held)

    assert sent.attachments[0].state == "ready"


# Finding


async def test_the_files_of_a_chat_are_listed_by_kind_newest_first_without_what_is_gone(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    sent = [await home.attach(anna, chat_id, await home.put(anna)) for _ in range(7)]
    sound = GivenAttachment((await home.put(anna, "голос.wav", SOUND)).id, "voice")
    voice = await home.services.messaging.send_message(anna, SendMessage(chat_id, "v", attachments=[sound]))
    await home.delete(anna, sent[3])
    await home.delete(boris, sent[5], for_everyone=False)

    seqs, cursor = [], ""
    while True:
        page = await home.services.attachments.list_attachments(
            boris, ListAttachments(chat_id, "file", limit=2, cursor=cursor)
        )
        seqs += [entry.seq for entry in page.entries]
        if page.next_cursor is None:
            break
        cursor = page.next_cursor

    assert seqs == [sent[place].seq for place in (6, 4, 2, 1, 0)]
    voices = await home.services.attachments.list_attachments(boris, ListAttachments(chat_id, "voice"))
    assert [entry.seq for entry in voices.entries] == [voice.seq]
    stranger = await home.services.newcomer("stranger")
    with pytest.raises(ChatNotFound):
        await home.services.attachments.list_attachments(stranger, ListAttachments(chat_id))


async def test_the_files_of_a_topic_are_listed_without_those_of_others(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await group(home.services, anna, boris)
    before = await home.attach(anna, chat_id, await home.put(anna))
    await home.services.topics.switch_topics(anna, SwitchTopics(chat_id, True))
    boats, nets = [(await home.services.topics.make_topic(anna, MakeTopic(chat_id, title, title))).id for title in "ЛС"]
    sent = {topic: [await home.attach(anna, chat_id, await home.put(anna), topic_id=topic)] for topic in (boats, nets)}
    sent[boats].insert(0, await home.attach(anna, chat_id, await home.put(anna), topic_id=boats))
    unnamed = await home.attach(anna, chat_id, await home.put(anna))

    async def listed(topic_id: int | None) -> list[int]:
        wanted = ListAttachments(chat_id, "file", topic_id=topic_id)
        return [entry.seq for entry in (await home.services.attachments.list_attachments(boris, wanted)).entries]

    assert await listed(boats) == [entry.seq for entry in sent[boats]]
    assert await listed(nets) == [entry.seq for entry in sent[nets]]
    assert await listed(GENERAL) == [unnamed.seq, before.seq], "what was sent before there were topics has none"
    assert len(await listed(None)) == 5
    with pytest.raises(TopicNotFound):
        await listed(unnamed.seq)
