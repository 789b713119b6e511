"""Pictures of groups and channels: those in the chat see the chosen one, and media holds it exactly so long."""

import asyncio

import msgspec
import pytest
from tests.services.media.images import files
from tests.services.messaging.attached import FilesHome
from tests.services.messaging.chats import channel, chat_of, direct, group, log_of
from tests.services.messaging.test_reports import decide, file, operator
from tests.waiting import eventually

from kaif.interfaces.auth.audit import Audited, ListAudit
from kaif.interfaces.auth.roles import MANAGE_PEOPLE, READ_AUDIT
from kaif.interfaces.media import Media, MediaNotFound
from kaif.interfaces.messaging import AddMembers, Chat, ChatId, GetChat
from kaif.interfaces.messaging.administration import ChangeChat
from kaif.interfaces.messaging.attachments import ListAttachments
from kaif.interfaces.messaging.errors import ChatNotFound, NotAGroup, RightMissing
from kaif.interfaces.messaging.invitations import Door
from kaif.interfaces.messaging.pictures import NoPicture, NotAPicture, SetChatPicture
from kaif.interfaces.messaging.reports import DecideReport, NotForThisReport, OfReport, ReportedPicture
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.errors import MissingPermission
from kaif.kernel.ids import new_id


async def picture(home: FilesHome, actor: Actor, shade: int = 0) -> Media:
    return await home.put(actor, "мы.png", files.png(files.photo() + shade))


async def set_to(home: FilesHome, actor: Actor, chat_id: ChatId, media: Media) -> Chat:
    return await home.services.chat_pictures.set_chat_picture(actor, SetChatPicture(chat_id, media.id))


async def test_those_in_the_group_see_its_new_picture_and_the_old_one_is_let_go(files_home: FilesHome) -> None:
    home = files_home
    anna, boris, clara = await home.services.newcomers("anna", "boris", "clara")
    chat_id = await group(home.services, anna, boris)
    old, new = await picture(home, anna), await picture(home, anna, 9)

    assert (await set_to(home, anna, chat_id, old)).avatar == old.id
    assert await home.sees(boris, old)
    await set_to(home, anna, chat_id, new)
    await set_to(home, anna, chat_id, new)
    await home.settle()

    assert [await home.sees(who, new) for who in (boris, clara)] == [True, False]
    assert not await home.sees(boris, old) and await home.held() == [new.id]
    assert (await chat_of(home.services, boris, chat_id)).avatar == new.id
    # Their clients are told by the log, once for each change.
    assert [entry.kind for entry in await log_of(home.services, boris, chat_id)].count("changed") == 2
    # It is no file that somebody sent.
    listed = await home.services.attachments.list_attachments(boris, ListAttachments(chat_id, "file"))
    assert listed.entries == []
    await home.services.messaging.add_members(anna, AddMembers(chat_id, [clara.user_id]))
    assert await home.sees(clara, new)


async def test_who_may_not_change_the_title_or_has_no_such_picture_changes_nothing(files_home: FilesHome) -> None:
    home = files_home
    anna, boris, clara = await home.services.newcomers("anna", "boris", "clara")
    chat_id = await channel(home.services, anna, boris)
    mine = await picture(home, anna)
    await set_to(home, anna, chat_id, mine)

    with pytest.raises(RightMissing):
        await set_to(home, boris, chat_id, await picture(home, boris, 9))
    with pytest.raises(RightMissing):
        await home.services.chat_pictures.remove_chat_picture(boris, GetChat(chat_id))
    with pytest.raises(ChatNotFound):
        await set_to(home, clara, chat_id, await picture(home, clara, 9))
    with pytest.raises(MediaNotFound):
        await set_to(home, anna, chat_id, await picture(home, boris, 20))
    with pytest.raises(NotAPicture):
        await set_to(home, anna, chat_id, await home.put(anna))
    with pytest.raises(NotAGroup):
        await set_to(home, anna, await direct(home.services, anna, boris), await picture(home, anna, 30))

    await home.settle()
    assert await home.held() == [mine.id] and (await chat_of(home.services, boris, chat_id)).avatar == mine.id


async def test_whoever_looks_a_public_channel_up_sees_its_picture_until_the_name_goes(files_home: FilesHome) -> None:
    home = files_home
    anna, clara = await home.services.newcomers("anna", "clara")
    chat_id = await channel(home.services, anna)
    mine = await picture(home, anna)
    await set_to(home, anna, chat_id, mine)
    await home.services.administration.change_chat(anna, ChangeChat(chat_id, name="the_lake"))

    seen = await home.services.invitations.preview_chat(clara, Door(name="the_lake"))

    assert seen.avatar == mine.id and await home.sees(clara, mine)
    await home.services.administration.change_chat(anna, ChangeChat(chat_id, name=""))
    assert not await home.sees(clara, mine)


