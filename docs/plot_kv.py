"""Draws KL divergence against bits for each number: ``python docs/plot_kv.py [FIGURES.json]``.

Reads what ``docs/make_kv.py`` keeps, or a file with the object that ``kv_quality`` prints last, and
writes ``docs/images/kv-quality.svg``. SVG by hand: one plot is no reason for a plotting library.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
FIGURES = FOLDER / "kv-figures.json"
PICTURE = FOLDER / "images" / "kv-quality.svg"

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 78, 24, 62, 56
BITS = (1.5, 9.0)
LOWEST_KLD, HIGHEST_KLD = 1e-5, 1.0
INK, FAINT, GRID = "#1f2328", "#59636e", "#e4e7eb"


@dataclass(frozen=True)
class Series:
    """Codecs that are drawn alike. labels: codec -> (text, dx, dy, anchor)."""

    name: str
    colour: str
    joined: bool
    labels: dict[str, tuple[str, int, int, str]]


SERIES = (
    Series(
        "TurboQuant alone",
        "#9a6700",
        True,
        {
            "turboquant_k3v3": ("TurboQuant K3 V3", 10, 0, "start"),
            "turboquant_k4v4": ("K4 V4", 0, -12, "middle"),
        },
    ),
    Series(
        "llama.cpp's formats",
        "#0969da",
        False,
        {
            "q4_0_rotated": ("q4_0, rotated", 10, 0, "start"),
            "q4_0": ("q4_0", 10, 4, "start"),
            "q8_0": ("q8_0", 0, -12, "middle"),
        },
    ),
    Series(
        "Muniment",
        "#1a7f37",
        True,
        {
            "k2v2": ("K2 V2", -6, 18, "end"),
            "k3v2": ("K3 V2", -6, 18, "end"),
            "k3v3": ("K3 V3", -6, 18, "end"),
            "k4v3": ("K4 V3", -6, 18, "end"),
            "k4v4": ("K4 V4", -6, 18, "end"),
            "k8v8": ("K8 V8", -6, 18, "end"),
        },
    ),
)


def x_of(bits: float) -> float:
    """Pixels from the left."""
    return LEFT + (bits - BITS[0]) / (BITS[1] - BITS[0]) * (WIDTH - LEFT - RIGHT)


def y_of(kld: float) -> float:
    """Pixels from the top; the scale is logarithmic."""
    low, high = math.log10(LOWEST_KLD), math.log10(HIGHEST_KLD)
    share = (math.log10(max(kld, LOWEST_KLD)) - low) / (high - low)
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def text(x: float, y: float, words: str, **style: object) -> str:
    """A text element; underscores in names of attributes become dashes."""
    given = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in style.items())
    return f'<text x="{x:.1f}" y="{y:.1f}"{given}>{words}</text>'


def axes() -> Iterator[str]:
    """Grid, ticks and their labels."""
    for power in range(int(math.log10(LOWEST_KLD)), 1):
        y = y_of(10.0**power)
        yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{GRID}"/>'
        label = f"{10.0**power:.{max(0, -power)}f}"
        yield text(LEFT - 10, y + 4, label, text_anchor="end", fill=FAINT)
    bottom = HEIGHT - BOTTOM
    for bits in range(2, 10):
        yield f'<path d="M{x_of(bits):.1f} {bottom}v5" stroke="{FAINT}"/>'
        yield text(x_of(bits), bottom + 20, str(bits), text_anchor="middle", fill=FAINT)
    yield f'<path d="M{LEFT} {bottom}H{WIDTH - RIGHT}" stroke="{FAINT}"/>'
    middle = (LEFT + WIDTH - RIGHT) / 2
    words = "bits for each number kept, scales included"
    yield text(middle, HEIGHT - 14, words, text_anchor="middle", fill=INK)
    words = "KL divergence from the exact cache, nats (logarithmic)"
    yield text(LEFT - 66, TOP - 14, words, fill=INK)


def points(series: Series, figures: dict[str, Any]) -> Iterator[str]:
    """A series: its line, its points, their names."""
    places = {
        name: (x_of(figures[name]["bits"]), y_of(figures[name]["kld"]))
        for name in series.labels
        if name in figures
    }
    if series.joined and len(places) > 1:
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places.values())
        yield f'<path d="M{path}" fill="none" stroke="{series.colour}" stroke-width="2"/>'
    for name, (x, y) in places.items():
        words, dx, dy, anchor = series.labels[name]
        yield (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{series.colour}" stroke="#fff" '
            'stroke-width="1.5"/>'
        )
        yield text(x + dx, y + dy, words, text_anchor=anchor, fill=series.colour)


def legend() -> Iterator[str]:
    """The series' names, above the plot on the right; how wide letters are is not known here."""
    for series, x in zip(SERIES, (WIDTH - 140, WIDTH - 300, WIDTH - 400), strict=True):
        yield f'<circle cx="{x}" cy="{TOP - 18}" r="4.5" fill="{series.colour}"/>'
        yield text(x + 10, TOP - 14, series.name, fill=series.colour)


def plot(figures: dict[str, Any]) -> str:
    """The picture, as SVG."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="13" role="img">',
        "<title>KL divergence against bits for each number of the cache</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        text(LEFT - 66, 22, "What few bits cost", fill=INK, font_size=16, font_weight="bold"),
        *axes(),
        *legend(),
    ]
    for series in SERIES:
        parts += points(series, figures)
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Draws the file named, or what is kept."""
    file = Path(sys.argv[1]) if sys.argv[1:] else FIGURES
    figures = json.loads(file.read_text(encoding="utf-8"))
    PICTURE.write_text(plot(figures.get("quality", figures)), encoding="utf-8")


if __name__ == "__main__":
    main()
