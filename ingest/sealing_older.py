"""Format 6 of the vault: keys for collections, documents and answers, and what was there sealed.

Runs inside the transaction that brings a library up to date, so that a crash or a full disk leaves
it as it was. Writes nearly all of the vault once more.
"""

from __future__ import annotations

import json
from typing import Any

import apsw
import numpy as np

from ingest.codec import pack_older_chunk
from ingest.records import Details, StoredCell
from ingest.sealing import CollectionSeal, ContentKeys, OwnSeal
from ingest.store_writing import (
    note_removal,
    put_content,
    put_details,
    put_sheet_texts,
    put_title,
    put_vectors,
    sealed_cell,
)

_NEW = """
    CREATE TABLE collection_key (collection_id INTEGER PRIMARY KEY, wrapped BLOB NOT NULL);
    CREATE TABLE document_key (document_id INTEGER PRIMARY KEY, wrapped BLOB NOT NULL);
    CREATE TABLE exchange_key (exchange_id INTEGER PRIMARY KEY, wrapped BLOB NOT NULL);
    CREATE TRIGGER collection_leaves_no_key AFTER DELETE ON collection BEGIN
        DELETE FROM collection_key WHERE collection_id = OLD.id;
    END;
    CREATE TRIGGER document_leaves_no_key AFTER DELETE ON document BEGIN
        DELETE FROM document_key WHERE document_id = OLD.id;
    END;
    CREATE TRIGGER exchange_leaves_no_key AFTER DELETE ON exchange BEGIN
        DELETE FROM exchange_key WHERE exchange_id = OLD.id;
    END;
    DROP TRIGGER document_leaves_answers;
    CREATE TRIGGER document_leaves_answers BEFORE DELETE ON document BEGIN
        UPDATE exchange SET words = '', body = NULL
            WHERE id IN (SELECT exchange_id FROM exchange_document WHERE document_id = OLD.id);
        DELETE FROM exchange_key WHERE exchange_id IN
            (SELECT exchange_id FROM exchange_document WHERE document_id = OLD.id);
    END;
    CREATE TABLE vector_block (
        document_id INTEGER NOT NULL REFERENCES document(id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (document_id, number)
    );
    ALTER TABLE document RENAME COLUMN path TO path_tag;
    ALTER TABLE document RENAME COLUMN content_hash TO content_tag;
    ALTER TABLE document ADD COLUMN details BLOB NOT NULL DEFAULT x'';
    ALTER TABLE followed RENAME COLUMN folder TO tag;
    ALTER TABLE followed ADD COLUMN folder BLOB NOT NULL DEFAULT x'';
"""
_OLD = """
    DROP TABLE vector;
    ALTER TABLE chunk DROP COLUMN search_text;
    ALTER TABLE document DROP COLUMN name;
    ALTER TABLE document DROP COLUMN title;
    ALTER TABLE document DROP COLUMN password;
    ALTER TABLE document DROP COLUMN warnings;
    ALTER TABLE history DROP COLUMN content_hash;
"""


def seal_older(connection: apsw.Connection, keys: ContentKeys) -> None:
    """Makes the keys, seals what there is, and drops what is sealed elsewhere now."""
    connection.execute(_NEW)
    collections = _rows(connection, "SELECT id FROM collection")
    for (collection_id,) in collections:
        collection = keys.new_collection(connection, collection_id)
        _seal_folders(connection, collection, collection_id)
        _seal_sheets(connection, collection, collection_id)
        query = "SELECT id FROM document WHERE collection_id = ? ORDER BY id"
        for (document_id,) in _rows(connection, query, (collection_id,)):
            seal = keys.new_document(connection, collection_id, document_id)
            _seal_details(connection, collection, seal, document_id)
            _seal_parts(connection, seal, document_id)
            _seal_chunks(connection, seal, document_id)
            _seal_cells(connection, seal, document_id)
        _seal_conversations(connection, keys, collection_id)
    connection.execute(_OLD)
    if collections:
        note_removal(connection)  # what was not sealed may be left on pages it was moved from


