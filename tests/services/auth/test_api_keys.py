"""API keys: made by who is there in person, kept as hashes, good for what they were given, ended at once."""

import asyncio
import hashlib
from typing import Any

import pytest
from tests.services.auth.accounts import AUDITOR, PASSWORD, actor_of, log_in, set_up
from tests.services.auth.home import NEW_PASSWORD, Home

from kaif.interfaces.auth import SESSIONS_ENDED, Nothing, PasswordResetRequired, SessionEnded, Tokens
from kaif.interfaces.auth.accounts import ChangePassword, ConfirmEmail, DeleteAccount, ResetPassword
from kaif.interfaces.auth.api_keys import (
    READ_PROFILE,
    ApiKeyList,
    ApiKeyNotFound,
    ApiKeyRefused,
    BadApiKeyName,
    ExchangeApiKey,
    MakeApiKey,
    NewApiKey,
    RevokeApiKey,
    TooManyApiKeys,
    UnknownScope,
)
from kaif.interfaces.auth.audit import Audited, ListAudit
from kaif.interfaces.auth.directory import OfAccount
from kaif.interfaces.auth.factors import StepUpRequired
from kaif.interfaces.auth.roles import MANAGE_PEOPLE, MANAGE_ROLES, READ_AUDIT, BeyondYourOwn, Grant
from kaif.interfaces.auth.sessions import AccountSuspended, Restore, Suspend
from kaif.interfaces.messaging import READ_SCOPE, WRITE_SCOPE
from kaif.kernel.actor import NOBODY, Actor, Scope, SessionId
from kaif.kernel.clock import DAY_US, MINUTE_US, SECOND_US, as_datetime
from kaif.kernel.tokens import TokenExpired, Verified, Verifier
from kaif.services.auth.api_keys.service import KNOWN_NETWORKS_MAX

OFFICE = Actor(address="203.0.113.7")


async def make(home: Home, tokens: Tokens, *scopes: str, name: str = "Бот", days: int = 90) -> NewApiKey:
    wanted = MakeApiKey(name, [Scope(scope) for scope in scopes or (READ_PROFILE,)], days)
    return await home.api_keys.make_api_key(actor_of(tokens), wanted)


async def speaker(home: Home, secret: str, asking: Actor = NOBODY) -> Verified:
    """Whom the key speaks for."""
    exchanged = await home.api_keys.exchange(asking, ExchangeApiKey(secret))
    keys = (await home.auth.get_keys(NOBODY, Nothing())).keys
    return Verifier(keys).verify(exchanged.access_token.encode(), home.now_us / SECOND_US)


async def listed(home: Home, tokens: Tokens) -> ApiKeyList:
    return await home.api_keys.list_api_keys(actor_of(tokens), Nothing())


async def told(home: Home, *actions: str) -> list[Audited]:
    """Oldest first."""
    page = await home.audit.list_audit(AUDITOR, ListAudit(limit=200))
    return [entry for entry in page.entries[::-1] if entry.action in actions]


async def stored(home: Home) -> str:
    rows: list[tuple[Any, ...]] = await home.database.fetch(tuple, "SELECT * FROM auth_api_keys")
    rows += await home.database.fetch(tuple, "SELECT * FROM auth_audit")
    return str(rows)


# Making one


async def test_a_key_speaks_for_its_owner_within_its_scopes(home: Home) -> None:
    owner = await set_up(home.auth)

    made = await make(home, owner, READ_SCOPE, WRITE_SCOPE, READ_SCOPE)

    actor = (await speaker(home, made.secret)).actor
    assert (actor.user_id, actor.session_id) == (owner.user.id, made.key.id)
    assert actor.scopes == frozenset([READ_SCOPE, WRITE_SCOPE]) and not actor.permissions
    assert made.key.scopes == sorted([READ_SCOPE, WRITE_SCOPE])


async def test_only_the_hash_of_a_key_is_kept(home: Home) -> None:
    made = await make(home, await set_up(home.auth))

    kept = await stored(home)

    assert hashlib.sha256(made.secret.encode()).hexdigest() in kept
    assert made.secret not in kept and made.secret[5:-4] not in kept
    assert made.key.ending == made.secret[-4:]


async def test_its_owner_is_told_by_letter_in_their_language(home: Home) -> None:
    await set_up(home.auth)
    anna = await home.register_in("ru", "anna")
    await home.accounts.confirm_email(NOBODY, ConfirmEmail(await home.token("anna@example.org")))

    await make(home, anna, name="Отчёт")

    letter = await home.letter("anna@example.org", 2)
    assert letter.subject == "Новый ключ API"
    assert "@anna" in letter.text and "Отчёт" not in letter.text


