"""What a question names and documents lack: years, numbers and codes, and rare words.

The nearest wrong answer there is comes from a document about another year, another firm, another
drug. Knows passages and the words of questions; nothing of sentences or answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet

from rapidfuzz import fuzz, process

from ingest.normalise import normalise
from ingest.question import identifiers
from ingest.types import Passage
from ingest.words import content_words, literal_pattern

CountTokens = Callable[[Sequence[str]], Sequence[int]]
"""The tokens of each text, as a language model's tokenizer cuts it."""

_YEAR = re.compile(r"(?<![\d.,])(?:19|20)\d\d(?!\d|[.,]\d)")
_LONG_WORD = re.compile(r"[^\W\d_]{3,}(?:-[^\W\d_]+)*")
_ENDINGS = ("s", "es", "ed", "ing", "ings", "ly")
_IN_BRACKETS = re.compile(r"\[[^\]]*\]")  # examples of the form of an answer
_ALIKE = 80.0  # of 100: a word written wrongly in the question

# Stems of words that say where an answer stands or how it is to be given, not what it is about.
_FORM = frozenset(content_words(
    "answer format integer float decimal list page pages figure table chart document paper report "
    "write color colour left right bottom top corner following example number numbers title order "
    "ascending descending highlighted background section first second last item items directly"
))  # fmt: skip


def missing(question: str, passages: Sequence[Passage]) -> list[str]:
    """What the question is about and no passage tells of: its years, its numbers and codes."""
    texts = [everything(passage) for passage in passages]
    return missing_years(question, passages) + [
        word for word in identifiers(question) if not holding([word], texts)
    ]


def missing_years(question: str, passages: Sequence[Passage]) -> list[str]:
    """The years that a question names and no passage has, nor the name of its document.

    ``24`` counts as 2024 after a day and month, a whole year, an apostrophe, or the like.
    """
    texts = [everything(passage) for passage in passages]
    return [
        year for year in _years(question) if not any(_pattern(year).search(text) for text in texts)
    ]


def years_lacking(question: str, passages: Sequence[Passage]) -> float:
    """The share of the question's years that the passages lack, 0 to 1."""
    years = _years(question)
    return len(missing_years(question, passages)) / len(years) if years else 0.0


def rare_words_lacking(
    question: str, passages: Sequence[Passage], count_tokens: CountTokens
) -> list[str]:
    """Rare words of the question that the passages lack, nor have any word much alike.

    Rare are those for which the tokenizer has no token of their own: it was made of much text.
    """
    held: set[str] = set()
    for passage in passages:
        held.update(content_words(normalise(everything(passage))))
    lacking = [
        word
        for word in dict.fromkeys(_LONG_WORD.findall(question))
        if (stems := set(content_words(word)) - _FORM) and not stems & held
    ]
    longer = [word for word in held if len(word) > 3]
    return [
        word
        for word in lacking
        if min(count_tokens(_forms(word.lower()))) > 1 and not _alike(word.lower(), longer)
    ]


def everything(passage: Passage) -> str:
    """A passage's text with the names of its document and sections."""
    return "\n".join((passage.document, *passage.heading, passage.text))


def holding(named: Sequence[str], texts: Sequence[str]) -> AbstractSet[int]:
    """Which of the texts hold one of the numbers and codes."""
    plain = [normalise(text).casefold() for text in texts]
    patterns = [literal_pattern(word) for word in named]
    return {n for n, text in enumerate(plain) if any(p.search(text) for p in patterns)}


def _years(question: str) -> list[str]:
    return list(dict.fromkeys(_YEAR.findall(_IN_BRACKETS.sub(" ", question))))


def _pattern(year: str) -> re.Pattern[str]:
    short = year[2:]
    return re.compile(
        rf"{year}|(?:\d[./-]\d\d?[./-]|(?:19|20)\d\d ?[-/–] ?|['’]|\b(?:FY|CY|[HQ]\d) ?-?)"
        rf"{short}(?!\d)"
    )


def _forms(word: str) -> list[str]:
    """A word, and without its ending where it seems to have one."""
    stems = [word.removesuffix(ending) for ending in _ENDINGS if word.endswith(ending)]
    return [word, *stems, *(f"{stem}e" for stem in stems)]


def _alike(word: str, held: Sequence[str]) -> bool:
    return process.extractOne(word, held, scorer=fuzz.ratio, score_cutoff=_ALIKE) is not None
