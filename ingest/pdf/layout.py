"""From fragments to lines in reading order, grouped into paragraphs, lists and tables.

Knows one page at a time; what depends on the whole document (headings, furniture) comes later.
"""

from __future__ import annotations

import re
from itertools import pairwise

from ingest.drafts import Draft
from ingest.pdf.columns import reading_order
from ingest.pdf.fragment import Fragment
from ingest.pdf.frames import clamp, to_visible
from ingest.pdf.rows import Row, cells_of, row_text
from ingest.pdf.tables import TableRow, find_tables
from ingest.types import Box, Role

# A numbered clause opens a paragraph; a number that ends a sentence begun above does not.
CLAUSE = re.compile(
    r"(?:Section|Article|SECTION|ARTICLE|§)?\s?\d{1,2}(?:\.\d{1,3})+\.?\s+[\"“‘'\[(]?[A-ZÀ-Þ\[]|"
    r"(?:Section|SECTION|§)\s?\d{1,3}\.\s+[\"“]?[A-ZÀ-Þ]"
)
LIST_ITEM = re.compile(
    r"(?:[•●○◦▪■□▫‣⁃➢➤✓✔❖\uf0b7\uf0a7\uf0d8·]|[-–—*o]\s|\(?(?:\d{1,2}|[a-z]|[ivx]{1,5})\)\s|(?:\d{1,2}|[a-z]|[ivx]{1,5})[.]\s)\s*\S"
)


def lay_out(turns: dict[int, list[Fragment]], width: float, height: float) -> list[Draft]:
    """All lines of a page in reading order; the direction with most text comes first."""
    lines: list[Draft] = []
    amount = {turn: sum(len(f.text) for f in part) for turn, part in turns.items()}
    for turn in sorted(turns, key=lambda t: (-amount[t], t)):
        page = _Page(turn, width, height, lines)
        for region in reading_order(turns[turn]):
            page.add_region(region)
    return lines


class _Page:
    """Collects the lines of one direction of text."""

    def __init__(self, turn: int, width: float, height: float, lines: list[Draft]) -> None:
        self._turn = turn
        self._size = (width, height)
        self._lines = lines
        self._block = lines[-1].block + 1 if lines else 0

    def add_region(self, rows: list[Row]) -> None:
        """Add the rows of one region, tables recognised, the rest as paragraphs."""
        in_table: dict[int, tuple[int, TableRow]] = {}
        for number, table in enumerate(find_tables(rows)):
            for table_row in table:
                in_table[table_row.index] = (number, table_row)
        paragraph: list[Row] = []
        current = -1
        for i, row in enumerate(rows):
            found = in_table.get(i)
            if found is None:
                if current >= 0:
                    self._block += 1
                    current = -1
                paragraph.append(row)
                continue
            self._add_paragraphs(paragraph)
            paragraph = []
            number, table_row = found
            if current >= 0 and number != current:
                self._block += 1
            current = number
            role = Role.TABLE_HEADER if table_row.header else Role.TABLE
            self._add(row, table_row.text, role)
        if current >= 0:
            self._block += 1
        self._add_paragraphs(paragraph)

    def _add_paragraphs(self, rows: list[Row]) -> None:
        if not rows:
            return
        pitch = _pitch(rows)
        above: Row | None = None
        for row in rows:
            text = row_text(row)
            item = LIST_ITEM.match(text) is not None
            opens = item or CLAUSE.match(text) is not None
            if above is not None and (opens or _breaks(above, row, pitch)):
                self._block += 1
            self._add(row, text, Role.LIST if item else Role.BODY)
            above = row
        self._block += 1

    def _add(self, row: Row, text: str, role: Role) -> None:
        if len(row) == 1:
            main = row[0]
            upright = Box(main.x0, main.y0, main.x1, main.y1)
            bold = main.bold
        else:
            main = max(row, key=lambda f: len(f.text))
            upright = Box(
                row[0].x0,
                min(f.y0 for f in row),
                max(f.x1 for f in row),
                max(f.y1 for f in row),
            )
            bold = sum(len(f.text) for f in row if f.bold) * 2 > sum(len(f.text) for f in row)
        box = clamp(to_visible(upright, self._turn), *self._size)
        if role is Role.BODY and self._lines:
            last = self._lines[-1]
            if last.role is Role.LIST and last.block == self._block:
                role = Role.LIST
        self._lines.append(
            Draft(
                text,
                box,
                main.size,
                bold,
                role,
                self._block,
                indent=upright.x0,
                turned=self._turn != 0,
                ends=_ends(row) if len(row) > 1 and role is Role.BODY else ("", ""),
            )
        )


def _ends(row: Row) -> tuple[str, str]:
    cells = cells_of(row, 2.0)
    return (cells[0].text, cells[-1].text) if len(cells) > 1 else ("", "")


def _pitch(rows: list[Row]) -> float:
    """The usual distance from one baseline to the next, in points."""
    steps = sorted(
        step for a, b in pairwise(rows) if 0 < (step := b[0].base - a[0].base) < 4 * b[0].size
    )
    return steps[len(steps) // 3] if steps else 1.2 * rows[0][0].size


def _breaks(above: Row, row: Row, pitch: float) -> bool:
    """Whether a new paragraph begins with ``row``."""
    a, b = above[0], row[0]
    step = b.base - a.base
    if step > 1.35 * pitch + 0.5 or step < 0:
        return True
    if abs(a.size - b.size) > 0.12 * max(a.size, b.size):
        return True
    if a.bold != b.bold and above[-1].bold == a.bold and row[-1].bold == b.bold:
        return True
    ends = above[-1].text[-1] in ".:!?。"
    return ends and b.x0 - a.x0 > 0.9 * b.size
