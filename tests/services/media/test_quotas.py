"""How much people may keep: by their roles, of single people as an operator says, and counted from then on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.services.media.home import LONG_AGO, Home, at_home, random_bytes
from tests.waiting import eventually, until

from kaif.engines.bus.outbox import OutboxBus
from kaif.interfaces.auth import Nothing, Person
from kaif.interfaces.auth.factors import StepUpRequired
from kaif.interfaces.auth.roles import MANAGE_ROLES, UPLOAD_MORE, BeyondYourOwn, RoleDropped, RoleNotFound
from kaif.interfaces.media import ExportMedia, FileTooLarge, OwnQuota, QuotaExceeded, Usage
from kaif.interfaces.media.joining import JoinUploads
from kaif.interfaces.media.quotas import (
    PEOPLE_LISTED_MAX,
    Quota,
    QuotaChanged,
    QuotaOf,
    RoleQuota,
    SetForPerson,
    SetPersonQuota,
    SetRoleQuota,
)
from kaif.interfaces.media.uploads import OfUpload
from kaif.interfaces.personal_data import PersonErased
from kaif.kernel.actor import Actor, SessionId, UserId
from kaif.kernel.errors import MissingPermission

KIB = 1024
OLEG = Actor(UserId("01oleg"), permissions=frozenset({MANAGE_ROLES, UPLOAD_MORE}))
VERA = Actor(UserId("01vera"))


@pytest.fixture
async def home(database_url: str, tmp_path: Path) -> AsyncIterator[Home]:
    """By default a file of 100 KiB and 250 KiB in all, or 1000 and 2000 where a role permits more."""
    usual, more = "100K/250K", "1000K/2000K"
    async with at_home(tmp_path, database_url, KAIF_MEDIA_QUOTA=usual, KAIF_MEDIA_QUOTA_MORE=more) as home:
        yield home


async def set_role(home: Home, role: str, **quota: int) -> RoleQuota:
    return await home.quotas.set_role_quota(OLEG, SetRoleQuota(role, **quota))


async def set_person(home: Home, who: Actor, **quota: int) -> None:
    await home.quotas.set_person_quota(OLEG, SetPersonQuota(who.user_id, **quota))


async def usage(home: Home, who: Actor = VERA) -> Usage:
    return await home.library.get_usage(who, Nothing())


async def quota(home: Home, who: Actor = VERA) -> tuple[int, int]:
    found = await usage(home, who)
    return found.file_max // KIB, found.total_max // KIB


async def test_what_is_set_for_a_role_counts_at_once_for_whoever_holds_it(home: Home) -> None:
    home.roles.give(VERA.user_id, "seller")
    assert await quota(home) == (100, 250)

    assert await set_role(home, "seller", file_max=300 * KIB, total_max=500 * KIB) == RoleQuota(
        "seller", False, 300 * KIB, 500 * KIB, Quota(100 * KIB, 250 * KIB)
    )

    assert await quota(home) == (300, 500)
    assert await quota(home, Actor(UserId("01boris"))) == (100, 250)
    with pytest.raises(FileTooLarge) as large:
        await home.create(300 * KIB + 1, VERA)
    assert large.value.details == {"bytes_max": 300 * KIB}
    await home.create(300 * KIB, VERA)
    with pytest.raises(QuotaExceeded) as much:
        await home.create(200 * KIB + 1, VERA)
    assert much.value.details == {"bytes_free": 200 * KIB}


async def test_of_several_roles_the_most_counts_of_each_bound_by_itself(home: Home) -> None:
    home.roles.give(VERA.user_id, "seller")
    home.roles.give(VERA.user_id, "painter")

    await set_role(home, "seller", file_max=400 * KIB, total_max=500 * KIB)
    await set_role(home, "painter", file_max=150 * KIB, total_max=900 * KIB)

    assert await quota(home) == (400, 900)


async def test_a_role_takes_nothing_from_what_another_gives(home: Home) -> None:
    """Not from what is by default, either; and everybody is a member."""
    home.roles.give(VERA.user_id, "guest")
    await set_role(home, "guest", file_max=10 * KIB, total_max=20 * KIB)
    assert await quota(home) == (100, 250)

    await set_role(home, "member", file_max=5 * KIB, total_max=10 * KIB)

    assert await quota(home) == (10, 20)
    assert await quota(home, Actor(UserId("01boris"))) == (5, 10)
    home.roles.give(VERA.user_id, "trusted", UPLOAD_MORE)
    assert await quota(home) == (1000, 2000)


async def test_what_is_set_for_a_role_that_permits_more_counts_instead_of_its_default(home: Home) -> None:
    home.roles.give(VERA.user_id, "trusted", UPLOAD_MORE)
    home.roles.give(VERA.user_id, "seller")
    assert await quota(home) == (1000, 2000)

    await set_role(home, "trusted", total_max=400 * KIB)

    assert await quota(home) == (1000, 400)


async def test_what_is_set_for_a_person_counts_instead_be_it_more_or_less(home: Home) -> None:
    home.roles.give(VERA.user_id, "seller")
    await set_role(home, "seller", file_max=300 * KIB, total_max=500 * KIB)

    await set_person(home, VERA, total_max=5 * KIB)
    assert await quota(home) == (300, 5)
    await set_person(home, VERA, file_max=700 * KIB, total_max=3000 * KIB)
    assert await quota(home) == (700, 3000)
    await set_person(home, VERA)

    assert await quota(home) == (300, 500)
    assert await home.rows("media_quotas") == 1


async def test_who_may_keep_nothing_at_all_uploads_nothing(home: Home) -> None:
    await set_person(home, VERA, total_max=0)

    with pytest.raises(QuotaExceeded) as refused:
        await home.create(1, VERA)
    with pytest.raises(QuotaExceeded):
        await home.create(1, VERA, at_most=True)

    assert refused.value.details == {"bytes_free": 0}
    assert await home.rows("media_uploads") == await home.rows("media_keys") - 1 == 0


async def test_a_quota_below_what_is_used_loses_nothing_and_lets_nothing_in(home: Home) -> None:
    file = await home.put(random_bytes(60 * KIB), VERA)
    begun = await home.create(50 * KIB, VERA)

    await set_role(home, "member", file_max=40 * KIB, total_max=80 * KIB)

    with pytest.raises(QuotaExceeded) as refused:
        await home.create(1, VERA)
    assert refused.value.details == {"bytes_free": 0}
    assert len(await home.read(file, actor=VERA)) == 60 * KIB
    # Room was made for it before.
    other = await home.finish(await home.write(begun, random_bytes(50 * KIB), actor=VERA), VERA)
    assert set(await home.listed(VERA)) == {file.id, other.id}
    assert await usage(home) == Usage(110 * KIB, 80 * KIB, 40 * KIB)


@pytest.mark.asvs("5.2.4")
async def test_ten_uploads_at_once_are_not_more_than_a_role_gives(home: Home) -> None:
    home.roles.give(VERA.user_id, "seller")
    await set_role(home, "seller", file_max=200 * KIB, total_max=500 * KIB)

    made = await asyncio.gather(*(home.create(200 * KIB, VERA) for _ in range(10)), return_exceptions=True)

    assert [type(one) for one in made if isinstance(one, Exception)] == [QuotaExceeded] * 8
    assert (await usage(home)).used == 400 * KIB


async def test_what_is_not_finished_takes_room_until_it_is_cancelled(home: Home) -> None:
    await set_role(home, "member", total_max=100 * KIB)
    begun = await home.write(await home.create(90 * KIB, VERA), b"a little of it", actor=VERA)

    with pytest.raises(QuotaExceeded) as refused:
        await home.create(20 * KIB, VERA)
    await home.uploads.cancel_upload(VERA, OfUpload(begun.id))

    assert refused.value.details == {"bytes_free": 10 * KIB}
    assert await home.create(20 * KIB, VERA)


async def test_pieces_join_to_no_larger_file_than_a_role_permits(home: Home) -> None:
    await set_role(home, "member", file_max=150 * KIB)
    pieces = [await home.create(80 * KIB, VERA, partial=True) for _ in range(2)]
    for piece in pieces:
        await home.write(piece, random_bytes(80 * KIB), actor=VERA)
    joined = JoinUploads([piece.id for piece in pieces])

    with pytest.raises(FileTooLarge) as large:
        await home.joining.join_uploads(VERA, joined)
    await set_role(home, "member", file_max=160 * KIB)

    assert large.value.details == {"bytes_max": 150 * KIB}
    assert (await home.joining.join_uploads(VERA, joined)).length == 160 * KIB


async def test_a_form_of_no_known_length_gets_what_its_senders_role_gives(home: Home) -> None:
    await set_role(home, "member", file_max=120 * KIB, total_max=200 * KIB)

    first = await home.create(1 << 50, VERA, at_most=True)
    second = await home.create(1 << 50, VERA, at_most=True)

    assert (first.length, second.length) == (120 * KIB, 80 * KIB)


async def test_an_operator_sees_all_roles_and_for_whom_something_is_set(home: Home) -> None:
    home.roles.give(VERA.user_id, "trusted", UPLOAD_MORE)
    await set_role(home, "member", total_max=1 << 30)
    await set_person(home, VERA, file_max=7 * KIB)
    await home.put(b"five!", VERA)

    listed = await home.quotas.list_quotas(OLEG, Nothing())
    found = await home.quotas.get_person_quota(OLEG, QuotaOf(VERA.user_id))

    usual, more = Quota(100 * KIB, 250 * KIB), Quota(1000 * KIB, 2000 * KIB)
    assert listed.roles == [
        RoleQuota("member", True, None, 1 << 30, usual),
        RoleQuota("trusted", False, None, None, more),
    ]
    assert (listed.people, listed.more) == ([SetForPerson(VERA.user_id, 7 * KIB, None)], False)
    assert (found.file_max, found.total_max, found.used) == (7 * KIB, None, 5)
    assert found.by_roles == Quota(1000 * KIB, 1 << 30)


async def test_of_very_many_people_some_are_listed_and_that_there_are_others(home: Home) -> None:
    people = [Actor(UserId(f"01person{number:03}")) for number in range(PEOPLE_LISTED_MAX + 1)]
    for person in people[1:]:
        await set_person(home, person, total_max=1)
    exactly = await home.quotas.list_quotas(OLEG, Nothing())
    await set_person(home, people[0], total_max=1)

    listed = await home.quotas.list_quotas(OLEG, Nothing())

    assert (len(exactly.people), exactly.more, listed.more) == (PEOPLE_LISTED_MAX, False, True)
    assert [one.user_id for one in listed.people] == [person.user_id for person in people[:-1]]


async def test_what_is_set_is_told_for_the_log_once(home: Home) -> None:
    told: list[tuple[Any, ...]] = []

    async def hear(event: QuotaChanged) -> None:
        told.append((event.decided_by, event.role, event.user_id, event.file_max, event.total_max))

    bus = OutboxBus(home.database)
    bus.subscribe("tests.quotas", QuotaChanged, hear)
    await bus.start()

    await set_role(home, "member", file_max=5)
    await set_role(home, "member", file_max=5)
    await set_person(home, VERA, total_max=0)
    await set_role(home, "member")

    await until(lambda: len(told) == 3)
    await bus.close()
    assert sorted(told, key=str) == sorted(
        [
            (OLEG.user_id, "member", "", 5, None),
            (OLEG.user_id, "", VERA.user_id, None, 0),
            (OLEG.user_id, "member", "", None, None),
        ],
        key=str,
    )


async def test_only_who_manages_roles_sets_quotas_and_of_nobody_who_may_do_more(home: Home) -> None:
    plain = Actor(OLEG.user_id, permissions=frozenset({MANAGE_ROLES}))
    home.roles.give(VERA.user_id, "trusted", UPLOAD_MORE)
    role, person = SetRoleQuota("trusted", 1), SetPersonQuota(VERA.user_id, 1)

    for refused in (
        home.quotas.list_quotas(VERA, Nothing()),
        home.quotas.set_role_quota(VERA, role),
        home.quotas.get_person_quota(VERA, QuotaOf(VERA.user_id)),
        home.quotas.set_person_quota(VERA, person),
    ):
        with pytest.raises(MissingPermission):
            await refused
    for beyond in (home.quotas.set_role_quota(plain, role), home.quotas.set_person_quota(plain, person)):
        with pytest.raises(BeyondYourOwn):
            await beyond
    with pytest.raises(RoleNotFound):
        await home.quotas.set_role_quota(OLEG, SetRoleQuota("no_such_role"))
    assert await home.rows("media_quotas") == 0


async def test_who_signed_in_long_ago_proves_again_who_they_are(home: Home) -> None:
    long_since = Actor(OLEG.user_id, SessionId(LONG_AGO), OLEG.permissions)

    with pytest.raises(StepUpRequired):
        await home.quotas.set_role_quota(long_since, SetRoleQuota("member", 1))
    with pytest.raises(StepUpRequired):
        await home.quotas.set_person_quota(long_since, SetPersonQuota(VERA.user_id, 1))

    assert await home.rows("media_quotas") == 0


async def test_what_was_set_goes_with_the_role_and_with_the_person(home: Home) -> None:
    await set_role(home, "member", total_max=KIB)
    await set_person(home, VERA, total_max=KIB)
    assert (await home.library.export_own_media_data(VERA, ExportMedia())).quota == OwnQuota(None, KIB)

    async with home.database.transaction() as tx:
        await tx.publish(RoleDropped(role="member"))
        await tx.publish(PersonErased(erasure_id="01e", remains=Person(VERA.user_id, "", "")))

    async def nothing_is_left() -> bool:
        return await home.rows("media_quotas") == 0

    await eventually(nothing_is_left)
