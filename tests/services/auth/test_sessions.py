"""Sessions: refreshed by tokens that are good once, ended for everyone at once."""

import asyncio
import random
from base64 import urlsafe_b64decode
from pathlib import Path

import pytest
from tests.harness import Services
from tests.harness.services import NEXT_TO_NOTHING
from tests.services.auth.accounts import actor_of, log_in, refresh, session_of, set_up

from kaif.app import compose
from kaif.app.auth import auth_services
from kaif.app.settings import read_settings
from kaif.engines.cache.memory import MemoryCache
from kaif.interfaces.auth import SESSIONS_ENDED, Auth, Nothing, Refresh, SessionEnded, Tokens
from kaif.interfaces.auth.sessions import EndSession, SessionNotFound, Sessions
from kaif.kernel.actor import NOBODY, Actor, SessionId
from kaif.kernel.clock import DAY_US, as_datetime
from kaif.kernel.tokens import TokenExpired, Verifier
from kaif.services.auth.tokens import new_signing_key


async def ended(auth: Auth) -> list[SessionId]:
    return (await auth.get_withdrawn(NOBODY, Nothing())).session_ids


async def test_a_refresh_gives_new_tokens_of_the_same_session(services: Services) -> None:
    tokens = await set_up(services.auth)

    newer = await refresh(services.auth, tokens)

    assert newer.user == tokens.user
    assert newer.refresh_token != tokens.refresh_token
    assert session_of(newer) == session_of(tokens)
    assert await refresh(services.auth, newer)


async def test_a_refresh_token_that_comes_twice_ends_the_session_for_both(services: Services) -> None:
    tokens = await set_up(services.auth)
    newer = await refresh(services.auth, tokens)

    for token in (tokens, newer, newer):
        with pytest.raises(SessionEnded):
            await refresh(services.auth, token)

    assert await ended(services.auth) == [session_of(tokens)]


async def test_of_fifty_refreshes_of_one_token_at_once_exactly_one_succeeds(services: Services) -> None:
    tokens = await set_up(services.auth)

    done = await asyncio.gather(*[refresh(services.auth, tokens) for _ in range(50)], return_exceptions=True)

    newer = [outcome for outcome in done if isinstance(outcome, Tokens)]
    assert len(newer) == 1
    assert all(isinstance(outcome, SessionEnded) for outcome in done if outcome not in newer)
    # The token was in two hands: whoever has the new one does not keep the session either.
    with pytest.raises(SessionEnded):
        await refresh(services.auth, newer[0])
    assert await ended(services.auth) == [session_of(tokens)]


@pytest.mark.parametrize("token", ["", ".", "nonsense", "a.b.c", "é.ü", "x" * 256])
async def test_a_token_that_never_was_is_refused(services: Services, token: str) -> None:
    with pytest.raises(SessionEnded):
        await services.auth.refresh(NOBODY, Refresh(token))


@pytest.mark.asvs("7.2.3")
async def test_a_refresh_token_holds_256_bits_that_nobody_foretells(services: Services) -> None:
    await set_up(services.auth)
    state = random.getstate()

    secrets = []
    for _ in range(3):
        random.setstate(state)
        secrets.append((await log_in(services.auth, "owner")).refresh_token.split(".")[1])

    assert len(set(secrets)) == 3
    assert {len(urlsafe_b64decode(secret + "=")) for secret in secrets} == {32}


@pytest.mark.asvs("7.2.2", "7.2.4")
async def test_each_device_has_its_own_session(services: Services) -> None:
    phone = await set_up(services.auth)
    laptop = await log_in(services.auth, "owner")

    await services.auth.log_out(actor_of(phone), Refresh())

    with pytest.raises(SessionEnded):
        await refresh(services.auth, phone)
    assert await refresh(services.auth, laptop)


async def test_logging_out_tells_every_gateway(services: Services) -> None:
    tokens = await set_up(services.auth)
    told: list[bytes] = []
    await services.cache.subscribe(SESSIONS_ENDED, told.append)

    await services.auth.log_out(actor_of(tokens), Refresh())

    assert told == [session_of(tokens).encode()]
    assert await ended(services.auth) == [session_of(tokens)]


async def test_logging_out_twice_is_no_error_and_told_once(services: Services) -> None:
    tokens = await set_up(services.auth)
    told: list[bytes] = []
    await services.cache.subscribe(SESSIONS_ENDED, told.append)

    for _ in range(2):
        await services.auth.log_out(actor_of(tokens), Refresh())

    assert len(told) == 1


async def test_one_logs_out_with_a_refresh_token_alone(services: Services) -> None:
    tokens = await set_up(services.auth)

    await services.auth.log_out(NOBODY, Refresh(tokens.refresh_token))

    with pytest.raises(SessionEnded):
        await refresh(services.auth, tokens)


