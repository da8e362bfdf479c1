"""What an exported table says of each cell, in words that all its formats share.

Knows no format. A cell that was not asked yet, or whose document has changed since, says so.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from app.core.answers import Citation
from app.core.exporting.answer_paper import unreadable_lines, written_by
from app.core.exporting.citing import LEGEND, pages_text
from app.core.exporting.paper import clean, one_line
from app.core.table_records import Cell, CellState, Table, TableRow

NOT_ASKED = "not asked yet"
OUTDATED = "the document has changed since"
_CELLS = (
    "A cell is as sure as the weakest of its statements. Without a model, a cell shows the best "
    "quotation, and others that were found are cited with it: verified says that the words stand "
    "there, not that they answer the question. “Not found” says that the search found nothing in "
    "that document, not that it holds nothing."
)


@dataclass(frozen=True, slots=True)
class ShownCell:
    """A cell in words. ``state`` is None, and ``value`` empty, where it was not asked yet."""

    value: str
    state: CellState | None
    words: str
    citations: tuple[Citation, ...]


def shown_cell(row: TableRow, field: int) -> ShownCell:
    """The cell of a row under a field."""
    cell = row.cells[field]
    if cell is None:
        return ShownCell("", None, NOT_ASKED, ())
    value = clean(cell.value) if cell.answer.found else CellState.NOT_FOUND.value
    return ShownCell(value, cell.state, _words(cell, row.outdated(field)), cell.citations)


def _words(cell: Cell, outdated: bool) -> str:
    parts = [cell.state.value]
    if cell.state is CellState.NOT_FOUND and cell.unreadable:
        pages = sorted({page.page for page in cell.unreadable})
        parts.append(f"{pages_text(pages)} could not be read")
    if outdated:
        parts.append(OUTDATED)
    return "; ".join(parts)


def pages_of(citation: Citation) -> str:
    """ "3", "3–4": the pages of a quotation."""
    pages = sorted({citation.page, *(box.page for box in citation.boxes)})
    return pages_text(pages).partition(" ")[2]


def facts(table: Table) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What is to be known of a table as a whole: names with lines."""
    info = table.info
    counts = [f"{n} {state.value}" for state in CellState if (n := table.count(state))]
    if info.missing:
        counts.append(f"{info.missing} {NOT_ASKED}")
    rows: list[tuple[str, tuple[str, ...]]] = [
        ("Collection", (info.collection,)),
        ("Made", (f"{info.created[:16].replace('T', ' ')} UTC",)),
        ("Documents", (f"{info.rows:,}{'' if info.documents is None else ', chosen by hand'}",)),
        ("Cells", (", ".join(counts) or "none",)),
    ]
    writers = Counter(written_by(cell.answer) for _, _, cell in table.filled())
    if writers:
        rows.append(("Written by", tuple(writers)))
    if info.outdated:
        said = f"{info.outdated} cells are of an earlier content of their document."
        rows.append(("Outdated", (said,)))
    unreadable = {page: None for _, _, cell in table.filled() for page in cell.unreadable}
    if unreadable:
        rows.append(("Not readable", tuple(unreadable_lines(tuple(unreadable)))))
    cautions = {words: None for _, _, cell in table.filled() for words in cell.answer.cautions}
    if cautions:
        rows.append(("Beware", tuple(cautions)))
    return tuple((one_line(name), tuple(map(one_line, lines))) for name, lines in rows)


def legend() -> str:
    """What the words for the states mean."""
    return f"{_CELLS} {LEGEND}"
