"""Measures the program on folders of documents with gold answers, by the program's own paths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from ingest.errors import IngestError

KINDS = ("pages", "contracts", "figures", "scans", "parse", "nasty", "retrieval", "answers")


def run(what: str, folder: Path, console: Console, model: Path | None = None) -> dict[str, Any]:
    """Runs the evaluation called ``what`` on ``folder``; ``console`` gets the progress.

    ``model`` writes the answers, where answers are evaluated.

    Raises:
        IngestError: no such evaluation, or the folder lacks its files.
    """
    if what not in KINDS:
        raise IngestError(what, "There is no such evaluation.", f"Known: {', '.join(KINDS)}.")
    if model is not None and what != "answers":
        raise IngestError(what, "It needs no language model.", "Leave out --model.")
    if not folder.is_dir():
        raise IngestError(str(folder), "There is no such folder.", "Name an existing folder.")
    try:
        return _run(what, folder, console, model)
    except FileNotFoundError as error:
        raise IngestError(
            str(folder), f"It lacks {error.filename}.", "See docs/evaluation.md for its layout."
        ) from error


def _run(what: str, folder: Path, console: Console, model: Path | None) -> dict[str, Any]:
    # Each evaluation loads what it needs only.
    if what == "answers":
        from app.evaluation.answers import evaluate_answers

        return evaluate_answers(folder, console, model)
    if what == "pages":
        from app.evaluation.pages import evaluate_pages

        return evaluate_pages(folder, console)
    if what == "contracts":
        from app.evaluation.pages import evaluate_contracts

        return evaluate_contracts(folder, console)
    if what == "figures":
        from app.evaluation.figures import evaluate_figures

        return evaluate_figures(folder, console)
    if what == "retrieval":
        from app.evaluation.retrieval import evaluate_retrieval

        return evaluate_retrieval(folder, console)
    if what == "scans":
        from app.evaluation import scans

        return scans.evaluate(folder)
    if what == "parse":
        from app.evaluation import parse

        return parse.evaluate(folder)
    from app.evaluation import nasty

    return nasty.evaluate(folder)
