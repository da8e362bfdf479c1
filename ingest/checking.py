"""Is a vault sound, and is each document wholly there? Looks, changes nothing.

SQLite checks the form of the file; each page of it carries a code (Poly1305) that is compared
whenever the page is read. On top of that every document is read through and its file hashed.

After one damaged page a connection reads nothing more: SQLite3 Multiple Ciphers keeps the error.
So whoever finds a fault goes on with a store that is opened anew.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator

import apsw

from ingest.errors import StoreError
from ingest.store import Document, Store

# What reading a row says that is there but is not what was written.
_UNREADABLE = (StoreError, ValueError, TypeError, KeyError, IndexError, zlib.error)
_MOST_FAULTS = 20
_DAMAGED = "Pages of the file are damaged."


def faults_of_file(store: Store) -> list[str]:
    """What is wrong with the file as a database; empty when it is sound."""
    try:
        with store.reading() as connection:
            rows = connection.execute(f"PRAGMA integrity_check({_MOST_FAULTS})").fetchall()
            strays = connection.execute("PRAGMA foreign_key_check").fetchall()
    except StoreError as error:
        return [_DAMAGED if isinstance(error.__cause__, apsw.CorruptError) else error.cause]
    faults = [str(row[0]) for row in rows if row != ("ok",)]
    if any("get page" in fault or "get the page" in fault for fault in faults):
        return [_DAMAGED]
    return faults + [f"A row of “{table}” belongs to nothing." for table in {s[0] for s in strays}]


def all_documents(open_: Callable[[], Store]) -> tuple[list[Document], list[str]]:
    """Every document that can be named, and what could not be read of the list."""
    store = open_()
    try:
        listed = [d for c in store.collections() for d in store.documents(c.id)]
    except _UNREADABLE:
        return _one_by_one(open_)
    return listed, []


def _one_by_one(open_: Callable[[], Store]) -> tuple[list[Document], list[str]]:
    """By their numbers, where the list itself is hurt."""
    documents: list[Document] = []
    faults = ["The list of documents is damaged; they were looked for one by one."]
    store = open_()
    try:
        with store.reading() as connection:
            query = "SELECT seq FROM sqlite_sequence WHERE name = 'document'"
            last = sum(row[0] for row in connection.execute(query))
    except StoreError as error:
        return [], [f"No document can be found: {_why(error)}"]
    for number in range(1, last + 1):
        try:
            document = store.find_document(number)
        except _UNREADABLE as error:
            faults.append(f"Document {number} cannot be read: {_why(error)}")
            store = open_()
            continue
        if document is not None:
            documents.append(document)
    return documents, faults


def faults_of_document(store: Store, document: Document) -> list[str]:
    """What is missing of a document or differs from what was added; empty when it is whole."""
    faults: list[str] = []
    for look, part in _PARTS.items():
        try:
            found = look(store, document)
        except StoreError as error:
            return [*faults, f"{part} cannot be read: {_why(error)}"]
        except _UNREADABLE as error:
            found = f"{part} cannot be read: {_why(error)}"
        faults += [found] if found else []
    return faults


def faults_of_rest(store: Store) -> list[str]:
    """What cannot be read of conversations and tables."""
    return list(_rest(store))


def _rest(store: Store) -> Iterator[str]:
    try:
        collections = store.collections()
    except _UNREADABLE:
        return  # told with the documents
    for collection in collections:
        try:
            for conversation in store.conversations(collection.id):
                for exchange in store.exchanges(conversation.id):
                    if exchange.body is not None:
                        zlib.decompress(exchange.body)
        except _UNREADABLE as error:
            yield f"Conversations of “{collection.name}” cannot be read: {_why(error)}"
        try:
            for sheet in store.sheets(collection.id):
                json.loads(sheet.fields)
                for cell in store.cells(sheet.id):
                    zlib.decompress(cell.body)
        except _UNREADABLE as error:
            yield f"Tables of “{collection.name}” cannot be read: {_why(error)}"


def _file(store: Store, document: Document) -> str:
    original = store.original(document.id)
    if len(original) != document.bytes:
        return f"its file has {len(original):,} bytes instead of {document.bytes:,}"
    if hashlib.sha256(original).hexdigest() != document.content_hash:
        return "its file is not the one that was added"
    return ""


def _shown(store: Store, document: Document) -> str:
    return "" if store.shown_pdf(document.id).startswith(b"%PDF-") else "its pages cannot be shown"


def _pages(store: Store, document: Document) -> str:
    pages = store.pages(document.id)
    for page in pages:
        store.readings(document.id, page.number)
    numbers = [page.number for page in pages]
    if numbers != list(range(1, document.pages + 1)):
        return f"{len(numbers)} of its {document.pages} pages are there"
    return ""


def _chunks(store: Store, document: Document) -> str:
    chunks = store.document_chunks(document.id)
    # Where furniture was left out the numbers have gaps.
    if len({stored.chunk.ordinal for stored in chunks}) != document.chunks:
        return f"{len(chunks)} of its {document.chunks} passages are there"
    # Vectors of different lengths do not make a table, which numpy says as a ValueError.
    found = [
        chunk_id
        for rows in store.index_rows(document.collection_id, document_id=document.id)
        for chunk_id in rows.chunk_ids
    ]
    if found != [stored.id for stored in chunks]:
        return f"{len(found)} of its {document.chunks} vectors are there"
    return ""


def _figures(store: Store, document: Document) -> str:
    store.figures(document.id)
    return "" if store.history(document.id) else "when it was added is not there"


_PARTS: dict[Callable[[Store, Document], str], str] = {
    _file: "its file",
    _shown: "its pages' picture",
    _pages: "its pages",
    _chunks: "its passages",
    _figures: "its figures",
}


def _why(error: BaseException) -> str:
    if isinstance(error.__cause__, apsw.CorruptError):
        return "it lies on a damaged page."
    return error.cause if isinstance(error, StoreError) else "it is not what was written."
