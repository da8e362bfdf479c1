"""Pages a second from file to chunks, beside a bare loop of PyMuPDF's ``get_text("dict")``.

Ours is the program's own path: a guest process for each file, layout, chunks with their token
counts; nothing is embedded. Files take turns, each bare and then ours, so that what else the
machine does hits both alike. Files with pages that need OCR are counted apart: drawing those
pages is no parsing. At the end all files go through ours once more, several side by side as the
program does it.
"""

from __future__ import annotations

from app.core import offline

offline.enforce()

import sys  # noqa: E402 - the guard comes first
import time  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import pymupdf  # noqa: E402

from app.core.ingestion import ReadDocument, read_all, sizes_for, title_of  # noqa: E402
from ingest.chunker import chunk_pages  # noqa: E402
from ingest.embedder import Embedder, open_embedder  # noqa: E402
from ingest.errors import ReadError  # noqa: E402
from ingest.guest.launch import default_launcher  # noqa: E402
from ingest.ocr.pool import OcrPool  # noqa: E402
from ingest.reading import FileRead, PageText, read_file  # noqa: E402
from tests.bench.common import parser_for, pdfs, report  # noqa: E402


@dataclass
class Sums:
    """What files of one kind took."""

    files: int = 0
    pages: int = 0
    bare: float = 0.0
    ours: float = 0.0

    def rates(self) -> dict[str, float]:
        if not self.files:
            return {"files": 0, "pages": 0}
        return {
            "files": self.files,
            "pages": self.pages,
            "bare_pages_per_second": round(self.pages / self.bare, 1),
            "pages_per_second": round(self.pages / self.ours, 1),
            "ratio": round(self.bare / self.ours, 3),
        }


def main() -> int:
    parser = parser_for("parsing", "Parsing to chunks beside bare PyMuPDF.")
    parser.add_argument("folder", type=Path, help="a folder with PDFs")
    parser.add_argument("--files", type=int, help="only so many files, spread over all")
    options = parser.parse_args()
    report("parsing", measure(pdfs(options.folder, options.files)), options.json)
    return 0


def measure(files: Sequence[Path]) -> dict[str, Any]:
    """Pages a second of both and the ratio; files that cannot be read are only counted."""
    embedder = open_embedder()
    embedder.count_tokens(["warm"])
    _warm_up(files)
    text, scanned = Sums(), Sums()
    readable: list[Path] = []
    for file in files:
        try:
            bare = time_bare(file)
            ours, pages, drawn = time_ours(file, embedder)
        except ReadError:
            continue
        sums = scanned if drawn else text
        if not drawn:
            readable.append(file)
        sums.files += 1
        sums.pages += pages
        sums.bare += bare
        sums.ours += ours
    result: dict[str, Any] = text.rates()
    if readable:
        together = time_together(readable, embedder)
        result["pages_per_second_side_by_side"] = round(text.pages / together, 1)
        result["ratio_side_by_side"] = round(text.bare / together, 3)
    result["with_pages_for_ocr"] = scanned.rates()
    result["unreadable_files"] = len(files) - text.files - scanned.files
    return result


def time_bare(file: Path) -> float:
    started = time.perf_counter()
    with pymupdf.open(file) as document:
        if not document.needs_pass:
            for page in document:
                page.get_text("dict")
    return time.perf_counter() - started


def time_ours(file: Path, embedder: Embedder) -> tuple[float, int, int]:
    """Seconds, pages, and how many pages were drawn for an OCR that does not happen here."""
    started = time.perf_counter()
    drawn = 0
    for event in read_file(file):
        if isinstance(event, PageText):
            drawn += event.source == "unreadable"
        elif isinstance(event, FileRead):
            title = title_of(file, event.info)
            chunk_pages(event.pages, title, embedder.count_tokens, sizes_for(embedder))
            pages = len(event.pages)
    return time.perf_counter() - started, pages, drawn


def time_together(files: Sequence[Path], embedder: Embedder) -> float:
    with OcrPool() as ocr:
        started = time.perf_counter()
        read = sum(isinstance(item, ReadDocument) for item in read_all(files, embedder, ocr))
        seconds = time.perf_counter() - started
    if read != len(files):
        raise RuntimeError("a file that could be read before could not be read again")
    return seconds


def _warm_up(files: Sequence[Path]) -> None:
    """Starts the readers' process, which a program does once."""
    for file in files:
        try:
            list(read_file(file))
        except ReadError:
            continue
        break
    time_bare(files[0])


if __name__ == "__main__":
    code = main()
    default_launcher().close()
    sys.exit(code)
