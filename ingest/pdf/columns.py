"""Reading order: a page's rows are cut into columns where a gutter holds, read left to right.

A recursive cut in the manner of XY-cut (Nagy and Seth, 1984), but a vertical cut needs text
that looks like columns of prose on both sides, so that tables keep their rows; and it only
reaches as far as no line crosses the gutter, so that titles across the columns stay in place.
Works in an upright frame. Knows nothing of roles.
"""

from __future__ import annotations

from itertools import pairwise

from ingest.pdf.fragment import Fragment
from ingest.pdf.fragments import is_cjk
from ingest.pdf.rows import Row, rows_of

_HANGING = "、。，．・」』）,.;:'\"”’-–•)"
_DEPTH = 8  # nested cuts; a newspaper page needs four


def reading_order(fragments: list[Fragment], depth: int = 0) -> list[list[Row]]:
    """Regions in reading order, each a list of rows that stand under one another."""
    rows = rows_of(fragments)
    if depth >= _DEPTH or len(rows) < 3:
        return [rows] if rows else []
    cut = _best_cut(rows)
    if cut is None:
        return [rows]
    x, start, end = cut
    regions: list[list[Row]] = []
    if start:
        regions += reading_order(_flat(rows[:start]), depth + 1)
    for band in _bands(rows[start:end], x):
        regions += reading_order([f for row in band for f in row if not _right_of(f, x)], depth + 1)
        regions += reading_order([f for row in band for f in row if _right_of(f, x)], depth + 1)
    if end < len(rows):
        regions += reading_order(_flat(rows[end:]), depth + 1)
    return regions


def _flat(rows: list[Row]) -> list[Fragment]:
    return [f for row in rows for f in row]


def _gaps(rows: list[Row]) -> list[tuple[float, float]]:
    """Wide gaps between neighbours, also between neighbours on rows that overlap."""
    gaps: list[tuple[float, float]] = []
    for i, row in enumerate(rows):
        line = row
        if i + 1 < len(rows) and rows[i + 1][0].y0 < row[0].y1 - 0.15 * row[0].size:
            line = sorted(row + rows[i + 1], key=lambda f: f.x0)
        if len(line) < 2:
            continue
        edge = line[0].x1
        for f in line[1:]:
            if f.x0 - edge > max(4.0, 0.7 * f.size):
                gaps.append((edge, f.x0))
            if f.x1 > edge:
                edge = f.x1
    return gaps


def _candidates(gaps: list[tuple[float, float]]) -> list[float]:
    """Middles of the x ranges that most gaps share, best first."""
    events = sorted([(g[0], 1) for g in gaps] + [(g[1], -1) for g in gaps])
    peaks: list[tuple[int, float]] = []
    depth = 0
    for (x, step), (following, next_step) in pairwise(events):
        depth += step
        if step == 1 and next_step == -1 and depth >= 3 and following - x > 2:
            peaks.append((depth, (x + following) / 2))
    peaks.sort(reverse=True)
    return [x for _, x in peaks[:5]]


def _best_cut(rows: list[Row]) -> tuple[float, int, int] | None:
    """The gutter with the longest run of rows: its x, first row and row after the last."""
    gaps = _gaps(rows)
    if len(gaps) < 3:
        return None
    best: tuple[float, int, int] | None = None
    for x in _candidates(gaps):
        start = 0
        for i in range(len(rows) + 1):
            if i < len(rows) and not any(_crosses(f, x) for f in rows[i]):
                continue
            longer = best is None or i - start > best[2] - best[1]
            if i - start >= 3 and longer and _are_columns(rows[start:i], x):
                best = (x, start, i)
            start = i + 1
    return best


def _crosses(f: Fragment, x: float) -> bool:
    """Whether text runs across ``x``; a hanging comma or bullet does not count."""
    return f.x0 < x - 1 and f.x1 > x + 1 and f.text.strip(_HANGING) != ""


def _right_of(f: Fragment, x: float) -> bool:
    return f.x0 + f.x1 > 2 * x


def _are_columns(rows: list[Row], x: float) -> bool:
    """Whether both sides of ``x`` read as columns rather than as cells of one table."""
    left = [[f for f in row if not _right_of(f, x)] for row in rows]
    right = [[f for f in row if _right_of(f, x)] for row in rows]
    sides = [[part for part in side if part] for side in (left, right)]
    counts = [len(side) for side in sides]
    if min(counts) < 3:
        return False
    cjk = any(is_cjk(f.text[0]) for side in sides for part in side[:5] for f in part)
    long_enough = 10 if cjk else 20
    prose = [_prose_rows(side, long_enough) for side in sides]
    if all(p >= 5 and p >= 0.3 * n for p, n in zip(prose, counts, strict=True)):
        return True
    if not all(prose):
        return False
    # Text set independently of its neighbour: baselines do not agree.
    agree = sum(
        1
        for a, b in zip(left, right, strict=True)
        if a and b and abs(a[-1].base - b[0].base) < 0.15 * b[0].size
    )
    return agree < 0.5 * min(counts)


def _prose_rows(side: list[Row], long_enough: int) -> int:
    """How many rows of one side read as lines of prose: long, filling their column, not figures."""
    width = max(f.x1 for part in side for f in part) - min(part[0].x0 for part in side)
    count = 0
    for part in side:
        length = sum(len(f.text) for f in part)
        if length < long_enough or sum(f.x1 - f.x0 for f in part) < 0.55 * width:
            continue
        figures = sum(c.isdigit() for f in part for c in f.text)
        count += figures * 2 < length
    return count


def _bands(rows: list[Row], x: float) -> list[list[Row]]:
    """Cut a run of columns across where the rows of a grid end.

    A row of a grid begins when both sides start again on one baseline after a clear gap, and
    either both lines stand out (cards: bold or larger than what precedes them), or this happens
    at most gaps of one side (a table whose cells are paragraphs).
    """
    gaps = [0, 0]
    bottoms = [-1e9, -1e9]
    last: list[Fragment | None] = [None, None]
    cards: list[int] = []
    common: list[int] = []
    for i, row in enumerate(rows):
        parts = ([f for f in row if not _right_of(f, x)], [f for f in row if _right_of(f, x)])
        opens = [
            bool(part)
            and last[side] is not None
            and part[0].y0 - bottoms[side] > 0.5 * part[0].size
            for side, part in enumerate(parts)
        ]
        for side in (0, 1):
            gaps[side] += opens[side]
        if all(opens) and abs(parts[0][0].base - parts[1][0].base) < 1:
            common.append(i)
            pairs = zip(parts, last, strict=True)
            if all(before is not None and _stands_out(part[0], before) for part, before in pairs):
                cards.append(i)
        for side, part in enumerate(parts):
            if part:
                bottoms[side] = max(f.y1 for f in part)
                last[side] = part[0]
    table = len(common) >= 2 and len(common) >= 0.75 * min(gaps)
    cuts = cards or (common if table else [])
    edges = [0, *cuts, len(rows)]
    return [rows[a:b] for a, b in pairwise(edges)]


def _stands_out(f: Fragment, before: Fragment) -> bool:
    return (f.bold and not before.bold) or f.size > 1.15 * before.size
