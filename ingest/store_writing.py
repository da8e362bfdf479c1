"""Rows of documents, answers and tables, written inside a transaction that the store holds.

What tells of a document's content is sealed with its key, what belongs to a collection as a whole
with the collection's; see `ingest.sealing`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import apsw
import numpy as np

from ingest.codec import pack_chunk, pack_figure, pack_index_rows, pack_lines
from ingest.records import Details, NewDocument, StoredCell, Vectors
from ingest.sealing import CollectionSeal, ContentKeys, OwnSeal
from ingest.types import Chunk, Reading, TextSource
from ingest.words import content_words

REMAINS = "remains"  # the setting that says that something was removed

_PIECE = 1 << 20
_BLOCK = 512  # chunks whose words and vectors are sealed as one


def utc_now() -> str:
    """The time as the store writes it: ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def put_document(
    connection: apsw.Connection,
    keys: ContentKeys,
    collection_id: int,
    new: NewDocument,
    replaces: int | None,
) -> tuple[int, OwnSeal]:
    """The document's own row; what came of an older version is removed. Gives its id and key."""
    collection = keys.collection(connection, collection_id)
    details = Details(
        new.name, new.title, new.path, new.content_hash, new.password, tuple(new.warnings)
    )
    ocr_pages = sum(any(line.source is TextSource.OCR for line in page.lines) for page in new.pages)
    values = {
        "collection_id": collection_id,
        **_tags(collection, details),
        "media_type": new.media_type,
        "bytes": new.size,
        "modified": new.modified,
        "added": utc_now(),
        "page_count": len(new.pages),
        "ocr_pages": ocr_pages,
        "unreadable_pages": sum(bool(page.unreadable) for page in new.pages),
        "chunk_count": len(new.chunks),
        "model": new.model,
    }
    if replaces is None:
        connection.execute(
            f"INSERT INTO document ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
            tuple(values.values()),
        )
        document_id = int(connection.last_insert_rowid())
        seal = keys.new_document(connection, collection_id, document_id)
    else:
        document_id, seal = replaces, keys.document(connection, replaces)
        del values["added"]
        for table in ("original", "page", "chunk", "vector_block", "figure", "reading"):
            connection.execute(f"DELETE FROM {table} WHERE document_id = ?", (replaces,))
        connection.execute(
            f"UPDATE document SET {', '.join(f'{name} = ?' for name in values)} WHERE id = ?",
            (*values.values(), replaces),
        )
    put_details(connection, collection, seal, document_id, details)
    return document_id, seal


def put_details(
    connection: apsw.Connection,
    collection: CollectionSeal,
    seal: OwnSeal,
    document_id: int,
    details: Details,
) -> None:
    """What a document is called and where it was, and the tags it is found by."""
    values = {
        "details": seal.seal_text(json.dumps(details), "document", document_id),
        **_tags(collection, details),
    }
    connection.execute(
        f"UPDATE document SET {', '.join(f'{name} = ?' for name in values)} WHERE id = ?",
        (*values.values(), document_id),
    )


def _tags(collection: CollectionSeal, details: Details) -> dict[str, str]:
    return {
        "path_tag": collection.tag("path", details.path),
        "content_tag": collection.tag("content", details.content_hash),
    }


def put_parts(
    connection: apsw.Connection, seal: OwnSeal, document_id: int, new: NewDocument
) -> None:
    """The file itself, its rendition, pages, chunks and vectors."""
    for kind, data in (("original", new.original), ("rendition", new.rendition)):
        if data is None:
            continue
        connection.executemany(
            "INSERT INTO original VALUES (?, ?, ?, ?)",
            (
                (
                    document_id,
                    kind,
                    number,
                    seal.seal(bytes(data[start : start + _PIECE]), "original", kind, number),
                )
                for number, start in enumerate(range(0, len(data), _PIECE))
            ),
        )
    connection.executemany(
        "INSERT INTO page (document_id, number, width, height, unreadable, lines, confidence) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (document_id, p.number, p.width, p.height, p.unreadable,
             seal.seal(pack_lines(p.lines), "page", p.number), p.confidence)
            for p in new.pages
        ),
    )  # fmt: skip
    connection.executemany(
        "INSERT INTO figure VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (document_id, number, f.page, *f.box, f.kind.value,
             seal.seal(pack_figure(f), "figure", number))
            for number, f in enumerate(new.figures)
        ),
    )  # fmt: skip
    for reading in new.readings:
        put_reading(connection, seal, document_id, reading)
    put_chunks(connection, seal, document_id, new.chunks, new.vectors)


