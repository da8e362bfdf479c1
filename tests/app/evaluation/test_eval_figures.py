"""``eval figures`` on a report drawn here."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console

from app.evaluation import run
from tests import figure_pages as made


def test_counts_of_figures_found(tmp_path: Path) -> None:
    (tmp_path / "pdfs").mkdir()
    made.report().save(tmp_path / "pdfs" / "ferry.pdf")
    question = {
        "id": "1", "doc": "ferry.pdf", "question": "Chart of the crossings by quarter?",
        "answerable": True, "gold_pages": [1], "evidence_sources": ["Chart"],
    }  # fmt: skip
    other = {**question, "id": "2", "gold_pages": [2]}
    text = {**question, "id": "3", "evidence_sources": ["Table"]}
    none = {**question, "id": "4", "gold_pages": []}
    for name, rows in (
        ("docs", [{"doc": "ferry.pdf"}]),
        ("questions", [question, text]),
        ("questions_extra", [question, other, none]),
    ):
        lines = "\n".join(json.dumps(row) for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(lines)
    result = run("figures", tmp_path, Console(stderr=True))
    extra, charts = result["extra"], result["charts"]
    assert (extra["questions"], extra["found"], extra["without_figure"]) == (2, 1, ["2"])
    assert extra["all"]["hit@5"] == extra["all"]["figures@1"] == 1
    assert extra["document"]["missed@5"] == ["2"]
    assert (charts["questions"], charts["all"]["hit@5"]) == (1, 1)
    assert result["figures"] == {"ferry.pdf": 1}
