"""Draws the medians as one SVG: a panel per suite, a bar per contender, readable on light and dark pages."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from bench.report import Results, Row, number, rows
from bench.suites import OURS, SPREAD, Suite

WIDTH, LABEL_WIDTH, BAR_WIDTH = 860, 230, 430
ROW_HEIGHT, BAR_HEIGHT, TITLE_HEIGHT, PANEL_GAP, MARGIN = 26, 16, 30, 20, 24

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1b2733 }
.title { font-weight: 600 }
.note, .value { fill: #5b6b7a }
.bar { fill: #a9b7c4 }
.ours { fill: #0e7c86 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .note, .value { fill: #9fb0bf }
  .bar { fill: #4d5d6c }
  .ours { fill: #35b6c1 }
}
"""


def write_chart(path: Path, suites: Sequence[Suite], results: Results) -> None:
    """Draw one panel under the other; each has its own scale, named in its title."""
    body: list[str] = []
    top = MARGIN
    for suite in suites:
        measured = list(rows(suite, results.figures.get(suite.name, {})))
        body.extend(_panel(suite, measured, top))
        top += TITLE_HEIGHT + ROW_HEIGHT * len(measured) + PANEL_GAP
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}" '
        f'role="img" aria-label="Kaif Ozero beside other stacks">\n<style>{STYLE}</style>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _panel(suite: Suite, measured: Sequence[Row], top: int) -> Iterator[str]:
    better = "less is better" if suite.target.at_most else "more is better"
    yield (
        f'<text class="title" x="{MARGIN}" y="{top + 14}">{escape(suite.question)} '
        f'<tspan class="note" font-weight="400">({escape(suite.unit)}, {better})</tspan></text>'
    )
    largest = max((row.value for row in measured), default=0) or 1
    for index, row in enumerate(measured):
        yield from _bar(row, row.value / largest, top + TITLE_HEIGHT + index * ROW_HEIGHT)


def _bar(row: Row, share: float, top: int) -> Iterator[str]:
    width = max(2, round(share * BAR_WIDTH))
    kind = "bar ours" if row.contender in (*OURS, *SPREAD) else "bar"
    baseline = top + BAR_HEIGHT - 3
    ratio = f" · {row.ratio:.1f}×" if row.ratio else ""
    yield f'<text x="{MARGIN}" y="{baseline}">{escape(row.contender)}</text>'
    yield f'<rect class="{kind}" x="{LABEL_WIDTH}" y="{top}" width="{width}" height="{BAR_HEIGHT}" rx="3"/>'
    yield f'<text class="value" x="{LABEL_WIDTH + width + 8}" y="{baseline}">{number(row.value)}{ratio}</text>'
