"""Fragments that stand on one baseline become a row; neighbours in a row become a cell.

Works in an upright frame. Knows nothing of columns, tables or roles.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise

from ingest.pdf.fragment import Fragment
from ingest.pdf.fragments import is_cjk

Row = list[Fragment]

_OPENER = re.compile(r"(?:[A-Z]{0,3}[$€£¥₩]|\(|[-–—]?[$€£¥]\s?\(?)")
_CLOSER = re.compile(r"[)%\]]{1,3}\*?")
_AMOUNT = re.compile(r"[\d(.\-–—]")
_AMOUNT_ENDS = frozenset("0123456789)—–-%")
_SECTION = re.compile(r"\d{1,2}(?:\.\d{1,2})*\.?|[A-Z](?:\.\d{1,2})+\.?")
_CLAUSE = re.compile(r"(?:Section|Article|§)?\s?\d{1,2}(?:\.\d{1,3})+\.?|\d{1,2}\.")
_MARKER = re.compile(
    r"[•●○◦▪■□▫–—\-*·‣⁃➢➤✓✔❖\uf0b7\uf0a7\uf0d8o]|\(?(?:\d{1,2}|[a-zA-Z]|[ivxIVX]{1,5})[.)]"
)


@dataclass(slots=True)
class Cell:
    """Neighbouring fragments of a row. ``left`` leaves out a currency sign set apart."""

    text: str
    left: float
    x0: float
    x1: float
    size: float


def rows_of(fragments: list[Fragment]) -> list[Row]:
    """Rows from top to bottom, each from left to right.

    A fragment joins a row when it overlaps the row's first fragment by half of the smaller
    height; one that is much taller or smaller must share the baseline too (superscripts do,
    two lines beside a big numeral do not).
    """
    rows: list[Row] = []
    for f in sorted(fragments, key=lambda f: f.y0 + f.y1):
        for row in rows[:-4:-1]:
            head = row[0]
            overlap = min(f.y1, head.y1) - max(f.y0, head.y0)
            tall, small = head.y1 - head.y0, f.y1 - f.y0
            if tall < small:
                tall, small = small, tall
            if overlap < 0.5 * small:
                continue
            if tall > 1.6 * small and abs(f.base - head.base) > 0.45 * max(f.size, head.size):
                continue
            if abs(f.base - head.base) > 0.6 * min(f.size, head.size) and tall <= 1.6 * small:
                continue
            row.append(f)
            break
        else:
            rows.append([f])
    for row in rows:
        if len(row) > 1:
            row.sort(key=lambda f: f.x0)
    if any(len(f.text) <= 4 for row in rows if len(row) <= 3 for f in row):
        rows = _gather(rows)
    return [_untangle(row) if len(row) > 2 else row for row in rows]


def join_text(left: Fragment | Cell, right: Fragment | Cell, gap: float) -> str:
    """The space, if any, that belongs between two neighbours ``gap`` points apart."""
    size = min(left.size, right.size)
    if is_cjk(left.text[-1]) and is_cjk(right.text[0]):
        return " " if gap > 0.9 * size else ""
    return " " if gap > 0.12 * size else ""


def cells_of(row: Row, reach: float = 0.95) -> list[Cell]:
    """A row's cells: fragments closer than ``reach`` ems, currency signs with their amounts,
    closing brackets and percent signs with theirs, and list markers with their item."""
    cells: list[Cell] = []
    opened = False  # the last cell is a currency sign or bracket that waits for its amount
    for f in row:
        if not cells:
            cells.append(Cell(f.text, f.x0, f.x0, f.x1, f.size))
            opened = _OPENER.fullmatch(f.text) is not None
            continue
        last = cells[-1]
        gap = f.x0 - last.x1
        if opened and _AMOUNT.match(f.text):
            last.text += f" {f.text}" if last.text[-1] != "(" else f.text
            last.left = f.x0
            last.x1 = max(last.x1, f.x1)
            last.size = f.size
            opened = False
            continue
        closes = gap < 2.5 * f.size and _CLOSER.fullmatch(f.text) is not None
        sign = _OPENER.fullmatch(f.text) is not None
        next_amount = sign and f.text != "(" and last.text[-1] in _AMOUNT_ENDS
        if closes or (gap < reach * f.size and not next_amount):
            last.text += ("" if closes else join_text(last, f, gap)) + f.text
            last.x1 = max(last.x1, f.x1)
            continue
        numbered = f.bold and row[0].bold and gap < 3 * f.size and _SECTION.fullmatch(last.text)
        if len(cells) == 1 and (numbered or (gap < 5 * f.size and _marks(last.text, f.text))):
            last.text += f" {f.text}"
            last.x1 = max(last.x1, f.x1)
            continue
        cells.append(Cell(f.text, f.x0, f.x0, f.x1, f.size))
        opened = sign
    return cells


def _marks(marker: str, text: str) -> bool:
    """Whether ``marker`` is the bullet, letter or clause number of the item ``text``."""
    if _MARKER.fullmatch(marker):
        return True
    worded = text[0].isalpha() or (text[0] in "\"“‘'[(" and len(text) > 12)
    return worded and _CLAUSE.fullmatch(marker) is not None


def row_text(row: Row) -> str:
    """The row as one string, single spaces between its parts."""
    if len(row) == 1:
        return row[0].text
    pieces = [row[0].text]
    edge = row[0].x1
    for left, right in pairwise(row):
        pieces.append(join_text(left, right, right.x0 - edge))
        pieces.append(right.text)
        edge = max(edge, right.x1)
    return "".join(pieces)


def _gather(rows: list[Row]) -> list[Row]:
    """Put limits, scripts and fractions, which stand on lines of their own, into the line that
    they belong to: short pieces that touch it, beside its text and never above or below it."""
    for i, row in enumerate(rows):
        if len(row) > 3 or sum(len(f.text) for f in row) > 8:
            continue
        for j in (i + 1, i - 1, i + 2, i - 2):
            if 0 <= j < len(rows) and rows[j] and all(_belongs(f, rows[j], rows, i) for f in row):
                rows[j] = sorted(rows[j] + row, key=lambda f: (f.x0, f.y0))
                rows[i] = []
                break
    return [row for row in rows if row]


def _belongs(f: Fragment, target: Row, rows: list[Row], at: int) -> bool:
    if any(g.x0 < f.x1 - 1 and g.x1 > f.x0 + 1 and not _stacked(f, g) for g in target):
        return False
    beside = [g for g in target if max(g.x0 - f.x1, f.x0 - g.x1) >= -1]
    if not beside:
        return False
    nearest = min(beside, key=lambda g: max(g.x0 - f.x1, f.x0 - g.x1))
    if max(nearest.x0 - f.x1, f.x0 - nearest.x1) > 0.6 * nearest.size:
        return False
    top, bottom = min(g.y0 for g in target), max(g.y1 for g in target)
    if max(top - f.y1, f.y0 - bottom) > 0.25 * nearest.size:
        return False
    if f.size <= 0.85 * nearest.size:
        return True
    # A numerator has its denominator on the other side of the line, and the other way round.
    others = [g for k in range(max(at - 2, 0), at + 3) if k < len(rows) for g in rows[k]]
    return any(g is not f and _stacked(f, g) for g in others)


def _stacked(f: Fragment, g: Fragment) -> bool:
    """Whether two short pieces stand over one another like the halves of a fraction."""
    over = min(f.x1, g.x1) - max(f.x0, g.x0)
    apart = max(f.y0, g.y0) - min(f.y1, g.y1)
    return (
        len(g.text) <= 8
        and over > 0.5 * min(f.x1 - f.x0, g.x1 - g.x0)
        and -0.3 * f.size < apart < 0.6 * f.size
    )


def _untangle(row: Row) -> Row:
    """Cut a fragment where a script is set inside of it ("a + b", then the squares)."""
    parts: Row = []
    for f in row:
        last = parts[-1] if parts else None
        if (
            last is None
            or f.x1 > last.x1 - 0.5
            or f.size > 0.85 * last.size
            or len(last.text) > 12
            or " " not in last.text
        ):
            parts.append(f)
            continue
        advance = (last.x1 - last.x0) / len(last.text)
        spaces = [k for k, c in enumerate(last.text) if c == " "]
        cut = min(spaces, key=lambda k: abs(last.x0 + k * advance - f.x0))
        tail = last.text[cut + 1 :]
        start = last.x1 - len(tail) * advance
        parts[-1] = replace(last, text=last.text[:cut], x1=min(last.x0 + cut * advance, f.x0))
        parts += [f, replace(last, text=tail, x0=max(start, f.x1))]
    return parts
