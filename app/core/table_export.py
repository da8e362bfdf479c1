"""Tables as files for other programs: CSV, XLSX and DOCX.

The part of `app.core.workspace.Workspace` that exports tables, under the rules of
`app.core.export`.
"""

from __future__ import annotations

from abc import ABC
from enum import StrEnum
from pathlib import Path

from app.core.export import Exporting, format_of, write_file
from app.core.table_records import Table
from app.core.tables import TableKeeping


class TableFormat(StrEnum):
    """What a table can be exported as, by the ending of the file's name."""

    CSV = ".csv"
    XLSX = ".xlsx"
    DOCX = ".docx"


def table_file(table: Table, form: TableFormat) -> bytes:
    """The table in a format."""
    # Each of these libraries takes its time to load.
    match form:
        case TableFormat.CSV:
            from app.core.exporting import table_csv

            return table_csv.write(table)
        case TableFormat.XLSX:
            from app.core.exporting import table_xlsx

            return table_xlsx.write(table)
        case TableFormat.DOCX:
            from app.core.exporting import docx_document, table_paper

            return docx_document.write(table_paper.paper_of_table(table))


class TableExporting(Exporting, TableKeeping, ABC):
    """Exports the tables of one library."""

    def export_table(self, table_id: int, path: Path, *, replace: bool = False) -> None:
        """Writes a table to ``path``, also one that is not full, in the format of its ending.

        Raises:
            StoreError: there is no such table.
            ExportError: the file cannot be written; the error says why.
        """
        form = format_of(path, TableFormat, "for tables")
        self._check_place(path, replace)
        data = table_file(self.table(table_id), form)
        self._record_export("table", table_id, path)
        write_file(path, data, replace=replace)
