"""What a gateway remembers of API keys: never more than is true, and so much that auth is hardly ever asked."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest
from tests.harness import Services, wired_services
from tests.services.auth.accounts import actor_of, log_in, register, set_up

from kaif.gateway.api_keys import REFUSED_FOR_S, KeyRing
from kaif.gateway.identity import Identity
from kaif.interfaces.auth import ACCESS_TOKEN_SECONDS, Tokens
from kaif.interfaces.auth.api_keys import (
    READ_PROFILE,
    ApiKeyRefused,
    ApiKeys,
    ExchangeApiKey,
    ExchangedApiKey,
    MakeApiKey,
    NewApiKey,
    RevokeApiKey,
)
from kaif.interfaces.auth.roles import READ_AUDIT, Grant
from kaif.interfaces.auth.sessions import AccountSuspended, Restore, Suspend
from kaif.kernel.actor import Actor, Scope
from kaif.kernel.api_keys import new_api_key
from kaif.kernel.errors import Limited, Unauthenticated, Unavailable
from kaif.kernel.limits import Limits

OFFICE = "203.0.113.7"


async def nothing() -> None:
    pass


class Counted:
    """Auth, with a count of what it is asked, and something that happens before or after it has looked."""

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys
        self.asked = 0
        self.before: Callable[[], Awaitable[None]] = nothing
        self.after: Callable[[], Awaitable[None]] = nothing

    async def exchange(self, actor: Actor, request: ExchangeApiKey) -> ExchangedApiKey:
        self.asked += 1
        await self.before()
        exchanged = await self._keys.exchange(actor, request)
        await self.after()
        return exchanged


class Gate:
    """A gateway's key ring, and the services behind it."""

    def __init__(self, services: Services, identity: Identity) -> None:
        self.services, self.identity = services, identity
        self.auth = Counted(services.api_keys)
        self.late_s = 0.0
        self.ring = self.new_ring()

    def new_ring(self, **options: int) -> KeyRing:
        return KeyRing(cast(ApiKeys, self.auth), self.identity, Limits(), lambda: time.time() + self.late_s, **options)

    async def make(self, tokens: Tokens, *scopes: Scope) -> NewApiKey:
        return await self.services.api_keys.make_api_key(actor_of(tokens), MakeApiKey("Бот", [*scopes, READ_PROFILE]))

    async def actor(self, made: NewApiKey, address: str = OFFICE) -> Actor:
        return (await self.ring.verify(made.secret.encode(), address)).actor

    async def refuses(self, made: NewApiKey) -> None:
        with pytest.raises(ApiKeyRefused):
            await self.actor(made)


@pytest.fixture
async def gate(tmp_path: Path, migrated_sqlite_url: str) -> AsyncIterator[Gate]:
    async with wired_services(tmp_path, migrated_sqlite_url) as services:
        identity = Identity(services.auth, services.cache)
        await identity.start()
        yield Gate(services, identity)
        await identity.close()


@pytest.fixture
async def owner(gate: Gate) -> Tokens:
    return await set_up(gate.services.auth)


async def test_auth_is_asked_once_for_many_requests(gate: Gate, owner: Tokens) -> None:
    made = await gate.make(owner)

    actors = [await gate.actor(made) for _ in range(20)]

    assert {actor.user_id for actor in actors} == {owner.user.id}
    assert gate.auth.asked == 1


async def test_auth_is_asked_again_before_the_token_runs_out(gate: Gate, owner: Tokens) -> None:
    made = await gate.make(owner)
    await gate.actor(made)

    gate.late_s = ACCESS_TOKEN_SECONDS * 0.85
    await gate.actor(made)
    assert gate.auth.asked == 1

    gate.late_s = ACCESS_TOKEN_SECONDS * 0.95
    await gate.actor(made)
    assert gate.auth.asked == 2


async def test_auth_is_asked_once_for_requests_of_one_moment(gate: Gate, owner: Tokens) -> None:
    made = await gate.make(owner)

    await asyncio.gather(*[gate.actor(made) for _ in range(50)])

    assert gate.auth.asked == 1


async def test_who_asked_first_may_go_away_without_harm_to_the_others(gate: Gate, owner: Tokens) -> None:
    made, going_on = await gate.make(owner), asyncio.Event()
    gate.auth.before = lambda: going_on.wait()  # type: ignore[assignment,return-value]
    first = asyncio.create_task(gate.actor(made))
    await asyncio.sleep(0)
    others = [asyncio.create_task(gate.actor(made)) for _ in range(3)]
    await asyncio.sleep(0)

    first.cancel()
    going_on.set()

    assert {actor.user_id for actor in await asyncio.gather(*others)} == {owner.user.id}
    assert gate.auth.asked == 1


async def test_a_key_that_was_refused_is_refused_for_a_minute_without_asking(gate: Gate, owner: Tokens) -> None:
    made = await gate.make(owner)
    await gate.services.api_keys.revoke_api_key(actor_of(owner), RevokeApiKey(made.key.id))

    for _ in range(30):
        await gate.refuses(made)
    assert gate.auth.asked == 1

    gate.late_s = REFUSED_FOR_S + 1
    await gate.refuses(made)
    assert gate.auth.asked == 2


