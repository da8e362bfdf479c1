"""Exhaustive mode: the same questions, asked of every document of a collection, one by one.

The part of `app.core.workspace.Workspace` that fills and keeps tables. A cell is kept as soon as
it is answered; filling goes on with those that are missing (also of documents that were added
later) or outdated (their document changed), so it may be stopped in any way at any time. What a
document's removal takes along is `ingest.store_sheets`' affair.
"""

from __future__ import annotations

import json
from abc import ABC
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

from app.core.answers import Mode
from app.core.asking import Asking
from app.core.audit_entries import What
from app.core.conversations import title_of_question
from app.core.events import Answered, Progressed, PromptProgress, TextWritten
from app.core.presets import TableError, preset
from app.core.record_codec import pack, unpack
from app.core.table_records import (
    Cell,
    CellFailed,
    CellFilled,
    CellState,
    Table,
    TableBegun,
    TableEvent,
    TableField,
    TableFilled,
    TableInfo,
    TableRow,
)
from app.core.written import WritingSettings
from engine.errors import BadMedia, EngineStopped, PromptTooLong
from ingest.errors import StoreError
from ingest.records import Collection, Document, StoredCell, StoredSheet
from ingest.store_writing import utc_now

MOST_FIELDS = 40
_BRIEF = WritingSettings(max_tokens=300)  # a cell is no essay
# These are about one document; of others the next cell would fail as well.
_OF_ONE_CELL = (BadMedia, EngineStopped, PromptTooLong)


