"""Who may do what in a chat: the rule, and that every use case asks it."""

import asyncio
from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.harness import Services, wired_services
from tests.services.messaging.chats import channel, chat_of, direct, group, log_of, say

from kaif.interfaces.messaging import (
    AddMembers,
    Chat,
    ChatId,
    ChatKind,
    CreateChat,
    GetChat,
    ListMembers,
    RemoveMember,
    RightName,
    Role,
)
from kaif.interfaces.messaging.actions import (
    DeleteMessages,
    EditMessage,
    ListReactions,
    MayNotPin,
    NotYourMessage,
    OfMessage,
    React,
)
from kaif.interfaces.messaging.administration import (
    Appoint,
    BadUntil,
    BeyondYourRights,
    ChangeChat,
    ListBans,
    MemberNotFound,
    NameTaken,
    OfMember,
    Restrict,
)
from kaif.interfaces.messaging.errors import (
    ChatNotFound,
    LinksNotAllowed,
    MayNotSend,
    MemberBanned,
    MembersHidden,
    NotAGroup,
    OwnerMustStay,
    OwnersOnly,
    RightMissing,
    SlowMode,
)
from kaif.kernel.actor import Actor
from kaif.kernel.clock import as_datetime, now_us
from kaif.services.messaging.rights import (
    EVERY,
    OF_MEMBERS,
    OF_SPEAKERS,
    OF_SUSPENDED,
    Member,
    Right,
    may_act_on,
    may_appoint,
    named,
    names_of,
    rights_of,
)

RIGHTS = st.integers(0, int(EVERY))
MEMBERS = st.builds(
    Member,
    st.sampled_from(get_args(ChatKind)),
    RIGHTS,
    st.sampled_from(get_args(Role)),
    RIGHTS,
    RIGHTS,
    st.sampled_from([0, 5, 15]),
)
NOW_US = 10


# The rule


@given(MEMBERS)
def test_the_matrix_of_rights(member: Member) -> None:
    rights = rights_of(member._replace(suspended=""), NOW_US)

    closed = rights_of(member._replace(suspended="spam"), NOW_US)
    assert closed == rights & OF_SUSPENDED, "what moderators have closed is only looked after"
    if member.kind in ("direct", "saved"):
        assert rights == OF_SPEAKERS | Right.PIN
    elif member.role == "owner":
        assert rights == EVERY | Right.STAFF | Right.OWN
    elif member.role == "admin":
        assert rights & ~(Right.STAFF | OF_SPEAKERS | OF_MEMBERS) == Right(member.rights) & EVERY & ~OF_MEMBERS
        assert Right.STAFF in rights
        assert member.kind == "channel" or OF_SPEAKERS in rights
        assert member.kind == "group" or rights & EVERY == Right(member.rights)
    else:
        assert not rights & ~OF_MEMBERS, "a member never does what is for admins"
        assert member.kind == "group" or not rights, "who reads a channel does nothing else"
        in_force = member.taken_until_us in (0, 15)
        assert not (in_force and rights & member.taken), "what is taken is gone"
        if not in_force and member.kind == "group":
            assert rights == Right(member.default_rights) & OF_MEMBERS


@given(MEMBERS, st.sampled_from(get_args(Role)))
def test_nobody_acts_on_the_owner_and_only_the_owner_on_admins(member: Member, target: Role) -> None:
    rights = rights_of(member, NOW_US)

    assert may_act_on(rights, target) == (target == "member" or (target == "admin" and Right.OWN in rights))


@given(MEMBERS, RIGHTS)
def test_nobody_gives_a_right_that_they_lack(member: Member, chosen: int) -> None:
    rights = rights_of(member, NOW_US)

    if may_appoint(rights, Right(chosen)):
        assert Right.ADMINS in rights
        assert not Right(chosen) & ~rights


def test_every_name_is_a_right_and_back() -> None:
    names = list(get_args(RightName))

    assert names_of(named(names)) == names
    assert named(names) == EVERY


# The use cases


async def change(services: Services, actor: Actor, chat_id: ChatId, **changes: object) -> Chat:
    return await services.administration.change_chat(actor, ChangeChat(chat_id, **changes))  # type: ignore[arg-type]


async def appoint(services: Services, actor: Actor, chat_id: ChatId, other: Actor, *rights: RightName) -> None:
    await services.administration.appoint_admin(actor, Appoint(chat_id, other.user_id, list(rights)))


async def restrict(services: Services, actor: Actor, chat_id: ChatId, other: Actor, *taken: RightName) -> None:
    await services.administration.restrict_member(actor, Restrict(chat_id, other.user_id, list(taken)))


