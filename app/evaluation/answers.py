"""``eval answers``: do answers cite the right pages, and do they say so when there is none?

Asks by the program's own path, with a language model or with none, and compares citations and
numbers with the gold answers. Knows events and gold answers; nothing of how answers are made.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from app.core import vault
from app.core.answers import CitationStatus
from app.core.events import Answered, TextWritten
from app.core.workspace import Workspace
from app.evaluation.library import COLLECTION, ingested, read_rows
from app.evaluation.numbers import numbers_given
from app.evaluation.retrieval import judgements, put_texts
from ingest.embedder import open_embedder
from ingest.errors import IngestError
from ingest.store import Store

_STEP = 20


@dataclass(frozen=True, slots=True)
class Gold:
    """A question and what is known of its answer.

    ``document`` is the name of the right document; a citation is right on one of ``pages`` of it.
    ``within`` asks that document only. ``tier`` groups questions, where the data does.
    """

    id: str
    question: str
    document: str
    pages: frozenset[int]
    answerable: bool
    answer: str = ""
    tier: str = ""
    within: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a question; ``first_seconds`` until the first words, None without any."""

    gold: Gold
    answered: Answered
    first_seconds: float | None
    seconds: float

    @property
    def cites_gold(self) -> bool:
        """Whether a verified citation stands on a gold page of the right document."""
        return any(
            citation.status is CitationStatus.VERIFIED
            and citation.document == self.gold.document
            and bool(self.gold.pages & {citation.page, *(box.page for box in citation.boxes)})
            for citation in self.answered.citations
        )

    @property
    def gives_numbers(self) -> bool | None:
        """Whether it gives the gold answer's numbers; None if that has none."""
        if not self.gold.answerable:
            return None
        return numbers_given(self.gold.answer, self.gold.question, self.answered.text)


def evaluate_answers(folder: Path, console: Console, model: Path | None = None) -> dict[str, Any]:
    """Asks every question of the folder and sums up.

    Where questions have tiers, the sums at the top are those of tier A and the questions without
    an answer; those of each tier follow.

    Raises:
        IngestError: there is no such model.
        EngineError: the model cannot be used.
    """
    if model is not None and not model.exists():  # told before the documents are read
        raise IngestError(str(model), "There is no such model.", "Name a model's folder or file.")
    with opened(folder, console) as workspace:
        if model is not None:
            workspace.use_language_model(model)
        asked = gold_texts(folder) if _holds_texts(folder) else gold(folder)
        outcomes = list(ask_all(workspace, asked, console))
    return summary(outcomes)


def gold(folder: Path) -> list[Gold]:
    """The questions of a folder with PDFs; those without tiers are about their own document."""
    return [
        Gold(
            row["id"],
            row["question"],
            row["doc"],
            frozenset(row["gold_pages"]),
            row["answerable"],
            str(row.get("answer", "")),
            row.get("tier", "") if row["answerable"] else "",
            within="tier" not in row,
        )
        for row in read_rows(folder / "questions.jsonl")
    ]


def gold_texts(folder: Path) -> list[Gold]:
    """The questions of a folder with a corpus, each with its best document."""
    relevant = judgements(folder / "qrels.tsv")
    return [
        Gold(
            row["_id"],
            row["text"],
            max(relevant[row["_id"]].items(), key=lambda graded: graded[1])[0],
            frozenset((1,)),
            answerable=True,
            answer=row.get("long_answer", ""),
        )
        for row in read_rows(folder / "queries.jsonl")
        if row["_id"] in relevant
    ]


def ask_all(workspace: Workspace, questions: Sequence[Gold], console: Console) -> Iterator[Outcome]:
    """Asks the questions one by one, as a person would."""
    numbers = {d.name: d.id for d in workspace.documents(COLLECTION)}
    workspace.prepare(COLLECTION)
    for done, asked in enumerate(questions, start=1):
        chosen = [numbers[asked.document]] if asked.within and asked.document in numbers else None
        yield _ask(workspace, asked, chosen)
        if done % _STEP == 0 or done == len(questions):
            console.print(f"{done} of {len(questions)} questions")


