"""Draws who is refused at which probability: ``python docs/plot_support.py [FIGURES.json]``.

Reads what ``python -m tests.bench.support --out FIGURES.json`` wrote and writes
``docs/images/refusals.svg``. SVG by hand: one plot is no reason for a plotting library.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
FIGURES = FOLDER / "support-figures.json"
PICTURE = FOLDER / "images" / "refusals.svg"

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 60, 24, 92, 56
MOST = 30.0  # percent of the answerable: what lies beyond is of no use
TICKS_ACROSS, TICKS_UP = range(0, 31, 5), range(0, 101, 20)
INK, FAINT, GRID = "#1f2328", "#59636e", "#e4e7eb"
LINES = (
    ("reports asked of contracts", "another subject", "#1a7f37"),
    ("contracts", "a clause that the contract lacks", "#0969da"),
    ("reports and contracts", "contracts and reports together", "#8250df"),
    ("reports", "the same subject: reports", "#9a6700"),
)
AMONG = "reports and contracts"


def x_of(refused: float) -> float:
    """Pixels from the left; ``refused`` in percent of the answerable."""
    return LEFT + refused / MOST * (WIDTH - LEFT - RIGHT)


def y_of(refused: float) -> float:
    """Pixels from the top; ``refused`` in percent of the unanswerable."""
    return HEIGHT - BOTTOM - refused / 100 * (HEIGHT - TOP - BOTTOM)


def text(x: float, y: float, words: str, colour: str = INK, anchor: str = "start") -> str:
    """A text element."""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{words}</text>'


def axes() -> Iterator[str]:
    """Grid, ticks and their labels."""
    bottom = HEIGHT - BOTTOM
    for up in TICKS_UP:
        yield f'<path d="M{LEFT} {y_of(up):.1f}H{WIDTH - RIGHT}" stroke="{GRID}"/>'
        yield text(LEFT - 8, y_of(up) + 4, f"{up} %", FAINT, "end")
    for across in TICKS_ACROSS:
        yield f'<path d="M{x_of(across):.1f} {bottom}v5" stroke="{FAINT}"/>'
        yield text(x_of(across), bottom + 20, f"{across} %", FAINT, "middle")
    yield f'<path d="M{LEFT} {bottom}H{WIDTH - RIGHT}" stroke="{FAINT}"/>'
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield text(middle, HEIGHT - 12, "answerable questions that are refused", INK, "middle")


def lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    """A line for each group of unanswerable questions, and its name above the plot."""
    for n, (group, words, colour) in enumerate(LINES):
        places = [
            (x_of(row["answerable"][AMONG]), y_of(row["unanswerable"][group]))
            for row in rows
            if row["answerable"][AMONG] <= MOST
        ]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        x, y = LEFT + 330 * (n % 2), 50 + 18 * (n // 2)
        yield f'<path d="M{x} {y - 4}h18" stroke="{colour}" stroke-width="3"/>'
        yield text(x + 26, y, words, colour)


def points(rows: list[dict[str, Any]], operating: dict[str, float]) -> Iterator[str]:
    """Where the program stands: an upright line for each of its thresholds."""
    for words, threshold in operating.items():
        row = min(rows, key=lambda row: abs(row["threshold"] - threshold))
        x = x_of(row["answerable"][AMONG])
        yield f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="{FAINT}" stroke-dasharray="4"/>'
        yield text(x + 6, HEIGHT - BOTTOM - 8, words, FAINT)


def plot(figures: dict[str, Any]) -> str:
    """The picture, as SVG."""
    rows = figures["curve"]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="13" role="img">',
        "<title>Unanswerable questions refused against answerable ones refused</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="16" y="24" fill="{INK}" font-size="16" font-weight="bold">'
        "Unanswerable questions that are refused</text>",
        *axes(),
        *lines(rows),
        *points(rows, figures["thresholds"]),
    ]
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Draws the file named, or what is kept."""
    file = Path(sys.argv[1]) if sys.argv[1:] else FIGURES
    PICTURE.write_text(plot(json.loads(file.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