async def test_making_one_needs_the_person_again_after_fifteen_minutes(home: Home) -> None:
    owner = await set_up(home.auth)
    home.now_us += 15 * MINUTE_US + 1

    with pytest.raises(StepUpRequired):
        await make(home, owner)

    assert (await listed(home, owner)).keys == []


async def test_a_key_makes_no_keys(home: Home) -> None:
    owner = await set_up(home.auth)
    actor = (await speaker(home, (await make(home, owner)).secret)).actor

    with pytest.raises(SessionEnded):
        await home.api_keys.make_api_key(actor, MakeApiKey("Ещё", [READ_PROFILE]))


@pytest.mark.parametrize("name", ["  ", "---", "a\u202eb", "two\nlines"])
async def test_a_name_that_nobody_could_read_is_refused(embedded_home: Home, name: str) -> None:
    owner = await set_up(embedded_home.auth)

    with pytest.raises(BadApiKeyName):
        await make(embedded_home, owner, name=name)


@pytest.mark.parametrize("scope", ["messaging.everything", "messaging.read messaging.write", MANAGE_ROLES, ""])
async def test_a_scope_that_no_route_asks_for_is_unknown(embedded_home: Home, scope: str) -> None:
    owner = await set_up(embedded_home.auth)

    with pytest.raises(UnknownScope) as unknown:
        await make(embedded_home, owner, READ_SCOPE, scope)

    assert unknown.value.details["scope"] == scope


async def test_nobody_gives_a_key_a_permission_that_they_lack(home: Home) -> None:
    owner, anna = await home.owner_and("anna")

    with pytest.raises(BeyondYourOwn):
        await make(home, anna, READ_AUDIT)

    assert Scope(READ_AUDIT) not in (await listed(home, anna)).scopes
    assert {Scope(READ_AUDIT), Scope(MANAGE_PEOPLE), READ_SCOPE} <= set((await listed(home, owner)).scopes)


@pytest.mark.asvs("2.3.2")
async def test_there_are_at_most_twenty_however_many_are_made_at_once(home: Home) -> None:
    owner = await set_up(home.auth)
    for _ in range(15):
        await make(home, owner)

    outcomes = await asyncio.gather(*[make(home, owner) for _ in range(10)], return_exceptions=True)

    assert sum(isinstance(outcome, TooManyApiKeys) for outcome in outcomes) == 5
    assert len((await listed(home, owner)).keys) == 20


async def test_one_that_has_expired_gives_way_to_a_new_one(home: Home) -> None:
    owner = await set_up(home.auth)
    old = await make(home, owner, days=1)
    for _ in range(19):
        await make(home, owner)
    home.now_us += DAY_US
    owner = await log_in(home.auth, "owner")

    made = await make(home, owner)

    ids = {key.id for key in (await listed(home, owner)).keys}
    assert len(ids) == 20 and made.key.id in ids and old.key.id not in ids


# Its end


async def test_a_key_is_good_until_it_expires_and_so_is_what_it_is_exchanged_for(home: Home) -> None:
    owner = await set_up(home.auth)
    made = await make(home, owner, days=1)
    assert made.key.expires_at == as_datetime(home.now_us + DAY_US)
    home.now_us += DAY_US - 60 * SECOND_US

    verified = await speaker(home, made.secret)

    assert verified.expires_at_s == home.now_us // SECOND_US + 60
    home.now_us += 60 * SECOND_US
    with pytest.raises(ApiKeyRefused):
        await speaker(home, made.secret)


async def test_what_a_key_is_exchanged_for_is_short_lived(home: Home) -> None:
    made = await make(home, await set_up(home.auth))
    token = (await home.api_keys.exchange(NOBODY, ExchangeApiKey(made.secret))).access_token
    verifier = Verifier((await home.auth.get_keys(NOBODY, Nothing())).keys)

    with pytest.raises(TokenExpired):
        verifier.verify(token.encode(), home.now_us / SECOND_US + 600)


async def test_one_that_has_expired_is_shown_for_thirty_days(home: Home) -> None:
    owner = await set_up(home.auth)
    made = await make(home, owner, days=1)

    home.now_us += 31 * DAY_US - 1
    assert [key.id for key in (await listed(home, owner)).keys] == [made.key.id]
    home.now_us += 1
    assert (await listed(home, owner)).keys == []


