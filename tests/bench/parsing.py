"""Pages a second from file to chunks, beside PyMuPDF's bare ``get_text("dict")``.

Pages that need OCR are left unread here: this is about text layers. Files take turns, each
first bare and then through our path, so that what else the machine does hits both alike.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pymupdf

from app.core.ingestion import sizes_for
from ingest.chunker import chunk_pages
from ingest.embedder import open_embedder
from ingest.errors import ReadError
from ingest.reading import FileRead, read_file


def measure_parsing(files: Sequence[Path]) -> dict[str, float]:
    """Pages a second of both, and the ratio; files that cannot be read are left out."""
    embedder = open_embedder()
    sizes = sizes_for(embedder)
    pages = 0
    bare = ours = 0.0
    for file in files:
        started = time.perf_counter()
        try:
            read = [event for event in read_file(file) if isinstance(event, FileRead)][-1]
        except ReadError:
            continue
        chunk_pages(read.pages, file.stem, embedder.count_tokens, sizes)
        ours += time.perf_counter() - started
        started = time.perf_counter()
        with pymupdf.open(file) as document:
            for page in document:
                page.get_text("dict")
            pages += document.page_count
        bare += time.perf_counter() - started
    return {
        "pages": pages,
        "bare_pages_per_second": round(pages / bare, 1),
        "pages_per_second": round(pages / ours, 1),
        "ratio": round(bare / ours, 3),
    }
