"""The command line of the bench: `python -m bench --help`."""

import argparse
import math
import resource
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import report
from bench.chart import write_chart
from bench.contenders import Contender
from bench.engines import Engines, engines
from bench.loads import Duration, Figures
from bench.machine import describe
from bench.processes import BenchError
from bench.profiling import profile
from bench.suites import OURS, SUITES, Sizes, Suite, make_contenders, that_fit

REPORTS = Path(__file__).parent.parent / "docs" / "performance"
# Room for the idle connections and for whatever else a process keeps open.
SPARE_FILES = 1000
# Wide enough for every table when the output is a file.
PLAIN_WIDTH = 150


def main() -> int:
    """Measure, show, and write the results down; 1 if something could not be measured."""
    arguments = _arguments()
    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
    sizes = _sizes(arguments)
    suites = [that_fit(suite, sizes) for suite in SUITES if suite.name in arguments.suites]
    try:
        _allow_open_files(_per_process(sizes) + SPARE_FILES)
        with tempfile.TemporaryDirectory(prefix="kaif-bench-", dir=arguments.scratch) as name:
            directory = Path(name)
            # PostgreSQL runs as another user when we are root, and has to reach its folder below this one.
            directory.chmod(0o711)
            with engines(directory) as started:
                if arguments.profile:
                    return _profile(suites, sizes, directory, started, console)
                results = _measure(suites, sizes, arguments.rounds, directory, started, console)
    except BenchError as error:
        console.print(str(error), style="red", markup=False)
        return 1
    report.print_tables(suites, results, console)
    _write(arguments, suites, results, console)
    return 1 if results.errors else 0


def _arguments() -> argparse.Namespace:
    names = [suite.name for suite in SUITES]
    parser = argparse.ArgumentParser(prog="bench", description="Measure Kaif Ozero side by side with other stacks.")
    parser.add_argument("suites", nargs="*", help=f"which suites, of: {', '.join(names)} (default: all)")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (default: 3)")
    parser.add_argument("--seconds", type=float, help="length of one measurement (default: 5)")
    parser.add_argument("--warmup", type=float, help="seconds of load before each measurement (default: 2)")
    parser.add_argument("--people", type=int, help="registered people, a multiple of ten (default: 200)")
    parser.add_argument("--http-connections", type=int, default=64, help="(default: 64)")
    parser.add_argument("--idle-connections", type=int, help="(default: 5000)")
    parser.add_argument(
        "--messages", type=int, help="that are searched; ten times as many are paged (default: 1000000)"
    )
    parser.add_argument("--crowd", type=int, help="people in the largest group (default: 200000)")
    parser.add_argument("--rate", type=int, default=500, help="messages a second of rate500 (default: 500)")
    parser.add_argument("--quick", action="store_true", help="one short, small round of everything")
    parser.add_argument("--profile", action="store_true", help="profile our own server instead, with py-spy")
    parser.add_argument("--scratch", type=Path, help="where to keep data meanwhile (default: the system's)")
    parser.add_argument("--output", type=Path, help="where to write (default: docs/performance, if all is measured)")
    arguments = parser.parse_args()
    unknown = set(arguments.suites) - set(names)
    if unknown:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    arguments.suites = arguments.suites or names
    _fill_in_defaults(arguments)
    if arguments.people % 10 or arguments.people <= 0:
        parser.error("--people has to be a multiple of ten")
    return arguments


def _fill_in_defaults(arguments: argparse.Namespace) -> None:
    quick = {
        "messages": 20_000,
        "crowd": 20_000,
        "rounds": 1,
        "seconds": 2,
        "warmup": 1,
        "people": 100,
        "idle_connections": 1000,
    }
    full = {
        "messages": 1_000_000,
        "crowd": 200_000,
        "rounds": 3,
        "seconds": 5,
        "warmup": 2,
        "people": 200,
        "idle_connections": 5000,
    }
    for name, value in (quick if arguments.quick else full).items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)