async def test_a_revoked_key_is_refused_and_every_gateway_is_told(home: Home) -> None:
    owner = await set_up(home.auth)
    made, other = await make(home, owner), await make(home, owner)
    heard: list[bytes] = []
    await home.cache.subscribe(SESSIONS_ENDED, heard.append)

    await home.api_keys.revoke_api_key(actor_of(owner), RevokeApiKey(made.key.id))

    with pytest.raises(ApiKeyRefused):
        await speaker(home, made.secret)
    assert heard == [made.key.id.encode()]
    assert made.key.id in (await home.auth.get_withdrawn(NOBODY, Nothing())).session_ids
    assert [key.id for key in (await listed(home, owner)).keys] == [other.key.id]
    assert await speaker(home, other.secret)


@pytest.mark.asvs("8.2.2")
async def test_nobody_revokes_or_sees_anothers_key(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    made = await make(home, owner)

    for key_id in (made.key.id, SessionId("nothing")):
        with pytest.raises(ApiKeyNotFound):
            await home.api_keys.revoke_api_key(actor_of(anna), RevokeApiKey(key_id))

    assert (await listed(home, anna)).keys == []
    assert await speaker(home, made.secret)


@pytest.mark.parametrize("secret", ["", "kaif_", "kaif_" + "0" * 49, "'; DROP TABLE auth_api_keys"])
async def test_what_is_no_key_is_refused(embedded_home: Home, secret: str) -> None:
    await make(embedded_home, await set_up(embedded_home.auth))

    with pytest.raises(ApiKeyRefused):
        await speaker(embedded_home, secret)


async def test_the_hash_of_a_key_is_no_key(embedded_home: Home) -> None:
    made = await make(embedded_home, await set_up(embedded_home.auth))

    for secret in (hashlib.sha256(made.secret.encode()).hexdigest(), made.key.id, made.secret.swapcase()):
        with pytest.raises(ApiKeyRefused):
            await speaker(embedded_home, secret)


async def test_a_new_password_leaves_keys_as_they_are(home: Home) -> None:
    owner = await set_up(home.auth)
    made = await make(home, owner)

    await home.accounts.change_password(actor_of(owner), ChangePassword(PASSWORD, "a quiet lake and two boats"))

    assert await speaker(home, made.secret)


# Its owner


@pytest.mark.asvs("8.3.3")
async def test_a_key_has_of_its_owners_permissions_what_it_was_given(home: Home) -> None:
    owner = await set_up(home.auth)

    made = await make(home, owner, READ_AUDIT, READ_SCOPE)

    assert (await speaker(home, made.secret)).actor.permissions == {READ_AUDIT}


async def test_a_key_loses_a_permission_with_its_owner_and_gets_none_that_it_was_not_given(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    await home.roles.grant_role(actor_of(owner), Grant(anna.user.id, "compliance"))
    anna = await log_in(home.auth, "anna")
    made = await make(home, anna, READ_AUDIT)
    before = await speaker(home, made.secret)

    home.now_us += 1
    await home.roles.revoke_role(actor_of(owner), Grant(anna.user.id, "compliance"))
    await home.roles.grant_role(actor_of(owner), Grant(anna.user.id, "support"))

    after = await speaker(home, made.secret)
    assert before.actor.permissions == {READ_AUDIT} and not after.actor.permissions
    assert after.permitted_at_us > before.permitted_at_us


async def test_keys_of_a_suspended_account_are_refused_until_it_is_restored_however_often(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    made = await make(home, anna)
    heard: list[bytes] = []
    await home.cache.subscribe(SESSIONS_ENDED, heard.append)

    for _ in range(2):
        await home.sessions.suspend(actor_of(owner), Suspend(anna.user.id))
        with pytest.raises(AccountSuspended):
            await speaker(home, made.secret)
        await home.sessions.restore(actor_of(owner), Restore(anna.user.id))
        assert (await speaker(home, made.secret)).actor.user_id == anna.user.id

    assert heard.count(made.key.id.encode()) == 2


async def test_keys_of_an_account_that_an_operator_resets_wait_for_the_new_password(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    await home.accounts.confirm_email(NOBODY, ConfirmEmail(await home.token("anna@example.org")))
    made = await make(home, anna)
    heard: list[bytes] = []
    await home.cache.subscribe(SESSIONS_ENDED, heard.append)

    await home.directory.force_reset(actor_of(owner), OfAccount(anna.user.id))

    assert made.key.id.encode() in heard
    with pytest.raises(PasswordResetRequired):
        await speaker(home, made.secret)
    token = await home.token("anna@example.org", 3)
    await home.accounts.reset_password(NOBODY, ResetPassword(token, NEW_PASSWORD))
    assert await speaker(home, made.secret)


async def test_keys_of_a_deleted_account_end_with_it(home: Home) -> None:
    _, anna = await home.owner_and("anna")
    made = await make(home, anna)
    heard: list[bytes] = []
    await home.cache.subscribe(SESSIONS_ENDED, heard.append)

    await home.accounts.delete_account(actor_of(anna), DeleteAccount(PASSWORD))

    with pytest.raises(ApiKeyRefused):
        await speaker(home, made.secret)
    assert made.key.id.encode() in heard
    assert made.secret[-4:] not in str(await home.database.fetch(tuple, "SELECT * FROM auth_api_keys"))


# What is told of it


async def test_the_list_says_when_and_from_where_a_key_was_last_used(home: Home) -> None:
    owner = await set_up(home.auth)
    made = await make(home, owner)
    assert (made.key.last_used_at, made.key.last_used_from) == (None, "")

    home.now_us += MINUTE_US
    await speaker(home, made.secret, OFFICE)

    [key] = (await listed(home, owner)).keys
    assert (key.last_used_at, key.last_used_from) == (as_datetime(home.now_us), "203.0.113.7")


async def test_the_audit_log_tells_of_the_making_the_revoking_and_the_first_use_from_each_network(home: Home) -> None:
    owner = await set_up(home.auth)
    made = await make(home, owner, READ_SCOPE)
    for address in ("203.0.113.7", "203.0.113.99", "198.51.100.1", "203.0.113.7"):
        await speaker(home, made.secret, Actor(address=address))
    await home.api_keys.revoke_api_key(actor_of(owner), RevokeApiKey(made.key.id))

    entries = await told(home, "api_key_made", "api_key_used", "api_key_revoked")

    assert [(entry.action, entry.subject_id, entry.details) for entry in entries] == [
        ("api_key_made", owner.user.id, {"key": made.key.id, "scopes": [READ_SCOPE], "days": 90}),
        ("api_key_used", owner.user.id, {"key": made.key.id, "address": "203.0.113.7"}),
        ("api_key_used", owner.user.id, {"key": made.key.id, "address": "198.51.100.1"}),
        ("api_key_revoked", owner.user.id, {"key": made.key.id}),
    ]


async def test_the_networks_that_are_remembered_of_a_key_are_bounded(embedded_home: Home) -> None:
    made = await make(embedded_home, await set_up(embedded_home.auth))

    for number in range(KNOWN_NETWORKS_MAX + 5):
        await speaker(embedded_home, made.secret, Actor(address=f"203.0.{number}.7"))

    [(networks,)] = await embedded_home.database.fetch(tuple, "SELECT networks FROM auth_api_keys")
    assert len(networks.split()) == KNOWN_NETWORKS_MAX and networks.endswith("203.0.24.0/24")


async def test_what_a_program_does_is_told_with_its_key(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    made = await make(home, owner, MANAGE_PEOPLE)
    actor = (await speaker(home, made.secret)).actor

    await home.sessions.suspend(actor, Suspend(anna.user.id))

    [entry] = await told(home, "account_suspended")
    assert (entry.actor_id, entry.details["api_key"]) == (owner.user.id, made.key.id)


async def test_a_key_suspends_nobody_who_may_do_more_than_the_key(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    await home.roles.grant_role(actor_of(owner), Grant(anna.user.id, "compliance"))
    actor = (await speaker(home, (await make(home, owner, MANAGE_PEOPLE)).secret)).actor

    with pytest.raises(BeyondYourOwn):
        await home.sessions.suspend(actor, Suspend(anna.user.id))


async def test_a_key_that_is_revoked_while_it_is_exchanged_gives_nothing_that_lasts(home: Home) -> None:
    """Either it was too late, or the gateways hear of the end after they asked."""
    owner = await set_up(home.auth)
    made = await make(home, owner)

    outcomes = await asyncio.gather(
        *[home.api_keys.exchange(NOBODY, ExchangeApiKey(made.secret)) for _ in range(5)],
        home.api_keys.revoke_api_key(actor_of(owner), RevokeApiKey(made.key.id)),
        *[home.api_keys.exchange(NOBODY, ExchangeApiKey(made.secret)) for _ in range(5)],
        return_exceptions=True,
    )

    assert not isinstance(outcomes[5], BaseException)
    refused = [one for one in outcomes if isinstance(one, BaseException)]
    assert all(isinstance(one, ApiKeyRefused) for one in refused)
    with pytest.raises(ApiKeyRefused):
        await speaker(home, made.secret)


async def test_one_of_ten_who_revoke_a_key_at_once_does(home: Home) -> None:
    owner = await set_up(home.auth)
    made = await make(home, owner)

    outcomes = await asyncio.gather(
        *[home.api_keys.revoke_api_key(actor_of(owner), RevokeApiKey(made.key.id)) for _ in range(10)],
        return_exceptions=True,
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ApiKeyNotFound"] * 9 + ["Nothing"]
