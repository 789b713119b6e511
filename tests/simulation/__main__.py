"""Many seeds, or one of them with what happened in it."""

import argparse
import logging
import os
import sys
import time
from pathlib import Path

from tests.simulation.hosts import Parts
from tests.simulation.promise import Broken
from tests.simulation.runs import Kept, code_now, left_of, run_all
from tests.simulation.world import World, prepared


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: one for each core)")
    parser.add_argument("--kept", type=Path, help="a file of what is done: a run that was stopped goes on by it")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--verbose", action="store_true", help="with --seed: print its trace and our own log")
    given = parser.parse_args()
    if given.seed is not None:
        return run_one(given.seed, verbose=given.verbose)
    return run_many(given.first, given.seeds, given.jobs, Kept(given.kept, code_now()) if given.kept else None)


def run_many(first: int, count: int, jobs: int, kept: Kept | None) -> int:
    started = time.monotonic()
    known = kept.chunks if kept else []
    portions = left_of(first, count, known)
    run = count - sum(last - start for start, last in portions)
    broken = [each for chunk in known for each in chunk.broken]
    if run:
        print("\n".join([*broken, f"{run} seeds known, {len(broken)} broken"]), flush=True)
    for chunk in run_all(portions, jobs):
        if kept:
            kept.add(chunk)
        run += chunk.last - chunk.first
        broken += chunk.broken
        print("\n".join([*chunk.broken, f"{run} seeds, {len(broken)} broken"]), flush=True)
    print(f"{time.monotonic() - started:.0f} s")
    return 1 if broken else 0


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
