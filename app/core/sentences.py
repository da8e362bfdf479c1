"""Cuts a passage into sentences that can be quoted, each with its place in the passage.

A table row and a list item stand for themselves; running text is cut at full stops that end a
sentence. A heading is no part of the sentence below it, which remembers it as its lead. Every
sentence is a verbatim stretch of the passage's text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.core.layout import PlacedLine
from ingest.types import Role
from ingest.words import STOP_WORDS

_STOP = re.compile(r"[.!?。！？]+[\"'”’)\]]*(?=\s)")
_PARAGRAPH_END = re.compile(r"[.!?:;。！？][\"'”’)\]]*$")
# Words whose stop ends no sentence, for a regular expression.
ABBREVIATED = (
    r"\b(?:[A-Z]|No|Nos|Mr|Mrs|Ms|Dr|Prof|St|vs|etc|e\.g|i\.e|Inc|Ltd|Corp|Co|Art|Sec|Fig|al|"
    r"approx|Nr|bzw|z\.B|cf|pp?|Vol|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)"
)
_ABBREVIATIONS = re.compile(rf"(?:{ABBREVIATED}|\d)\.$")
_LIST_ITEM = re.compile(r"\s*(?:[•‣▪◦·–*-]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)]|\([ivxlc]+\))\s+\S")
_BULLET = re.compile(r"[•‣▪◦·–*-]\s")
_LABELLED = re.compile(r"\w: +\S")
_MAIL_FIELD = re.compile(r"(?:From|To|Cc|Bcc|Reply-To|Sent|Date|Subject): +\S")
_SALUTATION = re.compile(
    r"(?:Dear|Hello|Hi|Hey|Good (?:morning|afternoon|evening)|To whom it may concern|"
    r"Sehr geehrte[rn]?|Liebe[rn]?|Hallo|Ch(?:er|ère)s?|Estimad[oa]s?)\b[^.!?:;\n]{0,60}[,:!]",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]{2}")
_LONGEST = 600
_MOST_LOOSE = 200  # characters of headings and short lines that are kept together
_TELLING = 8  # short lines of this many words together say something by themselves
_APART = (Role.HEADING, Role.FURNITURE, Role.CAPTION)  # never part of running text

Layout = Mapping[int, PlacedLine]
"""What is known of the lines, by the offset at which each starts; it may lack any of them."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """``text[start:end]`` of the passage; ``text[lead:start]`` holds the heading above it."""

    start: int
    end: int
    lead: int


@dataclass(slots=True)
class _Run:
    """A stretch of running text; its role, where the page says it."""

    start: int
    end: int
    role: Role | None = None


def split_sentences(text: str, layout: Layout | None = None) -> list[Sentence]:
    """The sentences of a passage's text, in order; together they cover all but white space."""
    return [sentence for run in _runs(text, layout or {}) for sentence in _sentences(text, run)]


def quotable(text: str, layout: Layout | None = None) -> list[Sentence]:
    """`split_sentences`, without what says nothing alone.

    A heading is the lead of what follows it. A fragment inside a paragraph, such as a clause's
    number, belongs to the sentence after it. Short lines in a row, as on a slide or in an
    address, are quotable together; a row of a table and a line of an e-mail's header always stand
    for themselves. A letter's salutation states nothing.
    """
    found: list[Sentence] = []
    loose: list[_Run] = []  # headings and short lines that no sentence has followed yet
    begin: int | None = None  # of what belongs to the next sentence
    for run in _runs(text, layout or {}):
        sentences = _joined(text, _sentences(text, run))
        if not sentences:
            continue
        first = sentences[0]
        words = text[first.start : first.end]
        if _SALUTATION.fullmatch(words):
            continue
        if begin is None and len(sentences) == 1 and _is_heading(words, run.role):
            if loose and run.end - loose[0].start > _MOST_LOOSE:
                found += _together(text, loose)
                loose = []
            loose.append(_Run(first.start, first.end, run.role))
            continue
        if begin is None and len(sentences) == 1 and _introduces(words):
            begin = first.start
            continue
        start = first.start if begin is None else begin
        begin = None
        lead = start
        if loose and start - loose[0].start > _MOST_LOOSE:
            found += _together(text, loose)
        elif loose:
            # The nearest one is the heading, with those above unless they say something.
            told = _together(text, loose[:-1], telling=True)
            found += told
            lead = loose[-1].start if told else loose[0].start
        loose = []
        found.append(Sentence(start, first.end, lead))
        found += sentences[1:]
    if begin is not None:
        loose.append(_Run(begin, len(text.rstrip())))
    if found and all(run.role is Role.HEADING for run in loose):
        return found  # a heading at the end leads to what the passage does not hold
    return found + _together(text, loose)