async def test_ill_formed_keys_never_reach_auth(gate: Gate, owner: Tokens) -> None:
    secret = (await gate.make(owner)).secret

    for wrong in (secret[:-1], secret.swapcase(), secret + "0", "kaif_", "kaif_" + "0" * 49 + "\n"):
        with pytest.raises(ApiKeyRefused):
            await gate.ring.verify(wrong.encode(), OFFICE)

    assert gate.auth.asked == 0


async def test_guesses_are_limited_by_their_address_even_at_one_moment(gate: Gate) -> None:
    guesses = [gate.ring.verify(new_api_key().encode(), OFFICE) for _ in range(100)]

    outcomes = await asyncio.gather(*guesses, return_exceptions=True)

    assert sum(isinstance(outcome, ApiKeyRefused) for outcome in outcomes) == 10
    assert sum(isinstance(outcome, Limited) for outcome in outcomes) == 90
    assert gate.auth.asked == 10
    with pytest.raises(ApiKeyRefused):
        await gate.ring.verify(new_api_key().encode(), "198.51.100.1")


async def test_good_keys_take_nothing_from_the_limit(gate: Gate, owner: Tokens) -> None:
    for _ in range(20):
        assert await gate.actor(await gate.make(owner))
    assert gate.auth.asked == 20


async def test_a_known_key_is_good_where_others_guess(gate: Gate, owner: Tokens) -> None:
    made = await gate.make(owner)
    await gate.actor(made)
    await asyncio.gather(*[gate.ring.verify(new_api_key().encode(), OFFICE) for _ in range(20)], return_exceptions=True)

    assert await gate.actor(made)


async def test_what_is_remembered_of_refused_keys_is_bounded(gate: Gate) -> None:
    gate.ring = gate.new_ring(remembered_max=3)
    guesses = [new_api_key().encode() for _ in range(5)]
    for guess in guesses:
        with pytest.raises(ApiKeyRefused):
            await gate.ring.verify(guess, OFFICE)
    asked = gate.auth.asked

    for guess in guesses[2:]:
        with pytest.raises(ApiKeyRefused):
            await gate.ring.verify(guess, OFFICE)
    assert gate.auth.asked == asked

    with pytest.raises(ApiKeyRefused):
        await gate.ring.verify(guesses[0], OFFICE)
    assert gate.auth.asked == asked + 1


async def test_a_revoked_key_is_refused_at_once(gate: Gate, owner: Tokens) -> None:
    made = await gate.make(owner)
    await gate.actor(made)

    await gate.services.api_keys.revoke_api_key(actor_of(owner), RevokeApiKey(made.key.id))

    await gate.refuses(made)


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_key_that_is_revoked_while_auth_is_asked_is_refused(gate: Gate, owner: Tokens, moment: str) -> None:
    made = await gate.make(owner)

    async def revoke() -> None:
        setattr(gate.auth, moment, nothing)
        await gate.services.api_keys.revoke_api_key(actor_of(owner), RevokeApiKey(made.key.id))

    setattr(gate.auth, moment, revoke)

    await gate.refuses(made)


async def test_a_change_of_permissions_is_known_at_the_next_request(gate: Gate, owner: Tokens) -> None:
    services = gate.services
    anna = await register(services.auth, "anna")
    await services.roles.grant_role(actor_of(owner), Grant(anna.user.id, "compliance"))
    made = await gate.make(await log_in(services.auth, "anna"), Scope(READ_AUDIT))
    assert (await gate.actor(made)).permissions == {READ_AUDIT}

    await services.roles.revoke_role(actor_of(owner), Grant(anna.user.id, "compliance"))
    assert (await gate.actor(made)).permissions == frozenset()

    await services.roles.grant_role(actor_of(owner), Grant(anna.user.id, "compliance"))
    assert (await gate.actor(made)).permissions == {READ_AUDIT}


async def test_a_suspended_owner_is_told_so_and_the_key_is_good_again_at_once(gate: Gate, owner: Tokens) -> None:
    services = gate.services
    anna = await register(services.auth, "anna")
    made = await gate.make(anna)
    await gate.actor(made)

    await services.sessions.suspend(actor_of(owner), Suspend(anna.user.id))
    with pytest.raises(AccountSuspended):
        await gate.actor(made)

    await services.sessions.restore(actor_of(owner), Restore(anna.user.id))
    assert (await gate.actor(made)).user_id == anna.user.id


@pytest.mark.asvs("16.5.3")
async def test_auth_that_does_not_answer_is_no_refusal(gate: Gate, owner: Tokens) -> None:
    made = await gate.make(owner)

    async def be_away() -> None:
        raise Unavailable

    gate.auth.before = be_away
    for _ in range(15):
        with pytest.raises(Unavailable):
            await gate.actor(made)

    gate.auth.before = nothing
    assert await gate.actor(made)


async def test_what_a_key_is_exchanged_for_is_worth_nothing_by_itself(gate: Gate, owner: Tokens) -> None:
    made = await gate.make(owner)
    exchanged = await gate.services.api_keys.exchange(Actor(), ExchangeApiKey(made.secret))

    with pytest.raises(Unauthenticated):
        gate.identity.verify(exchanged.access_token.encode())
