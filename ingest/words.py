"""The words of a text that carry its meaning, stemmed: for comparing texts without a model."""

from __future__ import annotations

import functools
import re

import Stemmer

_WORD = re.compile(r"[^\W_]+(?:[.,]\d+)*")
STOP_WORDS = frozenset(
    "a about after all also an and any are as at be been before being but by can could did do does "
    "during each for from had has have how if in into is it its may more most must no not of on "
    "one only or other our per please shall should since so some such than that the their them "
    "then there these they this those through to under until up upon was we were what when where "
    "whether which while who whom whose why will with would you your between give following "
    "many much there's it's".split()
)


def content_words(text: str) -> list[str]:
    """Words that are no stop words, in order, case-folded and stemmed as English."""
    words = (word.casefold() for word in _WORD.findall(text))
    return list(_english().stemWords([word for word in words if word not in STOP_WORDS]))


@functools.cache
def _english() -> Stemmer.Stemmer:
    return Stemmer.Stemmer("english")
