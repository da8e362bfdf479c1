"""Search in a large library: from unlocking it to the first answer, and every query after.

The library is invented and encrypted like any other: texts of words whose frequencies fall as in
natural language (Zipf), documents of 200 chunks, random unit vectors. A fresh process unlocks it
with a passphrase, as a command does; another one has loaded its code and the model before, as the
window's background process has while the passphrase is typed. The first then measures, each query
in turn ours and a plain hybrid query of LanceDB (its vector and full-text search, fused by its
`RRFReranker`) on the same rows. Ours includes the embedding of the question and the passages with
their boxes; LanceDB's gets the vector for free.
"""

from __future__ import annotations

from app.core import offline

offline.enforce()

import json  # noqa: E402 - the guard comes first
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402

from app.core.vault import Passphrase, create_keys  # noqa: E402
from ingest.embedder import Embedder, open_embedder  # noqa: E402
from ingest.store import NewDocument, Store  # noqa: E402
from ingest.types import Box, Chunk, ChunkLine, Line, Page  # noqa: E402
from tests.bench.common import parser_for, report  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "bench"
PASSPHRASE = "a bench of oak"
CHUNKS_A_DOCUMENT = 200
CHUNKS_A_PAGE = 4
LINES_A_CHUNK, WORDS_A_LINE = 9, 13
VOCABULARY = 60_000
SYLLABLES = "ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo za stra ment ing tion".split()


def main() -> int:
    parser = parser_for("search", "Search in a large invented library.")
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--library", type=Path, help="keep the library here, or use it again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="muniment-bench-") as temporary:
        folder = options.library or Path(temporary) / "library"
        build = 0.0
        if not folder.exists():
            started = time.perf_counter()
            fill(folder, options.chunks)
            build = time.perf_counter() - started
        warm = child(folder, "--warm")
        started = time.time()
        result = child(folder, str(options.queries))
        first = result.pop("first_result_at") - started
        size = (folder / "vault.db").stat().st_size
    sizes = {"build_seconds": round(build, 1), "vault_megabytes": round(size / 1e6)}
    starting = {
        "warm_unlock_to_first_result_seconds": warm["unlock_to_first_result_seconds"],
        "start_to_first_result_seconds": round(first, 2),
    }
    report("search", {**sizes, **starting, **result}, options.json)
    return 0


def child(folder: Path, what: str) -> dict[str, Any]:
    """What a fresh process measures: queries, so many, or only unlocking when warm."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.search_child", str(folder), what],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        check=True,
    )
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


class Writer:
    """Writes text of a seeded vocabulary; the n-th word is 1/n as frequent as the first."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        # The vocabulary is the same for every seed, so that questions meet the texts.
        letters = np.random.default_rng(1)
        self._words = np.array(
            ["".join(letters.choice(SYLLABLES, letters.integers(1, 5))) for _ in range(VOCABULARY)]
        )
        weights = 1 / np.arange(1, VOCABULARY + 1)
        self._shares = np.cumsum(weights / weights.sum())

    def words(self, count: int, *, rarest: float = 0.0) -> list[str]:
        """Words by frequency; ``rarest`` leaves out so large a share of the most frequent ones."""
        drawn = self.random.uniform(rarest, 1.0, count)
        places = np.minimum(np.searchsorted(self._shares, drawn), VOCABULARY - 1)
        return [str(word) for word in self._words[places]]

    def line(self) -> str:
        return " ".join(self.words(WORDS_A_LINE))

    def question(self) -> str:
        return " ".join(self.words(int(self.random.integers(3, 9)), rarest=0.3))


def fill(folder: Path, chunks: int) -> None:
    """Makes the library, with as many chunks."""
    writer, embedder = Writer(7), open_embedder()
    store = Store(folder, create_keys(folder, Passphrase(PASSPHRASE)))
    try:
        collection = store.add_collection(COLLECTION)
        for number, start in enumerate(range(0, chunks, CHUNKS_A_DOCUMENT)):
            count = min(CHUNKS_A_DOCUMENT, chunks - start)
            store.put(collection.id, document(number, count, writer, embedder))
    finally:
        store.close()


def document(number: int, count: int, writer: Writer, embedder: Embedder) -> NewDocument:
    made = [chunk(ordinal, number, writer) for ordinal in range(count)]
    pages = []
    for first in range(0, count, CHUNKS_A_PAGE):
        lines = tuple(
            Line(part.text[line.start : line.end], line.box)
            for part in made[first : first + CHUNKS_A_PAGE]
            for line in part.lines
        )
        pages.append(Page(first // CHUNKS_A_PAGE + 1, 595.0, 842.0, lines))
    return NewDocument(
        name=f"document {number}.pdf",
        title=f"Document {number}",
        path=f"/bench/document {number}.pdf",
        media_type="application/pdf",
        content_hash=f"{number:064x}",
        size=0,
        modified=f"{2000 + number % 25}-01-01T00:00:00+00:00",
        password="",
        warnings=(),
        pages=pages,
        chunks=made,
        vectors=unit_vectors(writer.random, count, embedder.dimension),
        model=embedder.model,
        original=b"",
        rendition=None,
    )


def chunk(ordinal: int, number: int, writer: Writer) -> Chunk:
    page, place = divmod(ordinal, CHUNKS_A_PAGE)
    texts = [writer.line() for _ in range(LINES_A_CHUNK)]
    lines, start = [], 0
    for row, text in enumerate(texts):
        top = 60.0 + 18.0 * (place * LINES_A_CHUNK + row)
        box = Box(72.0, top, 520.0, top + 12.0)
        lines.append(ChunkLine(page + 1, box, start, start + len(text)))
        start += len(text) + 1
    text = "\n".join(texts)
    return Chunk(ordinal, text, f"Document {number}\n{text}", (), tuple(lines))


def unit_vectors(
    random: np.random.Generator, count: int, dimension: int
) -> np.ndarray[Any, np.dtype[np.float32]]:
    vectors = random.standard_normal((count, dimension), dtype=np.float32)
    unit: np.ndarray[Any, np.dtype[np.float32]] = vectors / np.linalg.norm(
        vectors, axis=1, keepdims=True
    )
    return unit


if __name__ == "__main__":
    sys.exit(main())
