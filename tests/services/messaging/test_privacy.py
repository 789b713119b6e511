"""Blocks and choices: who reaches whom, and what others learn of somebody."""

import asyncio
from collections.abc import Awaitable

import pytest
from tests.harness import Services
from tests.services.messaging.chats import chat_of, direct, group, log_of, message_of, say

from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import AddMembers, ChatId, CreateChat, GetChat, MarkRead, RemoveMember
from kaif.interfaces.messaging.actions import (
    DeleteMessages,
    EditMessage,
    ForwardedMessage,
    ForwardMessages,
    OfMessage,
    React,
    ReceiptsOff,
)
from kaif.interfaces.messaging.errors import ChatNotFound, InvitationNeeded, PersonNotReachable, UnknownMember
from kaif.interfaces.messaging.first_contact import NotAStranger
from kaif.interfaces.messaging.privacy import (
    ACQUAINTING_MEMBERS_MAX,
    ChangePrivacy,
    ListBlocked,
    NotOneself,
    OfPerson,
    PrivacySettings,
)
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import as_datetime, now_us
from kaif.kernel.errors import KaifError
from kaif.kernel.ids import new_id


async def block(services: Services, one: Actor, other: Actor) -> None:
    await services.privacy.block_person(one, OfPerson(other.user_id))


async def unblock(services: Services, one: Actor, other: Actor) -> None:
    await services.privacy.unblock_person(one, OfPerson(other.user_id))


async def peer_of(services: Services, actor: Actor, chat_id: ChatId) -> str:
    """Whom the gateway lets the actor see coming and going in the chat."""
    standings = await services.messaging.get_standings(actor, Nothing())
    return next(standing.peer_id for standing in standings.chats if standing.chat_id == chat_id)


async def refused(deed: Awaitable[object], error: type[KaifError] = PersonNotReachable) -> None:
    with pytest.raises(error):
        await deed


# Blocks