def _rows(connection: apsw.Connection, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
    return connection.execute(query, values).fetchall()


def _seal_folders(
    connection: apsw.Connection, collection: CollectionSeal, collection_id: int
) -> None:
    query = "SELECT tag FROM followed WHERE collection_id = ?"
    for (folder,) in _rows(connection, query, (collection_id,)):
        tag = collection.tag("folder", folder)
        connection.execute(
            "UPDATE followed SET tag = ?, folder = ? WHERE collection_id = ? AND tag = ?",
            (tag, collection.seal_text(folder, "folder", tag), collection_id, folder),
        )


def _seal_sheets(
    connection: apsw.Connection, collection: CollectionSeal, collection_id: int
) -> None:
    query = "SELECT id, title, fields, settings FROM sheet WHERE collection_id = ?"
    for sheet in _rows(connection, query, (collection_id,)):
        put_sheet_texts(connection, collection, *sheet)


def _seal_details(
    connection: apsw.Connection, collection: CollectionSeal, seal: OwnSeal, document_id: int
) -> None:
    query = (
        "SELECT name, title, path_tag, content_tag, password, warnings FROM document WHERE id = ?"
    )
    details = Details._make(_rows(connection, query, (document_id,))[0])
    details = details._replace(warnings=tuple(json.loads(str(details.warnings))))
    put_details(connection, collection, seal, document_id, details)
    query = "SELECT id, path FROM history WHERE document_id = ?"
    for number, path in _rows(connection, query, (document_id,)):
        connection.execute(
            "UPDATE history SET path = ? WHERE id = ?", (seal.seal_text(path, "history"), number)
        )


# Tables whose rows hold one sealed column each, found by the columns that name its place.
_PARTS = (
    ("original", "data", ("kind", "piece")),
    ("page", "lines", ("number",)),
    ("figure", "body", ("number",)),
    ("reading", "lines", ("page", "source", "author")),
)


def _seal_parts(connection: apsw.Connection, seal: OwnSeal, document_id: int) -> None:
    for table, column, place in _PARTS:
        names = ", ".join(place)
        which = " AND ".join(f"{name} = ?" for name in ("document_id", *place))
        # One by one: an original may be large.
        query = f"SELECT {names} FROM {table} WHERE document_id = ?"
        rows = _rows(connection, query, (document_id,))
        for row in rows:
            values = (document_id, *row)
            select = f"SELECT {column} FROM {table} WHERE {which}"
            content = _rows(connection, select, values)[0][0]
            if content:  # an empty vector says that there is none
                connection.execute(
                    f"UPDATE {table} SET {column} = ? WHERE {which}",
                    (seal.seal(content, table, *row), *values),
                )


def _seal_chunks(connection: apsw.Connection, seal: OwnSeal, document_id: int) -> None:
    rows = _rows(
        connection,
        "SELECT c.id, c.ordinal, c.search_text, c.body, c.figure NOT NULL, v.words, v.data "
        "FROM chunk c JOIN vector v ON v.chunk_id = c.id WHERE c.document_id = ? "
        "ORDER BY c.ordinal",
        (document_id,),
    )
    if not rows:
        return
    for number, ordinal, search_text, body, *_ in rows:
        packed = seal.seal(pack_older_chunk(search_text, body), "chunk", ordinal)
        connection.execute("UPDATE chunk SET body = ? WHERE id = ?", (packed, number))
    ids, _, _, _, figures, words, data = zip(*rows, strict=True)
    vectors = np.frombuffer(b"".join(data), np.float32).reshape(len(rows), -1)
    put_vectors(connection, seal, document_id, ids, figures, words, vectors)


def _seal_cells(connection: apsw.Connection, seal: OwnSeal, document_id: int) -> None:
    query = "SELECT sheet_id, field, made, content_hash, body FROM cell WHERE document_id = ?"
    for sheet_id, *rest in _rows(connection, query, (document_id,)):
        cell = StoredCell(document_id, *rest)
        connection.execute(
            "UPDATE cell SET content_hash = ?, body = ? "
            "WHERE sheet_id = ? AND document_id = ? AND field = ?",
            (*sealed_cell(seal, sheet_id, cell), sheet_id, document_id, cell.field),
        )


def _seal_conversations(connection: apsw.Connection, keys: ContentKeys, collection_id: int) -> None:
    query = "SELECT id, title FROM conversation WHERE collection_id = ?"
    for conversation, title in _rows(connection, query, (collection_id,)):
        put_title(connection, keys, conversation, title)
        query = "SELECT id, words, body FROM exchange WHERE conversation_id = ?"
        for exchange_id, words, body in _rows(connection, query, (conversation,)):
            if body is not None:
                seal = keys.new_exchange(connection, collection_id, exchange_id)
                put_content(connection, seal, exchange_id, words, body)
