"""How rare a word is among some texts: BM25's inverse frequency, from a sample of them.

A table of few figures cannot tell how much a word says: their own words are all rare or all common.
Knows texts as the index keeps them, nothing of tables.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

# Texts that are looked at: enough to tell a rare word from a common one.
SAMPLE = 2_000
_MOST = 10.0  # times; where nearly every figure has a word, its own rarity is close to nothing


class Rarity:
    """Of the words of texts; ``texts`` are content words separated by spaces."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._holding: Counter[str] = Counter()
        self._texts = 0
        for text in texts:
            self._texts += 1
            self._holding.update(set(text.split(" ")))

    def of(self, word: str) -> float:
        """Above 0, and the higher, the fewer texts have the word.

        >>> rarity = Rarity(["a chart", "a map", "a plan"])
        >>> rarity.of("chart") > rarity.of("a") > 0
        True
        """
        holding = self._holding[word]
        return math.log(1 + (self._texts - holding + 0.5) / (holding + 0.5))

    def beside(self, other: Rarity, word: str) -> float:
        """By what a word's weight among ``other`` is multiplied to be what it is here."""
        return min(self.of(word) / other.of(word), _MOST)
