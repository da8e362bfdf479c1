"""Libraries as earlier versions of the program made them, nothing in them sealed."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest import database
from ingest.codec import pack_figure, pack_lines
from ingest.database import Database
from ingest.records import NewDocument, NewExchange
from ingest.schema import MIGRATIONS
from ingest.words import content_words


@contextmanager
def older(folder: Path, key: bytes, version: int) -> Iterator[OlderLibrary]:
    """A new library of an earlier format, to be filled; it is closed at the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", MIGRATIONS[:version])
        patch.setattr(database, "VERSION", version)
        # These could not be shortened bit by bit.
        patch.setattr(database, "_INCREMENTAL", 0)
        held = Database(folder, key)
        library = OlderLibrary(held, version)
        with held.reading() as connection:
            assert connection.pragma("user_version") == version
        yield library
        held.close()


class OlderLibrary:
    """Writes rows as those versions did."""

    def __init__(self, held: Database, version: int) -> None:
        self._database, self._version = held, version

    def collection(self, name: str) -> int:
        """Adds a collection; its number."""
        return self._insert("collection", name=name, created="2026-01-01T00:00:00+00:00")

    def follow(self, collection_id: int, folder: str) -> None:
        """The collection follows a folder."""
        self._insert("followed", collection_id=collection_id, folder=folder)

    def document(self, collection_id: int, new: NewDocument) -> int:
        """Adds a document with all its parts; its number."""
        number = self._insert(
            "document", collection_id=collection_id, name=new.name, title=new.title, path=new.path,
            media_type=new.media_type, content_hash=new.content_hash, bytes=new.size,
            modified=new.modified, added="2026-01-01T00:00:00+00:00", password=new.password,
            warnings=json.dumps(new.warnings), page_count=len(new.pages), ocr_pages=1,
            unreadable_pages=sum(bool(page.unreadable) for page in new.pages),
            chunk_count=len(new.chunks), model=new.model,
        )  # fmt: skip
        self._insert(
            "history", document_id=number, time="2026", what="added", path=new.path,
            content_hash=new.content_hash,
        )  # fmt: skip
        self._insert(
            "original", document_id=number, kind="original", piece=0, data=bytes(new.original)
        )
        for page in new.pages:
            later = {} if self._version < 2 else {"confidence": page.confidence}
            self._insert(
                "page", document_id=number, number=page.number, width=page.width,
                height=page.height, unreadable=page.unreadable, lines=pack_lines(page.lines),
                **later,
            )  # fmt: skip
        for at, figure in enumerate(new.figures):
            x0, y0, x1, y1 = figure.box
            self._insert(
                "figure", document_id=number, number=at, page=figure.page, x0=x0, y0=y0, x1=x1,
                y1=y1, kind=figure.kind.value, body=pack_figure(figure),
            )  # fmt: skip
        for reading in new.readings:
            self._insert(
                "reading", document_id=number, page=reading.page, source=reading.source.value,
                author=reading.by, made=reading.made, lines=pack_lines(reading.lines),
            )  # fmt: skip
        for chunk, vector in zip(new.chunks, new.vectors, strict=True):
            lines = [
                [n.page, [*n.box], n.start, n.end, n.source.value, n.confidence]
                for n in chunk.lines
            ]
            body = [chunk.text, list(chunk.heading), lines]
            later = {} if self._version < 2 else {"figure": chunk.figure}
            body += later.values()
            chunk_id = self._insert(
                "chunk", document_id=number, ordinal=chunk.ordinal, search_text=chunk.search_text,
                body=zlib.compress(json.dumps(body).encode()), **later,
            )  # fmt: skip
            words = " ".join(content_words(chunk.search_text))
            data = np.asarray(vector, np.float32).tobytes()
            self._insert("vector", chunk_id=chunk_id, words=words, data=data)
        return number

    def exchange(self, collection_id: int, title: str, new: NewExchange) -> int:
        """Keeps an answer in a conversation of its own; its number."""
        conversation = self._insert(
            "conversation", collection_id=collection_id, title=title, created=new.made,
            changed=new.made,
        )  # fmt: skip
        number = self._insert(
            "exchange", conversation_id=conversation, ordinal=1, made=new.made, words=new.words,
            body=new.body,
        )  # fmt: skip
        for document_id in new.documents:
            self._insert("exchange_document", exchange_id=number, document_id=document_id)
        return number

    def cell(self, collection_id: int, title: str, document_id: int, body: bytes) -> int:
        """Makes a table of one cell; its number."""
        sheet = self._insert(
            "sheet", collection_id=collection_id, title=title, created="2026", fields="[]",
            settings="{}",
        )  # fmt: skip
        self._insert(
            "cell", sheet_id=sheet, document_id=document_id, field=0, made="2026",
            content_hash="a hash", body=body,
        )  # fmt: skip
        return sheet

    def _insert(self, table: str, **values: Any) -> int:
        marks = ", ".join("?" * len(values))
        with self._database.writing() as connection:
            connection.execute(
                f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})",
                tuple(values.values()),
            )
            return int(connection.last_insert_rowid())
