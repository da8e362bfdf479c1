"""Fits the probability that passages hold an answer (`app.core.support`), and draws its curve.

``python -m tests.bench.support --reports DIR --contracts DIR --texts DIR``: folders as ``muniment
eval answers`` takes them. Prints the coefficients, and for each threshold who is refused when each
document's questions are judged by coefficients fitted without them. docs/evaluation.md tells which
questions count as answerable; ``docs/plot_support.py`` draws what is written to ``--out``.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from app.core.asking import glossary
from app.core.support import LEAST_TO_QUOTE, LEAST_TO_READ, PASSAGES, Features, examine
from app.core.workspace import Workspace
from app.evaluation.answers import Gold, gold, gold_texts, opened
from app.evaluation.library import COLLECTION
from ingest.types import Passage
from tests.bench.common import parser_for

Array = NDArray[np.float64]

FOLDS = 10
_DEEP = 20  # passages found, of which some are left out to make a question unanswerable

WEIGHTS = {
    "reports": 1.0,  # asked of all reports
    "reports, own document": 0.5,
    "contracts": 1.0,  # each asked of its own
    "texts": 0.15,
    "reports asked of contracts": 0.5,
    "reports asked of texts": 0.3,
    "contracts asked of texts": 0.3,
    "texts asked of reports": 0.3,
    "texts asked of contracts": 0.3,
    "reports, right document left out": 0.3,
    "texts, right text left out": 0.15,
    "contracts, right pages left out": 0.2,
}
"""What a question of each group counts; then both answers count the same in all."""

HEADLINE = ("reports", "contracts")
"""Whose answerable questions thresholds are told by."""


@dataclass(frozen=True, slots=True)
class Example:
    """A question of a group; ``features`` is None where nothing can be quoted anyway."""

    group: str
    document: str
    answerable: bool
    features: Features | None


Keep = Callable[[Gold, Passage], bool]


def examples(reports: Path, contracts: Path, texts: Path, console: Console) -> Iterator[Example]:
    """Every question asked in every way of `WEIGHTS`."""
    of_reports, of_contracts, of_texts = gold(reports), gold(contracts), gold_texts(texts)
    answerable = [g for g in of_reports if g.answerable]
    with opened(reports, console) as workspace:
        yield from _asked(workspace, "reports", of_reports)
        yield from _asked(workspace, "reports, own document", of_reports, within=True)
        yield from _asked(
            workspace,
            "reports, right document left out",
            answerable,
            without=True,
        )
        yield from _asked(workspace, "texts asked of reports", of_texts[::8], wrong=True)
    with opened(contracts, console) as workspace:
        yield from _asked(workspace, "contracts", of_contracts, within=True)
        yield from _asked(
            workspace,
            "contracts, right pages left out",
            [g for g in of_contracts if g.answerable],
            within=True,
            keep=lambda g, passage: not g.pages & set(passage.pages),
        )
        yield from _asked(workspace, "reports asked of contracts", of_reports, wrong=True)
        yield from _asked(workspace, "texts asked of contracts", of_texts[4::8], wrong=True)
    with opened(texts, console) as workspace:
        yield from _asked(workspace, "texts", of_texts[::3])
        yield from _asked(workspace, "texts, right text left out", of_texts[::3], without=True)
        yield from _asked(workspace, "reports asked of texts", of_reports[::2], wrong=True)
        yield from _asked(workspace, "contracts asked of texts", of_contracts[::6], wrong=True)


def _asked(
    workspace: Workspace,
    group: str,
    questions: Sequence[Gold],
    *,
    within: bool = False,
    without: bool = False,
    wrong: bool = False,
    keep: Keep | None = None,
) -> Iterator[Example]:
    numbers = {d.name: d.id for d in workspace.documents(COLLECTION)}
    for asked in questions:
        documents = None
        if within:
            documents = [numbers[asked.document]]
        elif without:
            documents = [n for name, n in numbers.items() if name != asked.document]
        found = workspace.search(asked.question, COLLECTION, k=_DEEP, documents=documents)
        if keep is not None:
            found = [p for p in found[:PASSAGES] if keep(asked, p)]
        examined = examine(
            asked.question, found, workspace.embedder, glossary(), workspace.page_lines
        )
        answerable = asked.answerable and not (wrong or without or keep is not None)
        yield Example(group, asked.document, answerable, examined.features)


def fit(rows: Array, answers: Array, weights: Array, penalty: float = 1.0) -> Array:
    """Logistic regression by Newton's method: the intercept and a coefficient a column.

    Columns are put on one scale first; ``penalty`` times half of the coefficients' squares there
    is added to the weighted loss, the intercept left free. Hosmer and Lemeshow 2000.
    """
    mean, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    x = np.column_stack([np.ones(len(rows)), (rows - mean) / spread])
    ridge = np.diag([0.0] + [penalty] * rows.shape[1])
    beta = np.zeros(x.shape[1])
    for _ in range(100):
        p = 1 / (1 + np.exp(-x @ beta))
        gradient = x.T @ (weights * (answers - p)) - ridge @ beta
        step = np.linalg.solve((x.T * (weights * p * (1 - p))) @ x + ridge, gradient)
        beta += step
        if float(np.abs(step).max()) < 1e-9:
            break
    slopes = beta[1:] / spread
    return np.concatenate([[beta[0] - float(slopes @ mean)], slopes])


def fitted(found: Sequence[Example]) -> tuple[dict[str, float], list[float]]:
    """The coefficients by name, and for each example its probability by coefficients that were
    fitted without any question about its document."""
    names = [field.name for field in fields(Features)]
    usable = [n for n, e in enumerate(found) if e.features is not None]
    rows = np.array([[getattr(found[n].features, name) for name in names] for n in usable])
    answers = np.array([float(found[n].answerable) for n in usable])
    weights = np.array([WEIGHTS[found[n].group] for n in usable])
    for answer in (0.0, 1.0):
        mine = answers == answer
        weights[mine] *= len(usable) / 2 / weights[mine].sum()
    beta = fit(rows, answers, weights)
    documents = sorted({found[n].document for n in usable})
    fold = {document: n % FOLDS for n, document in enumerate(documents)}
    folds = np.array([fold[found[n].document] for n in usable])
    judged = [0.0] * len(found)
    for n in range(FOLDS):
        others = folds != n
        if others.all():
            continue
        other = fit(rows[others], answers[others], weights[others])
        for at in np.flatnonzero(~others):
            total = other[0] + float(rows[at] @ other[1:])
            judged[usable[at]] = 1 / (1 + math.exp(-total))
    return dict(zip(["intercept", *names], beta.tolist(), strict=True)), judged


def curve(found: Sequence[Example], judged: Sequence[float]) -> list[dict[str, Any]]:
    """For thresholds of 0 to 1 the share of each group that is refused, in percent."""
    groups: dict[tuple[str, bool], list[float]] = defaultdict(list)
    for example, likely in zip(found, judged, strict=True):
        groups[example.group, example.answerable].append(likely)
    for answerable in (True, False):
        together = [p for g in HEADLINE for p in groups[g, answerable]]
        groups["reports and contracts", answerable] = together
    return [
        {
            "threshold": round(step / 100, 2),
            "answerable": _refused(groups, True, step / 100),
            "unanswerable": _refused(groups, False, step / 100),
        }
        for step in range(101)
    ]


def _refused(
    groups: dict[tuple[str, bool], list[float]], answerable: bool, threshold: float
) -> dict[str, float]:
    return {
        group: round(100 * sum(p < threshold for p in judged) / len(judged), 1)
        for (group, kind), judged in sorted(groups.items())
        if kind is answerable and judged
    }


def report(found: Sequence[Example]) -> dict[str, Any]:
    """All that is printed and drawn."""
    coefficients, judged = fitted(found)
    counts: dict[str, dict[str, int]] = {}
    for example in found:
        key = "answerable" if example.answerable else "unanswerable"
        counts.setdefault(example.group, {}).setdefault(key, 0)
        counts[example.group][key] += 1
    return {
        "coefficients": {name: round(value, 2) for name, value in coefficients.items()},
        "questions": counts,
        "thresholds": {"a model is asked": LEAST_TO_READ, "sentences are quoted": LEAST_TO_QUOTE},
        "curve": curve(found, judged),
    }


def kept(result: dict[str, Any]) -> str:
    """The result as JSON, a threshold a line."""
    return json.dumps(result).replace('{"threshold"', '\n{"threshold"') + "\n"


def main() -> None:
    parser = parser_for("support", "Fit the probability that passages hold an answer.")
    for name in ("reports", "contracts", "texts"):
        parser.add_argument(f"--{name}", type=Path, required=True, help="a folder of questions")
    parser.add_argument("--out", type=Path, help="a file for docs/plot_support.py")
    options = parser.parse_args()
    console = Console(stderr=True)
    result = report(list(examples(options.reports, options.contracts, options.texts, console)))
    print(json.dumps(result["coefficients"]))
    for row in result["curve"]:
        print(json.dumps(row))
    if options.out:
        options.out.write_text(kept(result), encoding="utf-8")


if __name__ == "__main__":
    main()
