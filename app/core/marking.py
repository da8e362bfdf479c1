"""Which lines of a page hold some words, a phrase or a pasted sentence.

Knows the lines of pages and how a search compares words; knows nothing of the index. It never
guesses: what is not on the page is not marked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from app.core.citations import boxes_between
from app.core.layout import placed_lines
from app.core.sentences import quotable
from ingest.normalise import normalise, normalise_with_map
from ingest.types import Box, ChunkLine, Line, Passage, Role
from ingest.words import content_words

_QUOTED = re.compile(r"\A\s*[\"“”„«»](.+)[\"“”„«»]\s*\Z", re.DOTALL)
_MARK = re.compile(r"\s*\[\d+\]\s*\Z")  # of a citation, pasted along with its sentence
_WORD = re.compile(r"[^\W_]+(?:[.,]\d+)*")
_SENTENCE = 4  # so many words that stand on the page as they are mean this place, not the words


class Match(IntEnum):
    """How much of what is asked for a page holds."""

    NOTHING = 0
    SOME = 1  # at least half of the words
    ALL = 2
    EXACT = 3  # the phrase or sentence as it was given


@dataclass(frozen=True, slots=True)
class Marked:
    """The boxes of the lines, and the words that the page does not hold."""

    match: Match = Match.NOTHING
    boxes: tuple[Box, ...] = ()
    missing: tuple[str, ...] = ()


class _Text(NamedTuple):
    """Lines as one text, with what they were."""

    text: str
    lines: tuple[ChunkLine, ...]
    source: Sequence[Line]


class WordPlace(NamedTuple):
    """Where a word stands in a text, and the words asked for that it is one of."""

    start: int
    end: int
    words: tuple[str, ...]


def has_words(words: str) -> bool:
    """Whether anything asked for has a meaning of its own, so that it is looked for."""
    return bool(_stems(words))


def word_places(words: str, text: str) -> list[WordPlace]:
    """Where the words asked for stand in a text, compared as a search does, in order."""
    asked = _stems(words)
    return [
        WordPlace(start, end, tuple(sorted({asked[stem] for stem in held})))
        for start, end, held in _places(text, set(asked))
    ]


def mark(words: str, pages: Sequence[Sequence[Line]], number: int) -> Marked:
    """The lines of page ``number`` (from 1) that hold ``words``; ``pages`` are all the document's.

    A phrase in quotation marks is looked for as it stands, and so is a sentence, also one that
    runs on to the next page. Otherwise words are compared as a search does, stemmed: lines that
    hold any of them are marked, within the sentences that hold all where there are such. A page
    that holds less than another one is marked only if no page holds all.
    """
    marked = _mark(words, pages, number)
    if marked.match is Match.SOME and matching_pages(words, pages, Match.ALL):
        return Marked()
    if marked.match is Match.ALL and _is_sentence(words):
        return Marked() if matching_pages(words, pages, Match.EXACT) else marked
    return marked


def matching_pages(
    words: str, pages: Sequence[Sequence[Line]], least: Match | None = None
) -> list[int]:
    """The pages that match best, or those that match at ``least``, ascending."""
    matches = [_mark(words, pages, number).match for number in range(1, len(pages) + 1)]
    least = least or max(matches, default=Match.NOTHING)
    if least is Match.NOTHING:
        return []
    return [number for number, match in enumerate(matches, start=1) if match >= least]


def _mark(words: str, pages: Sequence[Sequence[Line]], number: int) -> Marked:
    phrase, quoted = _asked(words)
    here = _joined([(number, line) for line in pages[number - 1]])
    if quoted or _is_sentence(words):
        # A quotation runs from page to page over headers and footers.
        around = [
            (beside, line)
            for beside in range(max(1, number - 1), min(len(pages), number + 1) + 1)
            for line in pages[beside - 1]
            if line.role is not Role.FURNITURE
        ]
        boxes = _phrase_boxes(phrase, here, number) or _phrase_boxes(
            phrase, _joined(around), number
        )
        if boxes:
            return Marked(Match.EXACT, boxes)
        if quoted:
            return Marked()
    return _mark_words(phrase, here, number)


def _asked(words: str) -> tuple[str, bool]:
    """What to look for, and whether it has to stand there as it is."""
    quoted = _QUOTED.match(words)
    phrase = _folded(normalise(_MARK.sub("", quoted.group(1) if quoted else words)))
    return phrase, bool(quoted) or not content_words(phrase)


def _is_sentence(words: str) -> bool:
    return len(_asked(words)[0].split()) >= _SENTENCE


def _mark_words(words: str, here: _Text, number: int) -> Marked:
    asked = _stems(words)
    places = list(_places(here.text, set(asked)))
    held = {stem for _, _, stems in places for stem in stems}
    if 2 * len(held) < len(asked) or not held:
        return Marked()
    kept = []
    for start, end in _sentences(here):
        inside = [place for place in places if start <= place[0] < end]
        if asked.keys() <= {stem for _, _, stems in inside for stem in stems}:
            kept += inside
    boxes = _boxes(here, [(start, end) for start, end, _ in kept or places], number)
    missing = tuple(dict.fromkeys(w for stem, w in asked.items() if stem not in held))
    return Marked(Match.SOME if missing else Match.ALL, boxes, missing)


def _stems(words: str) -> dict[str, str]:
    """The words as they were asked for, by what they are compared by."""
    return {stem: word for word in _WORD.findall(words) for stem in content_words(word)}


def _places(text: str, asked: set[str]) -> Iterator[tuple[int, int, set[str]]]:
    """Where words of ``asked`` stand, also those that a hyphen breaks over two lines."""
    plain, origin = normalise_with_map(text)
    for word in _WORD.finditer(plain):
        held = asked.intersection(content_words(word.group()))
        if held:
            yield origin[word.start()], origin[word.end() - 1] + 1, held


def _sentences(here: _Text) -> list[tuple[int, int]]:
    passage = Passage(0, "", (), here.text, (), here.lines, 0.0)
    layout = placed_lines(passage, lambda *_: here.source)
    return [(sentence.lead, sentence.end) for sentence in quotable(here.text, layout)]


def _phrase_boxes(phrase: str, text: _Text, number: int) -> tuple[Box, ...]:
    """The boxes on a page of every place where the phrase stands as words of its own."""
    if not phrase:
        return ()
    plain, origin = normalise_with_map(text.text)
    start = r"(?<!\w)" if phrase[0].isalnum() else ""
    end = r"(?!\w)" if phrase[-1].isalnum() else ""
    # An answer shows the cells of a row with bars between them.
    words = r" (?:\| )?".join(re.escape(cell) for cell in phrase.split(" | "))
    spans = [
        (origin[found.start()], origin[found.end() - 1] + 1)
        for found in re.finditer(f"{start}{words}{end}", _folded(plain))
    ]
    return _boxes(text, spans, number)


def _boxes(text: _Text, spans: Sequence[tuple[int, int]], number: int) -> tuple[Box, ...]:
    places = (place for start, end in spans for place in boxes_between(text.lines, start, end))
    return tuple(dict.fromkeys(place.box for place in places if place.page == number))


def _joined(lines: Sequence[tuple[int, Line]]) -> _Text:
    at, placed = 0, []
    for page, line in lines:
        placed.append(ChunkLine(page, line.box, at, at + len(line.text)))
        at += len(line.text) + 1
    text = "\n".join(line.text for _, line in lines)
    return _Text(text, tuple(placed), [line for _, line in lines])


def _folded(text: str) -> str:
    """In lower case, with round brackets, as an answer shows them; character by character."""
    lowered = "".join(low if len(low := char.lower()) == 1 else char for char in text)
    return lowered.replace("[", "(").replace("]", ")")
