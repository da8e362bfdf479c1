"""Libraries whose documents are made here, without a file being read or embedded."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from app.core.vault import Argon2Cost, Passphrase, create_keys
from ingest.records import NewDocument
from ingest.store import Store
from ingest.types import Box, Chunk, ChunkLine, Line, Page

PASSPHRASE = Passphrase("eight planted words")
CHEAP = Argon2Cost(passes=1, memory_kib=64, lanes=1)
PLANTED = "planted-secret-word"


def whole_document(name: str, *, size: int = 40_000, text: str = PLANTED) -> NewDocument:
    """A document that `muniment check` finds whole; its file has ``size`` random bytes."""
    original = b"%PDF-" + text.encode() + random.Random(name + text).randbytes(size)
    box = Box(1.0, 2.0, 30.0, 12.0)
    pages = tuple(Page(number, 100.0, 200.0, (Line(text, box),)) for number in (1, 2))
    chunks = [
        Chunk(n, text, f"title\n{text}", ("Heading",), (ChunkLine(1, box, 0, len(text)),))
        for n in range(3)
    ]
    return NewDocument(
        name=name,
        title=f"Title of {name}",
        path=f"/files/{name}",
        media_type="application/pdf",
        content_hash=hashlib.sha256(original).hexdigest(),
        size=len(original),
        modified="2026-01-01T00:00:00+00:00",
        password="",
        warnings=(),
        pages=pages,
        chunks=chunks,
        vectors=np.full((3, 8), 0.5, np.float32),
        model="test-model",
        original=original,
        rendition=None,
    )


def make_library(folder: Path, names: tuple[str, ...] = ("a.pdf", "b.pdf"), **kind: int) -> bytes:
    """A library with these documents; returns its data key."""
    data_key = create_keys(folder, PASSPHRASE, cost=CHEAP)
    with opened(folder, data_key) as store:
        matter = store.add_collection("Matter").id
        for name in names:
            store.put(matter, whole_document(name, **kind))
    return data_key


@contextmanager
def opened(folder: Path, data_key: bytes) -> Iterator[Store]:
    """The library's store, closed at the end."""
    store = Store(folder, data_key)
    try:
        yield store
    finally:
        store.close()
