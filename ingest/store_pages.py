"""What the vault keeps of a document's pages: lines, readings, figures, and the file itself.

The part of `ingest.store.Store` that looks at one document. Knows nothing of collections, chunks
or searching.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ingest.codec import unpack_figure, unpack_lines
from ingest.database import Database
from ingest.errors import StoreError
from ingest.records import Details, PageState, StoredFigure
from ingest.sealing import CollectionSeal, ContentKeys, OwnSeal
from ingest.store_writing import put_reading
from ingest.types import Box, Figure, Line, Page, Reading, TextSource

_FIGURE = "document_id, number, page, x0, y0, x1, y1, kind, body"


class PageStore:
    """Reads and writes by document and page."""

    _database: Database
    _keys: ContentKeys

    # Pages

    def page_states(self, document_id: int) -> list[PageState]:
        """All pages of a document in order."""
        rows = self._read(
            "SELECT number, width, height, unreadable, confidence FROM page WHERE document_id = ? "
            "ORDER BY number",
            (document_id,),
        )
        return [PageState(*row) for row in rows]

    def unreadable_pages(self, collection_id: int) -> list[tuple[int, str, int, str]]:
        """Document id, name, page and reason of every page that could not be read."""
        rows = self._read(
            "SELECT d.id, d.details, k.wrapped, p.number, p.unreadable FROM page p "
            "JOIN document d ON d.id = p.document_id JOIN document_key k ON k.document_id = d.id "
            "WHERE d.collection_id = ? AND d.unreadable_pages > 0 AND p.unreadable <> ''",
            (collection_id,),
        )
        if not rows:
            return []
        collection = self._collection_seal(collection_id)
        found = [
            (number, open_details(collection, number, sealed, wrapped).name, page, reason)
            for number, sealed, wrapped, page, reason in rows
        ]
        return sorted(found, key=lambda row: row[1:3])

    def page_lines(self, document_id: int, number: int) -> tuple[Line, ...]:
        """A page's lines in reading order."""
        rows = self._read(
            "SELECT lines FROM page WHERE document_id = ? AND number = ?", (document_id, number)
        )
        if not rows:
            raise StoreError(
                f"page {number}",
                "The document has no such page.",
                f"It has {len(self.page_states(document_id))}.",
            )
        return unpack_lines(self._seal_of(document_id).open(rows[0][0], "page", number))

    def pages(self, document_id: int) -> list[Page]:
        """A document's pages with their lines."""
        rows = self._read(
            "SELECT number, width, height, lines, unreadable FROM page WHERE document_id = ? "
            "ORDER BY number",
            (document_id,),
        )
        if not rows:
            return []
        seal = self._seal_of(document_id)
        return [
            Page(
                number,
                width,
                height,
                unpack_lines(seal.open(lines, "page", number)),
                unreadable,
            )
            for number, width, height, lines, unreadable in rows
        ]

    # Figures

    def figures(self, document_id: int, *, page: int | None = None) -> list[StoredFigure]:
        """A document's figures in order, or those of one page."""
        rows = self._read(
            f"SELECT {_FIGURE} FROM figure WHERE document_id = ? AND (? IS NULL OR page = ?) "
            "ORDER BY number",
            (document_id, page, page),
        )
        if not rows:
            return []
        seal = self._seal_of(document_id)
        return [_stored_figure(seal, row) for row in rows]

    def figure(self, document_id: int, number: int) -> Figure | None:
        """One figure by its number; None if there is none."""
        rows = self._read(
            f"SELECT {_FIGURE} FROM figure WHERE document_id = ? AND number = ?",
            (document_id, number),
        )
        return _stored_figure(self._seal_of(document_id), rows[0]).figure if rows else None

    # Readings

    def readings(self, document_id: int, page: int) -> list[Reading]:
        """Every reading of a page: the file's own text, OCR, a model's, in this order.

        None has taken the place of another. A page that was read once has its own lines as its
        only one.
        """
        own = self.page_lines(document_id, page)
        rows = self._read(
            "SELECT source, author, made, lines FROM reading WHERE document_id = ? AND page = ? "
            "ORDER BY source, author",
            (document_id, page),
        )
        seal = self._seal_of(document_id)
        found = [
            Reading(
                page,
                TextSource(source),
                unpack_lines(seal.open(lines, "reading", page, source, author)),
                author,
                made,
            )
            for source, author, made, lines in rows
        ]
        # A page of a dictated note is a model's reading itself.
        own = tuple(line for line in own if line.source is not TextSource.MODEL)
        if own and all(reading.source is TextSource.MODEL for reading in found):
            found.append(Reading(page, own[0].source, own))
        order = list(TextSource)
        return sorted(found, key=lambda reading: (order.index(reading.source), reading.by))

    def model_readings(self, document_id: int, page: int | None = None) -> list[Reading]:
        """What models wrote down of a document's pages, or of one, by page and model."""
        rows = self._read(
            "SELECT page, author, made, lines FROM reading "
            "WHERE document_id = ? AND source = ? AND (? IS NULL OR page = ?) "
            "ORDER BY page, author",
            (document_id, TextSource.MODEL.value, page, page),
        )
        if not rows:
            return []
        seal, source = self._seal_of(document_id), TextSource.MODEL
        return [
            Reading(
                number,
                source,
                unpack_lines(seal.open(lines, "reading", number, source.value, author)),
                author,
                made,
            )
            for number, author, made, lines in rows
        ]

    def put_reading(self, document_id: int, reading: Reading) -> None:
        """Keeps one more reading of a page beside the others.

        Only an older one of the same source and author gives way. The page's own lines, and its
        chunks, stay as they are.

        Raises:
            StoreError: there is no such page.
            ValueError: a line says that it comes from elsewhere.
        """
        if any(line.source is not reading.source for line in reading.lines):
            raise ValueError(f"not every line of this reading is from {reading.source.value}")
        self.page_lines(document_id, reading.page)  # says so when there is no such page
        with self._database.writing() as connection:
            put_reading(
                connection, self._keys.document(connection, document_id), document_id, reading
            )

    # Files

    def shown_pdf(self, document_id: int) -> bytes:
        """The PDF whose pages the document's boxes refer to: its rendition, or the original."""
        return self._pieces(document_id, "rendition") or self.original(document_id)

    def original(self, document_id: int) -> bytes:
        """The file as it was added."""
        return self._pieces(document_id, "original")

    def _pieces(self, document_id: int, kind: str) -> bytes:
        rows = self._read(
            "SELECT piece, data FROM original WHERE document_id = ? AND kind = ? ORDER BY piece",
            (document_id, kind),
        )
        if not rows:
            return b""
        seal = self._seal_of(document_id)
        return b"".join(seal.open(data, "original", kind, piece) for piece, data in rows)

    # Keys

    def _seal_of(self, document_id: int) -> OwnSeal:
        with self._database.reading() as connection:
            return self._keys.document(connection, document_id)

    def _collection_seal(self, collection_id: int) -> CollectionSeal:
        with self._database.reading() as connection:
            return self._keys.collection(connection, collection_id)

    def _read(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with self._database.reading() as connection:
            return connection.execute(query, values).fetchall()


def open_details(
    collection: CollectionSeal, document_id: int, sealed: bytes, wrapped: bytes
) -> Details:
    """What `ingest.store_writing.put_details` has written."""
    seal = collection.own("document", document_id, wrapped)
    details = Details(*json.loads(seal.open(sealed, "document", document_id)))
    return details._replace(warnings=tuple(details.warnings))


def _stored_figure(seal: OwnSeal, row: Sequence[Any]) -> StoredFigure:
    document_id, number, page, x0, y0, x1, y1, kind, sealed = row
    body = seal.open(sealed, "figure", number)
    return StoredFigure(document_id, number, unpack_figure(page, Box(x0, y0, x1, y1), kind, body))
