"""Tables over the documents of a collection as plain data: fields, cells, rows, and their events.

Light and picklable, like `app.core.events`: the window takes these too. `app.core.tables` fills
and keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from app.core.answers import EXTRACTIVE, Citation, Mode, UnreadablePage, weakest
from app.core.events import Answered, Progressed, PromptProgress, TextWritten

_MARK = re.compile(r"[ \t]*\[(\d{1,4})\]")


@dataclass(frozen=True, slots=True)
class TableField:
    """A column: its name, and the question that each document is asked for it."""

    name: str
    question: str


class CellState(StrEnum):
    """How well a cell is borne out: as the weakest of its statements, see `CitationStatus`."""

    VERIFIED = "verified"
    REPAIRED = "repaired"
    TRANSCRIBED = "transcribed"
    UNVERIFIED = "unverified"
    NOT_FOUND = "not found"


@dataclass(frozen=True, slots=True)
class Cell:
    """What one document answers to one field. ``made`` is ISO 8601, UTC.

    ``content_hash`` is that of the document's content when it was asked.
    """

    answer: Answered
    made: str
    content_hash: str

    @property
    def value(self) -> str:
        """What stands in the table: a model's text without ``[n]``, or the best quotation.

        Empty where nothing was found.
        """
        answer = self.answer
        if not answer.found:
            return ""
        text = answer.text
        if answer.answerer == EXTRACTIVE.name and answer.statements:
            best = answer.statements[0]
            text = text[best.start : best.end]
        numbers = {citation.n for citation in answer.citations}
        return _MARK.sub(lambda m: "" if int(m[1]) in numbers else m[0], text).strip()

    @property
    def state(self) -> CellState:
        """The weakest state of its statements; of its citations where it has no statements."""
        if not self.answer.found:
            return CellState.NOT_FOUND
        states = [statement.status for statement in self.answer.statements]
        states = states or [citation.status for citation in self.answer.citations]
        return CellState(weakest(*states).value)

    @property
    def citations(self) -> tuple[Citation, ...]:
        """The places that it rests on, the best first."""
        return self.answer.citations

    @property
    def unreadable(self) -> tuple[UnreadablePage, ...]:
        """The document's pages that could not be read: the answer may stand there."""
        return self.answer.unreadable


@dataclass(frozen=True, slots=True)
class TableInfo:
    """A table as it is listed. ``created`` is ISO 8601, UTC.

    ``documents`` are those that it was limited to, None for all that the collection has. ``mode``
    is what its questions are answered over. Of ``rows`` times fields cells, ``missing`` are still
    to be filled, and ``outdated`` ones are of an earlier content of their document.
    """

    id: int
    collection: str
    title: str
    created: str
    fields: tuple[TableField, ...]
    documents: tuple[int, ...] | None
    mode: Mode
    rows: int
    missing: int
    outdated: int

    @property
    def cells(self) -> int:
        """How many cells it has when it is full."""
        return self.rows * len(self.fields)


@dataclass(frozen=True, slots=True)
class TableRow:
    """A document's cells, one for each field; None where it was not asked yet."""

    document_id: int
    document: str
    content_hash: str
    cells: tuple[Cell | None, ...]

    def outdated(self, field: int) -> bool:
        """Whether the cell is of an earlier content: its places are not to be shown any more."""
        cell = self.cells[field]
        return cell is not None and cell.content_hash != self.content_hash


@dataclass(frozen=True, slots=True)
class Table:
    """A whole table, its rows by the documents' names."""

    info: TableInfo
    rows: tuple[TableRow, ...]

    def count(self, state: CellState) -> int:
        """How many of its cells are in that state."""
        return sum(cell.state is state for _, _, cell in self.filled())

    def filled(self) -> Iterator[tuple[TableRow, int, Cell]]:
        """Its cells with their row and the number of their field, in the order of reading."""
        for row in self.rows:
            for field, cell in enumerate(row.cells):
                if cell is not None:
                    yield row, field, cell


@dataclass(frozen=True, slots=True)
class Preset:
    """Fields that come with the program, under a name."""

    name: str
    title: str
    fields: tuple[TableField, ...]


@dataclass(frozen=True, slots=True)
class TableBegun:
    """A table is about to be filled; ``table`` says what of it is missing or outdated."""

    table: TableInfo


@dataclass(frozen=True, slots=True)
class CellFilled:
    """A cell is answered, and kept for good. ``field`` counts from 0; ``sheet`` is the table."""

    sheet: int
    document_id: int
    document: str
    field: int
    cell: Cell


@dataclass(frozen=True, slots=True)
class CellFailed:
    """A model could not answer a cell; it stays missing, and the others go on."""

    sheet: int
    document_id: int
    document: str
    field: int
    cause: str
    remedy: str


@dataclass(frozen=True, slots=True)
class TableFilled:
    """The end of filling: ``found``, ``not_found`` and ``failed`` now, ``kept`` from before."""

    sheet: int
    found: int
    not_found: int
    failed: int
    kept: int


TableEvent = (
    TableBegun | Progressed | PromptProgress | TextWritten | CellFilled | CellFailed | TableFilled
)
