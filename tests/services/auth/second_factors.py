"""People with an app that shows codes, in one line, and a clock that tests set."""

from typing import NamedTuple

import pyotp
import pytest
from tests.harness import Services
from tests.services.auth.accounts import PASSWORD, actor_of, log_in

from kaif.interfaces.auth import Nothing, Tokens
from kaif.interfaces.auth.factors import (
    ConfirmTotp,
    InvalidCode,
    LogInWithSecondFactor,
    SecondFactorRequired,
    StepUp,
)
from kaif.kernel.actor import NOBODY, Actor


class Time:
    """The clock of the services."""

    # A step of 30 s begins at this moment.
    now_us = 1_800_000_000_000_000

    def __call__(self) -> int:
        return self.now_us

    def passes(self, seconds: float) -> None:
        self.now_us += int(seconds * 1_000_000)


class App(NamedTuple):
    """The app on someone's phone, and the recovery codes in their drawer."""

    time: Time
    secret: str
    recovery_codes: list[str]

    def code(self, late_s: int = 0) -> str:
        return pyotp.TOTP(self.secret).at(self.time.now_us // 1_000_000 + late_s)

    def wrong_code(self) -> str:
        """Not that of any step near enough."""
        near = {self.code(late_s) for late_s in range(-60, 61, 30)}
        return next(code for code in ("000000", "111111", "222222", "333333", "444444", "555555") if code not in near)


async def turn_on(services: Services, time: Time, actor: Actor) -> App:
    """Confirmed by the code of the step before, so that the present one is still good."""
    begun = await services.factors.begin_totp(actor, Nothing())
    app = App(time, begun.secret, [])
    confirmed = await services.factors.confirm_totp(actor, ConfirmTotp(app.code(-30)))
    return app._replace(recovery_codes=confirmed.codes)


async def challenge(services: Services, login: str = "owner") -> str:
    with pytest.raises(SecondFactorRequired) as required:
        await log_in(services.auth, login)
    return str(required.value.details["challenge"])


async def answer(services: Services, given: str, code: str) -> Tokens:
    return await services.factors.log_in_with_second_factor(NOBODY, LogInWithSecondFactor(given, code))


async def sign_in(services: Services, code: str, login: str = "owner") -> Tokens:
    return await answer(services, await challenge(services, login), code)


async def guess(services: Services, app: App, times: int, given: str = "") -> None:
    """Wrongly, each time with a challenge of its own unless one is given."""
    for _ in range(times):
        with pytest.raises(InvalidCode):
            await answer(services, given or await challenge(services), app.wrong_code())


async def step_up(services: Services, tokens: Tokens, code: str = "", password: str = PASSWORD) -> None:
    await services.factors.step_up(actor_of(tokens), StepUp(password, code))
