"""The probability that passages hold an answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.support import (
    LEAST_TO_QUOTE,
    LEAST_TO_READ,
    PASSAGES,
    Calibration,
    Features,
    examine,
    support,
)
from ingest.embedder import Embedder, open_embedder
from ingest.glossary import Entry, Glossary
from tests.app.core.test_extractive import passage

REPORT = (
    replace(passage(1, "The ferry Skarven made 4,212 crossings in 2021."), score=2.0),
    replace(passage(2, "Its crew of nine was paid for the winter."), score=1.0),
)
GLOSSARY = Glossary([Entry(("audit",), "inspect books and records", ("audit", "inspect"))])
CLAUSES = [
    passage(1, "The Owner may inspect the books and records of the Operator at any time."),
    passage(2, "Neither party may assign this Agreement without consent of the other party."),
]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return open_embedder(threads=1)


def test_what_is_there_is_likely_and_what_is_not_is_not(embedder: Embedder) -> None:
    def likely(question: str) -> float:
        return support(question, REPORT, embedder)

    assert likely("How many crossings did the ferry Skarven make in 2021?") > 0.8
    assert likely("How many crossings did the ferry Skarven make in 2019?") < LEAST_TO_READ
    assert likely("Who won the chess tournament in Reykjavik?") < LEAST_TO_READ
    assert likely("Is invoice INV-3031 paid?") == 0.0  # a code that no passage has
    assert support("How many crossings?", (), embedder) == 0.0
    assert 0 < LEAST_TO_READ < LEAST_TO_QUOTE < 1


def test_a_clause_is_known_by_its_words(embedder: Embedder) -> None:
    question = "Does a party have a right to audit the other?"
    held = examine(question, CLAUSES, embedder, GLOSSARY)
    lacking = examine(question, CLAUSES[1:], embedder, GLOSSARY)
    assert held.features is not None and lacking.features is not None
    assert (held.features.clause, held.features.told) == (1.0, 1.0)
    assert (lacking.features.clause, lacking.features.told) == (1.0, 0.0)
    assert held.support > LEAST_TO_QUOTE > LEAST_TO_READ > lacking.support
    best = max(range(len(held.ranks)), key=held.ranks.__getitem__)
    assert "inspect" in held.candidates[best].quote


def test_documents_that_lack_the_year_come_later(embedder: Embedder) -> None:
    other = replace(passage(3, "The ferry Skarven made 3,999 crossings in 2020."), score=2.1)
    examined = examine("How many crossings did Skarven make in 2021?", (other, *REPORT), embedder)
    best = max(range(len(examined.ranks)), key=examined.ranks.__getitem__)
    assert examined.candidates[best].passage.document_id == 1


def test_only_the_first_passages_count(embedder: Embedder) -> None:
    many = [passage(n, "The dog was walked.") for n in range(1, PASSAGES + 1)]
    assert len(examine("Was the dog walked?", [*many, *REPORT], embedder).candidates) == PASSAGES


def test_the_logistic_function() -> None:
    even = Calibration(0.0, 2.0, -1.0, -1.0, -1.0, 1.0)
    nothing = Features(0.0, 0.0, 0.0, 0.0, 0.0)
    assert even.probability(nothing) == 0.5
    assert even.probability(replace(nothing, strength=1.0)) == pytest.approx(0.8808, abs=1e-4)
    assert even.probability(replace(nothing, years=1.0, told=1.0)) == 0.5
