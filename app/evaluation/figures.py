"""``eval figures``: is a figure of the right page among the first passages?

Questions of ``questions_extra.jsonl`` (those that need more than text) with a gold page, and of
``questions.jsonl`` those whose evidence is a chart or figure. A hit at k is a figure passage of a
gold page of the right document among the first k passages that ``search`` returns; "figures" looks
at figure passages only, in their order. "found" counts questions for which at least one gold page
has a figure at all: what no reader found, no search can find.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from app.core.workspace import Workspace
from app.evaluation.library import COLLECTION, ingested, read_rows
from ingest.types import Passage

DEPTHS = (1, 5, 10)
_FAR = 100  # passages searched through for the first figures
_VISUAL = {"chart", "figure"}


def evaluate_figures(folder: Path, console: Console) -> dict[str, Any]:
    """Hit rates as counts, over all documents and within the right one."""
    groups = {
        "extra": [q for q in read_rows(folder / "questions_extra.jsonl") if q["gold_pages"]],
        "charts": [q for q in read_rows(folder / "questions.jsonl") if _is_visual(q)],
    }
    documents = [folder / "pdfs" / row["doc"] for row in read_rows(folder / "docs.jsonl")]
    with ingested(documents, console) as workspace:
        return {
            **{name: measure(workspace, questions) for name, questions in groups.items()},
            "figures": {
                d.name: len(workspace.figures(d.id)) for d in workspace.documents(COLLECTION)
            },
        }


def measure(workspace: Workspace, questions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The counts for some questions on a library that holds their documents."""
    numbers = {d.name: d.id for d in workspace.documents(COLLECTION)}
    result: dict[str, Any] = {"questions": len(questions), "found": 0}
    without = []
    for question in questions:
        number = numbers.get(question["doc"])
        pages = {figure.page for figure in workspace.figures(number)} if number else set()
        if pages & set(question["gold_pages"]):
            result["found"] += 1
        else:
            without.append(question["id"])
    for scope in ("all", "document"):
        result[scope] = _counts(workspace, questions, numbers, within=scope == "document")
    return {**result, "without_figure": without}


def _counts(
    workspace: Workspace,
    questions: Sequence[dict[str, Any]],
    numbers: dict[str, int],
    *,
    within: bool,
) -> dict[str, Any]:
    counts = {f"hit@{k}": 0 for k in DEPTHS} | {f"figures@{k}": 0 for k in DEPTHS}
    missed = []
    for question in questions:
        number = numbers.get(question["doc"])
        documents = [number] if within and number is not None else None
        passages = workspace.search(question["question"], COLLECTION, k=_FAR, documents=documents)
        hits = [_is_hit(passage, question) for passage in passages]
        figures = [hit for hit, p in zip(hits, passages, strict=True) if p.figure is not None]
        for k in DEPTHS:
            counts[f"hit@{k}"] += any(hits[:k])
            counts[f"figures@{k}"] += any(figures[:k])
        if not any(hits[:5]):
            missed.append(question["id"])
    return {**counts, "missed@5": missed}


def _is_hit(passage: Passage, question: dict[str, Any]) -> bool:
    return (
        passage.figure is not None
        and passage.document == question["doc"]
        and passage.figure.page in question["gold_pages"]
    )


def _is_visual(question: dict[str, Any]) -> bool:
    sources = {source.casefold() for source in question.get("evidence_sources") or ()}
    return bool(question["answerable"] and question["gold_pages"] and sources & _VISUAL)