async def test_a_sessions_id_alone_does_not_log_it_out(services: Services) -> None:
    tokens = await set_up(services.auth)

    for token in (session_of(tokens), f"{session_of(tokens)}.guess", ""):
        await services.auth.log_out(NOBODY, Refresh(token))

    assert await refresh(services.auth, tokens)


class TestTime:
    """With a clock that the test sets."""

    @pytest.fixture(autouse=True)
    async def given(self, tmp_path: Path):  # type: ignore[no-untyped-def]
        self.now_us = 1_800_000_000_000_000
        environment = {"KAIF_SIGNING_KEY": new_signing_key(), "KAIF_SETUP_CODE": "set-up-code"}
        settings, cache = read_settings(tmp_path, "127.0.0.1", 0, environment), MemoryCache()
        async with (
            compose.database_of(settings) as database,
            auth_services(settings, database, cache, lambda: self.now_us, hash_cost=NEXT_TO_NOTHING) as services,
        ):
            self.auth: Auth = services[Auth]
            self.sessions: Sessions = services[Sessions]
            yield

    @pytest.mark.asvs("7.3.1")
    async def test_an_idle_session_lapses_after_thirty_days_and_a_used_one_lives_on(self) -> None:
        idle = await set_up(self.auth)
        used = await log_in(self.auth, "owner")

        self.now_us += 29 * DAY_US
        used = await refresh(self.auth, used)
        self.now_us += 2 * DAY_US

        with pytest.raises(SessionEnded):
            await refresh(self.auth, idle)
        assert await refresh(self.auth, used)

    @pytest.mark.asvs("7.3.2")
    async def test_a_session_that_is_used_every_day_ends_after_half_a_year(self) -> None:
        tokens = await set_up(self.auth)
        for _ in range(179):
            self.now_us += DAY_US
            tokens = await refresh(self.auth, tokens)

        self.now_us += DAY_US - 1
        tokens = await refresh(self.auth, tokens)
        self.now_us += 1

        with pytest.raises(SessionEnded):
            await refresh(self.auth, tokens)
        assert await log_in(self.auth, "owner")

    async def test_a_session_is_last_used_when_it_was_last_refreshed(self) -> None:
        opened_at_us = self.now_us
        tokens = await set_up(self.auth)
        self.now_us += DAY_US
        await refresh(self.auth, tokens)
        self.now_us += DAY_US

        [session] = (await self.sessions.list_sessions(actor_of(tokens), Nothing())).sessions

        assert session.opened_at == as_datetime(opened_at_us)
        assert session.used_at == as_datetime(opened_at_us + DAY_US)

    async def test_a_session_that_lapsed_is_not_listed(self) -> None:
        used, idle = await set_up(self.auth), await log_in(self.auth, "owner")
        self.now_us += 29 * DAY_US
        await refresh(self.auth, used)
        self.now_us += 2 * DAY_US

        [session] = (await self.sessions.list_sessions(actor_of(used), Nothing())).sessions

        assert session.id == session_of(used)
        with pytest.raises(SessionNotFound):
            await self.sessions.end_session(actor_of(used), EndSession(session_of(idle)))

    async def test_a_new_device_is_marked_as_new_for_a_week(self) -> None:
        await set_up(self.auth)
        tokens = await log_in(self.auth, "owner", asking=Actor(agent="curl/8.5.0"))

        async def is_new() -> bool:
            return (await self.sessions.list_sessions(actor_of(tokens), Nothing())).sessions[0].is_new

        self.now_us += 7 * DAY_US - 1
        assert await is_new()
        self.now_us += 1
        assert not await is_new()

    @pytest.mark.asvs("7.2.2")
    async def test_an_access_token_is_good_for_ten_minutes(self) -> None:
        tokens = await set_up(self.auth)
        verifier = Verifier((await self.auth.get_keys(NOBODY, Nothing())).keys)
        now_s = self.now_us / 1_000_000

        assert tokens.expires_in == 600
        assert verifier.verify(tokens.access_token.encode(), now_s + 599)[0] == actor_of(tokens)
        with pytest.raises(TokenExpired):
            verifier.verify(tokens.access_token.encode(), now_s + 600)

    async def test_ended_sessions_are_forgotten_when_no_access_token_of_theirs_is_good(self) -> None:
        tokens = await set_up(self.auth)
        await self.auth.log_out(actor_of(tokens), Refresh())

        self.now_us += 599_000_000
        assert await ended(self.auth) == [session_of(tokens)]
        self.now_us += 2_000_000
        assert await ended(self.auth) == []


async def test_a_sessions_id_alone_ends_nothing_by_refreshing_either(services: Services) -> None:
    tokens = await set_up(services.auth)

    for forged in (f"{session_of(tokens)}.guess", f"{session_of(tokens)}.guess.guess", tokens.refresh_token + "x"):
        with pytest.raises(SessionEnded):
            await services.auth.refresh(NOBODY, Refresh(forged))

    assert await ended(services.auth) == []
    assert await refresh(services.auth, tokens)