def put_chunks(
    connection: apsw.Connection,
    seal: OwnSeal,
    document_id: int,
    chunks: Sequence[Chunk],
    vectors: Vectors,
) -> None:
    """Chunks, and their words and vectors for the index in blocks of some."""
    vectors = np.asarray(vectors, dtype=np.float32)
    if len(vectors) != len(chunks):
        raise ValueError(f"{len(vectors)} vectors for {len(chunks)} chunks")
    ids = []
    for chunk in chunks:
        connection.execute(
            "INSERT INTO chunk (document_id, ordinal, body, figure) VALUES (?, ?, ?, ?)",
            (
                document_id,
                chunk.ordinal,
                seal.seal(pack_chunk(chunk), "chunk", chunk.ordinal),
                chunk.figure,
            ),
        )
        ids.append(connection.last_insert_rowid())
    words = [" ".join(content_words(chunk.search_text)) for chunk in chunks]
    figures = [chunk.figure is not None for chunk in chunks]
    put_vectors(connection, seal, document_id, ids, figures, words, vectors)


def put_vectors(
    connection: apsw.Connection,
    seal: OwnSeal,
    document_id: int,
    chunk_ids: Sequence[int],
    figures: Sequence[bool],
    words: Sequence[str],
    vectors: Vectors,
) -> None:
    """What the index needs of a document's chunks, behind what there is of it."""
    rows: list[Any] = connection.execute(
        "SELECT coalesce(max(number) + 1, 0) FROM vector_block WHERE document_id = ?",
        (document_id,),
    ).fetchall()
    for number, start in enumerate(range(0, len(chunk_ids), _BLOCK), start=rows[0][0]):
        some = slice(start, start + _BLOCK)
        block = pack_index_rows(chunk_ids[some], figures[some], words[some], vectors[some])
        connection.execute(
            "INSERT INTO vector_block VALUES (?, ?, ?)",
            (document_id, number, seal.seal(block, "vectors", number)),
        )


def count_chunks(connection: apsw.Connection, document_id: int) -> None:
    """Notes how many chunks a document has."""
    connection.execute(
        "UPDATE document SET chunk_count = "
        "(SELECT count(*) FROM chunk WHERE document_id = document.id) WHERE id = ?",
        (document_id,),
    )


def put_reading(
    connection: apsw.Connection, seal: OwnSeal, document_id: int, reading: Reading
) -> None:
    """One reading of a page; an older one of the same source and author gives way to it."""
    place = (reading.page, reading.source.value, reading.by)
    connection.execute(
        "INSERT OR REPLACE INTO reading VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            document_id,
            *place,
            reading.made,
            reading.confidence,
            seal.seal(pack_lines(reading.lines), "reading", *place),
        ),
    )


def note(
    connection: apsw.Connection, seal: OwnSeal, document_id: int, what: str, path: str
) -> None:
    """An entry of the document's history."""
    connection.execute(
        "INSERT INTO history (document_id, time, what, path) VALUES (?, ?, ?, ?)",
        (document_id, utc_now(), what, seal.seal_text(path, "history")),
    )


def put_content(
    connection: apsw.Connection, seal: OwnSeal, exchange_id: int, words: str, body: bytes
) -> None:
    """What an exchange says, sealed with its key."""
    connection.execute(
        "UPDATE exchange SET words = ?, body = ? WHERE id = ?",
        (seal.seal_text(words, "words"), seal.seal(body, "exchange"), exchange_id),
    )


def put_title(
    connection: apsw.Connection, keys: ContentKeys, conversation_id: int, title: str
) -> None:
    """A conversation's title, sealed with its collection's key."""
    rows: list[Any] = connection.execute(
        "SELECT collection_id FROM conversation WHERE id = ?", (conversation_id,)
    ).fetchall()
    for (collection_id,) in rows:
        seal = keys.collection(connection, collection_id)
        connection.execute(
            "UPDATE conversation SET title = ? WHERE id = ?",
            (seal.seal_text(title, "conversation", conversation_id), conversation_id),
        )


def sealed_cell(seal: OwnSeal, sheet_id: int, cell: StoredCell) -> tuple[bytes, bytes]:
    """A cell's hash and body, sealed with its document's key."""
    return (
        seal.seal_text(cell.content_hash, "cell of", sheet_id, cell.field),
        seal.seal(cell.body, "cell", sheet_id, cell.field),
    )


def put_sheet_texts(
    connection: apsw.Connection,
    seal: CollectionSeal,
    sheet_id: int,
    title: str,
    fields: str,
    settings: str,
) -> None:
    """What a sheet asks, sealed with its collection's key."""
    connection.execute(
        "UPDATE sheet SET title = ?, fields = ?, settings = ? WHERE id = ?",
        (
            seal.seal_text(title, "sheet", sheet_id),
            seal.seal_text(fields, "fields", sheet_id),
            seal.seal_text(settings, "settings", sheet_id),
            sheet_id,
        ),
    )


def note_removal(connection: apsw.Connection) -> None:
    """Notes that there are remains to clean up; see `ingest.erasing`."""
    connection.execute(
        "INSERT OR REPLACE INTO setting VALUES (?, ?)", (REMAINS, secrets.token_hex(8))
    )
