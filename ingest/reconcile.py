"""Two readings of one scanned page, ours and the text layer that came with it, made into one.

The lines, boxes and confidences are those of our OCR; single words are taken from the layer
where the page itself speaks for them: words that both readings share elsewhere on the page are
known, and a known word beats an unknown one. No dictionary, so no language is preferred. Knows
pages, nothing of files or of OCR.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from difflib import SequenceMatcher

from rapidfuzz.distance import Levenshtein

from ingest.clusters import area, common
from ingest.types import Graphic, Line, Page, Role

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_TWINS = frozenset("CKOPSUVWXZ")  # capitals that look like their small letters
_NOTHING_READ = "Its text layer is doubtful, and OCR found no text on it."
_NOTHING_SEEN = "Its text layer cannot be seen, and OCR found no text on its picture."
_DIFFERENCE = 0.34  # of the longer word: more than this, and two words are not the same one


def reconcile(read: Page, layer: Page | None, *, layered: bool = False) -> Page:
    """Our reading of a page, its words checked against the file's own text layer, if any.

    A page on which we read nothing keeps the layer's lines and is marked unreadable; it loses
    them if the layer is one that nobody can see (``layered``), as nothing speaks for them then.
    """
    if layer is None:
        return read
    read = replace(read, graphics=_both(read, layer), hurried=layer.hurried, unseen=layer.unseen)
    if not layer.lines:
        return read
    if not read.lines and layered:
        unseen = (*layer.unseen, *(line.text for line in layer.lines))
        return replace(read, unreadable=read.unreadable or _NOTHING_SEEN, unseen=unseen)
    if not read.lines:
        return replace(layer, unreadable=read.unreadable or _NOTHING_READ, graphics=read.graphics)
    pairs = [(line, _words_beside(line, layer.lines)) for line in read.lines]
    known = _shared(pairs)
    return replace(read, lines=tuple(_corrected(line, words, known) for line, words in pairs))


def _both(read: Page, layer: Page) -> tuple[Graphic, ...]:
    """The images that the file places, and the ink found beside them."""
    beside = [
        graphic
        for graphic in read.graphics
        if all(common(graphic.box, image.box) < 0.5 * area(graphic.box) for image in layer.graphics)
    ]
    return (*layer.graphics, *beside)


def _words_beside(line: Line, layer: tuple[Line, ...]) -> list[str]:
    """The layer's words at the height of ``line``, from left to right."""
    found: list[Line] = []
    height = line.box.y1 - line.box.y0
    for other in layer:
        overlap = min(line.box.y1, other.box.y1) - max(line.box.y0, other.box.y0)
        across = min(line.box.x1, other.box.x1) - max(line.box.x0, other.box.x0)
        if across > 0 and overlap > 0.5 * min(height, other.box.y1 - other.box.y0):
            found.append(other)
    found.sort(key=lambda other: other.box.x0)
    return [word for other in found for word in other.text.split()]


def _shared(pairs: list[tuple[Line, list[str]]]) -> Counter[str]:
    """Words that both readings have in the same line, and how often on the page."""
    known: Counter[str] = Counter()
    for line, words in pairs:
        ours = Counter(_WORD.findall(line.text.casefold()))
        theirs = Counter(_WORD.findall(" ".join(words).casefold()))
        known.update(ours & theirs)
    return known


def _corrected(line: Line, theirs: list[str], known: Counter[str]) -> Line:
    if not theirs or line.role is Role.FURNITURE:
        return line
    pieces = re.split(r"(\s+)", line.text)  # words and the white space between them
    ours = pieces[::2]
    changed = False
    matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
    for tag, a0, a1, b0, b1 in matcher.get_opcodes():
        if tag != "replace":
            continue
        for i, better in _replacements(ours[:a1], a0, theirs[b0:b1], known):
            pieces[2 * i] = better
            changed = True
    return replace(line, text="".join(pieces)) if changed else line


def _replacements(
    ours: list[str], first: int, theirs: list[str], known: Counter[str]
) -> Iterator[tuple[int, str]]:
    """Positions in ``ours`` from ``first`` on, and what stands there instead."""
    at = 0
    for i, word in enumerate(ours[first:], first):
        joined = _run_of(word, theirs[at:], known)
        if joined:
            yield i, " ".join(theirs[at + joined[0] : at + joined[1]])
            at += joined[1]
            continue
        for j in range(at, len(theirs)):
            other = theirs[j]
            distance = Levenshtein.distance(word, other)
            if distance <= _DIFFERENCE * max(len(word), len(other)):
                if _is_better(other, word, known) or _only_grown(word, other, ours[:i]):
                    yield i, other
                at = j + 1
                break


def _run_of(word: str, theirs: list[str], known: Counter[str]) -> tuple[int, int] | None:
    """Where two or three of the layer's words, all known, make up one that we ran together."""
    for start in range(len(theirs)):
        for end in (start + 2, start + 3):
            parts = theirs[start:end]
            if len(parts) == end - start and "".join(parts) == word:
                words = [w for part in parts for w in _WORD.findall(part.casefold())]
                return (start, end) if all(known[w] for w in words) else None
    return None


def _only_grown(ours: str, theirs: str, before: list[str]) -> bool:
    """Whether we read a small letter as its capital of the same shape amid a sentence."""
    return (
        ours[1:] == theirs[1:]
        and ours[0] in _TWINS
        and ours[0].lower() == theirs[0]
        and bool(before)
        and before[-1][-1] not in ".:!?"
    )


def _is_better(theirs: str, ours: str, known: Counter[str]) -> bool:
    """Whether the page speaks for the layer's word and against ours."""
    their_words, our_words = _WORD.findall(theirs.casefold()), _WORD.findall(ours.casefold())
    if not their_words:
        return False
    if any(c.isdigit() for c in ours) != any(c.isdigit() for c in theirs):
        # A digit amid letters is a misread letter; a figure against letters is not ours to judge.
        return theirs.isalpha() and len(theirs) > 3 and sum(c.isdigit() for c in ours) == 1
    if any(c.isdigit() for c in theirs):
        return False
    return all(known[w] for w in their_words) and not all(known[w] for w in our_words)