def _ask(workspace: Workspace, asked: Gold, documents: Sequence[int] | None) -> Outcome:
    first: float | None = None
    answered: Answered | None = None
    begun = time.perf_counter()
    for event in workspace.ask(asked.question, COLLECTION, documents=documents, keep=False):
        if isinstance(event, TextWritten) and first is None:
            first = time.perf_counter() - begun
        elif isinstance(event, Answered):
            answered = event
    if answered is None:
        raise RuntimeError(f"no answer to {asked.id}")  # a defect of ours: ask ends with one
    seconds = time.perf_counter() - begun
    return Outcome(asked, answered, answered.effort.first_seconds or first, seconds)


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The figures of `docs/evaluation.md`; shares in percent, None where nothing counts."""
    tiers = sorted({o.gold.tier for o in outcomes} - {""})
    headline = [o for o in outcomes if o.gold.tier in ("", tiers[0])] if tiers else outcomes
    statuses = Counter(c.status for o in outcomes for c in o.answered.citations)
    first = [o.first_seconds for o in outcomes if o.first_seconds is not None]
    result = _shares(headline) | {status.value: statuses[status] for status in CitationStatus}
    result |= {
        "citations_removed": sum(o.answered.removed for o in outcomes),
        "answerer": outcomes[0].answered.by.name if outcomes else "",
        "first_seconds": round(statistics.median(first), 3) if first else None,
        "seconds": round(statistics.median(o.seconds for o in outcomes), 3) if outcomes else None,
        "prompt_tokens": sum(o.answered.effort.prompt_tokens for o in outcomes),
        "tokens_reused": sum(o.answered.effort.reused for o in outcomes),
        "missed": [o.gold.id for o in outcomes if o.gold.answerable and not o.cites_gold],
    }
    for tier in tiers:
        result[f"tier_{tier.lower()}"] = _shares([o for o in outcomes if o.gold.tier == tier])
    return result


def _shares(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    answerable = [o for o in outcomes if o.gold.answerable]
    others = [o for o in outcomes if not o.gold.answerable]
    numbers = [o.gives_numbers for o in answerable if o.gives_numbers is not None]
    return {
        "questions": len(outcomes),
        "answerable": len(answerable),
        "cited_gold": _percent([o.cites_gold for o in answerable]),
        "abstained_right": _percent([not o.answered.found for o in others]),
        "abstained_wrong": _percent([not o.answered.found for o in answerable]),
        "numeric_match": _percent(numbers),
        "numeric_questions": len(numbers),
    }


def _percent(cases: Sequence[bool]) -> float | None:
    return round(100 * sum(cases) / len(cases), 1) if cases else None


def opened(folder: Path, console: Console) -> AbstractContextManager[Workspace]:
    """A throw-away library that holds the folder's documents or texts."""
    return _texts(folder, console) if _holds_texts(folder) else _documents(folder, console)


def _holds_texts(folder: Path) -> bool:
    return (folder / "corpus.jsonl").is_file()


@contextmanager
def _documents(folder: Path, console: Console) -> Iterator[Workspace]:
    paths = [folder / "pdfs" / row["doc"] for row in read_rows(folder / "docs.jsonl")]
    with ingested(paths, console) as workspace:
        yield workspace


@contextmanager
def _texts(folder: Path, console: Console) -> Iterator[Workspace]:
    """A workspace whose documents are the corpus, without a reader: they are plain text."""
    corpus = read_rows(folder / "corpus.jsonl")
    with tempfile.TemporaryDirectory(prefix="muniment-eval-") as name:
        library = Path(name)
        key = vault.create_keys(library, vault.KeyFile(library / "key"))
        store = Store(library, key)
        put_texts(store, store.add_collection(COLLECTION).id, corpus, open_embedder(), console)
        store.close()
        with Workspace(library, key) as workspace:
            yield workspace
