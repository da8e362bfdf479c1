"""The sample documents are what their generator promises: difficult pages, and ten questions."""

from __future__ import annotations

import json
from pathlib import Path

import pymupdf
import pytest

SAMPLES = Path(__file__).resolve().parents[1] / "resources" / "samples"
DOCUMENTS = SAMPLES / "documents"


def test_scanned_pages_are_pictures_and_the_landscape_page_is_turned() -> None:
    scanned, turned = [], []
    for path in sorted(DOCUMENTS.glob("*.pdf")):
        with pymupdf.open(path) as document:
            for page in document:
                if not page.get_text().strip():
                    assert page.get_images()
                    scanned.append((path.name, page.number + 1))
                if page.rotation:
                    turned.append((path.name, page.number + 1, page.rotation))
    assert scanned == [("policy-retention.pdf", 3), ("record-brandvik.pdf", 5)]
    assert turned == [("record-brandvik.pdf", 4, 90)]


def test_questions_name_pages_that_hold_their_evidence() -> None:
    questions = json.loads((SAMPLES / "questions.json").read_text(encoding="utf-8"))
    assert len(questions) == 10
    assert [question["document"] for question in questions].count(None) == 1
    for question in questions:
        if question["document"] is None:
            continue
        with pymupdf.open(DOCUMENTS / question["document"]) as document:
            page = document[question["page"] - 1]
            text = " ".join(page.get_text(flags=pymupdf.TEXT_PRESERVE_WHITESPACE).split())
        assert not text or question["evidence"] in text


def test_the_samples_stay_small() -> None:
    assert sum(path.stat().st_size for path in DOCUMENTS.iterdir()) < 3_000_000


@pytest.mark.parametrize("path", sorted(DOCUMENTS.glob("*.pdf")), ids=lambda path: path.stem)
def test_documents_name_themselves(path: Path) -> None:
    with pymupdf.open(path) as document:
        assert document.metadata["title"]
