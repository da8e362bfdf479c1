"""The words of a text that carry its meaning, stemmed: for comparing texts without a model."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator

import Stemmer

_WORD = re.compile(r"[^\W_]+(?:[.,]\d+)*")
# Kana and ideographs.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
# Letters that are no accented ones to Unicode, but are written as these where they are lacking.
_FOLDED = str.maketrans(
    {"ø": "o", "Ø": "O", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L"}
    | {"đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i", "ħ": "h", "Ħ": "H"}
)
STOP_WORDS = frozenset(
    "a about after all also an and any are as at be been before being but by can could did do does "
    "during each for from had has have how if in into is it its may more most must no not of on "
    "one only or other our per please shall should since so some such than that the their them "
    "then there these they this those through to under until up upon was we were what when where "
    "whether which while who whom whose why will with would you your between give following "
    "many much there's it's".split()
)


def content_words(text: str) -> list[str]:
    """Words that are no stop words, in order, without accents, case-folded, stemmed as English.

    Chinese and Japanese, written without spaces, give their pairs of characters.
    """
    plain = text if text.isascii() else _without_accents(text)
    words = (word.casefold() for word in _WORD.findall(plain))
    if not plain.isascii():
        words = (part for word in words for part in _parts(word))
    return list(_english().stemWords([word for word in words if word not in STOP_WORDS]))


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return plain.translate(_FOLDED)


def _parts(word: str) -> Iterator[str]:
    if not _UNSPACED.search(word):
        yield word
        return
    for run in re.findall(rf"{_UNSPACED.pattern}+|[^\W_]+?(?={_UNSPACED.pattern}|$)", word):
        if _UNSPACED.match(run) and len(run) > 1:
            yield from (run[at : at + 2] for at in range(len(run) - 1))
        else:
            yield run


@functools.cache
def _english() -> Stemmer.Stemmer:
    return Stemmer.Stemmer("english")
