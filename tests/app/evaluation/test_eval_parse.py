"""The rules of ``eval parse``, and a run of it from files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from app.evaluation import parse
from app.evaluation.formula import flatten
from ingest.types import Box, Line, Page, Role


def _page(*lines: tuple[str, Role]) -> Page:
    return Page(
        1, 600, 800, tuple(Line(text, Box(0, 0, 1, 1), role, block=0) for text, role in lines)
    )


TABLE = _page(
    ("Head 400", Role.FURNITURE),
    ("The end-of-line hyphen-", Role.BODY),
    ("ation is joined.", Role.BODY),
    ("\t\tYear Ended", Role.TABLE_HEADER),
    ("Item\t2025\t2024", Role.TABLE_HEADER),
    ("Cost\t$ 178\t141", Role.TABLE),
    ("part of it", Role.TABLE),
    ("Total\t4,737\t3,549", Role.TABLE),
    ("a2 + b2 = c2", Role.BODY),
)


@pytest.mark.parametrize(
    ("check", "passes"),
    [
        ({"type": "present", "text": "hyphenation is joined"}, True),
        ({"type": "present", "text": "Hyphenation"}, False),
        ({"type": "present", "text": "Hyphenation", "case_sensitive": False}, True),
        ({"type": "present", "text": "hyphenatiom", "max_diffs": 1}, True),
        ({"type": "present", "text": "hyphematiom", "max_diffs": 1}, False),
        ({"type": "absent", "text": "400"}, True),
        ({"type": "absent", "text": "joined"}, False),
        ({"type": "absent", "text": "joined", "last_n": 10}, True),
        ({"type": "order", "before": "end-of-line", "after": "joined"}, True),
        ({"type": "order", "before": "joined", "after": "end-of-line"}, False),
        ({"type": "order", "before": "nowhere", "after": "joined"}, False),
        ({"type": "table", "cell": "178", "right": "141", "left": "Cost"}, True),
        ({"type": "table", "cell": "178", "right": "142"}, False),
        ({"type": "table", "cell": "4,737", "up": "178", "left_heading": "Total"}, True),
        ({"type": "table", "cell": "178", "down": "4,737", "top_heading": "Year Ended"}, True),
        ({"type": "table", "cell": "4,737", "top_heading": "2024"}, False),
        ({"type": "table", "cell": "9"}, False),
        ({"type": "math", "math": "a^{2}+b^{2}=c^{2}"}, True),
        ({"type": "math", "math": "a^{2}-b^{2}=c^{2}"}, False),
        ({"type": "footnote", "text": "1"}, False),
    ],
)
def test_rules(check: dict[str, Any], passes: bool) -> None:
    assert (parse.fault(check, parse.sheet(TABLE)) == "") is passes


def test_flattened_formulas() -> None:
    assert flatten(r"e^{i \pi}+1=0") == "eiπ+1=0"
    assert (
        flatten(r"\nabla \times \mathbf{E}=-\frac{\partial \mathbf{B}}{\partial t}") == "∇×E=-∂B∂t"
    )
    assert flatten("∇× E = −∂B ∂t") == "∇×E=-∂B∂t"
    assert flatten(r"\left( x \right) \sin x") == "(x)sinx"


def test_a_run_from_files(tmp_path: Path) -> None:
    (tmp_path / "pdfs").mkdir()
    made = pymupdf.open()
    made.new_page().insert_text((60, 100), "Plain words on a page.")
    made.save(tmp_path / "pdfs" / "good.pdf")
    (tmp_path / "pdfs" / "bad.pdf").write_bytes(b"%PDF-1.7 nothing")
    checks = [
        {"id": "1", "pdf": "good.pdf", "page": 1, "type": "present", "text": "Plain words"},
        {"id": "2", "pdf": "good.pdf", "page": 1, "type": "present", "text": "Other words"},
        {"id": "3", "pdf": "good.pdf", "page": 9, "type": "present", "text": "Plain words"},
        {"id": "4", "pdf": "bad.pdf", "page": 1, "type": "absent", "text": "Plain words"},
    ]
    (tmp_path / "tests.jsonl").write_text("\n".join(map(json.dumps, checks)), "utf-8")
    result = parse.evaluate(tmp_path)
    assert (result["passed"], result["of"]) == (1, 4)
    assert [failure["id"] for failure in result["failures"]] == ["2", "3", "4"]
    assert all(failure["why"] for failure in result["failures"])
