"""Pictures of people and bots: everyone here sees the one that was chosen, and media holds it exactly so long."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.services.auth.accounts import PASSWORD, actor_of, register, set_up
from tests.services.auth.home import Home
from tests.services.media.images import files
from tests.services.messaging.attached import LATER_US, FilesHome, with_files
from tests.services.messaging.chats import chat_of, direct
from tests.waiting import eventually

from kaif.engines.mail.mailbox import DevMailbox
from kaif.interfaces.auth import GetPerson, Nothing, User
from kaif.interfaces.auth.accounts import DeleteAccount
from kaif.interfaces.auth.audit import ListAudit
from kaif.interfaces.auth.avatars import Avatars, AvatarsOff, NoAvatar, NotAPicture, SetAvatar, SetBotAvatar
from kaif.interfaces.auth.bots import BotNotFound, MakeBot, OfBot
from kaif.interfaces.auth.directory import OfAccount
from kaif.interfaces.auth.sessions import AccountSuspended, Suspend
from kaif.interfaces.media import Media, MediaId, MediaNotFound
from kaif.interfaces.media.references import LetGo, Refer, References
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import now_us
from kaif.kernel.errors import MissingPermission, Unauthenticated, Unavailable
from kaif.kernel.ids import new_id
from kaif.services.auth.accounts import avatar_store
from kaif.services.auth.accounts.avatar_store import Hold
from kaif.services.auth.accounts.avatars import HOLDER, AvatarsService, HoldsPictures
from kaif.services.auth.audit.log import AuditLog


@pytest.fixture
async def files_home(database_url: str, tmp_path: Path) -> AsyncIterator[FilesHome]:
    async with with_files(tmp_path, database_url) as home:
        yield home


@pytest.fixture
async def small_files_home(migrated_sqlite_url: str, tmp_path: Path) -> AsyncIterator[FilesHome]:
    async with with_files(tmp_path, migrated_sqlite_url) as home:
        yield home


async def picture(home: FilesHome, actor: Actor, shade: int = 0) -> Media:
    return await home.put(actor, "я.png", files.png(files.photo() + shade))


async def avatar_of(home: FilesHome, user_id: UserId) -> str | None:
    return (await home.services.auth.get_person(Actor(), GetPerson(user_id))).avatar


async def set_to(home: FilesHome, actor: Actor, media: Media) -> User:
    return await home.services.avatars.set_avatar(actor, SetAvatar(media.id))


async def held_for_auth(home: FilesHome) -> list[str]:
    rows: list[tuple[str]] = await home.services.database.fetch(
        tuple, "SELECT media_id FROM media_references WHERE holder = :holder ORDER BY media_id", holder=HOLDER
    )
    return [media_id for (media_id,) in rows]


async def holds_only(home: FilesHome, *media: Media) -> None:
    async def come() -> bool:
        return await held_for_auth(home) == sorted(one.id for one in media)

    await eventually(come)
    rows: list[tuple[int]] = await home.services.database.fetch(tuple, "SELECT COUNT(*) FROM auth_avatars")
    assert rows[0][0] == len(media)


async def test_everyone_sees_the_new_picture_and_media_lets_go_of_the_old(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    old, new = await picture(home, anna), await picture(home, anna, 9)
    assert not await home.sees(boris, old)

    await set_to(home, anna, old)
    assert await home.sees(boris, old)
    assert (await set_to(home, anna, new)).avatar == new.id

    async def told() -> bool:
        return new.id in [person.avatar for person in (await chat_of(home.services, boris, chat_id)).people]

    await eventually(told)
    assert await home.sees(boris, new) and await avatar_of(home, anna.user_id) == new.id
    await holds_only(home, new)
    assert not await home.sees(boris, old)


async def test_who_takes_it_off_is_seen_without_and_doing_so_twice_is_no_error(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    mine = await picture(home, anna)
    await set_to(home, anna, mine)

    await home.services.avatars.remove_avatar(anna, Nothing())
    await home.services.avatars.remove_avatar(anna, Nothing())

    await holds_only(home)
    assert await avatar_of(home, anna.user_id) is None and not await home.sees(boris, mine)


async def test_a_file_of_somebody_else_or_no_picture_is_refused_and_the_old_one_stays(files_home: FilesHome) -> None:
    home = files_home
    anna, boris = await home.services.newcomers("anna", "boris")
    mine, theirs = await picture(home, anna), await picture(home, boris, 9)
    await set_to(home, boris, theirs)
    await set_to(home, anna, mine)

    # Boris shows it to everyone: that makes it nobody else's.
    with pytest.raises(MediaNotFound):
        await set_to(home, anna, theirs)
    with pytest.raises(NotAPicture):
        await set_to(home, anna, await home.put(anna, "план.txt"))

    assert await avatar_of(home, anna.user_id) == mine.id
    await holds_only(home, mine, theirs)


async def test_of_ten_set_at_once_one_is_shown_and_only_it_is_held(files_home: FilesHome) -> None:
    home = files_home
    anna = await home.services.newcomer("anna")
    pictures = [await picture(home, anna, shade) for shade in range(10)]

    await asyncio.gather(*(set_to(home, anna, one) for one in pictures))

    shown = await avatar_of(home, anna.user_id)
    await holds_only(home, next(one for one in pictures if one.id == shown))


async def test_who_was_suspended_or_has_left_meanwhile_shows_nothing_and_holds_nothing(files_home: FilesHome) -> None:
    home = files_home
    operator = actor_of(await set_up(home.services.auth))
    anna, boris = await home.services.newcomers("anna", "boris")
    mine, theirs = await picture(home, anna), await picture(home, boris)
    another = await picture(home, boris, 9)
    await home.services.sessions.suspend(operator, Suspend(anna.user_id))
    await set_to(home, boris, theirs)
    async with home.services.database.transaction() as tx:
        await tx.execute("UPDATE auth_users SET deleted_at_us = 1 WHERE id = :id", id=boris.user_id)

    with pytest.raises(AccountSuspended):
        await set_to(home, anna, mine)
    with pytest.raises(Unauthenticated):
        await set_to(home, boris, another)

    assert await avatar_of(home, anna.user_id) is None
    await holds_only(home, theirs)


async def test_an_owner_gives_a_bot_its_picture_which_goes_with_the_bot(files_home: FilesHome) -> None:
    home, avatars = files_home, files_home.services.avatars
    owner = actor_of(await set_up(home.services.auth))
    stranger = await home.services.newcomer("stranger")
    bot_id = (await home.services.bots.make_bot(owner, MakeBot("helper_bot"))).bot.person.id
    mine = await picture(home, owner)

    seen = await avatars.set_bot_avatar(owner, SetBotAvatar(bot_id, mine.id))
    with pytest.raises(BotNotFound):
        await avatars.set_bot_avatar(stranger, SetBotAvatar(bot_id, (await picture(home, stranger, 9)).id))
    with pytest.raises(BotNotFound):
        await avatars.remove_bot_avatar(stranger, OfBot(bot_id))
    with pytest.raises(BotNotFound):
        await avatars.set_bot_avatar(owner, SetBotAvatar(stranger.user_id, mine.id))

    assert seen.person.avatar == mine.id == await avatar_of(home, bot_id)
    await holds_only(home, mine)
    await home.services.bots.delete_bot(owner, OfBot(bot_id))
    await holds_only(home)
    assert await avatar_of(home, bot_id) is None


async def test_an_account_that_is_deleted_leaves_no_picture_behind(files_home: FilesHome) -> None:
    home = files_home
    await set_up(home.services.auth)
    anna = actor_of(await register(home.services.auth, "anna"))
    await set_to(home, anna, await picture(home, anna))

    await home.services.accounts.delete_account(anna, DeleteAccount(PASSWORD))

    await holds_only(home)
    assert await avatar_of(home, anna.user_id) is None


async def test_an_operator_takes_a_picture_down_and_the_person_is_told(files_home: FilesHome, tmp_path: Path) -> None:
    home, avatars = files_home, files_home.services.avatars
    owner = actor_of(await set_up(home.services.auth))
    anna, boris = await home.services.newcomers("anna", "boris")
    mine = await picture(home, anna)
    await set_to(home, anna, mine)
    async with home.services.database.transaction() as tx:
        await tx.execute("UPDATE auth_users SET email_confirmed_at_us = 1 WHERE id = :id", id=anna.user_id)
    mailbox = DevMailbox(tmp_path / "mailbox")

    with pytest.raises(MissingPermission):
        await avatars.take_avatar(boris, OfAccount(anna.user_id))
    await avatars.take_avatar(owner, OfAccount(anna.user_id))
    with pytest.raises(NoAvatar):
        await avatars.take_avatar(owner, OfAccount(anna.user_id))

    async def told() -> bool:
        return [kept.letter.to for kept in await mailbox.letters()].count("anna@example.org") == 1

    await eventually(told)
    await holds_only(home)
    assert await avatar_of(home, anna.user_id) is None
    (entry,) = (await home.services.audit.list_audit(owner, ListAudit(action="avatar_taken"))).entries
    assert (entry.actor_id, entry.subject_id, entry.details["media"]) == (owner.user_id, anna.user_id, mine.id)


async def test_without_media_there_are_no_pictures_and_it_is_said_so(embedded_home: Home) -> None:
    owner = actor_of(await set_up(embedded_home.auth))

    with pytest.raises(AvatarsOff):
        await embedded_home.services[Avatars].set_avatar(owner, SetAvatar(MediaId(new_id())))


class Deaf:
    """Media that carries out what it is asked, and whose answer is lost."""

    def __init__(self, media: HoldsPictures) -> None:
        self._media = media

    async def refer(self, actor: Actor, request: Refer) -> Media:
        await self._media.refer(actor, request)
        raise Unavailable

    async def let_go(self, actor: Actor, request: LetGo) -> Nothing:
        raise Unavailable


async def test_what_media_holds_though_its_answer_was_lost_is_let_go(small_files_home: FilesHome) -> None:
    home, services = small_files_home, small_files_home.services
    anna = await services.newcomer("anna")
    mine = await picture(home, anna)
    deaf = AvatarsService(
        services.database, Deaf(services.media[References]), AuditLog("a key", now_us), lambda: home.moment[0]
    )

    with pytest.raises(Unavailable):
        await deaf.set_avatar(anna, SetAvatar(mine.id))

    await holds_only(home)
    assert await avatar_of(home, anna.user_id) is None


async def test_what_a_crash_left_is_taken_along_by_the_next_picture(small_files_home: FilesHome) -> None:
    home, services = small_files_home, small_files_home.services
    anna = await services.newcomer("anna")
    lost, mine = await picture(home, anna), await picture(home, anna, 9)
    async with services.database.transaction() as tx:
        await avatar_store.add(tx, Hold("a hold", anna.user_id, lost.id, home.moment[0]))
    await services.media[References].refer(anna, Refer(lost.id, HOLDER, "a hold", "everyone"))
    home.moment[0] += LATER_US

    await set_to(home, anna, mine)

    await holds_only(home, mine)
