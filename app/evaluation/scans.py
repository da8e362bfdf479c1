"""``eval scans``: character error rate and pace of the OCR on pictures of pages.

The folder holds ``pages.jsonl`` (``image``, ``text``, ``source``, ``lang``) and ``images/``. Text
is compared after NFKC with white space collapsed; receipts also without case, since their truth
was typed in capitals. Markup in a truth (formulas, tables) is left there and counts against us.
"""

from __future__ import annotations

import json
import time
import unicodedata
from collections import defaultdict
from concurrent.futures import Future
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from rapidfuzz.distance import Levenshtein

from ingest.errors import ReadError
from ingest.ocr.pool import OcrPool
from ingest.types import Page, PageImage

_DPI = 150.0
_GROUPS = (
    ("sroie", "receipts"),
    ("simulated", "simulated"),
    ("ocr-d", "old German book"),
    ("ocrmypdf", "test pages"),
    ("tesseract", "test pages"),
)


def evaluate(folder: Path) -> dict[str, Any]:
    """The error rates of each source, and pages a minute over all of them."""
    rows = [json.loads(line) for line in (folder / "pages.jsonl").read_text("utf-8").splitlines()]
    begun = time.perf_counter()
    with OcrPool() as pool:
        futures = [pool.submit(_picture(folder / "images" / row["image"])) for row in rows]
        texts = [_text(future) for future in futures]
    minutes = (time.perf_counter() - begun) / 60
    rates: dict[str, list[float]] = defaultdict(list)
    for row, text in zip(rows, texts, strict=True):
        rates[source_name(row)].append(error_rate(row, text))
    return {
        "sources": {
            name: {
                "cer_median": round(median(values), 4),
                "cer_worst_tenth": round(worst_tenth(values), 4),
                "pages": len(values),
            }
            for name, values in sorted(rates.items())
        },
        "pages_per_minute": round(len(rows) / minutes, 1),
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


def error_rate(row: dict[str, Any], text: str) -> float:
    """Levenshtein distance to the true text, divided by its length."""
    fold = source_name(row) == "receipts"
    truth, found = normalised(row["text"], fold), normalised(text, fold)
    return Levenshtein.distance(truth, found) / max(1, len(truth))


def normalised(text: str, fold: bool) -> str:
    """NFKC, white space collapsed; lower case if ``fold``."""
    text = " ".join(unicodedata.normalize("NFKC", text).split())
    return text.lower() if fold else text


def worst_tenth(values: list[float]) -> float:
    """The mean of the worst tenth of ``values``, at least one of them."""
    return fmean(sorted(values, reverse=True)[: max(1, round(len(values) / 10))])


def _picture(path: Path) -> PageImage:
    with Image.open(path) as file:
        picture = ImageOps.exif_transpose(file).convert("RGB")
    size = picture.width * 72 / _DPI, picture.height * 72 / _DPI
    return PageImage(1, *size, np.asarray(picture), "a picture")


def _text(future: Future[Page]) -> str:
    """The page's text; a page that could not be read counts as empty."""
    try:
        return "\n".join(line.text for line in future.result().lines)
    except ReadError:
        return ""
