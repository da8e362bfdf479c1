"""Whether passages hold the answer to a question, as a probability, and which sentences do.

Both answerers ask it before they write: a model is not asked where it is hopeless, and without a
model sentences are quoted only where it is likely. The probability comes of a logistic function of
a few features; docs/evaluation.md tells how its coefficients were fitted, and on what.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.core.candidates import Candidate, Weights, candidates_of, strengths, told_shares
from app.core.lacking import everything, holding, rare_words_lacking, years_lacking
from app.core.layout import PageLines
from ingest.embedder import Embedder
from ingest.glossary import Glossary
from ingest.question import core_of, identifiers
from ingest.types import Passage
from ingest.words import content_words

PASSAGES = 15
"""So many passages are looked at: fewer would lack the years of more documents that have them."""

LEAST_TO_READ = 0.25
"""Below it a model is not asked."""

LEAST_TO_QUOTE = 0.43
"""Below it no sentence is quoted."""


@dataclass(frozen=True, slots=True)
class Features:
    """What tells whether there is an answer, of the document that speaks of the question most.

    ``strength`` is that of its best sentence (`Weights`), ``years`` the share of the question's
    years that it lacks, ``rare`` 1 if it lacks a rare word of the question, ``clause`` 1 if the
    glossary knows what words a clause of that kind has, ``told`` the most of them in a sentence.
    """

    strength: float
    years: float
    rare: float
    clause: float
    told: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The coefficients of the logistic function."""

    intercept: float = -4.3
    strength: float = 7.1
    years: float = -6.8
    rare: float = -1.6
    clause: float = -1.6
    told: float = 1.1

    def probability(self, features: Features) -> float:
        """That there is an answer, 0 to 1, if it is as likely as not beforehand."""
        total = (
            self.intercept
            + self.strength * features.strength
            + self.years * features.years
            + self.rare * features.rare
            + self.clause * features.clause
            + self.told * features.told
        )
        return 1 / (1 + math.exp(-total))


@dataclass(frozen=True, slots=True)
class Examined:
    """The candidates, how each ranks, and the probability that there is an answer among them.

    A candidate ranks by its strength, by its passage's place, and by its document's years.
    ``features`` is None where a number or code is asked about that no passage has.
    """

    candidates: Sequence[Candidate] = ()
    ranks: Sequence[float] = ()
    features: Features | None = None
    support: float = 0.0


_FOUND_WEIGHT = 0.5  # of a passage's score, relative to the best one's
_YEARS_WEIGHT = 0.3


def support(
    question: str,
    passages: Sequence[Passage],
    embedder: Embedder,
    glossary: Glossary | None = None,
    page_lines: PageLines | None = None,
) -> float:
    """The probability that the passages, best first, hold the answer; 0 to 1."""
    return examine(question, passages, embedder, glossary, page_lines).support


def examine(
    question: str,
    passages: Sequence[Passage],
    embedder: Embedder,
    glossary: Glossary | None = None,
    page_lines: PageLines | None = None,
    weights: Weights | None = None,
    calibration: Calibration | None = None,
) -> Examined:
    """Weighs every sentence of the first `PASSAGES` passages."""
    whole, question, passages = question, core_of(question), passages[:PASSAGES]
    glossary = glossary or Glossary()
    candidates = _about(question, candidates_of(passages, page_lines))
    if not candidates:
        return Examined()
    told = told_shares(question, candidates, glossary)
    found = strengths(
        question, candidates, passages, embedder, glossary, told, weights or Weights()
    )
    of: dict[int, list[Passage]] = {}
    for passage in passages:
        of.setdefault(passage.document_id, []).append(passage)
    # What says how to answer may say of which year.
    years = {number: years_lacking(whole, texts) for number, texts in of.items()}
    first = passages[0].score
    ranks = [
        strength
        + _FOUND_WEIGHT * (c.passage.score / first if first else 1.0)
        - _YEARS_WEIGHT * years[c.passage.document_id]
        for c, strength in zip(candidates, found, strict=True)
    ]
    leading = candidates[max(range(len(ranks)), key=ranks.__getitem__)].passage.document_id
    own = [n for n, c in enumerate(candidates) if c.passage.document_id == leading]
    features = Features(
        strength=max(found[n] for n in own),
        years=years[leading],
        rare=float(bool(rare_words_lacking(question, of[leading], embedder.count_tokens))),
        clause=float(told is not None),
        told=max(told[n] for n in own) if told is not None else 0.0,
    )
    likely = (calibration or Calibration()).probability(features)
    return Examined(candidates, ranks, features, likely)


def _about(question: str, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The sentences of documents that hold the numbers and codes which a question names, without
    those that only name them again ("Invoice 3031"). None where one is in no passage."""
    named = identifiers(question)
    if not named:
        return list(candidates)
    texts = _texts(candidates)
    if any(not holding([word], list(texts.values())) for word in named):
        return []
    held = holding(named, list(texts.values()))
    documents = {key[0] for n, key in enumerate(texts) if n in held}
    asked = set(content_words(question))
    return [
        c
        for c in candidates
        if c.passage.document_id in documents and not asked.issuperset(content_words(c.quote))
    ]


def _texts(candidates: Sequence[Candidate]) -> Mapping[tuple[int, int], str]:
    """All that each passage says, by document and place."""
    return {(c.passage.document_id, c.place): everything(c.passage) for c in candidates}
