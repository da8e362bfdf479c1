"""Reading order on a page: columns first, rows inside them.

Works on upright rectangles alone (the skew already taken out), so it knows no text. The idea is
the whitespace analysis of Breuel ("Two Geometric Algorithms for Layout Analysis", 2002), reduced
to gutters: a tall empty strip between two stretches of running text separates columns; the same
strip between the cells of a table or a receipt does not, for there the rows belong together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

_NARROWEST = 0.4  # width of a gutter, in line heights
_FEWEST = 3  # rows that each column must have beside the gutter
_WORDY = 8.0  # a stretch of running text is this many line heights long
_FULL = 0.6  # and its rows fill this share of their column
_LEVEL = 0.25  # rows of two columns stand level within this many line heights
_MATCHED = 0.6  # above this share of level rows it is a table
_BAND = 1.2  # an empty band this many line heights high sets things apart


@dataclass(frozen=True, slots=True)
class Piece:
    """An upright rectangle of text; ``index`` is the caller's."""

    x0: float
    y0: float
    x1: float
    y1: float
    index: int

    @property
    def middle(self) -> float:
        """Its vertical centre."""
        return (self.y0 + self.y1) / 2

    @property
    def height(self) -> float:
        """Its height."""
        return self.y1 - self.y0


Row = list[Piece]


def regions(pieces: Sequence[Piece]) -> list[list[Row]]:
    """The pieces as regions in reading order, each made of rows from top to bottom."""
    if not pieces:
        return []
    height = median(piece.height for piece in pieces)
    return [rows(region) for region in _split(list(pieces), height)]


def rows(pieces: Sequence[Piece]) -> list[Row]:
    """Pieces grouped into rows, top to bottom, each from left to right.

    Rows are followed from piece to piece, so a page that bends keeps its rows.
    """
    found: list[Row] = []
    for piece in sorted(pieces, key=lambda p: p.x0):
        best: Row | None = None
        nearest = 0.5
        for row in found:
            last = row[-1]
            away = abs(piece.middle - last.middle) / min(piece.height, last.height)
            overlap = min(last.x1, piece.x1) - piece.x0
            if away < nearest and overlap < 0.5 * (piece.x1 - piece.x0):
                best, nearest = row, away
        if best is None:
            found.append([piece])
        else:
            best.append(piece)
    return sorted(found, key=lambda row: sum(p.middle for p in row) / len(row))


def _split(pieces: list[Piece], height: float) -> list[list[Piece]]:
    cut = _best_gutter(pieces, height)
    if cut is None:
        return [pieces] if pieces else []
    x, top, bottom = cut
    above = [p for p in pieces if p.middle <= top]
    below = [p for p in pieces if p.middle >= bottom]
    inside = [p for p in pieces if top < p.middle < bottom]
    left = [p for p in inside if (p.x0 + p.x1) / 2 < x]
    right = [p for p in inside if (p.x0 + p.x1) / 2 >= x]
    return [region for part in (above, left, right, below) for region in _split(part, height)]


def _best_gutter(pieces: list[Piece], height: float) -> tuple[float, float, float] | None:
    """The tallest gutter as (x, top, bottom), or None: the pieces are one column."""
    if len(pieces) < 2 * _FEWEST:
        return None
    best: tuple[float, float, float] | None = None
    tallest = 0.0
    ordered = sorted(pieces, key=lambda p: p.middle)
    seen: set[int] = set()
    for candidate in sorted({p.x0 for p in pieces}):
        x = candidate - 0.05 * height
        if int(x / height * 4) in seen:
            continue
        seen.add(int(x / height * 4))
        for stretch in _uncrossed(ordered, x):
            run = _trimmed(stretch, x, height)
            shared = _worth(run, x, height)
            if shared > tallest:
                top = min(p.middle for p in run) - 0.01 * height
                best = (x, top, max(p.middle for p in run) + 0.01 * height)
                tallest = shared
    return best


def _uncrossed(ordered: Sequence[Piece], x: float) -> list[list[Piece]]:
    """Runs of pieces, from top to bottom, between those that ``x`` goes through."""
    runs: list[list[Piece]] = [[]]
    for piece in ordered:
        if piece.x0 < x < piece.x1:
            runs.append([])
        else:
            runs[-1].append(piece)
    return [run for run in runs if len(run) >= 2 * _FEWEST]


def _trimmed(run: list[Piece], x: float, height: float) -> list[Piece]:
    """``run`` without what an empty band across both columns sets apart above and below them.

    Running headers, section titles and footers often touch no gutter, yet belong to no column.
    """
    bands: list[list[Piece]] = [[]]
    lowest = run[0].y1
    for piece in run:
        if piece.y0 - lowest > _BAND * height:
            bands.append([])
        bands[-1].append(piece)
        lowest = max(lowest, piece.y1)
    both = [
        place
        for place, band in enumerate(bands)
        if min(sum(p.x1 <= x for p in band), sum(p.x0 >= x for p in band)) > 1
    ]
    if not both:
        return run
    return [piece for band in bands[both[0] : both[-1] + 1] for piece in band]


def _worth(run: Sequence[Piece], x: float, height: float) -> float:
    """How tall the two columns beside ``x`` stand side by side; 0 when they are none."""
    left = [p for p in run if p.x1 <= x]
    right = [p for p in run if p.x0 >= x]
    if len(left) < _FEWEST or len(right) < _FEWEST:
        return 0.0
    if min(p.x0 for p in right) - max(p.x1 for p in left) < _NARROWEST * height:
        return 0.0
    top = max(min(p.y0 for p in left), min(p.y0 for p in right))
    bottom = min(max(p.y1 for p in left), max(p.y1 for p in right))
    beside_left = rows([p for p in left if top <= p.middle <= bottom])
    beside_right = rows([p for p in right if top <= p.middle <= bottom])
    if min(len(beside_left), len(beside_right)) < _FEWEST:
        return 0.0
    prose = _is_prose(beside_left, height) + _is_prose(beside_right, height)
    if not prose or (prose == 1 and _level(beside_left, beside_right, height) > _MATCHED):
        return 0.0
    return bottom - top


def _is_prose(column: Sequence[Row], height: float) -> bool:
    """Whether rows look like running text rather than cells."""
    width = max(p.x1 for row in column for p in row) - min(p.x0 for row in column for p in row)
    lengths = sorted(p.x1 - p.x0 for row in column for p in row)
    # The length that half of all ink stands in: many short bullets do not outvote the text.
    half, total = sum(lengths) / 2, 0.0
    typical = 0.0
    for length in lengths:
        total += length
        typical = length
        if total >= half:
            break
    filled = median(sum(p.x1 - p.x0 for p in row) for row in column)
    return typical >= _WORDY * height and filled >= _FULL * width


def _level(one: Sequence[Row], other: Sequence[Row], height: float) -> float:
    """The share of rows of the shorter column that stand level with one of the other."""
    few, many = sorted((one, other), key=len)
    centres = [sum(p.middle for p in row) / len(row) for row in many]
    level = 0
    for row in few:
        middle = sum(p.middle for p in row) / len(row)
        level += min(abs(middle - centre) for centre in centres) < _LEVEL * height
    return level / len(few)
