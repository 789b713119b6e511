"""The audit log: every action that concerns security, once, in the transaction that did it."""

import asyncio

import msgspec
import pytest
from tests.harness import Services
from tests.services.auth.accounts import AUDITOR, actor_of, log_in, refresh, register, set_up
from tests.services.auth.home import Home

from kaif.interfaces.auth import InvalidCredentials, Refresh, SessionEnded, UsernameTaken
from kaif.interfaces.auth.audit import Audited, ListAudit
from kaif.interfaces.auth.roles import PERMISSIONS, READ_AUDIT, DefineRole, DropRole, Grant
from kaif.kernel.actor import UserId
from kaif.kernel.clock import as_datetime
from kaif.kernel.errors import MissingPermission
from kaif.services.auth.audit import store as audit_store
from kaif.services.auth.audit.chain import Head, Verification


async def told(services: Services, user_id: UserId | None = None) -> list[Audited]:
    """Oldest first."""
    return (await services.audit.list_audit(AUDITOR, ListAudit(user_id=user_id, limit=200))).entries[::-1]


async def verified(services: Services) -> Head:
    """The end of the chain, every link of which is sound."""
    verification = Verification(b"a key of the audit log", [])
    async for page in audit_store.chain(services.database):
        for link in page:
            verification.take(link)
    verification.finish(await audit_store.head(services.database))
    return verification.end


async def test_what_happens_to_an_account_and_its_sessions_is_told(services: Services) -> None:
    tokens = await set_up(services.auth)
    owner = tokens.user.id
    with pytest.raises(InvalidCredentials):
        await log_in(services.auth, "owner", "a wrong password")
    with pytest.raises(InvalidCredentials):
        await log_in(services.auth, "nobody", "a wrong password")
    phone = await log_in(services.auth, "owner")
    await services.auth.log_out(actor_of(phone), Refresh())
    await refresh(services.auth, tokens)
    with pytest.raises(SessionEnded):
        await refresh(services.auth, tokens)

    assert [(entry.action, entry.actor_id, entry.subject_id) for entry in await told(services)] == [
        ("account_created", owner, owner),
        ("signed_in", owner, owner),
        ("sign_in_failed", "", owner),
        ("sign_in_failed", "", ""),
        ("signed_in", owner, owner),
        ("signed_out", owner, owner),
        ("session_stolen", "", owner),
    ]
    assert (await verified(services)).seq == 7


async def test_what_happens_to_roles_is_told_with_its_details(services: Services) -> None:
    owner = actor_of(await set_up(services.auth))
    anna = (await register(services.auth, "anna")).user.id
    before = len(await told(services))

    await services.roles.define_role(owner, DefineRole("clerk", [READ_AUDIT, READ_AUDIT]))
    await services.roles.grant_role(owner, Grant(anna, "clerk"))
    await services.roles.grant_role(owner, Grant(anna, "clerk"))
    await services.roles.revoke_role(owner, Grant(anna, "clerk"))
    await services.roles.drop_role(owner, DropRole("clerk"))

    entries = (await told(services))[before:]
    assert {entry.actor_id for entry in entries} == {owner.user_id}
    assert [(entry.action, entry.subject_id, entry.details) for entry in entries] == [
        ("role_defined", "", {"role": "clerk", "permissions": [READ_AUDIT]}),
        ("role_granted", anna, {"role": "clerk"}),
        ("role_revoked", anna, {"role": "clerk"}),
        ("role_dropped", "", {"role": "clerk"}),
    ]


async def test_what_did_not_happen_is_not_told(services: Services) -> None:
    await set_up(services.auth)
    before = await told(services)

    with pytest.raises(UsernameTaken):
        await register(services.auth, "owner")

    assert await told(services) == before


async def test_the_log_is_read_by_person_by_action_and_in_pages(services: Services) -> None:
    owner = actor_of(await set_up(services.auth))
    anna = (await register(services.auth, "anna")).user.id
    await services.roles.grant_role(owner, Grant(anna, "support"))

    assert [entry.action for entry in await told(services, anna)] == ["account_created", "signed_in", "role_granted"]
    created = await services.audit.list_audit(owner, ListAudit(action="account_created"))
    assert [entry.subject_id for entry in created.entries] == [anna, owner.user_id]
    first = await services.audit.list_audit(owner, ListAudit(limit=3))
    rest = await services.audit.list_audit(owner, ListAudit(limit=3, before=first.next_before))
    assert [entry.seq for entry in first.entries + rest.entries] == [5, 4, 3, 2, 1]
    assert rest.next_before is None


async def test_many_at_once_make_one_sound_chain(services: Services) -> None:
    owner = actor_of(await set_up(services.auth))
    people = await services.newcomers(*[f"person{number}" for number in range(20)])

    await asyncio.gather(
        *[services.roles.grant_role(owner, Grant(person.user_id, "seller")) for person in people],
        *[services.roles.grant_role(owner, Grant(person.user_id, "support")) for person in people],
    )

    assert (await verified(services)).seq == 2 + 40


@pytest.mark.asvs("16.4.2")
@pytest.mark.parametrize("change", ["UPDATE auth_audit SET action = 'x'", "DELETE FROM auth_audit"])
async def test_the_database_itself_lets_nobody_change_an_entry(services: Services, change: str) -> None:
    await set_up(services.auth)

    with pytest.raises(Exception, match="append-only"):
        async with services.database.transaction() as tx:
            await tx.execute(change)

    assert (await verified(services)).seq == 2


async def test_the_log_is_read_by_time_and_names_whom_it_speaks_of(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    began_us = home.now_us
    home.now_us += 60_000_000
    await log_in(home.auth, "anna")
    home.now_us += 60_000_000
    await log_in(home.auth, "owner")

    async def within(since_us: int | None, until_us: int | None) -> list[tuple[str, str]]:
        since, until = (None if at_us is None else as_datetime(at_us) for at_us in (since_us, until_us))
        page = await home.audit.list_audit(AUDITOR, ListAudit(action="signed_in", since=since, until=until))
        names = {person.id: person.username for person in page.people}
        return [(entry.action, names[entry.actor_id]) for entry in page.entries]

    assert await within(began_us + 1, None) == [("signed_in", "owner"), ("signed_in", "anna")]
    assert await within(began_us + 60_000_000, began_us + 120_000_000) == [("signed_in", "anna")]
    assert await within(None, began_us) == []
    page = await home.audit.list_audit(AUDITOR, ListAudit(user_id=anna.user.id))
    assert [person.username for person in page.people] == ["anna"]
    assert owner.user.id not in str(page)


async def test_only_who_may_read_the_log_does_so(home: Home) -> None:
    owner = actor_of(await set_up(home.auth))
    everything_else = msgspec.structs.replace(owner, permissions=PERMISSIONS - {READ_AUDIT})

    with pytest.raises(MissingPermission):
        await home.audit.list_audit(everything_else, ListAudit())
