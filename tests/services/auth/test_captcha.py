"""Where the operator wants puzzles, nobody floods the server without solving them, each once."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import altcha
import pytest
from tests.services.auth.accounts import PASSWORD, a_set_up
from tests.services.auth.home import Home, at_home
from tests.services.auth.test_guessed_passwords import guess_everyone, network
from tests.softwallets import EthereumWallet

from kaif.interfaces.auth import InvalidCredentials, LogIn, Nothing, Register
from kaif.interfaces.auth.accounts import ForgetPassword
from kaif.interfaces.auth.captcha import CaptchaRequired
from kaif.interfaces.auth.factors import TooManyTries
from kaif.interfaces.auth.wallets import GivenProof, RegisterByWallet, WalletUnknown
from kaif.kernel.actor import NOBODY
from kaif.services.auth.defences.pacing import NETWORK, PAIR


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Home]:
    async with at_home(tmp_path, f"sqlite:{tmp_path / 'kaif.db'}", KAIF_CAPTCHA="altcha") as home:
        await home.auth.set_up(network(1), a_set_up())
        yield home


async def puzzle(home: Home) -> altcha.Challenge:
    challenge = (await home.captchas.get_captcha(NOBODY, Nothing())).challenge
    assert challenge
    return altcha.Challenge.from_dict(challenge)


async def solve(home: Home) -> str:
    challenge = await puzzle(home)
    solution = await asyncio.to_thread(altcha.solve_challenge, challenge)
    assert solution
    return altcha.Payload(challenge, solution).to_base64()


def wants(name: str, captcha: str = "") -> Register:
    return Register(name, f"{name}@example.org", PASSWORD, captcha=captcha)


async def test_nobody_registers_or_asks_for_letters_without_a_solved_puzzle(guarded: Home) -> None:
    for answer in ("", "bm90aGluZw=="):
        with pytest.raises(CaptchaRequired):
            await guarded.auth.register(NOBODY, wants("anna", answer))
        with pytest.raises(CaptchaRequired):
            await guarded.accounts.forget_password(NOBODY, ForgetPassword("owner@example.org", answer))

    assert await guarded.auth.register(NOBODY, wants("anna", await solve(guarded)))
    await guarded.accounts.forget_password(NOBODY, ForgetPassword("owner@example.org", await solve(guarded)))


async def test_a_wallet_registers_nobody_without_a_solved_puzzle(guarded: Home) -> None:
    wallet = EthereumWallet()
    asked = await guarded.wallets.begin_wallet_sign_in(NOBODY, wallet.begin())
    with pytest.raises(WalletUnknown) as unknown:
        await guarded.wallets.sign_in_by_wallet(NOBODY, GivenProof(wallet.prove(asked)))
    ticket = str(unknown.value.details["ticket"])

    with pytest.raises(CaptchaRequired):
        await guarded.wallets.register_by_wallet(NOBODY, RegisterByWallet(ticket, "vera", "vera@example.org"))

    solved = RegisterByWallet(ticket, "vera", "vera@example.org", captcha=await solve(guarded))
    assert await guarded.wallets.register_by_wallet(NOBODY, solved)


async def test_an_answer_is_good_once(guarded: Home) -> None:
    answer = await solve(guarded)

    done = await asyncio.gather(
        *[guarded.auth.register(NOBODY, wants(f"anna-{number}", answer)) for number in range(5)], return_exceptions=True
    )

    assert sorted(type(one).__name__ for one in done) == [*["CaptchaRequired"] * 4, "Tokens"]


async def test_the_same_puzzle_with_another_answer_is_spent_too(guarded: Home) -> None:
    answer = json.loads(base64.b64decode(await solve(guarded)))
    await guarded.auth.register(NOBODY, wants("anna", base64.b64encode(json.dumps(answer).encode()).decode()))
    answer["solution"]["time"] = 12345

    with pytest.raises(CaptchaRequired):
        await guarded.auth.register(NOBODY, wants("boris", base64.b64encode(json.dumps(answer).encode()).decode()))


async def test_a_puzzle_that_somebody_made_easy_is_none(guarded: Home) -> None:
    easy = altcha.create_challenge("PBKDF2/SHA-256", 1, key_prefix="0", hmac_secret="a guess")
    solution = await asyncio.to_thread(altcha.solve_challenge, easy)
    assert solution
    forged = altcha.Payload(easy, solution)
    softened = await puzzle(guarded)
    softened.parameters.cost = 1
    guessed = await asyncio.to_thread(altcha.solve_challenge, softened)
    assert guessed

    for payload in (forged, altcha.Payload(softened, guessed)):
        with pytest.raises(CaptchaRequired):
            await guarded.auth.register(NOBODY, wants("anna", payload.to_base64()))


async def test_an_unsolved_puzzle_is_no_answer(guarded: Home) -> None:
    challenge = await puzzle(guarded)
    solved = json.loads(base64.b64decode(await solve(guarded)))
    stolen = altcha.Solution.from_dict(solved["solution"])

    with pytest.raises(CaptchaRequired):
        await guarded.auth.register(NOBODY, wants("anna", altcha.Payload(challenge, stolen).to_base64()))


async def test_whoever_would_wait_for_what_strangers_did_solves_a_puzzle_instead(guarded: Home) -> None:
    await guess_everyone(guarded, NETWORK.free, network(2))

    with pytest.raises(CaptchaRequired):
        await guarded.auth.log_in(network(2), LogIn("owner", PASSWORD))
    assert await guarded.auth.log_in(network(2), LogIn("owner", PASSWORD, await solve(guarded)))
    # At home one is known.
    assert await guarded.auth.log_in(network(1), LogIn("owner", PASSWORD))


async def test_a_puzzle_spares_nobody_the_wait_for_their_own_guesses(guarded: Home) -> None:
    for _ in range(PAIR.free):
        with pytest.raises(InvalidCredentials):
            await guarded.auth.log_in(network(2), LogIn("owner", "not the password"))

    with pytest.raises(TooManyTries):
        await guarded.auth.log_in(network(2), LogIn("owner", PASSWORD, await solve(guarded)))


async def test_where_none_are_wanted_there_are_none(embedded_home: Home) -> None:
    assert (await embedded_home.captchas.get_captcha(NOBODY, Nothing())).challenge is None
