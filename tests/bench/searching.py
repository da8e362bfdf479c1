"""Search in a large library: time from unlock to the first answer, and of each query after.

The library is invented: random unit vectors, and texts of words whose frequencies fall as in
natural language (Zipf). Queries are embedded by the real model, since a person waits for that
too. The bare part is the product of one query vector with all vectors.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from app.core.vault import KeyFile, create_keys
from app.core.workspace import Workspace
from ingest.embedder import Embedder, open_embedder
from ingest.store import NewDocument, Store
from ingest.types import Box, Chunk, ChunkLine, Line, Page

CHUNKS_A_DOCUMENT = 500
WORDS_A_CHUNK = 120
VOCABULARY = 30_000
QUERIES = 200
COLLECTION = "bench"
BOX = Box(72.0, 72.0, 500.0, 84.0)


def measure_search(chunks: int) -> dict[str, float]:
    """Seconds from unlock to the first search; milliseconds of hybrid queries."""
    random = np.random.default_rng(7)
    embedder = open_embedder()
    with tempfile.TemporaryDirectory(prefix="muniment-bench-") as name:
        folder = Path(name)
        key = KeyFile(folder / "key")
        fill(folder, create_keys(folder, key), embedder, chunks, random)
        started = time.perf_counter()
        with Workspace.open(folder, key) as workspace:
            workspace.search(query(random), COLLECTION)
            first = time.perf_counter() - started
            times = [timed(workspace, query(random)) for _ in range(QUERIES)]
    vectors = unit_vectors(random, chunks, embedder.dimension)
    bare = []
    for _ in range(20):
        started = time.perf_counter()
        np.argpartition(vectors @ vectors[0], -100)
        bare.append(time.perf_counter() - started)
    median, slow = np.percentile(times, [50, 95])
    return {
        "chunks": chunks,
        "unlock_to_first_search_seconds": round(first, 2),
        "hybrid_p50_ms": round(1000 * float(median), 1),
        "hybrid_p95_ms": round(1000 * float(slow), 1),
        "bare_product_p50_ms": round(1000 * float(np.median(bare)), 1),
    }


def timed(workspace: Workspace, words: str) -> float:
    started = time.perf_counter()
    workspace.search(words, COLLECTION)
    return time.perf_counter() - started


def fill(
    folder: Path, key: bytes, embedder: Embedder, chunks: int, random: np.random.Generator
) -> None:
    store = Store(folder, key)
    try:
        collection = store.add_collection(COLLECTION)
        for start in range(0, chunks, CHUNKS_A_DOCUMENT):
            count = min(CHUNKS_A_DOCUMENT, chunks - start)
            store.put(collection.id, document(start, count, embedder, random))
    finally:
        store.close()


def document(
    start: int, count: int, embedder: Embedder, random: np.random.Generator
) -> NewDocument:
    made = [chunk(ordinal, words(random, WORDS_A_CHUNK)) for ordinal in range(count)]
    line = Line("a line", BOX)
    return NewDocument(
        name=f"{start}.pdf",
        title="",
        path=f"/bench/{start}.pdf",
        media_type="application/pdf",
        content_hash=f"{start:064x}",
        size=0,
        modified="2026-01-01T00:00:00+00:00",
        password="",
        warnings=(),
        pages=[Page(1, 595.0, 842.0, (line,))],
        chunks=made,
        vectors=unit_vectors(random, count, embedder.dimension),
        model=embedder.model,
        original=b"",
        rendition=None,
    )


def chunk(ordinal: int, text: str) -> Chunk:
    return Chunk(ordinal, text, text, (), (ChunkLine(1, BOX, 0, len(text)),))


def words(random: np.random.Generator, count: int) -> str:
    ranks = np.minimum(random.zipf(1.2, count), VOCABULARY)
    return " ".join(f"w{rank:x}o" for rank in ranks)


def query(random: np.random.Generator) -> str:
    return words(random, 7)


def unit_vectors(
    random: np.random.Generator, count: int, dimension: int
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    vectors = random.standard_normal((count, dimension), dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