async def ban(services: Services, actor: Actor, chat_id: ChatId, other: Actor) -> None:
    await services.administration.ban_person(actor, OfMember(chat_id, other.user_id))


async def test_a_restriction_is_in_force_at_once_even_for_who_was_remembered_to_write(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    await say(services, boris, chat_id)

    await restrict(services, anna, chat_id, boris, "send")

    with pytest.raises(MayNotSend):
        await say(services, boris, chat_id)
    assert "send" not in (await chat_of(services, boris, chat_id)).rights
    await restrict(services, anna, chat_id, boris)
    await say(services, boris, chat_id)
    kinds = [entry.kind for entry in await log_of(services, anna, chat_id)]
    assert kinds == ["created", "message", "restricted", "unrestricted", "message"]


async def test_a_restriction_ends_by_itself(database_url: str, tmp_path: object) -> None:
    moment = [now_us()]
    async with wired_services(tmp_path, database_url, clock=lambda: moment[0]) as services:  # type: ignore[arg-type]
        anna, boris = await services.newcomers("anna", "boris")
        chat_id = await group(services, anna, boris)
        until = as_datetime(moment[0]) + timedelta(hours=1)
        await services.administration.restrict_member(anna, Restrict(chat_id, boris.user_id, ["send"], until))
        for _ in range(2):
            with pytest.raises(MayNotSend):
                await say(services, boris, chat_id)
        assert (await chat_of(services, boris, chat_id)).restricted_until == until

        moment[0] += 3_600_000_001

        await say(services, boris, chat_id)
        assert (await chat_of(services, boris, chat_id)).restricted_until is None
        with pytest.raises(BadUntil):
            await services.administration.restrict_member(anna, Restrict(chat_id, boris.user_id, ["send"], until))


async def test_members_may_do_what_the_group_leaves_to_them(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await group(services, anna, boris)

    await change(services, anna, chat_id, default_rights=["send"])

    with pytest.raises(RightMissing):
        await services.messaging.add_members(boris, AddMembers(chat_id, [clara.user_id]))
    with pytest.raises(LinksNotAllowed):
        await say(services, boris, chat_id, "см. https://example.org")
    with pytest.raises(RightMissing):
        await change(services, boris, chat_id, title="Наше")
    await say(services, boris, chat_id, "просто слова, т.е. без ссылок")
    await say(services, anna, chat_id, "https://example.org")
    await change(services, anna, chat_id, default_rights=["send", "info", "links"])
    assert (await change(services, boris, chat_id, title="Наше")).title == "Наше"
    assert (await log_of(services, anna, chat_id))[-1].title == "Наше"


async def test_members_never_get_what_is_for_admins(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)

    chat = await change(services, anna, chat_id, default_rights=["send", "ban", "admins", "delete"])

    assert chat.default_rights == ["send"]
    with pytest.raises(RightMissing):
        await ban(services, boris, chat_id, anna)


async def test_slow_mode_makes_members_wait_and_admins_not(database_url: str, tmp_path: object) -> None:
    moment = [now_us()]
    async with wired_services(tmp_path, database_url, clock=lambda: moment[0]) as services:  # type: ignore[arg-type]
        anna, boris, clara = await services.newcomers("anna", "boris", "clara")
        chat_id = await group(services, anna, boris, clara)
        await change(services, anna, chat_id, slow_mode_s=10)
        first = await say(services, boris, chat_id, ref="m-1")

        with pytest.raises(SlowMode) as refused:
            await say(services, boris, chat_id, ref="m-2")

        assert 0 < int(str(refused.value.details["retry_after_ms"])) <= 10_001
        assert await say(services, boris, chat_id, ref="m-1") == first, "what stands in the log is not refused"
        await say(services, clara, chat_id)
        for _ in range(2):
            await say(services, anna, chat_id)
        moment[0] += 10_000_000
        await say(services, boris, chat_id, ref="m-2")


async def test_of_ten_at_once_slow_mode_lets_one_through(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    await change(services, anna, chat_id, slow_mode_s=60)

    outcomes = await asyncio.gather(*[say(services, boris, chat_id) for _ in range(10)], return_exceptions=True)

    assert sum(isinstance(outcome, SlowMode) for outcome in outcomes) == 9


async def test_who_is_banned_cannot_come_back_until_unbanned(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await group(services, anna, boris, clara)
    await say(services, boris, chat_id)

    await ban(services, anna, chat_id, boris)
    await ban(services, anna, chat_id, boris)

    with pytest.raises(ChatNotFound):
        await say(services, boris, chat_id)
    for other in (anna, clara):
        with pytest.raises(MemberBanned):
            await services.messaging.add_members(other, AddMembers(chat_id, [boris.user_id]))
    bans = (await services.administration.list_bans(anna, ListBans(chat_id))).bans
    assert [(each.person.id, each.banned_by) for each in bans] == [(boris.user_id, anna.user_id)]
    with pytest.raises(RightMissing):
        await services.administration.list_bans(clara, ListBans(chat_id))
    await services.administration.unban_person(anna, OfMember(chat_id, boris.user_id))
    await services.messaging.add_members(clara, AddMembers(chat_id, [boris.user_id]))
    await say(services, boris, chat_id)
    assert [entry.kind for entry in await log_of(services, anna, chat_id)][2] == "banned"


async def test_somebody_is_banned_before_they_ever_came(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna)

    await ban(services, anna, chat_id, boris)

    with pytest.raises(MemberBanned):
        await services.messaging.add_members(anna, AddMembers(chat_id, [boris.user_id]))


async def test_an_admin_does_what_was_chosen_for_them_and_no_more(services: Services) -> None:
    anna, boris, clara, dina = await services.newcomers("anna", "boris", "clara", "dina")
    chat_id = await group(services, anna, boris, clara, dina)

    await appoint(services, anna, chat_id, boris, "ban")

    await ban(services, boris, chat_id, dina)
    with pytest.raises(RightMissing):
        await appoint(services, boris, chat_id, clara, "ban")
    with pytest.raises(RightMissing):
        await change(services, boris, chat_id, title="Наше")
    with pytest.raises(OwnersOnly):
        await change(services, boris, chat_id, members_hidden=True)
    staff = (await services.messaging.list_members(clara, ListMembers(chat_id, who="staff"))).members
    assert [(member.id, member.role, member.rights) for member in staff] == [
        (anna.user_id, "owner", []),
        (boris.user_id, "admin", ["ban"]),
    ]


async def test_an_admin_gives_no_right_that_they_lack_and_touches_no_other_admin(services: Services) -> None:
    anna, boris, clara, dina = await services.newcomers("anna", "boris", "clara", "dina")
    chat_id = await group(services, anna, boris, clara, dina)
    await appoint(services, anna, chat_id, boris, "ban", "admins")

    with pytest.raises(BeyondYourRights):
        await appoint(services, boris, chat_id, clara, "ban", "info")
    await appoint(services, boris, chat_id, clara, "ban")
    for victim in (clara, anna):
        with pytest.raises(BeyondYourRights):
            await appoint(services, boris, chat_id, victim)
        with pytest.raises(BeyondYourRights):
            await ban(services, boris, chat_id, victim)
        with pytest.raises(BeyondYourRights):
            await restrict(services, boris, chat_id, victim, "send")
        with pytest.raises(BeyondYourRights):
            await services.administration.dismiss_admin(boris, OfMember(chat_id, victim.user_id))
        with pytest.raises(OwnersOnly):
            await services.messaging.remove_member(boris, RemoveMember(chat_id, victim.user_id))
    await services.administration.dismiss_admin(boris, OfMember(chat_id, boris.user_id))
    with pytest.raises(RightMissing):
        await ban(services, boris, chat_id, dina)


async def test_strangers_learn_nothing_and_change_nothing(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await group(services, anna, boris)
    between = await direct(services, anna, boris)
    administration = services.administration

    calls: list[tuple[Any, Any]] = [
        (administration.change_chat, ChangeChat(chat_id, title="Моё")),
        (administration.appoint_admin, Appoint(chat_id, clara.user_id, ["ban"])),
        (administration.dismiss_admin, OfMember(chat_id, anna.user_id)),
        (administration.restrict_member, Restrict(chat_id, boris.user_id, ["send"])),
        (administration.ban_person, OfMember(chat_id, boris.user_id)),
        (administration.unban_person, OfMember(chat_id, clara.user_id)),
        (administration.list_bans, ListBans(chat_id)),
        (administration.transfer_chat, OfMember(chat_id, clara.user_id)),
        (administration.delete_chat, GetChat(chat_id)),
    ]
    for call, request in calls:
        with pytest.raises(ChatNotFound):
            await call(clara, request)
    with pytest.raises(NotAGroup):
        await ban(services, anna, between, boris)
    with pytest.raises(MemberNotFound):
        await restrict(services, anna, chat_id, clara, "send")


async def test_the_owner_gives_the_chat_away_and_stays_an_admin(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    with pytest.raises(OwnersOnly):
        await services.administration.transfer_chat(boris, OfMember(chat_id, boris.user_id))

    chat = await services.administration.transfer_chat(anna, OfMember(chat_id, boris.user_id))

    assert chat.role == "admin"
    assert (await chat_of(services, boris, chat_id)).role == "owner"
    with pytest.raises(OwnersOnly):
        await services.administration.delete_chat(anna, GetChat(chat_id))


async def test_a_deleted_chat_is_gone_for_everybody_and_leaves_nothing(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    await change(services, anna, chat_id, name="friends")
    await say(services, boris, chat_id)
    with pytest.raises(OwnersOnly):
        await services.administration.delete_chat(boris, GetChat(chat_id))

    await services.administration.delete_chat(anna, GetChat(chat_id))

    for person in (anna, boris):
        with pytest.raises(ChatNotFound):
            await chat_of(services, person, chat_id)
        with pytest.raises(ChatNotFound):
            await say(services, person, chat_id)
        with pytest.raises(ChatNotFound):
            await log_of(services, person, chat_id)
    for _ in range(200):
        left = await services.database.fetch(tuple, "SELECT 1 FROM messaging_chats WHERE id = :id", id=chat_id)
        if not left:
            break
        await asyncio.sleep(0.05)
    for table in ("messaging_members", "messaging_entries"):
        assert not await services.database.fetch(tuple, f"SELECT 1 FROM {table} WHERE chat_id = :id", id=chat_id)
    assert (await change(services, boris, await group(services, boris), name="friends")).name == "friends"


async def test_a_public_name_is_one_chats_and_nobodys_username(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chats = [await group(services, anna, boris) for _ in range(2)]
    await change(services, anna, chats[0], name="lake")

    for taken in ("lake", "boris"):
        with pytest.raises(NameTaken):
            await change(services, anna, chats[1], name=taken)
    with pytest.raises(OwnersOnly):
        await change(services, boris, chats[1], name="river")
    await change(services, anna, chats[0], name="")
    assert (await change(services, anna, chats[1], name="lake")).name == "lake"


# Channels


async def test_few_write_in_a_channel_and_it_speaks_for_them(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await channel(services, anna, boris, clara)
    await appoint(services, anna, chat_id, boris, "send", "links")

    mine = await say(services, anna, chat_id, "Открыто", ref="p-1")
    await say(services, boris, chat_id, "Завтра тоже: example.org")

    with pytest.raises(MayNotSend):
        await say(services, clara, chat_id)
    log = await log_of(services, clara, chat_id)
    assert [(str(entry.kind), str(entry.sender_id), entry.user_ids) for entry in log] == [
        ("created", str(chat_id), []),
        ("message", str(chat_id), []),
        ("message", str(chat_id), []),
    ]
    assert await say(services, anna, chat_id, "Открыто", ref="p-1") == mine
    assert await say(services, boris, chat_id, "Другое", ref="p-1") != mine


async def test_a_channel_that_signs_names_the_author_from_then_on(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await channel(services, anna, boris)
    await say(services, anna, chat_id)

    await change(services, anna, chat_id, signed=True)
    await say(services, anna, chat_id)

    messages = [entry for entry in await log_of(services, boris, chat_id) if entry.kind == "message"]
    assert [entry.sender_id for entry in messages] == [chat_id, anna.user_id]


async def test_who_reads_a_channel_sees_nobody_else(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await channel(services, anna, boris, clara)
    await services.messaging.remove_member(clara, RemoveMember(chat_id, clara.user_id))

    chat = await chat_of(services, boris, chat_id)

    assert (chat.people, chat.members_count, chat.others_read_seq) == ([], 2, 0)
    for who in ("all", "staff"):
        with pytest.raises(MembersHidden):
            await services.messaging.list_members(boris, ListMembers(chat_id, who=who))
    assert len((await services.messaging.list_members(anna, ListMembers(chat_id))).members) == 2
    assert len(await log_of(services, boris, chat_id)) == 1, "coming and going is not in a channel's log"


async def test_hidden_members_of_a_group_are_seen_by_admins_alone(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)

    await change(services, anna, chat_id, members_hidden=True)

    with pytest.raises(MembersHidden):
        await services.messaging.list_members(boris, ListMembers(chat_id))
    assert (await chat_of(services, boris, chat_id)).people == []
    assert (await services.messaging.list_members(anna, ListMembers(chat_id))).members


async def test_a_channel_is_not_left_to_its_readers(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await channel(services, anna, boris)

    with pytest.raises(OwnerMustStay):
        await services.messaging.remove_member(anna, RemoveMember(chat_id, anna.user_id))

    await appoint(services, anna, chat_id, boris, "send")
    await services.messaging.remove_member(anna, RemoveMember(chat_id, anna.user_id))
    assert (await chat_of(services, boris, chat_id)).role == "owner"


async def test_ones_saved_messages_exist_once_and_belong_to_nobody_else(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")

    chats = [await services.messaging.create_chat(anna, CreateChat("saved")) for _ in range(2)]

    assert chats[0].id == chats[1].id
    await say(services, anna, chats[0].id)
    with pytest.raises(ChatNotFound):
        await say(services, boris, chats[0].id)
    with pytest.raises(NotAGroup):
        await services.messaging.add_members(anna, AddMembers(chats[0].id, [boris.user_id]))


async def test_what_is_done_with_posts_names_nobody_in_a_channel(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await channel(services, anna, boris, clara)
    seq = (await say(services, anna, chat_id, "Открыто")).seq
    actions = services.actions

    await actions.add_reaction(boris, React(chat_id, seq, "👍"))
    await actions.edit_message(anna, EditMessage(chat_id, seq, "Закрыто"))
    await actions.pin_message(anna, OfMessage(chat_id, seq))
    await actions.delete_messages(anna, DeleteMessages(chat_id, [seq], for_everyone=True))

    log = await log_of(services, clara, chat_id)
    assert [entry.kind for entry in log] == ["created", "message", "reacted", "edited", "pinned", "deleted"]
    assert {str(entry.sender_id) for entry in log} == {str(chat_id)}
    assert {str(entry.message.sender_id) for entry in log if entry.message} == {str(chat_id)}
    for hidden in (
        actions.list_reactions(clara, ListReactions(chat_id, seq)),
        actions.list_readers(clara, OfMessage(chat_id, seq)),
    ):
        with pytest.raises(MembersHidden):
            await hidden


async def test_whoever_may_edit_posts_edits_any_and_nobody_learns_who(services: Services) -> None:
    anna, boris, clara, dora = await services.newcomers("anna", "boris", "clara", "dora")
    chat_id = await channel(services, anna, boris, clara, dora)
    await appoint(services, anna, chat_id, boris, "edit")
    await appoint(services, anna, chat_id, clara, "send", "delete", "links")
    post, hers = await say(services, anna, chat_id, "Открыто"), await say(services, clara, chat_id, "И здесь")
    async with services.database.transaction() as tx:
        await tx.execute("UPDATE messaging_entries SET at_us = 1 WHERE seq = :seq", seq=post.seq)
    actions = services.actions

    edited = await actions.edit_message(boris, EditMessage(chat_id, post.seq, "Закрыто"))
    assert (edited.text, str(edited.sender_id)) == ("Закрыто", chat_id)
    await actions.edit_message(anna, EditMessage(chat_id, hers.seq, "И там"))
    await actions.edit_message(clara, EditMessage(chat_id, hers.seq, "И тут"))

    assert {str(entry.sender_id) for entry in await log_of(services, dora, chat_id)} == {str(chat_id)}
    for actor in (clara, dora):
        with pytest.raises(NotYourMessage):
            await actions.edit_message(actor, EditMessage(chat_id, post.seq, "Моё"))
    with pytest.raises(LinksNotAllowed):
        await actions.edit_message(boris, EditMessage(chat_id, post.seq, "https://ozero.example"))


async def test_the_owner_of_a_group_does_not_edit_what_others_say(embedded: Services) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    chat_id = await group(embedded, anna, boris)
    said = await say(embedded, boris, chat_id)
    await appoint(embedded, anna, chat_id, boris, "edit")

    for actor, seq in ((anna, said.seq), (boris, (await say(embedded, anna, chat_id)).seq)):
        with pytest.raises(NotYourMessage):
            await embedded.actions.edit_message(actor, EditMessage(chat_id, seq, "Другое"))


async def test_only_who_may_pins_and_deletes_what_others_wrote(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await group(services, anna, boris, clara)
    seq = (await say(services, clara, chat_id)).seq
    await change(services, anna, chat_id, default_rights=["send"])

    with pytest.raises(MayNotPin):
        await services.actions.pin_message(boris, OfMessage(chat_id, seq))
    with pytest.raises(NotYourMessage):
        await services.actions.delete_messages(boris, DeleteMessages(chat_id, [seq], for_everyone=True))
    await appoint(services, anna, chat_id, boris, "pin", "delete")
    await services.actions.pin_message(boris, OfMessage(chat_id, seq))
    await services.actions.delete_messages(boris, DeleteMessages(chat_id, [seq], for_everyone=True))
