"""Cuts a passage into sentences that can be quoted, each with its place in the passage.

A table row, a heading and a list item stand for themselves; running text is cut at full stops
that end a sentence. Every sentence is a verbatim stretch of the passage's text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_STOP = re.compile(r"[.!?。！？]+[\"'”’)\]]*(?=\s)")
_PARAGRAPH_END = re.compile(r"[.!?:;。！？][\"'”’)\]]*$")
_ABBREVIATIONS = re.compile(
    r"(?:\b(?:[A-Z]|No|Nos|Mr|Mrs|Ms|Dr|Prof|St|vs|etc|e\.g|i\.e|Inc|Ltd|Corp|Co|Art|Sec|Fig|al|"
    r"approx|Nr|bzw|z\.B|cf|pp?|Vol|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)|\d)\.$"
)
_LIST_ITEM = re.compile(r"\s*(?:[•‣▪◦·–*-]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)]|\([ivxlc]+\))\s+\S")
_LONGEST = 600


@dataclass(frozen=True, slots=True)
class Sentence:
    """``text[start:end]`` of the passage."""

    start: int
    end: int


def split_sentences(text: str) -> list[Sentence]:
    """The sentences of a passage's text, in order; together they cover all but white space."""
    sentences: list[Sentence] = []
    for start, end in _runs(text):
        at = start
        for stop in _STOP.finditer(text, start, end):
            if _ABBREVIATIONS.search(text, at, stop.end()) and not _starts_anew(text, stop.end()):
                continue
            sentences.extend(_trimmed(text, at, stop.end()))
            at = stop.end()
        sentences.extend(_trimmed(text, at, end))
    return sentences


def quotable(text: str) -> list[Sentence]:
    """`split_sentences`, with fragments that say nothing alone joined to what they introduce.

    A clause number, a heading or a label goes with the sentence that follows it; a table row
    stays as it is.
    """
    joined: list[Sentence] = []
    start: int | None = None
    for sentence in split_sentences(text):
        words = text[sentence.start : sentence.end]
        begin = sentence.start if start is None else start
        if "\t" not in words and _is_fragment(words) and sentence.end - begin < _LONGEST // 3:
            start = begin
            continue
        joined.append(Sentence(begin, sentence.end))
        start = None
    if start is not None:
        joined.append(Sentence(start, len(text.rstrip())))
    return joined


def _is_fragment(words: str) -> bool:
    return len(words.split()) < 4 or (len(words) < 60 and not _PARAGRAPH_END.search(words))


def _runs(text: str) -> list[tuple[int, int]]:
    """Stretches of running text: lines are joined unless one is a row or starts an item."""
    runs: list[tuple[int, int]] = []
    at = 0
    for line in text.split("\n"):
        end = at + len(line)
        joins = (
            runs
            and "\t" not in line
            and "\t" not in text[slice(*runs[-1])]
            and not _LIST_ITEM.match(line)
            and _continues(text[slice(*runs[-1])], line)
        )
        if joins:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((at, end))
        at = end + 1
    return runs


def _continues(before: str, line: str) -> bool:
    last = before.rstrip().rsplit("\n", 1)[-1]
    first = line.lstrip()[:1]
    if not first or not last:
        return False
    # A short line without a stop, followed by a capital, is a heading or a label.
    return not (len(last) < 40 and not _PARAGRAPH_END.search(last) and not first.islower())


def _starts_anew(text: str, at: int) -> bool:
    """A number before the stop ends a sentence when a capital and a lower-case letter follow."""
    return bool(re.match(r"\s+[A-Z][a-z]+\s", text[at : at + 40])) and text[at - 2].isdigit()


def _trimmed(text: str, start: int, end: int) -> list[Sentence]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    pieces = []
    while end - start > _LONGEST:
        cut = text.rfind(" ", start, start + _LONGEST)
        cut = cut if cut > start else start + _LONGEST
        pieces.append(Sentence(start, cut))
        start = cut + 1
    if end > start:
        pieces.append(Sentence(start, end))
    return pieces