def _sizes(arguments: argparse.Namespace) -> Sizes:
    return Sizes(
        people=arguments.people,
        http_connections=arguments.http_connections,
        idle_connections=arguments.idle_connections,
        messages=arguments.messages,
        rate_per_s=arguments.rate,
        crowd=arguments.crowd,
        duration=Duration(arguments.warmup, arguments.seconds),
        processes_for_sockets=_processes_for(arguments.idle_connections),
    )


def _processes_for(connections: int) -> int:
    """How many it takes to hold so many: each holds one file per connection, and has a limit of files."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY:
        return 1
    return math.ceil(connections / max(1, hard - SPARE_FILES))


def _per_process(sizes: Sizes) -> int:
    return math.ceil(sizes.idle_connections / sizes.processes_for_sockets)


def _allow_open_files(wanted: int) -> None:
    """Servers and load inherit the limit, and each holds one file per connection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise BenchError(f"{wanted} open files are needed and {hard} allowed: ulimit -Hn {wanted}")
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _measure(
    suites: Sequence[Suite], sizes: Sizes, rounds: int, directory: Path, started: Engines, console: Console
) -> report.Results:
    names = {name for suite in suites for name in suite.contenders}
    contenders = make_contenders(directory, started, sizes, names)
    figures: dict[str, dict[str, list[Figures]]] = {suite.name: {} for suite in suites}
    errors: dict[str, str] = {}
    turns = [(number, suite, name) for number in range(rounds) for suite in suites for name in _order(suite, number)]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=len(turns))
        for number, suite, name in turns:
            progress.update(task, description=f"round {number + 1}, {suite.name}, {name}")
            try:
                measured = _one(suite, contenders[name], sizes, directory)
            except BenchError as error:
                errors.setdefault(f"{name}: {error}", f"{suite.name}, round {number + 1}")
            else:
                figures[suite.name].setdefault(name, []).append(measured)
                progress.console.print(f"{suite.name:9} {name:27} {report.number(measured[suite.figure])} {suite.unit}")
            progress.advance(task)
    date = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    said = [f"{where}, {what}" for what, where in errors.items()]
    return report.Results(date, describe(directory, started), sizes, rounds, figures, said)


def _order(suite: Suite, number: int) -> Sequence[str]:
    """Each round begins with another contender, so that none always follows the same one."""
    first = number % len(suite.contenders)
    return suite.contenders[first:] + suite.contenders[:first]


def _one(suite: Suite, contender: Contender, sizes: Sizes, directory: Path) -> Figures:
    with contender.serving() as server:
        return suite.measure(server, sizes, directory)


def _profile(suites: Sequence[Suite], sizes: Sizes, directory: Path, started: Engines, console: Console) -> int:
    ours = {name for suite in suites for name in suite.contenders if name in OURS}
    contenders = make_contenders(directory, started, sizes, ours)
    for suite in suites:
        for name in suite.contenders:
            if name in ours:
                with contenders[name].serving() as server:
                    console.rule(f"{suite.name}, {name}")
                    measure = partial(suite.measure, server, sizes, directory)
                    profile(measure, server, sizes.duration, directory, console)
    return 0


def _write(arguments: argparse.Namespace, suites: Sequence[Suite], results: report.Results, console: Console) -> None:
    complete = len(suites) == len(SUITES) and not arguments.quick and not results.errors
    output: Path | None = arguments.output or (REPORTS if complete else None)
    if output is None:
        console.print("Not written down: only a whole, complete run is, unless --output says where.")
        return
    output.mkdir(parents=True, exist_ok=True)
    report.write_json(output / "results.json", results)
    report.write_markdown(output / "results.md", suites, results)
    write_chart(output / "results.svg", suites, results)
    console.print(f"Written to {output}")


if __name__ == "__main__":
    sys.exit(main())
