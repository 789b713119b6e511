"""A refresh whose answer was lost is answered again to the one who made it, and to nobody else."""

import asyncio
import secrets

import msgspec
import pytest
from tests.services.auth.accounts import actor_of, log_in, refresh, session_of, set_up
from tests.services.auth.home import Home

from kaif.interfaces.auth import Refresh, SessionEnded, Tokens
from kaif.kernel.actor import NOBODY
from kaif.kernel.clock import DAY_US, SECOND_US

ATTEMPT = "an-attempt-of-this-client"


async def refreshed(home: Home, tokens: Tokens, attempt: str = ATTEMPT) -> Tokens:
    return await home.auth.refresh(NOBODY, Refresh(tokens.refresh_token, attempt))


async def is_over(home: Home, tokens: Tokens) -> bool:
    try:
        await refresh(home.auth, tokens)
    except SessionEnded:
        return True
    return False


async def test_whoever_lost_the_answer_gets_it_again_and_goes_on(home: Home) -> None:
    tokens = await set_up(home.auth)
    lost = await refreshed(home, tokens)
    home.now_us += 59 * SECOND_US

    again = [await refreshed(home, tokens) for _ in range(3)]

    assert {one.refresh_token for one in again} == {lost.refresh_token}
    assert all(one.access_token and one.user == tokens.user for one in again)
    assert lost.refresh_token != tokens.refresh_token
    assert not await is_over(home, lost)
    assert not await home.audited("session_stolen")


@pytest.mark.parametrize("attempt", ["", "another-attempt-of-a-thief", ATTEMPT.upper(), ATTEMPT + "-"])
async def test_a_spent_token_by_another_attempt_ends_the_session_for_both(home: Home, attempt: str) -> None:
    tokens = await set_up(home.auth)
    newer = await refreshed(home, tokens)

    with pytest.raises(SessionEnded):
        await refreshed(home, tokens, attempt)

    assert await is_over(home, newer)
    assert [entry.details["session"] for entry in await home.audited("session_stolen")] == [session_of(tokens)]
    with pytest.raises(SessionEnded):
        await refreshed(home, tokens)


async def test_an_attempt_does_not_answer_for_a_token_that_was_spent_without_one(home: Home) -> None:
    tokens = await set_up(home.auth)
    newer = await refresh(home.auth, tokens)

    with pytest.raises(SessionEnded):
        await refreshed(home, tokens)

    assert await is_over(home, newer)


async def test_after_a_minute_nothing_is_answered_again(home: Home) -> None:
    tokens = await set_up(home.auth)
    newer = await refreshed(home, tokens)
    home.now_us += 60 * SECOND_US + 1

    with pytest.raises(SessionEnded):
        await refreshed(home, tokens)

    assert await is_over(home, newer)


async def test_once_the_new_token_was_used_the_old_one_is_a_thiefs(home: Home) -> None:
    tokens = await set_up(home.auth)
    newest = await refreshed(home, await refreshed(home, tokens))

    with pytest.raises(SessionEnded):
        await refreshed(home, tokens)

    assert await is_over(home, newest)


async def test_of_fifty_at_once_by_one_attempt_all_get_the_same_token(home: Home) -> None:
    tokens = await set_up(home.auth)

    done = await asyncio.gather(*(refreshed(home, tokens) for _ in range(50)))

    assert len({one.refresh_token for one in done}) == 1
    assert not await is_over(home, done[0])


async def test_of_fifty_at_once_by_as_many_attempts_one_succeeds_and_the_session_ends(home: Home) -> None:
    tokens = await set_up(home.auth)

    attempts = [secrets.token_urlsafe(16) for _ in range(50)]
    done = await asyncio.gather(*(refreshed(home, tokens, one) for one in attempts), return_exceptions=True)

    newer = [outcome for outcome in done if isinstance(outcome, Tokens)]
    assert len(newer) == 1 and sum(isinstance(outcome, SessionEnded) for outcome in done) == 49
    assert await is_over(home, newer[0])


async def test_an_attempt_says_nothing_of_another_session(home: Home) -> None:
    owner = await set_up(home.auth)
    other = await log_in(home.auth, "owner")
    first = await refreshed(home, owner)

    second = await refreshed(home, other)

    assert second.refresh_token.split(".")[1] != first.refresh_token.split(".")[1]
    assert session_of(second) == session_of(other)
    mixed = f"{session_of(owner)}.{other.refresh_token.split('.', 1)[1]}"
    with pytest.raises(SessionEnded):
        await home.auth.refresh(NOBODY, Refresh(mixed, ATTEMPT))
    assert not await is_over(home, first) and not await is_over(home, second)


async def test_an_ended_session_is_not_answered_again(home: Home) -> None:
    tokens = await set_up(home.auth)
    await refreshed(home, tokens)
    await home.auth.log_out(actor_of(tokens), Refresh())

    with pytest.raises(SessionEnded):
        await refreshed(home, tokens)


@pytest.mark.parametrize("attempt", ["short", "x" * 21, "x" * 65, "twenty two characters!", "x" * 22 + "\n", "é" * 22])
def test_an_attempt_that_could_be_guessed_is_refused(attempt: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"refresh_token": "x", "attempt": attempt}, Refresh)


async def test_a_session_that_has_lapsed_was_stolen_by_nobody(home: Home) -> None:
    """Its key comes for the first time, only late."""
    tokens = await set_up(home.auth)
    home.now_us += 31 * DAY_US

    with pytest.raises(SessionEnded):
        await home.auth.refresh(NOBODY, Refresh(tokens.refresh_token))

    assert not await home.audited("session_stolen")
