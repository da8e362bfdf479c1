"""A table as CSV: UTF-8 with a byte order mark, every value quoted, no value a formula.

Spreadsheet programs take a value that begins with ``= + - @`` for a formula, which can send data
away or start programs. Such a value gets an apostrophe before it; so does whatever follows a
semicolon that way, since in many countries these programs take that for the end of a value.
(CWE-1236; https://owasp.org/www-community/attacks/CSV_Injection)
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from app.core.exporting.paper import one_line
from app.core.exporting.table_cells import ShownCell, pages_of, shown_cell
from app.core.table_records import Table

# The wide forms are taken for the narrow ones in East Asian versions.
_FORMULA = re.compile(r"(?:^|(?<=;))([\s\"]*)(?=[=+\-@＝＋－＠])")


def write(table: Table) -> bytes:
    """The table as the bytes of a CSV file: a row a document, four columns a field."""
    output = io.StringIO(newline="")
    writer = csv.writer(output, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([harmless(name) for name in _names(table)])
    for row in table.rows:
        values = [row.document]
        for field in range(len(table.info.fields)):
            values += _values(shown_cell(row, field))
        writer.writerow([harmless(value) for value in values])
    return output.getvalue().encode("utf-8-sig")


def harmless(text: str) -> str:
    """The text in one line that no spreadsheet program takes for a formula.

    >>> harmless("=1+1; -2")
    "'=1+1; '-2"
    """
    return _FORMULA.sub(r"\1'", one_line(text))


def _names(table: Table) -> Iterator[str]:
    yield "Document"
    for field in table.info.fields:
        yield field.name
        yield f"{field.name}: state"
        yield f"{field.name}: pages"
        yield f"{field.name}: quotations"


def _values(cell: ShownCell) -> Iterator[str]:
    yield cell.value
    yield cell.words
    yield "; ".join(dict.fromkeys(pages_of(citation) for citation in cell.citations))
    yield " / ".join(
        f"page {pages_of(c)} ({c.status.value}): “{one_line(c.quote)}”" for c in cell.citations
    )
