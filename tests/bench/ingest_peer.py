"""The usual pipeline of the ingest benchmark: paths on standard input, an account at the end."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import lancedb
import pymupdf
import transformers
from sentence_transformers import SentenceTransformer

from ingest.embedder import default_folder

SIZE, OVERLAP = 1000, 20


def main() -> None:
    files = [Path(line) for line in sys.stdin.read().splitlines()]
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    model = SentenceTransformer(str(default_folder()), device="cpu", local_files_only=True)
    started = time.perf_counter()
    pages = failed = 0
    rows = []
    for file in files:
        try:
            with pymupdf.open(file) as document:
                text = "\n".join(page.get_text() for page in document)
                pages += document.page_count
        except (pymupdf.FileDataError, ValueError):
            failed += 1
            continue
        starts = range(0, len(text), SIZE - OVERLAP)
        rows += [{"file": file.name, "text": text[start : start + SIZE]} for start in starts]
    vectors = model.encode([r["text"] for r in rows], batch_size=32, show_progress_bar=False)
    table = lancedb.connect("memory://").create_table(
        "bench", [{**row, "vector": vector} for row, vector in zip(rows, vectors, strict=True)]
    )
    seconds = time.perf_counter() - started
    print(
        json.dumps(
            {
                "seconds_once_loaded": round(seconds, 2),
                "added": len(files) - failed,
                "failed": failed,
                "pages": pages,
                "chunks": table.count_rows(),
            }
        )
    )


if __name__ == "__main__":
    main()
