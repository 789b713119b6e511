"""Turns every round's raw figures into medians, ratios, a table for the terminal and one for the repository."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.loads import LOAD_CPU_MAX, Figures
from bench.suites import Sizes, Suite

UNITS = {
    "messages_per_s": "messages/s",
    "deliveries_per_s": "deliveries/s",
    "p50_ms": "p50 ms",
    "p95_ms": "p95 ms",
    "ack_p50_ms": "ack p50 ms",
    "ack_p95_ms": "ack p95 ms",
    "ack_p99_ms": "ack p99 ms",
    "delivery_p95_ms": "delivery p95 ms",
    "logins_per_s": "sign-ins/s",
    "hashes_per_s": "hashes/s alone",
    "large_us": "µs in the large one",
    "small_us": "µs in the small one",
    "large_join_ms": "p50 ms",
    "small_join_ms": "p50 ms in the small one",
    "connections": "connections at once",
    "server_us_per_request": "server CPU µs each",
    "server_us_per_message": "server CPU µs each",
    "cpu_times": "CPU times",
    "size_percent": "% of bytes",
    "psnr_db": "dB",
    "our_frames_per_s": "frames/s",
    "put_mb_per_s": "MB/s in one request",
    "tus_mb_per_s": "MB/s by tus",
    "copy_mb_per_s": "MB/s copied",
    "server_s_per_gb": "server CPU s/GB",
    "grown_mb": "MB of memory more",
    "thumbs_per_cpu_s": "pictures/s of a core",
    "server_cpu": "server CPU",
    "load_cpu": "load CPU",
}


@dataclass(frozen=True)
class Results:
    """Everything that one run measured: figures by suite, by contender, by round."""

    date: str
    machine: dict[str, str]
    sizes: Sizes
    rounds: int
    figures: dict[str, dict[str, list[Figures]]]
    errors: list[str]


@dataclass(frozen=True)
class Row:
    """A contender's medians in one suite, and how many times better than the baseline its figure is."""

    contender: str
    value: float
    ratio: float
    beside: tuple[float, ...]
    server_cpu: float
    load_cpu: float
    verdict: str


def rows(suite: Suite, figures: dict[str, list[Figures]]) -> Iterator[Row]:
    """One row per contender that was measured; ratios are of medians over the rounds."""
    baseline = _median(figures.get(suite.baseline, []), suite.figure)
    for contender in suite.contenders:
        rounds = figures.get(contender, [])
        if not rounds:
            continue
        value = _median(rounds, suite.figure)
        ratio = _ratio(suite, value, baseline)
        yield Row(
            contender,
            value,
            ratio,
            tuple(_median(rounds, name) for name in suite.beside),
            _median(rounds, "server_cpu"),
            _median(rounds, "load_cpu"),
            _verdict(suite, contender, value, ratio),
        )


def _median(rounds: Sequence[Figures], name: str) -> float:
    return median(figures[name] for figures in rounds) if rounds else 0.0


def _ratio(suite: Suite, value: float, baseline: float) -> float:
    """How many times better: of rates more is better, of sizes and latencies less."""
    better, worse = (baseline, value) if suite.target.at_most else (value, baseline)
    return better / worse if worse else 0.0


def _verdict(suite: Suite, contender: str, value: float, ratio: float) -> str:
    if contender not in suite.target.ours:
        return ""
    if suite.target.at_least_times and not ratio:
        return "no baseline"
    return "met" if suite.target.is_met(value, ratio) else "missed"


def header(suite: Suite) -> list[str]:
    """The columns of a suite's table."""
    return ["", suite.unit, "ratio", *(UNITS[name] for name in suite.beside), "server / load CPU", "target"]


def cells(suite: Suite, row: Row) -> list[str]:
    """A row as text."""
    target = f"{suite.target.words()}: {row.verdict}" if row.verdict else ""
    cpu = f"{row.server_cpu:.2f} / {row.load_cpu:.2f}{' !' if row.load_cpu > LOAD_CPU_MAX else ''}"
    ratio = f"{row.ratio:.1f}×" if row.ratio else ""
    return [row.contender, number(row.value), ratio, *map(number, row.beside), cpu, target]


def number(value: float) -> str:
    """Three significant digits, thousands set apart."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def warnings(suites: Sequence[Suite], results: Results) -> list[str]:
    """What a reader should know before believing a figure."""
    said = [" ".join(error.split()) for error in results.errors]
    for suite in suites:
        for row in rows(suite, results.figures.get(suite.name, {})):
            if row.load_cpu > LOAD_CPU_MAX:
                said.append(f"{suite.name}, {row.contender}: the load used {row.load_cpu:.0%} of its core")
    if results.machine["data on"] == "tmpfs":
        said.append("The data were on tmpfs: a durable write cost nothing")
    return said


def missed(suites: Sequence[Suite], results: Results) -> list[str]:
    """The targets that were not reached."""
    return [
        f"{suite.name}, {row.contender}"
        for suite in suites
        for row in rows(suite, results.figures.get(suite.name, {}))
        if row.verdict == "missed"
    ]


def print_tables(suites: Sequence[Suite], results: Results, console: Console) -> None:
    """Show everything in the terminal."""
    for suite in suites:
        table = Table(title=suite.question, title_justify="left", title_style="bold")
        for index, name in enumerate(header(suite)):
            table.add_column(name, justify="left" if index == 0 else "right")
        for row in rows(suite, results.figures.get(suite.name, {})):
            style = {"met": "green", "missed": "red"}.get(row.verdict, "")
            table.add_row(*cells(suite, row), style=style)
        console.print(table)
    for warning in warnings(suites, results):
        console.print(f"[yellow]{warning}[/]")


def write_json(path: Path, results: Results) -> None:
    """Every round's raw figures."""
    path.write_text(json.dumps(asdict(results), indent=1, ensure_ascii=False) + "\n")


def write_markdown(path: Path, suites: Sequence[Suite], results: Results) -> None:
    """The same tables for people who read the repository."""
    path.write_text("\n".join(_markdown(suites, results)))


def _markdown(suites: Sequence[Suite], results: Results) -> Iterator[str]:
    duration = results.sizes.duration
    yield "# Results\n"
    yield "![Chart of the results](results.svg)\n"
    yield (
        f"{results.date}. Medians of {results.rounds} interleaved rounds of {duration.measure_s:g} s each, after "
        f"{duration.warmup_s:g} s of warm-up; {results.sizes.people} people, "
        f"{results.sizes.http_connections} HTTP connections, {results.sizes.idle_connections} idle connections. "
        "How to read this: [README](README.md). Every round's raw figures: [results.json](results.json).\n"
    )
    for suite in suites:
        yield f"## {suite.question}\n"
        yield _markdown_row(header(suite))
        yield _markdown_row(["---"] + ["---:"] * (len(header(suite)) - 1))
        for row in rows(suite, results.figures.get(suite.name, {})):
            yield _markdown_row(cells(suite, row))
        yield ""
    yield "## Machine\n"
    yield "| | |\n|---|---|"
    yield from (_markdown_row([name, value]) for name, value in results.machine.items())
    yield ""
    said = warnings(suites, results)
    if said:
        yield "## Warnings\n"
        yield from (f"- {warning}" for warning in said)
        yield ""


def _markdown_row(texts: Sequence[str]) -> str:
    return "| " + " | ".join(texts) + " |"
