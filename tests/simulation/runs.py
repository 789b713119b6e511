"""Runs of many seeds, in several processes, which go on where they were stopped."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import msgspec
from tests.simulation.promise import Broken
from tests.simulation.world import prepared, simulate

CHUNK = 50
ROOT = Path(__file__).parents[2]
# What a world is made of: results of other code say nothing of this one.
SOURCES = ("src/kaif", "tests/simulation")


class Chunk(msgspec.Struct, frozen=True):
    """Seeds from `first` to before `last` that have been run, and what was broken among them."""

    first: int
    last: int
    broken: list[str]


class Kept:
    """A file of chunks that are done, a line each, below a line that says by which code."""

    def __init__(self, path: Path, code: str) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self.chunks = [chunk for line in lines[1:] if (chunk := _chunk_of(line))] if lines[:1] == [code] else []
        # Whatever was cut off in the middle of a line is written anew.
        path.write_text("".join(f"{line}\n" for line in (code, *map(_line_of, self.chunks))))

    def add(self, chunk: Chunk) -> None:
        with self._path.open("a") as file:
            file.write(f"{_line_of(chunk)}\n")


def _line_of(chunk: Chunk) -> str:
    return msgspec.json.encode(chunk).decode()


def _chunk_of(line: str) -> Chunk | None:
    try:
        return msgspec.json.decode(line, type=Chunk)
    except msgspec.DecodeError:
        return None


def code_now() -> str:
    digest = hashlib.sha256()
    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*")):
            if path.suffix in (".py", ".sql"):
                digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def left_of(first: int, count: int, done: Sequence[Chunk]) -> list[tuple[int, int]]:
    """The seeds that none of the chunks has, in portions."""
    known = {seed for chunk in done for seed in range(chunk.first, chunk.last)}
    left: list[tuple[int, int]] = []
    for seed in range(first, first + count):
        if seed in known:
            continue
        if left and left[-1][1] == seed and seed - left[-1][0] < CHUNK:
            left[-1] = left[-1][0], seed + 1
        else:
            left.append((seed, seed + 1))
    return left


def run_all(portions: Sequence[tuple[int, int]], jobs: int) -> Iterator[Chunk]:
    """Each as it is done."""
    with prepared() as folder, ProcessPoolExecutor(jobs) as pool:
        for done in as_completed([pool.submit(_run, folder, first, last) for first, last in portions]):
            yield done.result()


def _run(folder: Path, first: int, last: int) -> Chunk:
    logging.disable(logging.CRITICAL)
    broken = []
    for seed in range(first, last):
        try:
            simulate(seed, folder)
        except Broken as error:
            broken.append(f"seed {seed}: {error}")
    return Chunk(first, last, broken)
