"""Many seeds, or one of them with what happened in it."""

import argparse
import logging
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.simulation.world import Broken, Parts, World, prepared, simulate

CHUNK = 100


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--verbose", action="store_true", help="with --seed: print its trace and our own log")
    given = parser.parse_args()
    if given.seed is not None:
        return run_one(given.seed, verbose=given.verbose)
    started = time.monotonic()
    firsts = range(given.first, given.first + given.seeds, CHUNK)
    lasts = [min(first + CHUNK, given.first + given.seeds) for first in firsts]
    broken: list[str] = []
    with ProcessPoolExecutor(given.processes) as pool:
        for last, found in zip(lasts, pool.map(run_some, firsts, lasts), strict=True):
            broken += found
            print("\n".join([*found, f"{last - given.first} seeds, {len(broken)} broken"]), flush=True)
    print(f"{time.monotonic() - started:.0f} s")
    return 1 if broken else 0


def run_some(first: int, last: int) -> list[str]:
    """What was broken."""
    logging.disable(logging.CRITICAL)
    broken = []
    with prepared() as folder:
        for seed in range(first, last):
            try:
                simulate(seed, folder)
            except Broken as error:
                broken.append(f"seed {seed}: {error}")
    return broken


def run_one(seed: int, *, verbose: bool) -> int:
    if verbose:
        logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    with prepared() as folder:
        world = World(seed, Path(folder), Parts())
        try:
            world.run()
        except Broken as error:
            print(f"seed {seed}: {error}")
            return 1
        finally:
            if verbose:
                for at_s, what, who, seq in world.trace:
                    print(f"{at_s:10.4f} {who:12} {what} {seq or ''}")
    print(f"seed {seed}: kept, {len(world.trace)} events, {world.digest[:16]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
