"""Tables found by alignment: cells of neighbouring rows that share columns.

No ruling lines are needed; financial statements seldom have any. Works in an upright frame on
the rows of one region. Knows nothing of pages or documents.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from statistics import median

from ingest.pdf.rows import Cell, Row, cells_of

_NUMBER = re.compile(
    r"[(\[]?[-–—+±<>≤≥~]?\s?(?:[A-Z]{0,3}[$€£¥₩]\s?)?[(]?[-–—]?[\d.,' ]*\d[\d.,' ]*"
    r"\s?(?:[%xX)\]*†‡§]|bps|bn|[mMkKBT])*|[-–—]+|n/?a|nm|N/?A|NM|\$\s?[-–—]"
)
_DATE = re.compile(
    r"(?:FY\s?|Q[1-4]\s?|['’])?(?:19|20)\d\d[AEF]?|'\d\d|"
    r".*\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?\b.*",
)
_HEADER_ROWS = 8


@dataclass(slots=True)
class TableRow:
    """A row of a table: its cells' texts by column, empty where it has none."""

    index: int
    cells: list[str]
    header: bool = False

    @property
    def text(self) -> str:
        """Cells joined by tabs, empty ones kept so that columns can be counted."""
        return "\t".join(self.cells).rstrip("\t")


def find_tables(rows: list[Row]) -> list[list[TableRow]]:
    """The tables among a region's rows; ``index`` points into ``rows``."""
    if sum(len(row) > 1 for row in rows) < 2:
        return []
    cells = [cells_of(row) for row in rows]
    tables: list[list[TableRow]] = []
    for start, end in _stretches(rows, cells):
        table = _table(rows, cells, start, end)
        if table is not None:
            tables.append(table)
    return tables


def _stretches(rows: list[Row], cells: list[list[Cell]]) -> list[tuple[int, int]]:
    """Runs of rows with several cells, single-cell rows between them included."""
    width = max(f.x1 for row in rows for f in row) - min(row[0].x0 for row in rows)
    stretches: list[tuple[int, int]] = []
    start = last = -1
    for i, row in enumerate(cells):
        several = len(row) > 1 and not _is_prose(row, width)
        if start >= 0:
            far = rows[i][0].y0 - rows[i - 1][0].y1 > 3.0 * row[0].size
            prose = not several and row[0].x1 - row[0].x0 > 0.7 * width and len(row[0].text) > 40
            if far or prose or i - last > 4:
                stretches.append((start, last + 1))
                start = -1
        if several:
            if start < 0:
                start = i
            last = i
    if start >= 0:
        stretches.append((start, last + 1))
    return [(a, b) for a, b in stretches if sum(len(c) > 1 for c in cells[a:b]) >= 2]


def _is_prose(row: list[Cell], width: float) -> bool:
    """Justified text with a wide gap: one long cell fills the line and none is a figure."""
    longest = max(row, key=lambda cell: len(cell.text))
    if len(longest.text) < 40 or longest.x1 - longest.x0 < 0.6 * width:
        return False
    return not any(_NUMBER.fullmatch(cell.text) for cell in row)


def _separators(rows: list[list[Cell]]) -> list[tuple[float, float]]:
    """Columns as x ranges: where the cells of rows with several cells lie, nearly all of them."""
    several = [row for row in rows if len(row) > 1]
    allowed = 1 if len(several) < 12 else int(0.12 * len(several))
    if len(several) < 4:
        allowed = 0
    events: list[tuple[float, int]] = []
    for row in several:
        for cell in row:
            events.append((cell.left + 0.2, 1))
            events.append((max(cell.x1 - 0.2, cell.left + 0.4), -1))
    events.sort()
    columns: list[tuple[float, float]] = []
    depth = 0
    begun = 0.0
    for x, step in events:
        before = depth
        depth += step
        if before <= allowed < depth:
            begun = x
        elif depth <= allowed < before:
            columns.append((begun, x))
    size = median(cell.size for row in several for cell in row)
    merged: list[tuple[float, float]] = []
    for column in columns:
        if merged and column[0] - merged[-1][1] < 0.4 * size:
            merged[-1] = (merged[-1][0], column[1])
        else:
            merged.append(column)
    return merged


def _table(rows: list[Row], cells: list[list[Cell]], start: int, end: int) -> list[TableRow] | None:
    columns = _separators(cells[start:end])
    if len(columns) < 2:
        return None
    placed = [_place(row, columns) for row in cells[start:end]]
    several = [p for p in placed if sum(map(bool, p)) > 1]
    numeric = sum(1 for p in several if any(_NUMBER.fullmatch(c) for c in p[1:] if c))
    if len(several) < 2 or (len(several) < 3 and numeric < 2):
        return None
    used = [i for i in range(len(columns)) if any(p[i] for p in placed)]
    columns = [columns[i] for i in used]
    table = [TableRow(start + n, [p[i] for i in used]) for n, p in enumerate(placed)]
    for i in range(start - 1, max(start - 4, -1), -1):  # headings set over the columns
        row = cells[i]
        near = rows[i + 1][0].y0 - rows[i][0].y1 < 1.0 * row[0].size
        if len(row) != 1 or not near or row[0].left < columns[0][1]:
            break
        table.insert(0, TableRow(i, _place(row, columns)))
    _mark_header(table, rows)
    return table


def _place(row: list[Cell], columns: list[tuple[float, float]]) -> list[str]:
    """Cell texts by column: the column each overlaps most, the first one for ties."""
    placed = [""] * len(columns)
    for cell in row:
        best, most = 0, -1e9
        for i, (x0, x1) in enumerate(columns):
            overlap = min(cell.x1, x1) - max(cell.left, x0)
            if overlap > most + 0.5:
                best, most = i, overlap
        placed[best] = f"{placed[best]} {cell.text}" if placed[best] else cell.text
    return placed


def _is_data(cells: list[str]) -> bool:
    values = [c for c in cells[1:] if c]
    numbers = sum(_NUMBER.fullmatch(c) is not None and not _DATE.fullmatch(c) for c in values)
    return bool(values) and numbers * 2 >= len(values)


def _mark_header(table: list[TableRow], rows: list[Row]) -> None:
    """Rows above the first row of figures; without figures, a first row that stands out."""
    first = next((i for i, row in enumerate(table) if _is_data(row.cells)), None)
    if first is None:
        top = rows[table[0].index]
        rest = [f for row in table[1:] for f in rows[row.index]]
        bold = all(f.bold for f in top)
        table[0].header = bold and sum(f.bold for f in rest) * 2 < len(rest)
        return
    while first and not any(table[first - 1].cells[1:]):
        first -= 1  # a label such as "Assets:" belongs to what follows
    if first <= _HEADER_ROWS:
        for row in table[:first]:
            row.header = True