async def test_a_picture_that_is_taken_off_or_whose_chat_is_deleted_is_let_go(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    first, second = [await group(home.services, anna, boris) for _ in range(2)]
    mine = await picture(home, anna)
    await set_to(home, anna, first, mine)
    await set_to(home, anna, second, mine)

    await home.services.chat_pictures.remove_chat_picture(anna, GetChat(first))
    await home.settle()

    assert (await chat_of(home.services, anna, first)).avatar is None
    assert await home.held() == [mine.id] and await home.sees(boris, mine)
    await home.services.administration.delete_chat(anna, GetChat(second))

    async def gone() -> bool:
        await home.do_due()
        return not await home.known()

    await eventually(gone)
    assert await home.held() == [] and not await home.sees(boris, mine)


async def test_of_several_set_at_once_one_is_shown_and_only_it_is_held(files_home: FilesHome) -> None:
    home = files_home
    anna = await home.services.newcomer("anna")
    chat_id = await group(home.services, anna)
    pictures = [await picture(home, anna, shade) for shade in range(6)]

    await asyncio.gather(*(set_to(home, anna, chat_id, one) for one in pictures))
    await home.settle()

    assert await home.held() == [(await chat_of(home.services, anna, chat_id)).avatar]


async def takings(home: FilesHome, wanted: int) -> list[Audited]:
    reader = Actor(UserId("reader"), permissions=frozenset({READ_AUDIT}))

    async def written() -> bool:
        page = await home.services.audit.list_audit(reader, ListAudit(action="chat_picture_taken"))
        found[:] = page.entries
        return len(found) >= wanted

    found: list[Audited] = []
    await eventually(written)
    return found


async def test_an_operator_takes_a_picture_down_and_the_log_of_the_chat_names_nobody(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    moderator = await operator(home.services)
    chat_id = await group(home.services, anna, boris)
    mine = await picture(home, anna)
    await set_to(home, anna, chat_id, mine)

    others = msgspec.structs.replace(anna, permissions=frozenset({MANAGE_PEOPLE}))
    with pytest.raises(MissingPermission):
        await home.services.chat_pictures.take_chat_picture(others, GetChat(chat_id))
    await home.services.chat_pictures.take_chat_picture(moderator, GetChat(chat_id))
    with pytest.raises(NoPicture):
        await home.services.chat_pictures.take_chat_picture(moderator, GetChat(chat_id))
    with pytest.raises(ChatNotFound):
        await home.services.chat_pictures.take_chat_picture(moderator, GetChat(ChatId(new_id())))
    await home.settle()

    assert (await chat_of(home.services, boris, chat_id)).avatar is None and await home.held() == []
    told = (await log_of(home.services, boris, chat_id))[-1]
    assert (told.kind, told.sender_id) == ("changed", UserId(chat_id))
    (entry,) = await takings(home, 1)
    assert (entry.actor_id, entry.subject_id) == (moderator.user_id, "")
    assert entry.details == {"chat": chat_id, "media": mine.id}


async def test_a_reported_picture_is_seen_by_who_handles_it_and_stays_as_evidence_until_it_is_decided(
    files_home: FilesHome,
) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    moderator = await operator(home.services)
    chat_id = await group(home.services, anna, boris)
    shown = await picture(home, anna)
    await set_to(home, anna, chat_id, shown)
    assert not await home.sees(moderator, shown)

    report_id = await file(home.services, boris, chat_id=chat_id)
    seen = await home.services.reports.get_report(moderator, OfReport(report_id))
    assert seen.picture == ReportedPicture(shown.id, True) and "remove_picture" in seen.possible
    # Whoever hides it before somebody looks hides nothing.
    await home.services.chat_pictures.remove_chat_picture(anna, GetChat(chat_id))
    await home.settle()
    assert await home.sees(moderator, shown) and not await home.sees(boris, shown)
    seen = await home.services.reports.get_report(moderator, OfReport(report_id))
    assert seen.picture == ReportedPicture(shown.id, False)

    await set_to(home, anna, chat_id, shown)
    decided = await decide(home.services, moderator, report_id, "remove_picture")
    await home.settle()
    assert decided.picture is None and (await chat_of(home.services, boris, chat_id)).avatar is None
    assert await home.held() == [] and not await home.sees(moderator, shown)
    (entry,) = await takings(home, 1)
    assert entry.details == {"chat": chat_id, "media": shown.id}


async def test_a_decision_takes_down_what_was_reported_and_nothing_that_nobody_has_seen(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    moderator = await operator(home.services)
    chat_id = await group(home.services, anna, boris)
    await set_to(home, anna, chat_id, await picture(home, anna))
    about_chat = await file(home.services, boris, chat_id=chat_id)
    about_anna = await file(home.services, boris, chat_id=chat_id, user_id=anna.user_id)
    other = await picture(home, anna, 9)
    await set_to(home, anna, chat_id, other)

    await decide(home.services, moderator, about_chat, "remove_picture")
    await home.services.reports.take_report(moderator, OfReport(about_anna))
    with pytest.raises(NotForThisReport):
        await home.services.reports.decide_report(moderator, DecideReport(about_anna, "remove_picture"))

    await home.settle()
    assert (await chat_of(home.services, boris, chat_id)).avatar == other.id and await home.held() == [other.id]
