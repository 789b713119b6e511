"""Whatever is done, and whatever trouble comes in between, in whatever order: clients and servers keep the promise."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from tests.simulation.faults import FAULTS
from tests.simulation.hosts import Parts
from tests.simulation.promise import Broken
from tests.simulation.talker import CHANGES, MOVES
from tests.simulation.world import JUMPS_S, World, prepared

# Of whatever there is of a kind.
some = st.integers(0, 3)
seconds = st.sampled_from([0.0, 0.01, 0.2, 2.0])
SETTINGS = settings(
    max_examples=20,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


class WorldMachine(RuleBasedStateMachine):
    """The world of a seed in which people do what they are told to, and what breaks is told to break."""

    def __init__(self, folder: Path, parts: Parts) -> None:
        super().__init__()
        self._folder, self._parts = folder, parts
        self.world: World | None = None

    @initialize(seed=st.integers(0, 1000))
    def begin(self, seed: int) -> None:
        self.world = World(seed, self._folder, self._parts, is_talkative=False)
        self._run(self.world.begin())

    def teardown(self) -> None:
        if self.world:
            try:
                self._run(self.world.calm_down())
            finally:
                self.world.end()

    def _run(self, work: Any) -> None:
        assert self.world
        self.world.loop.run_until_complete(work)

    @rule(who=some, count=st.integers(1, 4), for_s=seconds)
    def say(self, who: int, count: int, for_s: float) -> None:
        talker = _of(self.there.talkers, who)
        talker.process.spawn(talker.say(count))
        self._run(asyncio.sleep(for_s))

    @rule(who=some, deed=st.sampled_from([*CHANGES, *MOVES]), for_s=seconds)
    def do(self, who: int, deed: Any, for_s: float) -> None:
        talker = _of(self.there.talkers, who)
        talker.process.spawn(talker.do(deed))
        self._run(asyncio.sleep(for_s))

    @rule(which=some, kind=st.sampled_from(["messagings", "gateways", "talkers"]), for_s=seconds)
    def kill(self, which: int, kind: str, for_s: float) -> None:
        one = _of(getattr(self.there, kind), which)
        if one.process.alive:
            self.there.down(one)
            self._run(asyncio.sleep(for_s))

    @rule(which=some, kind=st.sampled_from(["messagings", "gateways", "talkers"]))
    def restart(self, which: int, kind: str) -> None:
        self._run(self.there.up(_of(getattr(self.there, kind), which)))

    @rule(gateway=some, other=some, kind=st.sampled_from(["messagings", "talkers"]))
    def part(self, gateway: int, other: int, kind: str) -> None:
        self.there.net.part(_of(self.there.gateways, gateway).name, _of(getattr(self.there, kind), other).name)

    @rule(which=some, kind=st.sampled_from(["messagings", "gateways"]))
    def cut_off_from_the_cache(self, which: int, kind: str) -> None:
        _of(getattr(self.there, kind), which).cache.cut_off()

    @rule()
    def heal(self) -> None:
        self.there.mend_news()
        self.there.heal()

    @rule(which=some, jump_s=st.sampled_from(JUMPS_S))
    def set_clock(self, which: int, jump_s: float) -> None:
        _of(self.there.messagings, which).clock_off_us += int(jump_s * 1e6)

    @property
    def there(self) -> World:
        assert self.world
        return self.world


def _of(some_of_them: Any, number: int) -> Any:
    return some_of_them[number % len(some_of_them)]


def _machine(folder: Path, parts: Parts) -> Any:
    return lambda: WorldMachine(folder, parts)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Everything that breaks here breaks on purpose."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_clients_and_servers_keep_the_promise_whatever_is_done_to_them() -> None:
    with prepared() as folder:
        run_state_machine_as_test(_machine(folder, Parts()), settings=SETTINGS)


def test_a_client_that_resumes_off_by_one_is_noticed_by_what_is_done() -> None:
    parts = FAULTS["a client that resumes off by one"]
    found_is_enough = settings(SETTINGS, phases=[Phase.generate])
    with prepared(parts) as folder, pytest.raises(Broken):
        run_state_machine_as_test(_machine(folder, parts), settings=found_is_enough)
