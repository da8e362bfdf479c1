"""Is a vault sound, and is each document wholly there? Looks, changes nothing.

SQLite checks the form of the file; each page of it carries a code (Poly1305) that is compared
whenever the page is read. On top of that every document is read through and its file hashed.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from ingest.errors import StoreError
from ingest.store import Document, Store

# What reading a row says that is there but is not what was written.
_UNREADABLE = (StoreError, ValueError, TypeError, KeyError, IndexError, zlib.error)
_MOST_FAULTS = 20


def faults_of_file(store: Store) -> list[str]:
    """What is wrong with the file as a database; empty when it is sound."""
    faults: list[str] = []
    for pragma, told in (
        (f"PRAGMA integrity_check({_MOST_FAULTS})", "{}"),
        ("PRAGMA foreign_key_check", "a row of “{}” belongs to nothing"),
    ):
        try:
            with store.reading() as connection:
                rows = connection.execute(pragma).fetchall()
        except StoreError as error:
            faults.append(error.cause)
            continue
        faults += [told.format(row[0]) for row in rows if row != ("ok",)][:_MOST_FAULTS]
    return list(dict.fromkeys(faults))


def all_documents(store: Store) -> tuple[list[Document], list[str]]:
    """Every document that can be named, and what could not be read of the list."""
    documents: list[Document] = []
    faults: list[str] = []
    try:
        collections = store.collections()
    except _UNREADABLE as error:
        return [], [f"The list of collections cannot be read: {_why(error)}"]
    for collection in collections:
        try:
            documents += store.documents(collection.id)
        except _UNREADABLE as error:
            faults.append(f"The documents of “{collection.name}” cannot be listed: {_why(error)}")
    return documents, faults


def faults_of_document(store: Store, document: Document) -> list[str]:
    """What is missing of a document or differs from what was added; empty when it is whole."""
    found = (_fault(look, store, document) for look in (_file, _shown, _pages, _chunks, _figures))
    return [fault for fault in found if fault]


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


def _fault(look: Callable[[Store, Document], str], store: Store, document: Document) -> str:
    try:
        return look(store, document)
    except _UNREADABLE as error:
        return f"{_PARTS[look]} cannot be read: {_why(error)}"


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
    if [stored.chunk.ordinal for stored in chunks] != list(range(document.chunks)):
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


_PARTS: dict[Any, str] = {
    _file: "its file",
    _shown: "its pages' picture",
    _pages: "its pages",
    _chunks: "its passages",
    _figures: "its figures",
}


def _why(error: BaseException) -> str:
    if isinstance(error, StoreError):
        return error.cause
    return "what is there is not what was written."