def _together(text: str, runs: list[_Run], *, telling: bool = False) -> list[Sentence]:
    if not runs:
        return []
    start, end = runs[0].start, runs[-1].end
    if telling and (
        len(text[start:end].split()) < _TELLING or all(run.role is Role.HEADING for run in runs)
    ):
        return []
    return [Sentence(start, end, start)]


def _is_fragment(words: str) -> bool:
    return len(words.split()) < 4 or (len(words) < 60 and not _PARAGRAPH_END.search(words))


def _is_heading(words: str, role: Role | None) -> bool:
    """A heading as the page says, or a short line that names what follows and states nothing."""
    if role is not None and role is not Role.BODY:
        return role is Role.HEADING
    return (
        _is_fragment(words)
        and "\t" not in words
        and not re.search(r"[.!?;。！？]$", words)
        and not _introduces(words)
        and not _BULLET.match(words)
        and not _LABELLED.search(words)
    )


def _introduces(words: str) -> bool:
    """A number or a broken-off beginning, whose sentence follows."""
    if "\t" in words or not _is_fragment(words):
        return False
    return (
        not _WORD.search(words)
        or bool(re.search(r"[,(&–-]$", words))
        or words.split()[-1].casefold() in STOP_WORDS
    )


def _joined(text: str, sentences: list[Sentence]) -> list[Sentence]:
    """A run's sentences, fragments joined to the sentence after them, the last to that before."""
    joined: list[Sentence] = []
    start: int | None = None
    for sentence in sentences:
        words = text[sentence.start : sentence.end]
        begin = sentence.start if start is None else start
        if "\t" not in words and _is_fragment(words) and sentence.end - begin < _MOST_LOOSE:
            start = begin
            continue
        joined.append(Sentence(begin, sentence.end, begin))
        start = None
    if start is not None:
        joined.append(Sentence(start, sentences[-1].end, start))
    return joined


def _sentences(text: str, run: _Run) -> list[Sentence]:
    found: list[Sentence] = []
    at = run.start
    for stop in _STOP.finditer(text, run.start, run.end):
        if _ABBREVIATIONS.search(text, at, stop.end()) and not _starts_anew(text, stop.end()):
            continue
        found += _trimmed(text, at, stop.end())
        at = stop.end()
    return found + _trimmed(text, at, run.end)


def _runs(text: str, layout: Layout) -> list[_Run]:
    """Stretches of running text: lines are joined unless one is a row or starts an item."""
    runs: list[_Run] = []
    at, before = 0, 0
    for line in text.split("\n"):
        end = at + len(line)
        if runs and _joins(text[before : at - 1], line, layout.get(before), layout.get(at)):
            runs[-1].end = end
        else:
            placed = layout.get(at)
            runs.append(_Run(at, end, placed.role if placed else None))
        before, at = at, end + 1
    return runs


def _joins(above: str, line: str, placed: PlacedLine | None, below: PlacedLine | None) -> bool:
    """Whether a line continues the running text of the line above it."""
    if "\t" in line or "\t" in above or _LIST_ITEM.match(line):
        return False
    if _MAIL_FIELD.match(line) or any(_SALUTATION.fullmatch(x.strip()) for x in (above, line)):
        return False
    if placed is None or below is None:
        return not _MAIL_FIELD.match(above) and _continues(above, line)
    together = placed.paragraph == below.paragraph
    if _MAIL_FIELD.match(above):
        return together and placed.full  # a long list of people goes on in the next line
    if placed.role in _APART or below.role in _APART:
        return together and placed.role is below.role
    if together:
        return placed.full or _continues(above, line)
    first = line.lstrip()[:1]
    broken_off = placed.full or first.islower() or _introduces(above.strip())
    return broken_off and bool(first) and not _PARAGRAPH_END.search(above.rstrip())


def _continues(above: str, line: str) -> bool:
    last, first = above.strip(), line.lstrip()[:1]
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
        pieces.append(Sentence(start, cut, start))
        start = cut + 1
    if end > start:
        pieces.append(Sentence(start, end, start))
    return pieces
