"""Answers made of the documents' own sentences; they serve when no model is installed.

Which sentences, and when there is no answer. Knows no store and no index.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core.answerer import Draft, Task, Told
from app.core.citations import cite, shown
from app.core.events import CitationChecked, Statement, StatementChecked, TextWritten
from app.core.layout import PageLines, placed_lines
from app.core.sentences import Sentence, quotable
from ingest.embedder import Embedder
from ingest.glossary import Glossary
from ingest.normalise import normalise
from ingest.question import core_of, identifiers
from ingest.types import Passage
from ingest.words import content_words, literal_pattern

if TYPE_CHECKING:  # the window shares this module's types and does not load numpy
    import numpy as np
    import numpy.typing as npt

_WORD = re.compile(r"[^\W_]+(?:[.,]\d+)*")
_YEAR = re.compile(r"(?<![\d.,])(?:19|20)\d\d(?!\d|[.,]\d)")


@dataclass(frozen=True, slots=True)
class ExtractiveSettings:
    """How sentences are chosen, and when there is no answer.

    A sentence's strength is its cosine with the question, without the words that name its
    document, plus ``word_weight`` times the share of the question's content words (weighted by
    rarity) that it or its surroundings hold, plus ``wording_weight`` times its share of the
    glossary's wording. Nothing is found where no sentence reaches ``least_strength``, and when
    the question names a year, a number or a code that no passage has; docs/evaluation.md tells
    what that was set by. Where sentences hold the number or code, others are no answer.
    Sentences are ordered by strength with ``place_weight`` over the place of their passage;
    ``least_share`` is relative to the best.
    """

    passages: int = 10
    most_sentences: int = 3
    word_weight: float = 0.5
    wording_weight: float = 0.3
    place_weight: float = 0.05
    least_strength: float = 0.6
    least_share: float = 0.8


class ExtractiveAnswerer:
    """Answers with the best verbatim sentences."""

    name = "extractive"

    def __init__(
        self,
        embedder: Embedder,
        glossary: Glossary | None = None,
        settings: ExtractiveSettings | None = None,
        page_lines: PageLines | None = None,
    ) -> None:
        self._embedder = embedder
        self._glossary = glossary or Glossary()
        self._settings = settings or ExtractiveSettings()
        self._page_lines = page_lines

    def answer(self, task: Task) -> Iterator[Told | Draft]:
        """The best sentences, each with its citation."""
        passages = task.passages[: self._settings.passages]
        chosen = self._choose(core_of(task.question), passages)
        text, citations, statements = "", [], []
        for n, (passage, sentence) in enumerate(chosen, start=1):
            quote = passage.text[sentence.start : sentence.end]
            citation = cite(n, passage, quote)
            piece = f"{shown(quote)} [{n}]"
            if text:
                text += "\n"
                yield TextWritten("\n")
            statement = Statement(len(text), len(text) + len(piece), citation.status, (n,))
            text += piece
            citations.append(citation)
            statements.append(statement)
            yield TextWritten(piece)
            yield CitationChecked(citation)
            yield StatementChecked(statement, piece)
        yield Draft(bool(citations), text, tuple(citations), tuple(statements))

    def _choose(self, question: str, passages: Sequence[Passage]) -> list[tuple[Passage, Sentence]]:
        candidates = [
            (place, passage, sentence)
            for place, passage in enumerate(passages)
            for sentence in self._quotable(passage)
            if re.search(r"\w\w", passage.text[sentence.start : sentence.end])
        ]
        named = identifiers(question)
        if not candidates or missing(question, passages):
            return []
        candidates = _about(question, named, candidates)
        if not candidates:
            return []
        strengths = self._strengths(question, candidates, passages)
        if max(strengths) < self._settings.least_strength:
            return []
        placed = [
            strength + self._settings.place_weight / (1 + place)
            for strength, (place, _, _) in zip(strengths, candidates, strict=True)
        ]
        order = sorted(range(len(candidates)), key=lambda i: -placed[i])
        holding = _holding(named, [_whole(p, s) for _, p, s in candidates])
        if any(placed[i] >= self._settings.least_share * placed[order[0]] for i in holding):
            order = [i for i in order if i in holding]
        taken: list[tuple[Passage, Sentence]] = []
        seen: set[str] = set()
        for i in order:
            if placed[i] < self._settings.least_share * placed[order[0]]:
                break
            _, passage, sentence = candidates[i]
            words = normalise(passage.text[sentence.start : sentence.end]).casefold()
            if words not in seen:
                seen.add(words)
                taken.append((passage, sentence))
            if len(taken) == self._settings.most_sentences:
                break
        return taken

    def _quotable(self, passage: Passage) -> list[Sentence]:
        if passage.figure is not None:
            return _of_figure(passage)
        layout = placed_lines(passage, self._page_lines) if self._page_lines else None
        return quotable(passage.text, layout)

    def _strengths(
        self,
        question: str,
        candidates: Sequence[tuple[int, Passage, Sentence]],
        passages: Sequence[Passage],
    ) -> list[float]:
        texts = [
            " ".join((*passage.heading[-1:], normalise(passage.text[s.lead : s.end])))
            for _, passage, s in candidates
        ]
        bags = [set(content_words(text)) for text in texts]
        rarity = _rarity(set(content_words(question)), bags)
        asked = set(rarity)
        # A question names its document or section; the sentences in it need not.
        titles = [set(content_words(" ".join((p.document, *p.heading[:1])))) for p in passages]
        named = [title & asked for title in titles]
        names = [set(content_words(" ".join(p.heading))) for p in passages]
        around = [set(content_words(p.text)) for p in passages]
        wording = _rarity(set(content_words(self._glossary.wording(question))) - asked, bags)
        vectors = self._embedder.embed(texts)
        questions = self._questions(question, named)
        strengths = []
        for (place, _, _), vector, bag in zip(candidates, vectors, bags, strict=True):
            rest = bag - named[place]
            section = names[place] - named[place] - bag
            share = (
                _share(rarity, named[place])
                + _share(rarity, rest)
                + 0.7 * _share(rarity, section)
                + 0.3 * _share(rarity, around[place] - named[place] - section - bag)
            )
            strengths.append(
                max(0.0, float(vector @ questions[place]))
                + self._settings.word_weight * share
                + self._settings.wording_weight * _share(wording, bag)
            )
        return strengths

    def _questions(
        self, question: str, named: Sequence[AbstractSet[str]]
    ) -> list[npt.NDArray[np.float32]]:
        """For each passage the vector of the question without the words that name its document.

        "What law governs the software licence?" asks the software licence what law governs; with
        its name, whatever speaks of software is nearer than the clause on the law.
        """
        known: dict[str, npt.NDArray[np.float32]] = {}
        vectors = []
        for names in named:
            rest = without_words(question, names)
            if rest not in known:
                known[rest] = self._embedder.embed_query(rest)
            vectors.append(known[rest])
        return vectors


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


def missing(question: str, passages: Sequence[Passage]) -> list[str]:
    """What the question is about and no passage tells of: its years, its numbers and codes."""
    texts = [_everything(passage) for passage in passages]
    return missing_years(question, passages) + [
        word for word in identifiers(question) if not _holding([word], texts)
    ]


def _everything(passage: Passage) -> str:
    return "\n".join((passage.document, *passage.heading, passage.text))


def _whole(passage: Passage, sentence: Sentence) -> str:
    return passage.text[sentence.lead : sentence.end]


def _holding(named: Sequence[str], texts: Sequence[str]) -> set[int]:
    """Which of the texts hold one of the numbers and codes."""
    plain = [normalise(text).casefold() for text in texts]
    patterns = [literal_pattern(word) for word in named]
    return {n for n, text in enumerate(plain) if any(p.search(text) for p in patterns)}


def _about(
    question: str, named: Sequence[str], candidates: Sequence[tuple[int, Passage, Sentence]]
) -> list[tuple[int, Passage, Sentence]]:
    """The sentences of documents that hold the numbers and codes which a question names, without
    those that only name them again ("Invoice 3031")."""
    if not named:
        return list(candidates)
    asked = set(content_words(question))
    holding = _holding(named, [_everything(passage) for _, passage, _ in candidates])
    documents = {candidates[n][1].document_id for n in holding}
    return [
        (place, passage, sentence)
        for place, passage, sentence in candidates
        if passage.document_id in documents
        and not asked.issuperset(content_words(passage.text[sentence.start : sentence.end]))
    ]


def missing_years(question: str, passages: Sequence[Passage]) -> list[str]:
    """The years that a question names and no passage has, nor the name of its document.

    Documents that report on other years are the nearest wrong answer there is. ``24`` after a
    slash, an apostrophe or the like counts as 2024.
    """
    texts = [_everything(passage) for passage in passages]
    return [
        year
        for year in _YEAR.findall(question)
        if not any(re.search(rf"{year}|(?:[/.'’-]|FY ?){year[2:]}(?!\d)", text) for text in texts)
    ]


def _rarity(words: set[str], bags: Sequence[set[str]]) -> dict[str, float]:
    """Inverse document frequency of the question's words over the candidate sentences."""
    return {
        word: math.log(1 + len(bags) / (1 + sum(word in bag for bag in bags))) for word in words
    }