async def test_a_block_closes_the_chat_for_both_until_it_is_taken_back(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    await say(services, boris, chat_id)

    await block(services, anna, boris)
    await block(services, anna, boris)

    await refused(say(services, boris, chat_id))
    await refused(say(services, anna, chat_id))
    await unblock(services, anna, boris)
    assert (await say(services, boris, chat_id)).seq == 3


async def test_a_chat_that_both_have_closed_opens_when_both_have_opened_it(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    await block(services, anna, boris)
    await block(services, boris, anna)

    await unblock(services, anna, boris)

    await refused(say(services, boris, chat_id))
    await unblock(services, boris, anna)
    await say(services, boris, chat_id)


async def test_who_is_blocked_opens_no_chat_and_is_not_told_why(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    await block(services, anna, boris)
    await services.privacy.change_privacy(clara, ChangePrivacy(write_first="nobody"))

    with pytest.raises(PersonNotReachable) as blocked:
        await direct(services, boris, anna)
    with pytest.raises(PersonNotReachable) as chosen:
        await direct(services, boris, clara)

    assert (str(blocked.value), blocked.value.details) == (str(chosen.value), chosen.value.details)
    await refused(direct(services, anna, boris))


async def test_the_block_is_seen_by_whoever_made_it_and_by_nobody_else(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    before = await chat_of(services, boris, chat_id)

    await block(services, anna, boris)

    assert (await chat_of(services, anna, chat_id)).blocked
    assert await chat_of(services, boris, chat_id) == before
    assert (await services.privacy.list_blocked(boris, ListBlocked())).people == []
    (person,) = (await services.privacy.list_blocked(anna, ListBlocked())).people
    assert person.id == boris.user_id
    assert (await services.privacy.get_block(anna, OfPerson(boris.user_id))).blocked
    assert not (await services.privacy.get_block(boris, OfPerson(anna.user_id))).blocked


async def test_nothing_is_said_in_a_closed_chat_by_other_means(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    entry = await say(services, boris, chat_id)
    elsewhere = await group(services, boris, boris)
    other = await say(services, boris, elsewhere)
    await block(services, anna, boris)

    await refused(services.actions.edit_message(boris, EditMessage(chat_id, entry.seq, "Ответь!")))
    await refused(services.actions.add_reaction(boris, React(chat_id, entry.seq, "👎")))
    await refused(services.actions.pin_message(boris, OfMessage(chat_id, entry.seq)))
    forwarded = ForwardMessages(chat_id, elsewhere, [ForwardedMessage(other.seq, "f")])
    await refused(services.actions.forward_messages(boris, forwarded))

    assert len(await log_of(services, anna, chat_id)) == 2
    await services.actions.delete_messages(boris, DeleteMessages(chat_id, [entry.seq], for_everyone=True))


async def test_a_message_that_was_sent_before_the_block_is_acknowledged_again_after_it(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    sent = await say(services, boris, chat_id, ref="lost answer")
    await block(services, anna, boris)

    assert (await say(services, boris, chat_id, ref="lost answer")).seq == sent.seq


async def test_between_messages_and_a_block_the_log_decides(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)

    async def try_to_say() -> bool:
        try:
            await say(services, boris, chat_id)
        except PersonNotReachable:
            return False
        return True

    tries = [asyncio.ensure_future(try_to_say()) for _ in range(10)]
    await block(services, anna, boris)
    at_the_block = len(await log_of(services, anna, chat_id))
    said = await asyncio.gather(*tries, *[try_to_say() for _ in range(3)])

    assert len(await log_of(services, anna, chat_id)) == at_the_block == 1 + sum(said)
    assert not any(said[10:])


@pytest.mark.parametrize("turn", range(5))
async def test_a_chat_that_is_opened_while_one_blocks_is_not_there_or_is_closed(services: Services, turn: int) -> None:
    anna, boris = await services.newcomers("anna", "boris")

    opened, _ = await asyncio.gather(
        direct(services, boris, anna), block(services, anna, boris), return_exceptions=True
    )

    if isinstance(opened, BaseException):
        assert isinstance(opened, PersonNotReachable)
    else:
        await refused(say(services, boris, opened))


async def test_ten_blocks_and_their_ends_at_once_leave_the_chat_as_the_blocks_say(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)

    await asyncio.gather(*[deed(services, anna, boris) for deed in (block, unblock) for _ in range(5)])

    blocked = bool((await services.privacy.list_blocked(anna, ListBlocked())).people)
    assert (await chat_of(services, anna, chat_id)).blocked == blocked
    await (refused(say(services, boris, chat_id)) if blocked else say(services, boris, chat_id))


async def test_the_two_neither_see_each_other_here_nor_reading(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    first, second = await say(services, boris, chat_id), await say(services, boris, chat_id)
    await services.messaging.mark_read(anna, MarkRead(chat_id, first.seq))
    assert await peer_of(services, boris, chat_id) == anna.user_id

    await block(services, anna, boris)
    mark = await services.messaging.mark_read(anna, MarkRead(chat_id, second.seq))

    assert mark.unread == 0
    assert (await chat_of(services, boris, chat_id)).others_read_seq == first.seq
    assert (await peer_of(services, boris, chat_id), await peer_of(services, anna, chat_id)) == ("", "")
    await unblock(services, anna, boris)
    assert (await chat_of(services, boris, chat_id)).others_read_seq == second.seq
    assert await peer_of(services, boris, chat_id) == anna.user_id


async def test_in_a_group_readers_between_whom_a_block_stands_are_not_named_to_each_other(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await group(services, clara, anna, boris)
    entry = await say(services, clara, chat_id)
    for reader in (anna, boris):
        await services.messaging.mark_read(reader, MarkRead(chat_id, entry.seq))
    await block(services, anna, boris)

    async def readers(asked_by: Actor) -> set[UserId]:
        seen = await services.actions.list_readers(asked_by, OfMessage(chat_id, entry.seq))
        return {person.id for person in seen.people}

    assert await readers(boris) == {boris.user_id}
    assert await readers(anna) == {anna.user_id}
    assert await readers(clara) == {anna.user_id, boris.user_id}


async def test_nobody_blocks_themselves_or_somebody_who_is_not_there(services: Services) -> None:
    anna = await services.newcomer("anna")

    await refused(block(services, anna, anna), NotOneself)
    await refused(services.privacy.block_person(anna, OfPerson(UserId(new_id()))), UnknownMember)


# Choices


async def test_one_begins_open_to_everybody_and_changes_what_is_named(services: Services) -> None:
    anna = await services.newcomer("anna")
    assert await services.privacy.get_privacy(anna, Nothing()) == PrivacySettings()

    await services.privacy.change_privacy(anna, ChangePrivacy(online="nobody"))
    changed = await services.privacy.change_privacy(anna, ChangePrivacy(read_receipts=False))

    assert changed == PrivacySettings(online="nobody", read_receipts=False)
    assert await services.privacy.get_privacy(anna, Nothing()) == changed


async def test_acquaintances_write_first_where_strangers_do_not(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    await group(services, anna, boris)
    await services.privacy.change_privacy(anna, ChangePrivacy(write_first="acquaintances"))

    await refused(direct(services, clara, anna))

    assert await direct(services, boris, anna)
    assert await direct(services, anna, clara), "she may write to others as ever"


async def test_sharing_a_group_that_hides_its_members_makes_nobody_acquainted(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    async with services.database.transaction() as tx:
        await tx.execute("UPDATE messaging_chats SET members_hidden = 1 WHERE id = :id", id=chat_id)
    await services.privacy.change_privacy(anna, ChangePrivacy(write_first="acquaintances"))

    await refused(direct(services, boris, anna))


async def test_neither_a_large_nor_a_public_group_nor_one_that_one_was_put_into_makes_acquaintances(
    services: Services,
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    await services.privacy.change_privacy(anna, ChangePrivacy(write_first="acquaintances"))
    chat_id = await group(services, boris, anna)
    await refused(direct(services, boris, anna))

    await say(services, anna, chat_id)
    for change in (f"members = {ACQUAINTING_MEMBERS_MAX + 1}", "name = 'everybody'"):
        async with services.database.transaction() as tx:
            await tx.execute(f"UPDATE messaging_chats SET {change} WHERE id = :id", id=chat_id)
        await refused(direct(services, boris, anna))
        async with services.database.transaction() as tx:
            await tx.execute("UPDATE messaging_chats SET members = 2, name = NULL WHERE id = :id", id=chat_id)

    assert await direct(services, boris, anna)


async def test_writing_to_somebody_makes_one_no_acquaintance_of_theirs_until_they_answer(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, boris, anna)
    await say(services, boris, chat_id)
    await services.privacy.change_privacy(anna, ChangePrivacy(add_to_groups="acquaintances", online="acquaintances"))

    await refused(group(services, boris, anna), InvitationNeeded)
    assert await peer_of(services, boris, chat_id) == ""

    await say(services, anna, chat_id, "Кто вы?")
    assert await group(services, boris, anna)
    assert await peer_of(services, boris, chat_id) == anna.user_id


async def test_who_does_not_want_to_be_added_is_named_and_nobody_is_added(services: Services) -> None:
    anna, boris, clara, dmitri = await services.newcomers("anna", "boris", "clara", "dmitri")
    chat_id = await group(services, anna, dmitri)
    await services.privacy.change_privacy(boris, ChangePrivacy(add_to_groups="nobody"))
    await block(services, dmitri, anna)

    with pytest.raises(InvitationNeeded) as refusal:
        await services.messaging.add_members(anna, AddMembers(chat_id, [boris.user_id, clara.user_id]))

    assert refusal.value.details == {"user_ids": [boris.user_id]}
    assert (await chat_of(services, anna, chat_id)).members_count == 2
    await refused(group(services, anna, clara, boris), InvitationNeeded)
    await services.messaging.remove_member(anna, RemoveMember(chat_id, dmitri.user_id))
    await refused(services.messaging.add_members(anna, AddMembers(chat_id, [dmitri.user_id])), InvitationNeeded)


async def test_who_hides_their_presence_sees_nobodys(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)

    await services.privacy.change_privacy(anna, ChangePrivacy(online="nobody"))

    assert (await peer_of(services, boris, chat_id), await peer_of(services, anna, chat_id)) == ("", "")


async def test_who_shows_nobody_what_they_have_read_sees_nobodys(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    entry = await say(services, boris, chat_id)
    await say(services, anna, chat_id)
    await services.privacy.change_privacy(anna, ChangePrivacy(read_receipts=False))
    await services.messaging.mark_read(boris, MarkRead(chat_id, 3))

    assert (await chat_of(services, boris, chat_id)).others_read_seq == 0
    assert (await chat_of(services, anna, chat_id)).others_read_seq == 0
    readers = await services.actions.list_readers(boris, OfMessage(chat_id, entry.seq))
    assert readers.people == []
    await refused(services.actions.list_readers(anna, OfMessage(chat_id, entry.seq)), ReceiptsOff)


async def test_forwards_name_nobody_who_does_not_want_it(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await group(services, anna, boris, clara)
    his, hers = await say(services, boris, chat_id, "Секрет"), await say(services, clara, chat_id, "Ура")
    there = await group(services, anna, anna)
    await services.privacy.change_privacy(boris, ChangePrivacy(named_in_forwards=False))

    wanted = ForwardMessages(there, chat_id, [ForwardedMessage(his.seq, "1"), ForwardedMessage(hers.seq, "2")])
    entries = (await services.actions.forward_messages(anna, wanted)).entries

    seen = [await message_of(services, anna, entry) for entry in entries]
    assert [entry.forward and entry.forward.sender_id for entry in seen] == ["", clara.user_id]


# First contact


async def test_a_strangers_chat_is_unanswered_until_it_is_answered(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, boris, anna)
    await say(services, boris, chat_id)

    assert (await chat_of(services, anna, chat_id)).unanswered
    assert not (await chat_of(services, boris, chat_id)).unanswered

    await say(services, anna, chat_id)
    assert not (await chat_of(services, anna, chat_id)).unanswered


async def test_an_acquaintance_is_no_stranger(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    await group(services, anna, boris)

    chat = await services.messaging.create_chat(boris, CreateChat("direct", [anna.user_id]))

    assert not (await services.messaging.get_chat(anna, GetChat(chat.id))).unanswered


async def test_one_learns_who_the_stranger_is_and_nobody_else_does(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await direct(services, boris, anna)
    await group(services, clara, anna, boris, title="Рыбаки")

    stranger = await services.first_contacts.get_first_contact(anna, GetChat(chat_id))

    assert (stranger.person.username, stranger.groups_in_common, stranger.titles) == ("boris", 1, ["Рыбаки"])
    assert abs((stranger.since - as_datetime(now_us())).total_seconds()) < 60
    await refused(services.first_contacts.get_first_contact(boris, GetChat(chat_id)), NotAStranger)
    await refused(services.first_contacts.get_first_contact(clara, GetChat(chat_id)), ChatNotFound)
    await refused(services.first_contacts.accept_contact(clara, GetChat(chat_id)), ChatNotFound)


async def test_who_is_accepted_is_a_stranger_no_longer(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, boris, anna)

    await services.first_contacts.accept_contact(boris, GetChat(chat_id))
    assert (await chat_of(services, anna, chat_id)).unanswered, "nobody accepts themselves"
    for _ in range(2):
        await services.first_contacts.accept_contact(anna, GetChat(chat_id))

    assert not (await chat_of(services, anna, chat_id)).unanswered
    await refused(services.first_contacts.get_first_contact(anna, GetChat(chat_id)), NotAStranger)
