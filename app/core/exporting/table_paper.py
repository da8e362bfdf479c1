"""A table as a paper: on its side, a row a document, each citation a footnote."""

from __future__ import annotations

from app.core.answers import CitationStatus
from app.core.exporting.citing import note_of
from app.core.exporting.paper import (
    Facts,
    Heading,
    Inline,
    Inlines,
    Notes,
    Paper,
    Paragraph,
    Span,
)
from app.core.exporting.paper import Table as PaperTable
from app.core.exporting.table_cells import facts, legend, shown_cell
from app.core.table_records import CellState, Table, TableRow

_FIRST = 0.6  # of another column's width, for the documents' names


def paper_of_table(table: Table) -> Paper:
    """The whole table; a cell that is not verified says in words what it is."""
    notes = Notes()
    fields = table.info.fields
    head: tuple[Inlines, ...] = tuple(
        (Span(name, bold=True),) for name in ("Document", *(field.name for field in fields))
    )
    rows = [head]
    for row in table.rows:
        cells = [_cell(row, field, notes) for field in range(len(fields))]
        rows.append(((Span(row.document),), *cells))
    widths = (_FIRST, *[1.0] * len(fields))
    blocks = (
        Facts(facts(table)),
        PaperTable(tuple(rows), widths=widths),
        Heading("What was asked"),
        Facts(tuple((field.name, (field.question,)) for field in fields)),
        Paragraph((Span(legend()),), quiet=True),
    )
    return Paper(table.info.title, blocks, tuple(notes.all), table.info.created, landscape=True)


def _cell(row: TableRow, field: int, notes: Notes) -> Inlines:
    cell = shown_cell(row, field)
    if cell.state in (None, CellState.NOT_FOUND):
        return (Span(cell.words, italic=True),)
    inlines: list[Inline] = [Span(cell.value)]
    for number, citation in enumerate(cell.citations):
        inlines += [Span(" ")] if number else []
        inlines.append(notes.add(note_of(citation)))
    if cell.words != CitationStatus.VERIFIED.value:
        inlines.append(Span(f" ({cell.words})", italic=True))
    return tuple(inlines)
