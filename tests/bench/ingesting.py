"""Whole ingest, beside the pipeline that most programs have.

That one: PyMuPDF's text, chunks of 1,000 characters with 20 of overlap over the joined pages,
all-MiniLM-L6-v2 through sentence-transformers as it comes (fp32, batches of 32), vectors kept
in memory; no OCR, no boxes, nothing encrypted. Ours: from files to an encrypted library that
answers, OCR included. Memory is the sum of the resident pages of this process and all below it,
looked at ten times a second; pages shared between them count more than once.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pymupdf

from app.core.events import BatchFinished
from app.core.vault import KeyFile
from app.core.workspace import Workspace
from ingest.embedder import default_folder


def measure_ingest(files: Sequence[Path]) -> dict[str, float]:
    """Seconds of both, how many times faster ours is, and our peak memory in MB."""
    with MemoryWatch() as memory:
        started = time.perf_counter()
        added = ingest(files)
        ours = time.perf_counter() - started
    started = time.perf_counter()
    chunks = common_pipeline(files)
    common = time.perf_counter() - started
    return {
        "files": added,
        "seconds": round(ours, 2),
        "common_seconds": round(common, 2),
        "common_chunks": chunks,
        "times_as_fast": round(common / ours, 2),
        "peak_megabytes": round(memory.peak / 1e6),
    }


def ingest(files: Sequence[Path]) -> int:
    with tempfile.TemporaryDirectory(prefix="muniment-bench-") as name:
        folder = Path(name)
        with Workspace.open(folder, KeyFile(folder / "key"), create=True) as workspace:
            for event in workspace.add(files, "bench"):
                if isinstance(event, BatchFinished):
                    return event.added
    raise RuntimeError("the addition did not finish")


def common_pipeline(files: Sequence[Path], size: int = 1000, overlap: int = 20) -> int:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(default_folder()), device="cpu", local_files_only=True)
    chunks: list[str] = []
    for file in files:
        with pymupdf.open(file) as document:
            if document.needs_pass:
                continue
            text = "\n".join(page.get_text() for page in document)
        chunks += [text[start : start + size] for start in range(0, len(text), size - overlap)]
    model.encode(chunks, batch_size=32, show_progress_bar=False)
    return len(chunks)


class MemoryWatch:
    """Notes the most memory that this process and its descendants hold; ``peak`` in bytes."""

    def __init__(self) -> None:
        self.peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            self.peak = max(self.peak, resident_bytes(os.getpid()))


def resident_bytes(root: int) -> int:
    """The resident memory of a process and all below it, from /proc."""
    parents: dict[int, int] = {}
    pages: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            pages[int(folder.name)] = int((folder / "statm").read_text().split()[1])
        except OSError:
            continue  # it has just ended
        parents[int(folder.name)] = int(fields[1])
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        total += pages.get(process, 0)
        waiting += [child for child, parent in parents.items() if parent == process]
    return total * os.sysconf("SC_PAGE_SIZE")