class TableKeeping(Asking, ABC):
    """Fills and keeps the tables of one library."""

    def new_table(
        self,
        title: str,
        collection: str,
        fields: Sequence[TableField] | str,
        *,
        documents: Sequence[int] | None = None,
        mode: Mode = Mode.AUTO,
    ) -> TableInfo:
        """Makes an empty table. ``fields`` may be a preset's name (`app.core.presets`).

        It has a row for each of ``documents``, or for each document that the collection has at
        the time. ``mode`` is what a model answers over.

        Raises:
            TableError: the title is taken or empty, a field lacks its words, or there are too many.
            StoreError: there is no such collection or document in it, or nothing can be kept.
        """
        found = self._store.collection(collection)
        line = title_of_question(title)
        if not line:
            raise TableError("table", "A title has words.", "Give it some.")
        for known in self._store.sheets(found.id):
            if known.title == line:
                raise TableError(
                    f"table “{line}”",
                    f"The collection {found.name} has a table of that title already.",
                    f"Fill what it lacks (muniment table resume {known.id}), or choose another.",
                )
        there = {document.id for document in self._store.documents(found.id)}
        for number in documents or ():
            if number not in there:
                raise StoreError(
                    f"document {number}",
                    f"It is not in the collection {found.name}.",
                    "Choose documents of the collection that the table is over.",
                )
        chosen = preset(fields).fields if isinstance(fields, str) else checked_fields(fields)
        settings = {"documents": None if documents is None else list(documents), "mode": mode.value}
        stored = self._store.put_sheet(
            found.id,
            line,
            utc_now(),
            json.dumps([[field.name, field.question] for field in chosen], ensure_ascii=False),
            json.dumps(settings),
        )
        return self._info(stored, found)

    def fill_table(
        self,
        table: int | str,
        collection: str = "",
        fields: Sequence[TableField] | str = (),
        *,
        documents: Sequence[int] | None = None,
        mode: Mode = Mode.AUTO,
    ) -> Iterator[TableEvent]:
        """Fills what a table lacks, a document after the other; the last event is `TableFilled`.

        ``table`` is its number, or the title of a new one that is made of the other arguments;
        see `new_table`. Closing it stops; what was told of is kept.

        Raises:
            TableError, StoreError: as `new_table`; there is no such table, or it was removed.
            EngineError: the model cannot be loaded, or its process has ended twice in a row. A
                cell that alone cannot be answered is a `CellFailed`.
        """
        self._store.check_writable()
        if isinstance(table, str):
            made = self.new_table(table, collection, fields, documents=documents, mode=mode)
            table = made.id
        info = self.table_info(table)
        waiting = self._waiting(self._store.sheet(table))
        kept = info.cells - len(waiting)
        found = missed = failed = 0
        stopped = False
        yield TableBegun(info)
        for done, (document_id, field) in enumerate(waiting, start=kept):
            yield Progressed(info.title, done, info.cells)
            document = self._store.find_document(document_id)
            if document is None:
                continue  # removed meanwhile
            try:
                cell = yield from self._answer_cell(info, document, field)
                stopped = False
            except _OF_ONE_CELL as error:
                if stopped and isinstance(error, EngineStopped):
                    raise
                stopped, failed = isinstance(error, EngineStopped), failed + 1
                yield CellFailed(
                    info.id, document.id, document.name, field, error.cause, error.remedy
                )
                continue
            if self._keep_cell(info.id, document.id, field, cell):
                missed += cell.state is CellState.NOT_FOUND
                found += cell.state is not CellState.NOT_FOUND
                yield CellFilled(info.id, document.id, document.name, field, cell)
        yield Progressed(info.title, info.cells, info.cells)
        yield TableFilled(info.id, found, missed, failed, kept)

    def tables(self, collection: str) -> list[TableInfo]:
        """A collection's tables, the oldest first."""
        found = self._store.collection(collection)
        return [self._info(stored, found) for stored in self._store.sheets(found.id)]

    def table_info(self, table_id: int) -> TableInfo:
        """One table as it is listed.

        Raises:
            StoreError: there is none of that number.
        """
        stored = self._store.sheet(table_id)
        return self._info(stored, self._collection_of(stored))

    def table(self, table_id: int) -> Table:
        """A whole table.

        Raises:
            StoreError: there is none of that number, or a cell of it cannot be read.
        """
        stored = self._store.sheet(table_id)
        info = self._info(stored, self._collection_of(stored))
        cells = {
            (c.document_id, c.field): unpack(
                Cell, c.body, f"table {table_id}", "Remove the table, and make it again"
            )
            for c in self._store.cells(table_id)
        }
        rows = tuple(
            TableRow(
                document.id,
                document.name,
                document.content_hash,
                tuple(cells.get((document.id, field)) for field in range(len(info.fields))),
            )
            for document in self._documents(stored)
        )
        self.audit.record(What.TABLE_READ, table=table_id)
        return Table(info, rows)

    def remove_table(self, table_id: int) -> None:
        """Removes a table with all its cells.

        Raises:
            StoreError: there is none of that number.
        """
        with self._store.together():
            self._store.remove_sheet(table_id)
            self.audit.record(What.TABLE_REMOVED, table=table_id)

    def _answer_cell(
        self, info: TableInfo, document: Document, field: int
    ) -> Generator[TableEvent, None, Cell]:
        """Asks one document one question; nothing of it is kept but the cell."""
        collection = self._collection_of(self._store.sheet(info.id))
        events = self.ask(
            info.fields[field].question,
            collection.name,
            documents=[document.id],
            mode=info.mode,
            keep=False,
            writing=_BRIEF,
        )
        answer: Answered | None = None
        with closing(events):  # type: ignore[type-var]  # a model stops at once
            for event in events:
                if isinstance(event, Answered):
                    answer = event
                elif isinstance(event, PromptProgress | TextWritten):
                    yield event
        assert answer is not None, "every question ends with its answer"
        return Cell(answer, utc_now(), document.content_hash)

    def _keep_cell(self, table_id: int, document_id: int, field: int, cell: Cell) -> bool:
        new = StoredCell(document_id, field, cell.made, cell.content_hash, pack(cell))
        return self._store.put_cell(table_id, new)

    def _waiting(self, stored: StoredSheet) -> list[tuple[int, int]]:
        """The cells that are missing or outdated, a document's fields one after the other."""
        known = {
            (m.document_id, m.field): m.content_hash for m in self._store.cell_marks(stored.id)
        }
        return [
            (document.id, field)
            for document in self._documents(stored)
            for field in range(len(_fields(stored)))
            if known.get((document.id, field)) != document.content_hash
        ]

    def _info(self, stored: StoredSheet, collection: Collection) -> TableInfo:
        documents = {d.id: d.content_hash for d in self._documents(stored)}
        marks = [m for m in self._store.cell_marks(stored.id) if m.document_id in documents]
        fields, settings = _fields(stored), _settings(stored)
        return TableInfo(
            stored.id,
            collection.name,
            stored.title,
            stored.created,
            fields,
            settings.documents,
            settings.mode,
            len(documents),
            len(documents) * len(fields) - len(marks),
            sum(documents[mark.document_id] != mark.content_hash for mark in marks),
        )

    def _documents(self, stored: StoredSheet) -> list[Document]:
        """Those that have a row, by name."""
        chosen = _settings(stored).documents
        there = self._store.documents(stored.collection_id)
        return [d for d in there if chosen is None or d.id in chosen]

    def _collection_of(self, stored: StoredSheet) -> Collection:
        (found,) = (c for c in self._store.collections() if c.id == stored.collection_id)
        return found


class _Settings(NamedTuple):
    documents: tuple[int, ...] | None
    mode: Mode


def checked_fields(fields: Sequence[TableField]) -> tuple[TableField, ...]:
    """Fields as they are kept: names in one line, questions without line ends.

    Raises:
        TableError: there are none or too many, one lacks its words, or two have the same name.
    """
    if not 0 < len(fields) <= MOST_FIELDS:
        raise TableError(
            "table", f"It has {len(fields)} fields.", f"Name between 1 and {MOST_FIELDS}."
        )
    checked: list[TableField] = []
    for number, field in enumerate(fields, start=1):
        name, question = title_of_question(field.name), " ".join(field.question.split())
        if not name or not question:
            raise TableError(
                f"field {number}", "It has a name and a question.", "Give it both, in words."
            )
        if any(name.casefold() == other.name.casefold() for other in checked):
            raise TableError(
                f"field {number}", f"There are two of the name “{name}”.", "Choose another name."
            )
        checked.append(TableField(name, question))
    return tuple(checked)


def _fields(stored: StoredSheet) -> tuple[TableField, ...]:
    return tuple(TableField(name, question) for name, question in json.loads(stored.fields))


def _settings(stored: StoredSheet) -> _Settings:
    kept = json.loads(stored.settings)
    documents = kept["documents"]
    return _Settings(None if documents is None else tuple(documents), Mode(kept["mode"]))
