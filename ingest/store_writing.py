"""The rows of a document, written inside a transaction that `ingest.store` holds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

import apsw
import numpy as np

from ingest.codec import pack_chunk, pack_figure, pack_lines
from ingest.records import NewDocument, Vectors
from ingest.types import Chunk, Reading, TextSource
from ingest.words import content_words

_PIECE = 1 << 20


def utc_now() -> str:
    """The time as the store writes it: ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def put_document(
    connection: apsw.Connection, collection_id: int, new: NewDocument, replaces: int | None
) -> int:
    """The document's own row; what came of an older version is removed. Returns its id."""
    ocr_pages = sum(any(line.source is TextSource.OCR for line in page.lines) for page in new.pages)
    values = {
        "collection_id": collection_id,
        "name": new.name,
        "title": new.title,
        "path": new.path,
        "media_type": new.media_type,
        "content_hash": new.content_hash,
        "bytes": new.size,
        "modified": new.modified,
        "added": utc_now(),
        "password": new.password,
        "warnings": json.dumps(new.warnings),
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
        return int(connection.last_insert_rowid())
    del values["added"]
    for table in ("original", "page", "chunk", "figure", "reading"):
        connection.execute(f"DELETE FROM {table} WHERE document_id = ?", (replaces,))
    connection.execute(
        f"UPDATE document SET {', '.join(f'{name} = ?' for name in values)} WHERE id = ?",
        (*values.values(), replaces),
    )
    return replaces


def put_parts(connection: apsw.Connection, document_id: int, new: NewDocument) -> None:
    """The file itself, its rendition, pages, chunks and vectors."""
    for kind, data in (("original", new.original), ("rendition", new.rendition)):
        if data is None:
            continue
        connection.executemany(
            "INSERT INTO original VALUES (?, ?, ?, ?)",
            (
                (document_id, kind, number, bytes(data[start : start + _PIECE]))
                for number, start in enumerate(range(0, len(data), _PIECE))
            ),
        )
    connection.executemany(
        "INSERT INTO page (document_id, number, width, height, unreadable, lines, confidence) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (document_id, p.number, p.width, p.height, p.unreadable, pack_lines(p.lines),
             p.confidence)
            for p in new.pages
        ),
    )  # fmt: skip
    connection.executemany(
        "INSERT INTO figure VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (document_id, number, f.page, *f.box, f.kind.value, pack_figure(f))
            for number, f in enumerate(new.figures)
        ),
    )
    for reading in new.readings:
        put_reading(connection, document_id, reading)
    put_chunks(connection, document_id, new.chunks, new.vectors)


def put_chunks(
    connection: apsw.Connection, document_id: int, chunks: Iterable[Chunk], vectors: Vectors
) -> None:
    """Chunks with their words and vectors."""
    for chunk, vector in zip(chunks, np.asarray(vectors, dtype=np.float32), strict=True):
        connection.execute(
            "INSERT INTO chunk (document_id, ordinal, search_text, body, figure) "
            "VALUES (?, ?, ?, ?, ?)",
            (document_id, chunk.ordinal, chunk.search_text, pack_chunk(chunk), chunk.figure),
        )
        connection.execute(
            "INSERT INTO vector VALUES (?, ?, ?)",
            (
                connection.last_insert_rowid(),
                " ".join(content_words(chunk.search_text)),
                vector.tobytes(),
            ),
        )


def count_chunks(connection: apsw.Connection, document_id: int) -> None:
    """Notes how many chunks a document has."""
    connection.execute(
        "UPDATE document SET chunk_count = "
        "(SELECT count(*) FROM chunk WHERE document_id = document.id) WHERE id = ?",
        (document_id,),
    )


def put_reading(connection: apsw.Connection, document_id: int, reading: Reading) -> None:
    """One reading of a page; an older one of the same source and author gives way to it."""
    connection.execute(
        "INSERT OR REPLACE INTO reading VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            document_id,
            reading.page,
            reading.source.value,
            reading.by,
            reading.made,
            reading.confidence,
            pack_lines(reading.lines),
        ),
    )


def note(
    connection: apsw.Connection, document_id: int, what: str, path: str, content_hash: str
) -> None:
    """An entry of the document's history."""
    connection.execute(
        "INSERT INTO history (document_id, time, what, path, content_hash) VALUES (?, ?, ?, ?, ?)",
        (document_id, utc_now(), what, path, content_hash),
    )
