"""``eval answers`` on documents made here, by the real command and by its parts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from rich.console import Console

from app.core.answers import Citation, CitationStatus, Searched
from app.core.events import Answered
from app.evaluation import run
from app.evaluation.answers import Gold, Outcome, summary
from app.evaluation.numbers import numbers_given
from ingest.errors import IngestError
from ingest.types import Box, PageBox
from tests.app.program import Program

PAGES = (
    "The ferry Skarven was built in 1962 at the yard of Harstad for the county of Troms.",
    "Skarven made 4,212 crossings in the year 2019, and was laid up for repairs in March.",
)


def folder_of(path: Path, **files: list[dict[str, Any]]) -> Path:
    for name, rows in files.items():
        (path / f"{name}.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return path


def test_a_folder_of_documents_by_the_command(tmp_path: Path) -> None:
    (tmp_path / "pdfs").mkdir()
    document = pymupdf.open()
    for text in PAGES:
        document.new_page().insert_textbox(pymupdf.Rect(72, 72, 500, 700), text)
    document.save(tmp_path / "pdfs" / "ferry.pdf")
    asked = {"doc": "ferry.pdf", "answerable": True, "gold_pages": [2]}
    crossings = "How many crossings did Skarven make in 2019?"
    folder_of(
        tmp_path,
        docs=[{"doc": "ferry.pdf"}],
        questions=[
            {**asked, "id": "a", "question": crossings, "answer": "4212", "tier": "A"},
            {**asked, "id": "b", "question": crossings, "answer": 9, "tier": "B", "gold_pages": []},
            {
                **asked,
                "id": "c",
                "question": "Who won the chess tournament in Reykjavik in 1972?",
                "answerable": False,
                "tier": "unanswerable",
            },
        ],
    )
    result = Program(tmp_path).json("eval", "answers", str(tmp_path))
    assert (result["cited_gold"], result["abstained_right"], result["abstained_wrong"]) == (
        100.0,
        100.0,
        0.0,
    )
    assert result["verified"] >= 2 and result["repaired"] == result["unverified"] == 0
    assert result["answerer"] == "extractive" and result["first_seconds"] > 0
    assert result["numeric_match"] == 100.0 and result["tokens_reused"] == 0
    assert (result["tier_a"]["questions"], result["tier_b"]["cited_gold"]) == (1, 0.0)
    assert result["tier_b"]["numeric_match"] == 0.0
    assert result["missed"] == ["b"]


def test_a_folder_of_texts(tmp_path: Path) -> None:
    folder_of(
        tmp_path,
        corpus=[{"_id": f"d{n}", "title": "", "text": text} for n, text in enumerate(PAGES)],
        queries=[
            {"_id": "q", "text": "When was Skarven built?", "long_answer": "In 1962."},
            {"_id": "without judgement", "text": "Who built it?"},
        ],
    )
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq\td0\t1\n")
    result = run("answers", tmp_path, Console(stderr=True))
    assert (result["questions"], result["cited_gold"], result["numeric_match"]) == (1, 100.0, 100.0)
    assert result["abstained_right"] is None


def test_a_model_that_is_not_there_is_told_first(tmp_path: Path) -> None:
    done = Program(tmp_path).run("eval", "answers", str(tmp_path), "--model", "nowhere")
    assert done.returncode == 1
    assert "nowhere" in done.stderr and "There is no such model." in done.stderr


def test_only_answers_need_a_model(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="no language model"):
        run("pages", tmp_path, Console(stderr=True), tmp_path)


GOLD = Gold("1", "How long?", "a.pdf", frozenset({3}), answerable=True, answer="30 days")
PLACE = Citation(
    1,
    1,
    "a.pdf",
    2,
    "x",
    CitationStatus.VERIFIED,
    tuple(PageBox(p, Box(0, 0, 1, 1)) for p in (2, 3)),
)
ANSWERED = Answered(
    "How long?", True, "Thirty (30) days [1]", (PLACE,), Searched("c", 1, 1, 1), (), "extractive"
)


@pytest.mark.parametrize(
    ("place", "right"),
    [
        (PLACE, True),  # it runs on to the gold page
        (replace(PLACE, document="b.pdf"), False),
        (replace(PLACE, boxes=PLACE.boxes[:1]), False),
        (replace(PLACE, status=CitationStatus.REPAIRED), False),
    ],
)
def test_which_citation_is_right(place: Citation, right: bool) -> None:
    outcome = Outcome(GOLD, replace(ANSWERED, citations=(place,)), None, 1.0)
    assert outcome.cites_gold is right
    assert summary([outcome])["first_seconds"] is None
    assert summary([outcome])["numeric_match"] == 100.0


@pytest.mark.parametrize(
    ("gold", "answer", "given"),
    [
        ("$1,577.00", "Cash was 1577", True),
        ("1,577", "Cash was 15,770", False),
        ("yes", "Yes", None),
        ("in 2019", "No", None),  # the question says so itself
        ("on 6/30/10", "No", None),
        ("56.8 and 3", "56.8", False),
    ],
)
def test_numbers_of_gold_answers(gold: str, answer: str, given: bool | None) -> None:
    assert numbers_given(gold, "What was there in 2019?", answer) is given
