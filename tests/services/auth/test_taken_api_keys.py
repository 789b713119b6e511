"""What operators see of people's API keys, and that they revoke them: at once, told, and over nobody above them."""

import asyncio

import pytest
from tests.services.auth.accounts import actor_of, refresh, register
from tests.services.auth.home import Home

from kaif.interfaces.auth import SESSIONS_ENDED, Tokens
from kaif.interfaces.auth.accounts import ConfirmEmail
from kaif.interfaces.auth.api_keys import (
    READ_PEOPLE,
    READ_PROFILE,
    ApiKeyNotFound,
    ApiKeyRefused,
    ExchangeApiKey,
    MakeApiKey,
    NewApiKey,
)
from kaif.interfaces.auth.directory import AccountDetails, OfAccount, TakeApiKey
from kaif.interfaces.auth.roles import BeyondYourOwn, Grant
from kaif.interfaces.auth.sessions import OwnAccount
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.clock import DAY_US
from kaif.kernel.errors import KaifError, MissingPermission


async def a_key(home: Home, tokens: Tokens, name: str = "Bot", days: int = 90) -> NewApiKey:
    return await home.api_keys.make_api_key(actor_of(tokens), MakeApiKey(name, [READ_PROFILE, READ_PEOPLE], days))


async def take(home: Home, operator: Tokens, owner: Tokens, key: NewApiKey) -> None:
    await home.directory.take_api_key(actor_of(operator), TakeApiKey(owner.user.id, key.key.id))


async def seen(home: Home, operator: Tokens, other: Tokens) -> AccountDetails:
    return await home.directory.get_account(actor_of(operator), OfAccount(other.user.id))


async def with_role(home: Home, owner: Tokens, name: str, role: str) -> Tokens:
    tokens = await register(home.auth, name)
    await home.roles.grant_role(actor_of(owner), Grant(tokens.user.id, role))
    return await refresh(home.auth, tokens)


async def use(home: Home, key: NewApiKey) -> None:
    asking = Actor(address="203.0.113.7")
    await home.api_keys.exchange(asking, ExchangeApiKey(key.secret))


async def test_an_operator_sees_a_persons_keys_and_no_secret(home: Home) -> None:
    owner, boris = await home.owner_and("boris")
    key = await a_key(home, boris)
    await a_key(home, boris, "Short", days=1)
    await use(home, key)
    home.now_us += 2 * DAY_US

    details = await seen(home, owner, boris)

    assert details.security
    (shown,) = details.security.api_keys
    assert (shown.name, shown.scopes, shown.last_used_from) == ("Bot", [READ_PEOPLE, READ_PROFILE], "203.0.113.7")
    assert shown.last_used_at and key.secret[:-4] not in repr(details)


@pytest.mark.asvs("8.2.2")
async def test_a_key_that_an_operator_revokes_is_dead_at_once_and_its_owner_is_told(home: Home) -> None:
    owner, boris = await home.owner_and("boris")
    await home.accounts.confirm_email(NOBODY, ConfirmEmail(await home.token("boris@example.org")))
    key, other = await a_key(home, boris), await a_key(home, boris, "Other")
    told: list[bytes] = []
    await home.cache.subscribe(SESSIONS_ENDED, told.append)

    await take(home, owner, boris, key)

    assert told == [key.key.id.encode()]
    with pytest.raises(ApiKeyRefused):
        await use(home, key)
    await use(home, other)
    (entry,) = await home.audited("api_key_taken")
    assert (entry.actor_id, entry.subject_id) == (owner.user.id, boris.user.id)
    assert entry.details["key"] == key.key.id and key.secret not in repr(entry)
    letter = (await home.letter("boris@example.org", 4)).text
    assert f"…{key.key.ending}" in letter and key.secret not in letter and "Bot" not in letter


async def test_of_many_who_revoke_a_key_at_once_one_does(home: Home) -> None:
    owner, boris = await home.owner_and("boris")
    key = await a_key(home, boris)

    done = await asyncio.gather(*(take(home, owner, boris, key) for _ in range(10)), return_exceptions=True)

    assert done.count(None) == 1 and [type(one) for one in done if one] == [ApiKeyNotFound] * 9
    assert len(await home.audited("api_key_taken")) == 1


@pytest.mark.asvs("8.2.2", "8.3.1")
async def test_nobody_revokes_keys_of_who_may_do_more_nor_their_own_nor_through_another_account(home: Home) -> None:
    owner, boris = await home.owner_and("boris")
    admin = await with_role(home, owner, "admin", "admin")
    owners, boriss, admins = await a_key(home, owner), await a_key(home, boris), await a_key(home, admin)

    refused: list[tuple[Tokens, Tokens, NewApiKey, type[KaifError]]] = [
        (boris, admin, admins, MissingPermission),
        (boris, boris, boriss, MissingPermission),
        (admin, owner, owners, BeyondYourOwn),
        (admin, admin, admins, OwnAccount),
        (admin, boris, owners, ApiKeyNotFound),
    ]
    for operator, account, key, error in refused:
        with pytest.raises(error):
            await take(home, operator, account, key)

    for key in (owners, boriss, admins):
        await use(home, key)
    assert (await seen(home, admin, owner)).security is None
