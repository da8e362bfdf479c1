"""Finding a quotation in a text: as it stands, made equal, or nearly.

Nearly never means another number, name or negation: words that differ are compared one by one,
and those that must not change decide. Knows texts and offsets; knows no pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from rapidfuzz import fuzz
from rapidfuzz.distance import Indel, Levenshtein, Opcode

from app.core.facts import canonical_number, is_critical, may_name
from ingest.normalise import normalise_with_map

_TOKEN = re.compile(r"[^\W_]+(?:[.,'’](?:(?<=\d.)\d+|(?<=[^\W\d_].)[^\W\d_]+))*|[%$€£¥°<>≤≥±~]")
_EDGES = " \t\n\"'.,;:!?…|·•*_()[]"
_ELLIPSIS = re.compile(r"\s*(?:\[?\.\.\.\]?|\[?…\]?|\(\.\.\.\))\s*")
_LEAST_RATIO = 0.82  # of the letters of an aligned stretch
_LEAST_WORDS = 0.75  # of its words that are the same
_FEWEST = 3  # words that can be aligned; fewer are found as they stand or not at all
# What OCR confuses; within words only, and a figure only with letters that look like it.
_LETTERS = (
    ("rn", "m"), ("vv", "w"), ("cl", "d"), ("ii", "u"), ("li", "h"), ("|", "l"), ("0", "o"),
    ("1", "l"), ("i", "l"), ("5", "s"), ("8", "b"), ("6", "b"), ("9", "g"),
)  # fmt: skip
_FIGURES = str.maketrans({"o": "0", "l": "1", "i": "1", "|": "1", "s": "5", "b": "8", "z": "2"})


class How(Enum):
    """How a quotation was found."""

    SAME = auto()  # letter for letter, or once spaces, ligatures and the like are made equal
    READ = auto()  # the same but for letters that OCR confuses
    NEAR = auto()  # with words that differ, none of which may not, or numbers in another form


@dataclass(frozen=True, slots=True)
class Match:
    """``text[start:end]`` is what a quotation means; ``gap`` says that it leaves something out."""

    start: int
    end: int
    how: How
    gap: bool = False


@dataclass(frozen=True, slots=True)
class _Token:
    plain: str
    start: int
    end: int
    named: bool


class Text:
    """A text that quotations are looked for in; prepared once."""

    def __init__(self, text: str) -> None:
        self.text = text
        plain, self._origin = normalise_with_map(text)
        # Cells are shown apart with a bar; the text has tabs, which are spaces here.
        self._plain = plain.casefold() if len(plain.casefold()) == len(plain) else plain.lower()
        if len(self._plain) != len(plain):
            self._plain = plain
        self._words = _tokens(plain)
        self._forms = [_form(token.plain) for token in self._words]

    def find(self, quote: str, *, scanned: bool = False) -> Match | None:
        """Where the quotation stands, or None. ``scanned``: OCR made this text.

        Dots that leave words out part the quotation; its parts stand in this order.
        """
        parts = [part for part in _ELLIPSIS.split(quote) if _TOKEN.search(part)]
        if not parts:
            return None
        matches: list[Match] = []
        at = 0
        for part in parts:
            match = self._find(part, at, scanned)
            if match is None:
                return None
            matches.append(match)
            at = match.end
        how = max((match.how for match in matches), key=lambda how: how.value)
        return Match(matches[0].start, matches[-1].end, how, gap=len(matches) > 1)

    def _find(self, quote: str, after: int, scanned: bool) -> Match | None:
        wanted = _plain(quote)
        at = -1
        while wanted and (at := self._plain.find(wanted, at + 1)) >= 0:
            start, end = self._origin[at], self._origin[at + len(wanted) - 1] + 1
            if start >= after and self._stands_alone(at, at + len(wanted)):
                return Match(start, end, How.SAME)
        plain = normalise_with_map(quote)[0]
        words = _tokens(plain)
        return self._as_words(words, plain.strip(_EDGES), after) or self._nearly(
            words, after, scanned
        )

    def _stands_alone(self, start: int, end: int) -> bool:
        """Whether no word or number is cut at either end: "5 mg" does not stand in "2.5 mg"."""
        text = self._plain
        before, first = text[max(0, start - 2) : start], text[start]
        last, after = text[end - 1], text[end : end + 2]
        if before and first.isalnum() and before[-1].isalnum():
            return False
        if after and last.isalnum() and after[0].isalnum():
            return False
        if first.isdigit():
            if re.search(r"\d[.,'/-]\Z|(?:\A|[^\w)])[-−–]\Z|[$€£¥<>≤≥±~]\Z", before):
                return False
            if re.search(r"[<>≤≥±~$€£¥] \Z", before):
                return False
        if last.isdigit():
            if re.match(r"[.,'/-]\d|[%°]", after):
                return False
            if re.match(r" ?(?:%|°|(?:million|billion|trillion|thousand|percent|mio|mrd|bn|mn)\b)",
                        text[end : end + 12]):  # fmt: skip
                return False
        return True

    def _as_words(self, wanted: Sequence[_Token], quote: str, after: int) -> Match | None:
        """The same words in the same order, whatever stands between them but the end of a
        sentence."""
        if not wanted:
            return None
        plain = [_form(token.plain) for token in wanted]
        length = len(plain)
        for at in range(len(self._forms) - length + 1):
            if self._forms[at : at + length] != plain:
                continue
            first, last = self._words[at], self._words[at + length - 1]
            start, end = self._origin[first.start], self._origin[last.end - 1] + 1
            if start >= after and self._stands_alone(first.start, last.end):
                same = all(
                    a.plain == b.plain
                    for a, b in zip(wanted, self._words[at : at + length], strict=True)
                ) and _stops(quote) == _stops(self._plain[first.start : last.end])
                return Match(start, end, How.SAME if same else How.NEAR)
        return None

    def _nearly(self, wanted: Sequence[_Token], after: int, scanned: bool) -> Match | None:
        if len(wanted) < _FEWEST:
            return None
        line = " ".join(token.plain for token in wanted)
        have = [t for t in self._words if self._origin[t.start] >= after]
        if len(have) < _FEWEST:
            return None
        joined, starts = "", []
        for token in have:
            starts.append(len(joined))
            joined += token.plain + " "
        found = fuzz.partial_ratio_alignment(line, joined, score_cutoff=100 * _LEAST_RATIO)
        if found is None:
            return None
        inside = [
            n
            for n, (start, token) in enumerate(zip(starts, have, strict=True))
            if start < found.dest_end and start + len(token.plain) > found.dest_start
        ]
        if not inside:
            return None
        first, last = inside[0], inside[-1] + 1
        first, last = _trimmed(wanted, have, first, last)
        stretch = have[first:last]
        if not stretch or not _close(wanted, stretch, scanned):
            return None
        start, end = stretch[0].start, stretch[-1].end
        if not self._stands_alone(start, end):
            return None
        how = How.READ if _letters_alike(wanted, stretch) else How.NEAR
        return Match(self._origin[start], self._origin[end - 1] + 1, how)


def _tokens(plain: str) -> list[_Token]:
    """The words, numbers and signs of a normalised text."""
    return [
        _Token(m[0].casefold().replace("’", "'"), m.start(), m.end(), may_name(m[0]))
        for m in _TOKEN.finditer(plain)
    ]


def _plain(quote: str) -> str:
    plain = normalise_with_map(quote.strip(_EDGES))[0].replace(" | ", " ").casefold()
    return plain.strip(_EDGES)


def _stops(text: str) -> int:
    """How often something ends in a text that goes on."""
    return len(re.findall(r"[.!?;:](?= )", text))


def _form(word: str) -> str:
    return canonical_number(word) if re.fullmatch(r"[\d.,'’]+", word) else word


def _trimmed(
    wanted: Sequence[_Token], have: Sequence[_Token], first: int, last: int
) -> tuple[int, int]:
    """The stretch with its ends set where the quotation's first and last words stand best.

    The alignment of letters may begin in the middle of a word before it.
    """
    best, chosen = -1.0, (first, last)
    line = " ".join(token.plain for token in wanted)
    for begin in range(max(0, first - 1), min(first + 3, len(have))):
        for end in range(max(begin + 1, last - 2), min(last + 2, len(have) + 1)):
            stretch = " ".join(token.plain for token in have[begin:end])
            ratio = Indel.normalized_similarity(line, stretch)
            if ratio > best:
                best, chosen = ratio, (begin, end)
    return chosen


def _close(wanted: Sequence[_Token], have: Sequence[_Token], scanned: bool) -> bool:
    """Whether two stretches differ only in words that may differ, and in few of them."""
    letters = Indel.normalized_similarity(
        " ".join(t.plain for t in wanted), " ".join(t.plain for t in have)
    )
    if letters < _LEAST_RATIO:
        return False
    a, b = [_form(t.plain) for t in wanted], [_form(t.plain) for t in have]
    same = 0
    for left, right in _pairs(wanted, have, Levenshtein.opcodes(a, b)):
        if _read_alike(left, right, scanned):
            same += len(left)
        else:
            changed = [*left, *right]
            if any(is_critical(t.plain) for t in changed):
                return False
            spoilt = scanned and len(left) == len(right) == 1 and _spoilt(left[0], right[0])
            if any(t.named and len(t.plain) > 1 for t in changed) and not spoilt:
                return False
    return same >= _LEAST_WORDS * max(len(a), len(b))


def _pairs(
    wanted: Sequence[_Token], have: Sequence[_Token], steps: Iterable[Opcode]
) -> Iterator[tuple[Sequence[_Token], Sequence[_Token]]]:
    """What stands for what: word for word where as many words differ on both sides."""
    for step in steps:
        left = wanted[step.src_start : step.src_end]
        right = have[step.dest_start : step.dest_end]
        if len(left) == len(right):
            yield from (([one], [other]) for one, other in zip(left, right, strict=True))
        else:
            yield left, right


def _spoilt(wanted: _Token, have: _Token) -> bool:
    """Whether a word that is no short name differs in one letter, as OCR spoils them."""
    long = len(wanted.plain) > 4 or not wanted.named
    return long and Levenshtein.distance(wanted.plain, have.plain) == 1


def _letters_alike(wanted: Sequence[_Token], have: Sequence[_Token]) -> bool:
    """Whether two stretches that are close differ in letters alone that OCR confuses."""
    a, b = "".join(t.plain for t in wanted), "".join(t.plain for t in have)
    return _digits(a) == _digits(b) and _folded(a) == _folded(b)


def _read_alike(left: Sequence[_Token], right: Sequence[_Token], scanned: bool) -> bool:
    """Whether OCR may have read one for the other; in numbers only what looks the same."""
    a, b = "".join(t.plain for t in left), "".join(t.plain for t in right)
    if a == b or (len(left) == len(right) == 1 and _form(a) == _form(b)):
        return True
    if not scanned or not a or not b:
        return False
    if any(char.isdigit() for char in a + b):
        figures = a.translate(_FIGURES), b.translate(_FIGURES)
        # One side is a number through and through; the other one is it but for such letters.
        if a.isdigit() or b.isdigit():
            return figures[0] == figures[1] and not (a.isdigit() and b.isdigit())
        return _folded(a) == _folded(b) and _digits(a) == _digits(b)
    return _folded(a) == _folded(b)


def _digits(word: str) -> str:
    return re.sub(r"\D", "", word)


def _folded(word: str) -> str:
    for one, other in _LETTERS:
        word = word.replace(one, other)
    return word
