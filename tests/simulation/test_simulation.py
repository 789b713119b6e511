"""The promise under many seeds; and that a broken one is noticed."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.simulation.faults import FAULTS
from tests.simulation.promise import Broken
from tests.simulation.runs import Chunk, Kept, left_of, run_all
from tests.simulation.world import prepared, simulate

SEEDS = 150
# Each fault is noticed in every second to tenth.
SEEDS_FOR_A_FAULT = 60


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Everything that breaks here breaks on purpose."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_nothing_acknowledged_is_lost_or_doubled_under_many_seeds() -> None:
    with prepared() as folder:
        for seed in range(SEEDS):
            try:
                simulate(seed, folder)
            except Broken as broken:
                pytest.fail(f"seed {seed}: {broken}", pytrace=False)


def test_a_seed_does_the_same_again() -> None:
    with prepared() as folder:
        for seed in range(10):
            assert simulate(seed, folder).digest == simulate(seed, folder).digest, seed


def test_a_seed_does_the_same_in_another_process() -> None:
    command = [sys.executable, "-m", "tests.simulation", "--seed", "2"]
    run = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)

    with prepared() as folder:
        assert simulate(2, folder).digest[:16] in run.stdout


def test_a_run_that_was_stopped_goes_on_and_other_code_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "seeds.jsonl"
    kept = Kept(path, "this code")
    for chunk in (Chunk(0, 50, ["seed 7: lost"]), Chunk(100, 150, [])):
        kept.add(chunk)
    with path.open("a") as file:
        file.write('{"first":50,"last":1')

    again = Kept(path, "this code")

    assert [chunk.broken for chunk in again.chunks] == [["seed 7: lost"], []]
    assert left_of(0, 155, again.chunks) == [(50, 100), (150, 155)]
    again.add(Chunk(150, 155, []))
    assert left_of(0, 260, Kept(path, "this code").chunks) == [(50, 100), (155, 205), (205, 255), (255, 260)]
    assert left_of(0, 10, Kept(path, "other code").chunks) == [(0, 10)]


def test_two_processes_share_the_seeds() -> None:
    assert sorted(run_all([(0, 3), (3, 5)], 2), key=lambda chunk: chunk.first) == [Chunk(0, 3, []), Chunk(3, 5, [])]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_noticed(fault: str) -> None:
    parts = FAULTS[fault]
    with prepared(parts) as folder, pytest.raises(Broken):
        for seed in range(SEEDS_FOR_A_FAULT):
            simulate(seed, folder, parts)
