"""``eval scans``: character error rate and pace of the OCR on pictures of pages.

The folder holds ``pages.jsonl`` (``image``, ``text``, ``source``, ``lang``) and ``images/``, and
PDFs without a text layer beside a JSON file of the same name (``page``, ``text`` each). Text is
compared after NFKC with white space collapsed; receipts also without case, since their truth was
typed in capitals. Markup in a truth (formulas, tables) is left there and counts against us.
"""

from __future__ import annotations

import json
import time
import unicodedata
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

from rapidfuzz.distance import Levenshtein

from ingest.errors import ReadError
from ingest.ocr.pool import OcrPool, default_workers
from ingest.reading import PageText, read_file

RECEIPTS = "receipts"
_GROUPS = (
    ("sroie", RECEIPTS),
    ("simulated", "simulated"),
    ("ocr-d", "old German book"),
    ("ocrmypdf", "test pages"),
    ("tesseract", "test pages"),
)


@dataclass(frozen=True, slots=True)
class _Task:
    """One file, and for each of its pages the source it counts for and the true text."""

    path: Path
    pages: tuple[tuple[str, str], ...]


def evaluate(folder: Path) -> dict[str, Any]:
    """The error rates of each source, and pages a minute over all of them.

    Every file goes the way of any document: through a guest, the OCR pool and `read_file`.
    """
    tasks = _tasks(folder)
    begun = time.perf_counter()
    # One reader more than workers, so that the next picture is ready when a worker is.
    with OcrPool() as pool, ThreadPoolExecutor(default_workers() + 1) as readers:
        texts = list(readers.map(lambda task: _read(task, pool), tasks))
    minutes = (time.perf_counter() - begun) / 60
    rates: dict[str, list[float]] = defaultdict(list)
    for task, found in zip(tasks, texts, strict=True):
        for (source, truth), text in zip(task.pages, found, strict=True):
            rates[source].append(error_rate(source, truth, text))
    count = sum(len(values) for values in rates.values())
    return {
        "sources": {
            name: {
                "cer_median": round(median(values), 4),
                "cer_worst_tenth": round(worst_tenth(values), 4),
                "pages": len(values),
            }
            for name, values in sorted(rates.items())
        },
        "pages_per_minute": round(count / minutes, 1),
    }


def source_name(row: dict[str, Any]) -> str:
    """The group of sources that a page is counted in."""
    source = str(row["source"])
    if source.lower().startswith("omnidoc"):
        return "English pages" if row.get("lang") == "english" else "Chinese pages"
    for beginning, name in _GROUPS:
        if source.lower().startswith(beginning):
            return name
    return source


def error_rate(source: str, truth: str, text: str) -> float:
    """Levenshtein distance to the true text, divided by its length."""
    fold = source == RECEIPTS
    truth, found = normalised(truth, fold), normalised(text, fold)
    return Levenshtein.distance(truth, found) / max(1, len(truth))


def normalised(text: str, fold: bool) -> str:
    """NFKC, white space collapsed; lower case if ``fold``."""
    text = " ".join(unicodedata.normalize("NFKC", text).split())
    return text.lower() if fold else text


def worst_tenth(values: list[float]) -> float:
    """The mean of the worst tenth of ``values``, at least one of them."""
    return fmean(sorted(values, reverse=True)[: max(1, round(len(values) / 10))])


def _tasks(folder: Path) -> list[_Task]:
    rows = [json.loads(line) for line in (folder / "pages.jsonl").read_text("utf-8").splitlines()]
    tasks = [
        _Task(folder / "images" / row["image"], ((source_name(row), row["text"]),)) for row in rows
    ]
    for path in sorted(folder.glob("*.pdf")):
        truth = path.with_suffix(".json")
        if truth.is_file():
            pages = json.loads(truth.read_text("utf-8"))
            tasks.append(_Task(path, tuple(("scanned PDF", page["text"]) for page in pages)))
    return tasks


def _read(task: _Task, pool: OcrPool) -> list[str]:
    """The text of each page; what cannot be read counts as empty."""
    texts = [""] * len(task.pages)
    try:
        for event in read_file(task.path, ocr=pool):
            if isinstance(event, PageText) and event.page.number <= len(texts):
                lines = event.page.lines
                texts[event.page.number - 1] = "\n".join(line.text for line in lines)
    except ReadError:
        return texts
    return texts
