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


def literal_pattern(literal: str) -> re.Pattern[str]:
    """Finds a number, code or phrase in case-folded text, however its parts are set apart.

    >>> bool(literal_pattern("INV1004").search("invoice inv-1004, paid"))
    True
    >>> [bool(literal_pattern("3975").search(text)) for text in ("3,975 pounds", "13975", "3975.5")]
    [True, False, False]
    """
    parts = _literal_parts(literal)
    if len(parts) == 1 and parts[0].isdecimal():
        groups = re.sub(r"(?<=\d)(?=(?:\d{3})+\Z)", "[,.'\u2019\u00a0\u202f ]?", parts[0])
        return re.compile(rf"(?<![^\W_])(?<!\d[.,]){groups}(?![^\W_]|[.,]\d)")
    whole = r"[\W_]{0,3}".join(map(re.escape, parts))
    return re.compile(rf"(?<![^\W_]){whole}(?![^\W_])")


def literal_words(literal: str) -> list[list[str]]:
    """The ways in which the content words of a text may hold a literal, each all of its words."""
    parts = _literal_parts(literal)
    ways = [content_words(literal), content_words(" ".join(parts)), content_words("".join(parts))]
    if len(parts) == 1 and parts[0].isdecimal() and len(parts[0]) > 3:
        ways.append([f"{int(parts[0]):,}"])
    return [way for n, way in enumerate(ways) if way and way not in ways[:n]]


def _literal_parts(literal: str) -> list[str]:
    plain = literal.casefold()
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+", plain):
        plain = plain.replace(",", "")
    return re.findall(r"\d+(?:[.,]\d+)*|[^\W\d_]+", plain)


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
