"""A table as an Excel workbook, written with XlsxWriter: strings only, no formulas, no links.

The first sheet has the values, each with its state in words beside it and in colour; the second
every quotation with its place; the third what is to be known of the whole. Made in memory: nothing
readable lies in a temporary file.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import xlsxwriter

from app.core.exporting.paper import clean, one_line
from app.core.exporting.table_cells import facts, legend, pages_of, shown_cell
from app.core.table_records import CellState, Table

# Fill and ink; light enough to read on, and told apart by lightness too when printed in grey.
_COLOURS = {
    CellState.VERIFIED: ("#DDEFD9", "#1D4D1A"),
    CellState.REPAIRED: ("#FFF0C2", "#5C4400"),
    CellState.TRANSCRIBED: ("#E3DDF3", "#3A2A70"),
    CellState.UNVERIFIED: ("#F8CFCB", "#7A1510"),
    CellState.NOT_FOUND: ("#E4E4E4", "#444444"),
    None: ("#FFFFFF", "#777777"),
}
_MOST = 16_000  # characters; Excel takes 32,767 units of UTF-16
_CUT = " … (cut here; the library has the whole)"
_NARROW, _NAME, _WIDE, _QUOTE = 16, 28, 44, 90  # widths in characters
_QUOTATIONS = ("Document", "Field", "No.", "Pages", "Quotation", "State", "Lacking")
_WIDTHS = (_NAME, 20, 6, 8, _QUOTE, 12, 24)


def write(table: Table) -> bytes:
    """The table as the bytes of an XLSX file."""
    output = io.BytesIO()
    # Write_string alone is used; these hold for what XlsxWriter might otherwise guess.
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
    }
    with xlsxwriter.Workbook(output, options) as book:
        _describe(book, table)
        formats = _Formats(book)
        _values(book.add_worksheet("Table"), table, formats)
        _quotations(book.add_worksheet("Quotations"), table, formats)
        _about(book.add_worksheet("About"), table, formats)
    return output.getvalue()


class _Formats:
    """The looks of cells; each says that its text is text, whatever it begins with."""

    def __init__(self, book: Any) -> None:
        common = {"text_wrap": True, "valign": "top", "quote_prefix": True, "num_format": "@"}
        self.plain = book.add_format(common)
        self.head = book.add_format({**common, "bold": True, "bottom": 1})
        self.states = {
            state: book.add_format({**common, "bg_color": fill, "font_color": ink})
            for state, (fill, ink) in _COLOURS.items()
        }


def _describe(book: Any, table: Table) -> None:
    properties: dict[str, Any] = {"title": one_line(table.info.title)[:255], "author": "Muniment"}
    with contextlib.suppress(ValueError):  # else the time of writing
        properties["created"] = datetime.fromisoformat(table.info.created).replace(tzinfo=None)
    book.set_properties(properties)


def _values(sheet: Any, table: Table, formats: _Formats) -> None:
    fields = len(table.info.fields)
    names = ["Document"]
    for asked in table.info.fields:
        names += [asked.name, f"{asked.name}: state"]
    _row(sheet, 0, names, formats.head)
    for number, row in enumerate(table.rows, start=1):
        _put(sheet, number, 0, row.document, formats.plain)
        for field in range(fields):
            cell = shown_cell(row, field)
            look = formats.states[cell.state]
            _put(sheet, number, 1 + 2 * field, cell.value, look)
            _put(sheet, number, 2 + 2 * field, cell.words, look)
    sheet.set_column(0, 0, _NAME)
    for field in range(fields):
        sheet.set_column(1 + 2 * field, 1 + 2 * field, _WIDE)
        sheet.set_column(2 + 2 * field, 2 + 2 * field, _NARROW)
    _finish(sheet, len(table.rows), len(names), frozen=1)


def _quotations(sheet: Any, table: Table, formats: _Formats) -> None:
    _row(sheet, 0, _QUOTATIONS, formats.head)
    number = 0
    for number, (values, state) in enumerate(_cited(table), start=1):
        _row(sheet, number, values, formats.plain)
        _put(sheet, number, _QUOTATIONS.index("State"), state.value, formats.states[state])
    for column, width in enumerate(_WIDTHS):
        sheet.set_column(column, column, width)
    _finish(sheet, number, len(_QUOTATIONS))


def _cited(table: Table) -> Iterator[tuple[Sequence[str], CellState]]:
    for row, field, cell in table.filled():
        for citation in cell.citations:
            state = CellState(citation.status.value)
            yield (
                (
                    row.document,
                    table.info.fields[field].name,
                    str(citation.n),
                    pages_of(citation),
                    one_line(citation.quote),
                    state.value,
                    "; ".join(citation.missing),
                ),
                state,
            )


def _about(sheet: Any, table: Table, formats: _Formats) -> None:
    rows = [("Title", (table.info.title,)), *facts(table)]
    rows += [(f"Asked for “{f.name}”", (f.question,)) for f in table.info.fields]
    rows.append(("States", (legend(),)))
    for number, (name, lines) in enumerate(rows):
        _put(sheet, number, 0, name, formats.head)
        _put(sheet, number, 1, "\n".join(lines), formats.plain)
    sheet.set_column(0, 0, _NAME)
    sheet.set_column(1, 1, 110)
    sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})


def _row(sheet: Any, number: int, values: Sequence[str], look: Any) -> None:
    for column, value in enumerate(values):
        _put(sheet, number, column, value, look)


def _put(sheet: Any, row: int, column: int, text: str, look: Any) -> None:
    said = "\n".join(line.replace("\t", " | ") for line in clean(text).split("\n"))
    if len(said) > _MOST:
        said = said[:_MOST] + _CUT
    if said:
        sheet.write_string(row, column, said, look)
    else:
        sheet.write_blank(row, column, None, look)


def _finish(sheet: Any, rows: int, columns: int, *, frozen: int = 0) -> None:
    sheet.freeze_panes(1, frozen)
    sheet.autofilter(0, 0, max(rows, 1), columns - 1)
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})
