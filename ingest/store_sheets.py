"""Tables over documents: their fields, and each finished cell as bytes the store does not know.

The part of `ingest.store.Store` that keeps tables. A cell holds words of its document only, and
goes with it; a document that was replaced leaves its cells, whose hash tells that they are of
another content. Each cell is a transaction of its own: what was put survives a crash.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingest.database import Database
from ingest.errors import StoreError
from ingest.records import CellMark, StoredCell, StoredSheet
from ingest.sealing import ContentKeys
from ingest.store_writing import note_removal, put_sheet_texts, sealed_cell

_SHEET = "SELECT id, collection_id, title, created, fields, settings FROM sheet"


class SheetStore:
    """Reads and writes by sheet and cell."""

    _database: Database
    _keys: ContentKeys

    def sheets(self, collection_id: int) -> list[StoredSheet]:
        """A collection's sheets, the oldest first."""
        query = f"{_SHEET} WHERE collection_id = ? ORDER BY id"
        return [self._sheet(row) for row in self._select(query, (collection_id,))]

    def sheet(self, sheet_id: int) -> StoredSheet:
        """One sheet.

        Raises:
            StoreError: there is none of that number.
        """
        rows = self._select(f"{_SHEET} WHERE id = ?", (sheet_id,))
        if not rows:
            raise _no_sheet(sheet_id)
        return self._sheet(rows[0])

    def put_sheet(
        self, collection_id: int, title: str, created: str, fields: str, settings: str
    ) -> StoredSheet:
        """Keeps a new sheet without cells.

        Raises:
            StoreError: the collection is gone.
        """
        with self._database.writing() as connection:
            known = "SELECT 1 FROM collection WHERE id = ?"
            if not connection.execute(known, (collection_id,)).fetchall():
                raise StoreError(
                    f"collection {collection_id}",
                    "It was removed meanwhile.",
                    "Make the table over a collection that is there.",
                )
            connection.execute(
                "INSERT INTO sheet (collection_id, title, created, fields, settings) "
                "VALUES (?, ?, ?, ?, ?)",
                (collection_id, b"", created, b"", b""),
            )
            sheet_id = int(connection.last_insert_rowid())
            seal = self._keys.collection(connection, collection_id)
            put_sheet_texts(connection, seal, sheet_id, title, fields, settings)
        return self.sheet(sheet_id)

    def remove_sheet(self, sheet_id: int) -> None:
        """Removes a sheet with all its cells.

        Raises:
            StoreError: there is none of that number.
        """
        self.sheet(sheet_id)
        with self._database.writing() as connection:
            connection.execute("DELETE FROM sheet WHERE id = ?", (sheet_id,))
            note_removal(connection)

    def cells(self, sheet_id: int) -> list[StoredCell]:
        """A sheet's cells by document and field."""
        return [
            StoredCell(
                document_id,
                field,
                made,
                seal.open_text(content, "cell of", sheet_id, field),
                seal.open(body, "cell", sheet_id, field),
            )
            for document_id, field, seal, content, made, body in self._cells(
                sheet_id, "made", "body"
            )
        ]

    def cell_marks(self, sheet_id: int) -> list[CellMark]:
        """Which cells a sheet has, without what they hold."""
        return [
            CellMark(document_id, field, seal.open_text(content, "cell of", sheet_id, field))
            for document_id, field, seal, content in self._cells(sheet_id)
        ]

    def put_cell(self, sheet_id: int, new: StoredCell) -> bool:
        """Keeps a cell; one that was there gives way. False where its document was removed.

        Raises:
            StoreError: the sheet was removed.
        """
        with self._database.writing() as connection:
            sheets = connection.execute(
                "SELECT collection_id FROM sheet WHERE id = ?", (sheet_id,)
            ).fetchall()
            if not sheets:
                raise _no_sheet(sheet_id)
            documents = connection.execute(
                "SELECT 1 FROM document WHERE id = ? AND collection_id = ?",
                (new.document_id, sheets[0][0]),
            ).fetchall()
            if not documents:
                return False
            connection.execute(
                "INSERT OR REPLACE INTO cell VALUES (?, ?, ?, ?, ?, ?)",
                (
                    sheet_id,
                    new.document_id,
                    new.field,
                    new.made,
                    *sealed_cell(self._keys.document(connection, new.document_id), sheet_id, new),
                ),
            )
        return True

    def _sheet(self, row: Sequence[Any]) -> StoredSheet:
        number, collection_id, title, created, fields, settings = row
        with self._database.reading() as connection:
            seal = self._keys.collection(connection, collection_id)
        return StoredSheet(
            number,
            collection_id,
            seal.open_text(title, "sheet", number),
            created,
            seal.open_text(fields, "fields", number),
            seal.open_text(settings, "settings", number),
        )

    def _cells(self, sheet_id: int, *columns: str) -> list[tuple[Any, ...]]:
        """Document, field, the document's key, the sealed hash, and more columns of each cell."""
        names = "".join(f", c.{name}" for name in columns)
        rows = self._select(
            "SELECT c.document_id, c.field, d.collection_id, k.wrapped, c.content_hash"
            f"{names} FROM cell c JOIN document d ON d.id = c.document_id "
            "JOIN document_key k ON k.document_id = d.id "
            "WHERE c.sheet_id = ? ORDER BY c.document_id, c.field",
            (sheet_id,),
        )
        if not rows:
            return []
        with self._database.reading() as connection:
            collection = self._keys.collection(connection, rows[0][2])
        return [
            (document_id, field, collection.own("document", document_id, wrapped), *rest)
            for document_id, field, _, wrapped, *rest in rows
        ]

    def _select(self, query: str, values: tuple[Any, ...]) -> list[Any]:
        with self._database.reading() as connection:
            return connection.execute(query, values).fetchall()


def _no_sheet(number: int) -> StoreError:
    return StoreError(f"table {number}", "It is not in the library.", "See: muniment table list")
