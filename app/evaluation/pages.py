"""``eval pages`` and ``eval contracts``: does a retrieved passage lie where the answer stands?

A hit at k is a passage among the first k, of the right document, that touches a gold page (pages)
or shares text with a gold span (contracts). "all" searches the whole collection, "document" the
right document only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from app.core.workspace import Workspace
from app.evaluation.library import COLLECTION, ingested, read_rows
from ingest.types import Passage

DEPTHS = (1, 3, 5, 10)
_SHARED = 40  # letters and digits that a passage and a span must have in common

Hit = Callable[[Passage, dict[str, Any]], bool]


def evaluate_pages(folder: Path, console: Console) -> dict[str, Any]:
    """Hit rates of tier A and B in percent, over all documents and within the right one."""
    questions = [q for q in read_rows(folder / "questions.jsonl") if q["answerable"]]
    documents = [folder / "pdfs" / row["doc"] for row in read_rows(folder / "docs.jsonl")]
    with ingested(documents, console) as workspace:
        return {
            f"tier_{tier.lower()}": {
                scope: _rates(
                    workspace,
                    [q for q in questions if q["tier"] == tier],
                    _on_gold_page,
                    within=scope == "document",
                )
                for scope in ("all", "document")
            }
            for tier in ("A", "B")
        }


def evaluate_contracts(folder: Path, console: Console) -> dict[str, Any]:
    """Hit rates within the right contract, in percent."""
    questions = [q for q in read_rows(folder / "questions.jsonl") if q["answerable"]]
    documents = [folder / "pdfs" / row["doc"] for row in read_rows(folder / "docs.jsonl")]
    with ingested(documents, console) as workspace:
        return {"document": _rates(workspace, questions, _shares_span, within=True)}


def _rates(
    workspace: Workspace, questions: Sequence[dict[str, Any]], is_hit: Hit, *, within: bool
) -> dict[str, Any]:
    numbers = {d.name: d.id for d in workspace.documents(COLLECTION)}
    found = dict.fromkeys(DEPTHS, 0)
    missed = []
    for question in questions:
        number = numbers.get(question["doc"])
        documents = [number] if within and number is not None else None
        passages = workspace.search(
            question["question"], COLLECTION, k=max(DEPTHS), documents=documents
        )
        hits = [p.document == question["doc"] and is_hit(p, question) for p in passages]
        for depth in DEPTHS:
            found[depth] += any(hits[:depth])
        if not any(hits):
            missed.append(question["id"])
    total = len(questions) or 1
    rates: dict[str, Any] = {f"hit@{k}": round(100 * found[k] / total, 1) for k in DEPTHS}
    return {**rates, "questions": len(questions), "missed": missed}


def _on_gold_page(passage: Passage, question: dict[str, Any]) -> bool:
    return bool(set(passage.pages) & set(question["gold_pages"]))


def _shares_span(passage: Passage, question: dict[str, Any]) -> bool:
    words = _letters(passage.text)
    for span in question["spans"]:
        if not set(passage.pages) & set(span.get("pages") or question["gold_pages"]):
            continue
        gold = _letters(span["text"])
        length = min(_SHARED, len(gold))
        if length and any(gold[i : i + length] in words for i in range(len(gold) - length + 1)):
            return True
    return False


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()
