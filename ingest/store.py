"""The vault as documents: what was read, cut and embedded, each document wholly or not at all.

Adding, replacing and removing a document are one transaction each. Knows nothing of reading
files or of searching; `ingest.index` is built from here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import apsw
import numpy as np

from ingest.codec import unpack_chunk
from ingest.database import Database
from ingest.errors import StoreError
from ingest.naming import check_name
from ingest.records import (
    Collection,
    Document,
    IndexRows,
    NewDocument,
    PageState,
    StoredChunk,
    StoredFigure,
    Vectors,
)
from ingest.schema import FILE_NAME
from ingest.store_audit import AuditStore
from ingest.store_conversations import ConversationStore
from ingest.store_pages import PageStore
from ingest.store_sheets import SheetStore
from ingest.store_writing import note, put_chunks, put_document, put_parts, utc_now
from ingest.types import Chunk

__all__ = [
    "Collection",
    "Document",
    "IndexRows",
    "NewDocument",
    "PageState",
    "Store",
    "StoredChunk",
    "StoredFigure",
    "Vectors",
]


class Store(PageStore, ConversationStore, SheetStore, AuditStore):
    """The library's documents in the vault file."""

    def __init__(
        self,
        folder: Path,
        key: bytes | bytearray,
        *,
        cipher: str = "chacha20",
        read_only: bool = False,
        beside: bool = False,
        name: str = FILE_NAME,
    ) -> None:
        """Opens or creates the vault in ``folder``; see `Database` for ciphers, modes, errors."""
        self.folder = folder
        self._database = Database(
            folder, key, cipher=cipher, read_only=read_only, beside=beside, name=name
        )

    @property
    def read_only(self) -> bool:
        """Whether nothing can be added or removed here."""
        return self._database.read_only

    @property
    def format(self) -> int:
        """The format of the file; older than `ingest.schema.VERSION` only if opened ``beside``."""
        return self._database.format

    def check_writable(self) -> None:
        """Raises `StoreReadOnly` or `StoreFull`, with the reason, when nothing can be added."""
        self._database.check_writable()

    def reading(self) -> AbstractContextManager[apsw.Connection]:
        """The connection that reads, for who looks at the file rather than at documents."""
        return self._database.reading()

    def snapshot(self) -> AbstractContextManager[apsw.Connection]:
        """One state for all that is read within; see `Database.snapshot`."""
        return self._database.snapshot()

    def close(self) -> None:
        """Lets go of the vault file."""
        self._database.close()

    # Settings

    def setting(self, name: str) -> str | None:
        """A value kept with the library."""
        rows = self._read("SELECT value FROM setting WHERE name = ?", (name,))
        return rows[0][0] if rows else None

    def set_setting(self, name: str, value: str) -> None:
        """Keeps a value with the library."""
        with self._database.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))

    # Collections

    def collections(self) -> list[Collection]:
        """All collections by name."""
        rows = self._read(
            "SELECT c.id, c.name, count(d.id), coalesce(sum(d.page_count), 0) FROM collection c "
            "LEFT JOIN document d ON d.collection_id = c.id GROUP BY c.id ORDER BY c.name"
        )
        return [Collection(*row) for row in rows]

    def collection(self, name: str) -> Collection:
        """The collection of that name.

        Raises:
            StoreError: there is none.
        """
        for collection in self.collections():
            if collection.name == name:
                return collection
        raise StoreError(
            f"collection {name!r}", "There is no such collection.", "List them, or add files to it."
        )

    def add_collection(self, name: str) -> Collection:
        """Creates an empty collection, or returns the one of that name.

        Raises:
            StoreError: there is none yet, and none may be called so; see `ingest.naming`.
        """
        if not any(known.name == name for known in self.collections()):
            check_name(name)
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO collection (name, created) VALUES (?, ?)", (name, utc_now())
            )
        return self.collection(name)

    def rename_collection(self, collection_id: int, name: str) -> None:
        """Gives a collection another name; its documents stay."""
        check_name(name)
        if any(c.name == name and c.id != collection_id for c in self.collections()):
            raise StoreError(f"collection {name!r}", "The name is taken.", "Choose another one.")
        with self._database.writing() as connection:
            connection.execute("UPDATE collection SET name = ? WHERE id = ?", (name, collection_id))

    def remove_collection(self, collection_id: int) -> None:
        """Removes a collection and every document in it."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM collection WHERE id = ?", (collection_id,))

    # Documents

    def documents(self, collection_id: int) -> list[Document]:
        """A collection's documents by name."""
        rows = self._read(
            f"SELECT {_DOCUMENT_COLUMNS} FROM document WHERE collection_id = ? ORDER BY name, id",
            (collection_id,),
        )
        return [_document(row) for row in rows]

    def document(self, document_id: int) -> Document:
        """One document.

        Raises:
            StoreError: there is none of that number.
        """
        found = self.find_document(document_id)
        if found is None:
            raise StoreError(
                f"document {document_id}", "It is not in the library.", "List the documents."
            )
        return found

    def find_document(self, document_id: int) -> Document | None:
        """One document; None if it is not, or no longer, in the library."""
        rows = self._read(f"SELECT {_DOCUMENT_COLUMNS} FROM document WHERE id = ?", (document_id,))
        return _document(rows[0]) if rows else None

    def find(
        self, collection_id: int, *, content_hash: str = "", path: str = ""
    ) -> Document | None:
        """The document of a collection with that content, or last seen at that path."""
        column, value = ("content_hash", content_hash) if content_hash else ("path", path)
        rows = self._read(
            f"SELECT {_DOCUMENT_COLUMNS} FROM document WHERE collection_id = ? AND {column} = ?",
            (collection_id, value),
        )
        return _document(rows[0]) if rows else None

    def put(self, collection_id: int, new: NewDocument, *, replaces: int | None = None) -> Document:
        """Stores a document; with ``replaces``, in place of an older version, whose id it keeps.

        One transaction. Returns the document as stored.
        """
        with self._database.writing() as connection:
            document_id = put_document(connection, collection_id, new, replaces)
            put_parts(connection, document_id, new)
            what = "added" if replaces is None else "replaced"
            note(connection, document_id, what, new.path, new.content_hash)
        return self.document(document_id)

    def put_chunks(
        self, document_id: int, chunks: Sequence[Chunk], vectors: Vectors, model: str
    ) -> None:
        """Puts a document's chunks and vectors anew, as after a change of embedding model."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM chunk WHERE document_id = ?", (document_id,))
            put_chunks(connection, document_id, chunks, vectors)
            connection.execute(
                "UPDATE document SET model = ?, chunk_count = ? WHERE id = ?",
                (model, len(chunks), document_id),
            )

    def move(self, document_id: int, path: str, name: str, modified: str) -> Document:
        """Notes that a document's file is now at another path."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE document SET path = ?, name = ?, modified = ? WHERE id = ?",
                (path, name, modified, document_id),
            )
            note(connection, document_id, "moved", path, "")
        return self.document(document_id)

    def remove(self, document_id: int) -> None:
        """Removes a document and all that came of it."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM document WHERE id = ?", (document_id,))

    def history(self, document_id: int) -> list[tuple[str, str, str]]:
        """What happened to a document: time, "added", "replaced" or "moved", and its path then."""
        return [
            (time, what, path)
            for time, what, path in self._read(
                "SELECT time, what, path FROM history WHERE document_id = ? ORDER BY id",
                (document_id,),
            )
        ]

    # Chunks

    def chunks(self, chunk_ids: Sequence[int]) -> list[StoredChunk]:
        """Chunks in the order of their ids as given; ids that are gone are left out."""
        marks = ",".join("?" * len(chunk_ids))
        rows = self._read(
            f"SELECT id, document_id, ordinal, search_text, body FROM chunk WHERE id IN ({marks})",
            tuple(chunk_ids),
        )
        found = {row[0]: _stored_chunk(row) for row in rows}
        return [found[i] for i in chunk_ids if i in found]

    def document_chunks(self, document_id: int) -> list[StoredChunk]:
        """All chunks of a document in order."""
        rows = self._read(
            "SELECT id, document_id, ordinal, search_text, body FROM chunk WHERE document_id = ? "
            "ORDER BY ordinal",
            (document_id,),
        )
        return [_stored_chunk(row) for row in rows]

    def chunk_ids(self, collection_id: int) -> list[int]:
        """The ids of a collection's chunks, ascending."""
        rows = self._read(
            "SELECT c.id FROM chunk c JOIN document d ON d.id = c.document_id "
            "WHERE d.collection_id = ? ORDER BY c.id",
            (collection_id,),
        )
        return [row[0] for row in rows]

    def count_chunks(self, collection_id: int) -> int:
        """How many chunks a collection's documents have."""
        rows = self._read(
            "SELECT coalesce(sum(chunk_count), 0) FROM document WHERE collection_id = ?",
            (collection_id,),
        )
        return int(rows[0][0])

    def index_rows(
        self, collection_id: int, *, document_id: int | None = None, batch: int = 500
    ) -> Iterator[IndexRows]:
        """What the search index needs, of all a collection or of one document.

        Whole documents at a time, in batches of about ``batch`` rows: so few that they stay in
        the processor's cache until they are taken in.
        """
        sizes = self._read(
            "SELECT id, chunk_count FROM document "
            "WHERE collection_id = ? AND (? IS NULL OR id = ?) ORDER BY id",
            (collection_id, document_id, document_id),
        )
        group: list[int] = []
        waiting = 0
        for number, chunks in sizes:
            group.append(number)
            waiting += chunks
            if waiting >= batch:
                yield from self._rows_of(group)
                group, waiting = [], 0
        yield from self._rows_of(group)

    def _rows_of(self, document_ids: Sequence[int]) -> Iterator[IndexRows]:
        # CROSS keeps SQLite to this order, in which nothing has to be sorted.
        rows = self._read(
            "SELECT c.id, c.document_id, v.words, v.data, c.figure NOT NULL "
            "FROM json_each(?) wanted "
            "CROSS JOIN chunk c ON c.document_id = wanted.value "
            "CROSS JOIN vector v ON v.chunk_id = c.id ORDER BY wanted.key, c.ordinal",
            (json.dumps(list(document_ids)),),
        )
        if rows:
            chunk_ids, documents, words, data, figures = zip(*rows, strict=True)
            vectors = np.frombuffer(b"".join(data), dtype=np.float32).reshape(len(rows), -1)
            yield IndexRows(
                list(chunk_ids), list(documents), list(words), vectors, list(map(bool, figures))
            )

    # Followed folders

    def follow(self, collection_id: int, folder: str) -> None:
        """Remembers that a collection follows a folder."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO followed VALUES (?, ?)", (collection_id, folder)
            )

    def unfollow(self, collection_id: int, folder: str) -> None:
        """Forgets it; the documents stay."""
        with self._database.writing() as connection:
            connection.execute(
                "DELETE FROM followed WHERE collection_id = ? AND folder = ?",
                (collection_id, folder),
            )

    def followed(self, collection_id: int) -> list[str]:
        """The folders that a collection follows."""
        rows = self._read(
            "SELECT folder FROM followed WHERE collection_id = ? ORDER BY folder", (collection_id,)
        )
        return [row[0] for row in rows]


_DOCUMENT_COLUMNS = (
    "id, collection_id, name, title, path, media_type, content_hash, bytes, modified, added, "
    "password, warnings, page_count, ocr_pages, unreadable_pages, chunk_count, model"
)


def _document(row: Sequence[Any]) -> Document:
    values = list(row)
    values[11] = tuple(json.loads(values[11]))
    return Document(*values)


def _stored_chunk(row: Sequence[Any]) -> StoredChunk:
    chunk_id, document_id, ordinal, search_text, body = row
    return StoredChunk(chunk_id, document_id, unpack_chunk(ordinal, search_text, body))
