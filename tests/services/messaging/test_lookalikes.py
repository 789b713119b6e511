"""Whoever looks like the staff, or like somebody one talks with, is known as such; who was there first is not."""

import asyncio
from collections.abc import Sequence

import pytest
from tests.harness import Services
from tests.services.auth.accounts import PASSWORD
from tests.services.messaging.chats import direct, say

from kaif.interfaces.auth import Register, SetUp, UsernameImitates, UsernameTaken
from kaif.interfaces.messaging.lookalikes import FindLookalikes
from kaif.kernel.actor import NOBODY, Actor


async def seen_by(services: Services, actor: Actor, people: Sequence[Actor]) -> dict[str, str]:
    """Whom each one looks like; "staff" for the staff."""
    answer = await services.lookalikes.find_lookalikes(actor, FindLookalikes([person.user_id for person in people]))
    return {each.user_id: each.like.username if each.like else "staff" for each in answer.lookalikes}


async def test_a_name_like_that_of_a_companion_is_told_of_the_younger_account(services: Services) -> None:
    anna = await services.newcomer("anna")
    boris = await services.newcomer("boris", "Борис Лунин")
    copy = await services.newcomer("qwerty", "Бopиc Лунин")
    vera = await services.newcomer("vera", "Вера")
    await direct(services, anna, boris)
    await direct(services, anna, copy)

    assert await seen_by(services, anna, [boris, copy, vera, anna]) == {copy.user_id: "boris"}
    assert await seen_by(services, vera, [boris, copy]) == {}


async def test_a_username_counts_as_much_as_a_name_and_a_stranger_protects_nobody(services: Services) -> None:
    anna, boris = await services.newcomer("anna"), await services.newcomer("boris.lunin", "Боря")
    copy = await services.newcomer("z9", "Boris Lunin")
    await say(services, boris, await direct(services, boris, anna))
    assert await seen_by(services, anna, [copy]) == {}

    await say(services, anna, await direct(services, anna, boris))

    assert await seen_by(services, anna, [copy]) == {copy.user_id: "boris.lunin"}


async def test_nobody_looks_like_the_staff_unnoticed_and_the_staff_is_who_it_is(services: Services) -> None:
    owner, helper = await services.newcomer("keeper", "Хранитель"), await services.newcomer("keeper2", "Хранитель")
    copy, anna = await services.newcomer("copy", "Xpaнитель"), await services.newcomer("anna")
    async with services.database.transaction() as tx:
        for person, role in ((owner, "owner"), (helper, "support")):
            await tx.execute("UPDATE auth_users SET roles = :role WHERE id = :id", role=role, id=person.user_id)

    assert await seen_by(services, anna, [owner, helper, copy]) == {copy.user_id: "staff"}


async def test_those_who_left_look_like_nobody(services: Services) -> None:
    anna, *gone = await services.newcomers("anna", "boris", "vera")
    for person in gone:
        await direct(services, anna, person)
        async with services.database.transaction() as tx:
            for table in ("auth_users", "messaging_people"):
                await tx.execute(
                    f"UPDATE {table} SET username = :name, display_name = 'Удалённый аккаунт' WHERE id = :id",
                    name=f"deleted-{person.user_id}",
                    id=person.user_id,
                )

    mimic = await services.newcomer("mimic", "Удалённый аккаунт")

    assert await seen_by(services, anna, [*gone, mimic]) == {}


# Usernames


def wanted(username: str) -> Register:
    return Register(username=username, email=f"{username}@example.org", password=PASSWORD)


async def test_a_username_that_looks_like_another_is_refused_whoever_has_that(services: Services) -> None:
    await services.auth.set_up(
        NOBODY, SetUp(code="set-up-code", username="modern10", email="owner@example.org", password=PASSWORD)
    )
    for imitation in ("rnodern10", "m0dernl0", "modernlO", "MODERN1o"):
        with pytest.raises(UsernameImitates):
            await services.auth.register(NOBODY, wanted(imitation))
    with pytest.raises(UsernameTaken):
        await services.auth.register(NOBODY, wanted("Modern10"))
    await services.auth.register(NOBODY, wanted("modern2"))


async def test_of_those_who_want_names_that_look_alike_at_once_one_has_it(services: Services) -> None:
    await services.auth.set_up(
        NOBODY, SetUp(code="set-up-code", username="owner", email="owner@example.org", password=PASSWORD)
    )
    names = ["corn.1", "com.1", "c0rn.1", "com.l", "corn.l"]

    outcomes = await asyncio.gather(
        *(services.auth.register(NOBODY, wanted(name)) for name in names), return_exceptions=True
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Tokens", *["UsernameImitates"] * 4]
