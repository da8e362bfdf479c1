"""The vault as documents: what was read, cut and embedded, each document wholly or not at all.

Adding, replacing and removing a document are one transaction each. Knows nothing of reading
files or of searching; `ingest.index` is built from here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import apsw

from ingest.database import Database
from ingest.erasing import erase_remains, has_remains
from ingest.errors import StoreError
from ingest.library_files import FILE_NAME
from ingest.naming import check_name
from ingest.records import (
    Collection,
    Details,
    Document,
    FigureRows,
    IndexRows,
    NewDocument,
    PageState,
    StoredChunk,
    StoredFigure,
    Vectors,
)
from ingest.sealing import ContentKeys
from ingest.store_audit import AuditStore
from ingest.store_chunks import ChunkStore
from ingest.store_conversations import ConversationStore
from ingest.store_figures import FigureStore
from ingest.store_pages import open_details
from ingest.store_sheets import SheetStore
from ingest.store_writing import (
    note,
    note_removal,
    put_details,
    put_document,
    put_parts,
    utc_now,
)

__all__ = [
    "Collection",
    "Document",
    "FigureRows",
    "IndexRows",
    "NewDocument",
    "PageState",
    "Store",
    "StoredChunk",
    "StoredFigure",
    "Vectors",
]


class Store(ChunkStore, FigureStore, ConversationStore, SheetStore, AuditStore):
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
        self._keys = ContentKeys(key)

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
        """Lets go of the vault file and of every key."""
        self._database.close()
        self._keys.forget()

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
            if connection.changes():
                self._keys.new_collection(connection, connection.last_insert_rowid())
        return self.collection(name)

    def rename_collection(self, collection_id: int, name: str) -> None:
        """Gives a collection another name; its documents stay."""
        check_name(name)
        if any(c.name == name and c.id != collection_id for c in self.collections()):
            raise StoreError(f"collection {name!r}", "The name is taken.", "Choose another one.")
        with self._database.writing() as connection:
            connection.execute("UPDATE collection SET name = ? WHERE id = ?", (name, collection_id))

    def remove_collection(self, collection_id: int) -> None:
        """Removes a collection, every document in it, and its key; see `erase_remains`."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM collection WHERE id = ?", (collection_id,))
            note_removal(connection)

    # Documents

    def documents(self, collection_id: int) -> list[Document]:
        """A collection's documents by name."""
        found = self._documents(collection_id, "d.collection_id = ?", collection_id)
        return sorted(found, key=lambda document: (document.name, document.id))

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
        rows = self._read("SELECT collection_id FROM document WHERE id = ?", (document_id,))
        found = self._documents(rows[0][0], "d.id = ?", document_id) if rows else []
        return found[0] if found else None

    def find(
        self, collection_id: int, *, content_hash: str = "", path: str = ""
    ) -> Document | None:
        """The document of a collection with that content, or last seen at that path."""
        kind, text = ("content", content_hash) if content_hash else ("path", path)
        tag = self._collection_seal(collection_id).tag(kind, text)
        found = self._documents(
            collection_id, f"d.collection_id = ? AND d.{kind}_tag = ?", collection_id, tag
        )
        return found[0] if found else None

    def put(self, collection_id: int, new: NewDocument, *, replaces: int | None = None) -> Document:
        """Stores a document; with ``replaces``, in place of an older version, whose id it keeps.

        One transaction. Returns the document as stored.
        """
        with self._database.writing() as connection:
            document_id, seal = put_document(connection, self._keys, collection_id, new, replaces)
            put_parts(connection, seal, document_id, new)
            note(connection, seal, document_id, "replaced" if replaces else "added", new.path)
            if replaces:
                note_removal(connection)
        return self.document(document_id)

    def move(self, document_id: int, path: str, name: str, modified: str) -> Document:
        """Notes that a document's file is now at another path."""
        known = self.document(document_id)
        details = Details(
            name, known.title, path, known.content_hash, known.password, known.warnings
        )
        with self._database.writing() as connection:
            seal = self._keys.document(connection, document_id)
            collection = self._keys.collection(connection, known.collection_id)
            put_details(connection, collection, seal, document_id, details)
            connection.execute(
                "UPDATE document SET modified = ? WHERE id = ?", (modified, document_id)
            )
            note(connection, seal, document_id, "moved", path)
        return self.document(document_id)

    def remove(self, document_id: int) -> None:
        """Removes a document, all that came of it, and its key; see `erase_remains`."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM document WHERE id = ?", (document_id,))
            note_removal(connection)

    def document_secret(self, document_id: int) -> str:
        """Hexadecimal digits that are destroyed with the document, for what lies beside the vault.

        Raises:
            StoreError: there is none of that number.
        """
        return self._seal_of(document_id).secret

    def erase_remains(self, stop: Callable[[], bool] = lambda: False) -> bool:
        """Cleans the vault of what was removed; see `ingest.erasing`. Whether all of it is."""
        return erase_remains(self._database, stop)

    @property
    def has_remains(self) -> bool:
        """Whether something was removed that `erase_remains` has not cleaned up after yet."""
        return has_remains(self._database)

    def history(self, document_id: int) -> list[tuple[str, str, str]]:
        """What happened to a document: time, "added", "replaced" or "moved", and its path then."""
        rows = self._read(
            "SELECT time, what, path FROM history WHERE document_id = ? ORDER BY id",
            (document_id,),
        )
        if not rows:
            return []
        seal = self._seal_of(document_id)
        return [(time, what, seal.open_text(path, "history")) for time, what, path in rows]

    # Followed folders

    def follow(self, collection_id: int, folder: str) -> None:
        """Remembers that a collection follows a folder."""
        with self._database.writing() as connection:
            seal = self._keys.collection(connection, collection_id)
            tag = seal.tag("folder", folder)
            connection.execute(
                "INSERT OR IGNORE INTO followed VALUES (?, ?, ?)",
                (collection_id, tag, seal.seal_text(folder, "folder", tag)),
            )

    def unfollow(self, collection_id: int, folder: str) -> None:
        """Forgets it; the documents stay."""
        with self._database.writing() as connection:
            tag = self._keys.collection(connection, collection_id).tag("folder", folder)
            connection.execute(
                "DELETE FROM followed WHERE collection_id = ? AND tag = ?", (collection_id, tag)
            )

    def followed(self, collection_id: int) -> list[str]:
        """The folders that a collection follows."""
        rows = self._read(
            "SELECT tag, folder FROM followed WHERE collection_id = ?", (collection_id,)
        )
        if not rows:
            return []
        seal = self._collection_seal(collection_id)
        return sorted(seal.open_text(folder, "folder", tag) for tag, folder in rows)

    def _documents(self, collection_id: int, which: str, *values: int | str) -> list[Document]:
        """Documents of one collection, as they come."""
        rows = self._read(
            f"SELECT {_DOCUMENT_COLUMNS}, d.details, k.wrapped FROM document d "
            f"JOIN document_key k ON k.document_id = d.id WHERE {which}",
            values,
        )
        if not rows:
            return []
        collection = self._collection_seal(collection_id)
        found = []
        for *columns, sealed, wrapped in rows:
            facts = dict(zip(_DOCUMENT_FACTS, columns, strict=True))
            details = open_details(collection, facts["id"], sealed, wrapped)
            found.append(Document(**facts, **details._asdict()))
        return found


# The columns of a document that tell nothing of its content, by their names in `Document`.
_DOCUMENT_FACTS = {
    "id": "id",
    "collection_id": "collection_id",
    "media_type": "media_type",
    "bytes": "bytes",
    "modified": "modified",
    "added": "added",
    "pages": "page_count",
    "ocr_pages": "ocr_pages",
    "unreadable": "unreadable_pages",
    "chunks": "chunk_count",
    "model": "model",
}
_DOCUMENT_COLUMNS = ", ".join(f"d.{column}" for column in _DOCUMENT_FACTS.values())
