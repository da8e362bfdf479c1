"""Fragments that stand on one baseline become a row; neighbours in a row become a cell.

Works in an upright frame. Knows nothing of columns, tables or roles.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from ingest.pdf.draft import Fragment
from ingest.pdf.fragments import is_cjk

Row = list[Fragment]

_OPENER = re.compile(r"(?:[A-Z]{0,3}[$€£¥₩]|\(|[-–—]?[$€£¥]\s?\(?)")
_CLOSER = re.compile(r"[)%\]]{1,3}\*?")
_AMOUNT = re.compile(r"[\d(.\-–—]")
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
    return rows


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
        if gap < reach * f.size or closes:
            last.text += ("" if closes else join_text(last, f, gap)) + f.text
            last.x1 = max(last.x1, f.x1)
            continue
        if len(cells) == 1 and gap < 5 * f.size and _MARKER.fullmatch(last.text):
            last.text += f" {f.text}"
            last.x1 = max(last.x1, f.x1)
            continue
        cells.append(Cell(f.text, f.x0, f.x0, f.x1, f.size))
        opened = _OPENER.fullmatch(f.text) is not None
    return cells


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
