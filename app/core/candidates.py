"""The sentences of passages that may answer a question, and how strongly each speaks of it.

Knows passages, an embedding model and a glossary; nothing of answers or of when there is none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core.layout import PageLines, placed_lines
from app.core.sentences import Sentence, quotable
from ingest.embedder import Embedder
from ingest.glossary import Glossary
from ingest.normalise import normalise
from ingest.types import Passage
from ingest.words import content_words

if TYPE_CHECKING:  # the window shares this module's types and does not load numpy
    import numpy as np
    import numpy.typing as npt

_WORD = re.compile(r"[^\W_]+(?:[.,]\d+)*")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence of the passage at ``place`` (from 0, the best found first)."""

    place: int
    passage: Passage
    sentence: Sentence

    @property
    def quote(self) -> str:
        """The sentence as it stands."""
        return self.passage.text[self.sentence.start : self.sentence.end]

    @property
    def whole(self) -> str:
        """The sentence with the heading above it."""
        return self.passage.text[self.sentence.lead : self.sentence.end]


@dataclass(frozen=True, slots=True)
class Weights:
    """What makes up a sentence's strength.

    Its cosine with the question, without the words that name its document, and with the glossary's
    wording (``worded`` of it); ``words`` times the share of the question's content words, weighted
    by rarity, that it holds, its section counting for ``section`` and its passage for ``around``
    of that; ``wording`` times its share of the glossary's wording; ``telling`` if it has the
    words without which nothing is said of what is asked.
    """

    worded: float = 0.6
    words: float = 0.5
    section: float = 0.7
    around: float = 0.3
    wording: float = 0.3
    telling: float = 0.2


def candidates_of(passages: Sequence[Passage], page_lines: PageLines | None) -> list[Candidate]:
    """Every sentence that can be quoted, by passage and in its order."""
    return [
        Candidate(place, passage, sentence)
        for place, passage in enumerate(passages)
        for sentence in _quotable(passage, page_lines)
        if re.search(r"\w\w", passage.text[sentence.start : sentence.end])
    ]


def told_shares(
    question: str, candidates: Sequence[Candidate], glossary: Glossary
) -> list[float] | None:
    """For each candidate the share of the things asked for whose telling words it has, 0 to 1.

    None where the glossary knows no such words.
    """
    things = glossary.telling(question)
    if not things:
        return None
    return [
        sum(thing.told_in(normalise(c.whole)) for thing in things) / len(things) for c in candidates
    ]


def strengths(
    question: str,
    candidates: Sequence[Candidate],
    passages: Sequence[Passage],
    embedder: Embedder,
    glossary: Glossary,
    told: Sequence[float] | None,
    weights: Weights,
) -> list[float]:
    """How strongly each candidate speaks of the question; ``told`` is from `told_shares`."""
    texts = [" ".join((*c.passage.heading[-1:], normalise(c.whole))) for c in candidates]
    bags = [set(content_words(text)) for text in texts]
    rarity = _rarity(set(content_words(question)), bags)
    asked = set(rarity)
    # A question names its document or section; the sentences in it need not.
    titles = [set(content_words(" ".join((p.document, *p.heading[:1])))) for p in passages]
    named = [title & asked for title in titles]
    names = [set(content_words(" ".join(p.heading))) for p in passages]
    around = [set(content_words(p.text)) for p in passages]
    said = glossary.wording(question)
    wording = _rarity(set(content_words(said)) - asked, bags)
    vectors = embedder.embed(texts)
    questions = _questions(question, named, said, embedder, weights)
    found = []
    for n, (candidate, vector, bag) in enumerate(zip(candidates, vectors, bags, strict=True)):
        place = candidate.place
        section = names[place] - named[place] - bag
        share = (
            _share(rarity, named[place])
            + _share(rarity, bag - named[place])
            + weights.section * _share(rarity, section)
            + weights.around * _share(rarity, around[place] - named[place] - section - bag)
        )
        found.append(
            max(0.0, float(vector @ questions[place]))
            + weights.words * share
            + weights.wording * _share(wording, bag)
            + (weights.telling * told[n] if told is not None else 0.0)
        )
    return found


def without_words(question: str, names: AbstractSet[str]) -> str:
    """The question without some (stemmed) words; the question itself if no content would be left.

    >>> without_words("What law governs the software licence?", {"softwar", "licenc"})
    'What law governs the ?'
    """
    kept = _WORD.sub(
        lambda word: word.group() if names.isdisjoint(content_words(word.group())) else "",
        question,
    )
    return " ".join(kept.split()) if content_words(kept) else question


def _questions(
    question: str,
    named: Sequence[AbstractSet[str]],
    said: str,
    embedder: Embedder,
    weights: Weights,
) -> list[npt.NDArray[np.float32]]:
    """For each passage the vector of the question without the words that name its document.

    "What law governs the software licence?" asks the software licence what law governs; with
    its name, whatever speaks of software is nearer than the clause on the law. Where the glossary
    has wording, it is the weighted mean of two: of the words asked, and of these with the wording.
    """
    known: dict[str, npt.NDArray[np.float32]] = {}
    vectors = []
    for names in named:
        rest = without_words(question, names)
        if rest not in known:
            known[rest] = embedder.embed_query(rest)
            if said:
                beside = embedder.embed_query(f"{rest} {said}")
                known[rest] = (1 - weights.worded) * known[rest] + weights.worded * beside
        vectors.append(known[rest])
    return vectors


def _quotable(passage: Passage, page_lines: PageLines | None) -> list[Sentence]:
    if passage.figure is not None:
        return _of_figure(passage)
    layout = placed_lines(passage, page_lines) if page_lines else None
    return quotable(passage.text, layout)


def _of_figure(passage: Passage) -> list[Sentence]:
    """What can be quoted of a figure: the sentences of its caption, and each line inside."""
    caption = len(passage.figure.caption) if passage.figure is not None else 0
    lines = [
        Sentence(line.start, line.end, line.start)
        for line in passage.lines
        if line.start >= caption and len(content_words(passage.text[line.start : line.end])) > 1
    ]
    return quotable(passage.text[:caption]) + lines


def _share(rarity: Mapping[str, float], bag: AbstractSet[str]) -> float:
    """The part of the words, weighted by rarity, that a bag holds."""
    whole = sum(rarity.values())
    return sum(weight for word, weight in rarity.items() if word in bag) / whole if whole else 0.0


def _rarity(words: set[str], bags: Sequence[set[str]]) -> dict[str, float]:
    """Inverse document frequency of the question's words over the candidate sentences."""
    return {
        word: math.log(1 + len(bags) / (1 + sum(word in bag for bag in bags))) for word in words
    }
