"""What the commands for tables print: how filling goes, JSON with documented fields, or text."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from app.cli.output import citation_fields, counted
from app.cli.plain import say
from app.cli.progress import Progress
from app.core.events import Progressed
from app.core.exporting.paper import one_line
from app.core.exporting.table_cells import pages_of, shown_cell
from app.core.table_records import (
    CellFailed,
    CellFilled,
    CellState,
    Preset,
    Table,
    TableBegun,
    TableEvent,
    TableFilled,
    TableInfo,
    TableRow,
)


class Filling:
    """Shows on standard error how filling goes, a line a document; nothing when ``quiet``."""

    def __init__(self, *, quiet: bool) -> None:
        self._progress = Progress(quiet=quiet)
        self._fields = 0
        self._row: list[CellFilled | CellFailed] = []  # those of the document under way
        self.filled: list[CellFilled] = []
        self.failures: list[CellFailed] = []
        self.ended = False

    def __enter__(self) -> Filling:
        self._progress.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tell_row()
        self._progress.__exit__(kind, error, trace)

    def show(self, event: TableEvent) -> None:
        """Takes an event of any kind."""
        match event:
            case TableBegun(table):
                waiting = counted(table.missing + table.outdated, "cell")
                self.say(f"Table {table.id}, “{one_line(table.title)}”: {waiting} to fill.")
            case CellFilled() | CellFailed():
                if self._row and self._row[0].document_id != event.document_id:
                    self._tell_row()
                self._row.append(event)
                if isinstance(event, CellFilled):
                    self.filled.append(event)
                else:
                    self.failures.append(event)
            case Progressed():
                self._progress.show(event)
            case TableFilled():
                self.ended = True
            case _:
                pass

    def say(self, line: str) -> None:
        """A line for a person."""
        self._progress.say(line)

    def finish(self, info: TableInfo) -> None:
        """Says how it ended."""
        found, missed = self._counts()
        kept = info.cells - info.missing - found - missed
        failed = f", {len(self.failures)} failed" if self.failures else ""
        left = f", {info.missing} left" if info.missing else ""
        self.say(
            f"Table {info.id}: {found} found, {missed} not found, {kept} from before{failed}{left}."
        )
        if info.missing or info.outdated:
            self.say(f"To go on: muniment table resume {info.id}")

    def as_fields(self, info: TableInfo) -> dict[str, Any]:
        """The object that ``table new --json`` and ``table resume --json`` print."""
        found, missed = self._counts()
        return {
            "table": info_fields(info),
            "found": found,
            "not_found": missed,
            "kept": info.cells - info.missing - found - missed,
            "failed": len(self.failures),
            "failures": [
                {
                    "document": failure.document,
                    "document_id": failure.document_id,
                    "field": info.fields[failure.field].name,
                    "cause": failure.cause,
                    "remedy": failure.remedy,
                }
                for failure in self.failures
            ],
        }

    def _counts(self) -> tuple[int, int]:
        missed = sum(event.cell.state is CellState.NOT_FOUND for event in self.filled)
        return len(self.filled) - missed, missed

    def _tell_row(self) -> None:
        if not self._row:
            return
        found = [e for e in self._row if isinstance(e, CellFilled) and e.cell.answer.found]
        failed = [e for e in self._row if isinstance(e, CellFailed)]
        name = one_line(self._row[0].document)
        self.say(f"{name}: {len(found)} of {len(self._row)} found")
        for failure in failed:
            self.say(f"    failed: {failure.cause} {failure.remedy}")
        self._row = []


def info_fields(info: TableInfo) -> dict[str, Any]:
    """A table of ``table list --json``."""
    return {
        "id": info.id,
        "collection": info.collection,
        "title": info.title,
        "created": info.created,
        "fields": [{"name": field.name, "question": field.question} for field in info.fields],
        "documents": None if info.documents is None else list(info.documents),
        "mode": info.mode.value,
        "rows": info.rows,
        "cells": info.cells,
        "missing": info.missing,
        "outdated": info.outdated,
    }


def preset_fields(preset: Preset) -> dict[str, Any]:
    """A preset of ``table presets --json``."""
    fields = [{"name": field.name, "question": field.question} for field in preset.fields]
    return {"name": preset.name, "title": preset.title, "fields": fields}


def table_fields(table: Table) -> dict[str, Any]:
    """The object that ``table show --json`` prints."""
    names = [field.name for field in table.info.fields]
    return {
        "table": info_fields(table.info),
        "rows": [
            {
                "document": row.document,
                "document_id": row.document_id,
                "cells": [_cell_fields(row, n, name) for n, name in enumerate(names)],
            }
            for row in table.rows
        ],
    }


def _cell_fields(row: TableRow, field: int, name: str) -> dict[str, Any]:
    cell = row.cells[field]
    if cell is None:
        return {"field": name, "state": None}
    return {
        "field": name,
        "state": cell.state.value,
        "outdated": row.outdated(field),
        "value": cell.value or None,
        "answer": cell.answer.text,
        "citations": [citation_fields(citation) for citation in cell.citations],
        "unreadable": [{"page": u.page, "reason": u.reason} for u in cell.unreadable],
        "withheld": cell.answer.withheld or None,
        "by": cell.answer.by.name,
        "made": cell.made,
    }


def table_line(info: TableInfo) -> str:
    """A table as it is listed for a person."""
    notes = [info.collection, f"{counted(info.rows, 'document')} × {len(info.fields)}"]
    if info.missing:
        notes.append(f"{info.missing} missing")
    if info.outdated:
        notes.append(f"{info.outdated} outdated")
    return f"{info.id:>5}  {one_line(info.title)}  ({'; '.join(notes)})"


def print_table(table: Table) -> None:
    """A table for a person, a document after the other."""
    say(table_line(table.info).strip())
    for row in table.rows:
        say(f"\n{one_line(row.document)}")
        for number, field in enumerate(table.info.fields):
            cell = shown_cell(row, number)
            places = f"page {pages_of(cell.citations[0])}, " if cell.citations else ""
            said = f"{one_line(cell.value)} ({places}{cell.words})"
            say(f"    {field.name}: {said if cell.citations else cell.words}")
