"""Running headers, footers and page numbers, found by comparing pages.

Marks lines, never removes them. Knows nothing of PDF. OCR sees one page at a time, so its pages are
judged here again, together with their neighbours.
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from ingest.drafts import Draft, PageDraft
from ingest.types import Line, Page, Role, TextSource

_BAND = 0.12  # of the page's height, at the top and at the bottom
_PAGES = 3  # repetition on fewer pages proves nothing
_ROWS = 4  # of a band that are taken on the evidence of few pages

_SPREAD = 1.6  # times the usual width of a character: the parts of an OCR line stand far apart
_LINE_HEIGHT = 1.25  # of an OCR line's box in ems

_NUMERAL = r"\d{1,4}|(?=[ivxl])(?:xl|l?x{0,3})(?:ix|iv|v?i{0,3})"
_COUNTERS = (
    re.compile(rf"\b(?:page|seite)\s*({_NUMERAL})\b(?:\s*(?:of|von|/)\s*\d+)?", re.I),
    re.compile(rf"(?<![,.\d$])\b({_NUMERAL})$", re.I),
    re.compile(rf"^({_NUMERAL})\b(?!\.)", re.I),
    re.compile(r"\b((?=[ivxl])(?:xl|l?x{0,3})(?:ix|iv|v?i{0,3}))\b"),
)
# Numbers that nobody could take for that of an invoice or an exhibit.
_NAMED_NUMBER = re.compile(r"\b(?:page|seite)\s*\d+(?:\s*(?:of|von|/)\s*\d+)?", re.I)
_OUTER_NUMBER = re.compile(r"(?<=[|•·–—-])\s*(\d{1,4})$|^(\d{1,4})\b(?![.,])")
_PROSE = re.compile(r"[a-zà-öø-ÿ]|.*[.;:!?]$")
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50}
_STEP = 1.3  # times the body's distance from line to line: what stands closer belongs to it
_LETTER = re.compile(r"[^\W\d_]")
_TABLE_ROLES = (Role.TABLE, Role.TABLE_HEADER)
PAGE_NUMBER = re.compile(
    r"[\s\-–—_|\[(]*(?:(?:page|seite|p|pg|pag|página|sheet|slide)\b\.?\s*)?"
    r"(?:[A-Z]{1,2}[-–.]?\d{1,4}|\d{1,4}|"
    r"(?=[ivxlc])c{0,3}(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3}))"
    r"(?:\s*(?:of|/|von|de|sur|out of)\s*\d{1,4})?[\s\-–—_|\]).]*",
    re.I,
)
_STAMP = re.compile(
    r"download(?:ed)?\b.*\d|(?:printed|retrieved|accessed|generated|exported)\b.*\d|"
    r"(?:©|copyright\b|\(c\)\s+\d{4}).*|all rights reserved.*|confidential\b.{0,40}|"
    r"(?:https?://|www\.)\S+",
    re.I,
)


def mark_furniture(pages: list[PageDraft]) -> None:
    """Give the role FURNITURE to what repeats in the margin bands of the pages.

    Text repeats when it is the same but for a page number, at the same height, on three pages or
    more. Text that differs in other numbers (the number of an invoice, an amount) says something
    else on every page, and a numbered line set like a line of the body, in step with it, belongs
    to it. Page numbers standing alone, and stamps such as "Downloaded on ...", need no repetition
    when they are the outermost line and stand clear of the text.
    """
    seen = _Seen(len(pages))
    bands = [_band(page) for page in pages]
    for page, lines in zip(pages, bands, strict=True):
        for line in lines:
            seen.add(line, page.number)
    for page, lines in zip(pages, bands, strict=True):
        if not lines:
            continue
        step = _step(page)
        top = [x for x in lines if x.box.y0 + x.box.y1 < 2 * _BAND * page.height]
        bottom = [x for x in lines if x.box.y0 + x.box.y1 >= 2 * _BAND * page.height]
        top.sort(key=lambda line: line.box.y0)
        bottom.sort(key=lambda line: -line.box.y1)
        for edge in (top, bottom):
            _mark_edge(edge, page, seen, step)


def mark_ocr_furniture(pages: Sequence[Page]) -> tuple[Page, ...]:
    """The same pages, running headers, footers and page numbers among their OCR lines marked.

    Lines that came from the file's own text keep their roles.
    """
    if not any(line.source is TextSource.OCR for page in pages for line in page.lines):
        return tuple(pages)
    drafts = [_draft(page) for page in pages]
    mark_furniture(drafts)
    return tuple(
        replace(page, lines=tuple(map(_marked, page.lines, draft.lines)))
        for page, draft in zip(pages, drafts, strict=True)
    )


class _Seen:
    """On how many pages a line of a band stands at the same height."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._heights: dict[str, list[float]] = defaultdict(list)

    def add(self, line: Draft, number: int) -> None:
        for key in {line.text.casefold(), _but_page_number(line.text, number)}:
            insort(self._heights[key], line.box.y0)

    def verbatim(self, line: Draft) -> int:
        """The pages on which it repeats word for word, 0 if that proves nothing."""
        return self._proven(line, line.text.casefold())

    def times(self, line: Draft, number: int) -> int:
        """The pages on which it repeats but for a page number, 0 if that proves nothing."""
        return max(self.verbatim(line), self._proven(line, _but_page_number(line.text, number)))

    def _proven(self, line: Draft, key: str) -> int:
        heights = self._heights[key]
        count = bisect_left(heights, line.box.y0 + 5) - bisect_left(heights, line.box.y0 - 5)
        needed = max(4, 0.4 * self.total) if line.role in _TABLE_ROLES else _PAGES
        return count if count >= needed else 0


def but_plain_page_number(text: str, number: int) -> str:
    """What a line says on page ``number``: case-folded, without what can only be a page number.

    A number at an end of it counts on with the pages where the distance from theirs stays.

    >>> but_plain_page_number("Report – 7", 5), but_plain_page_number("Invoice 7", 5)
    ('report –2#', 'invoice 7')
    """
    rest = _NAMED_NUMBER.sub("#", text, count=1)
    if rest == text:
        rest = _OUTER_NUMBER.sub(lambda found: f"{int(found[1] or found[2]) - number}#", text)
    return rest.casefold()


def _but_page_number(text: str, number: int) -> str:
    """The text, case-folded, with a number that may be that of page ``number`` replaced by its
    distance from it: page numbers keep it, the numbers of articles and exhibits do not.

    >>> _but_page_number("Report, page 7 of 9", 3)
    '4|report, #'
    """
    for counter in _COUNTERS:
        match = counter.search(text)
        if match and match[1]:
            rest = f"{text[: match.start()]}#{text[match.end() :]}"
            return f"{_value(match[1]) - number}|{rest.casefold()}"
    return text.casefold()


def _value(numeral: str) -> int:
    if numeral.isdigit():
        return int(numeral)
    values = [_ROMAN[letter] for letter in numeral.casefold()]
    following = [*values[1:], 0]
    return sum(-a if a < b else a for a, b in zip(values, following, strict=True))


def _band(page: PageDraft) -> list[Draft]:
    low, high = _BAND * page.height, (1 - _BAND) * page.height
    if page.lines:  # a page number also counts at the edge of text that leaves the page empty
        last = max(page.lines, key=lambda line: line.box.y1)
        if PAGE_NUMBER.fullmatch(last.text):
            high = min(high, last.box.y0)
    return [
        line
        for line in page.lines
        if ((line.box.y0 + line.box.y1) / 2 < low or (line.box.y0 + line.box.y1) / 2 > high)
        and len(line.text) < 200
    ]


def _step(page: PageDraft) -> float:
    """The usual distance, in points, from a line of the page to the next one below it."""
    steps = [
        step
        for above, below in pairwise(page.lines)
        if 0 < (step := below.box.y0 - above.box.y0) < 4 * above.size
        and abs(above.size - below.size) < 0.05 * above.size
    ]
    return median(steps) if steps else 0.0


def _in_step(line: Draft, edge: Sequence[Draft], page: PageDraft, step: float) -> bool:
    """Whether it is set like the line next to it, away from the edge, and as near to it as the
    lines of the body are to one another."""
    downwards = line.box.y0 + line.box.y1 < page.height
    marked = [other for other in edge if other.role is Role.FURNITURE]
    distances = [
        (distance, other)
        for other in page.lines
        if other not in marked
        and (distance := (other.box.y0 - line.box.y0) * (1 if downwards else -1)) > 0.3 * line.size
    ]
    if not distances:
        return False
    distance, other = min(distances, key=lambda pair: pair[0])
    return distance < _STEP * step and abs(other.size - line.size) < 0.05 * line.size


def _may_be_text(line: Draft, seen: _Seen) -> bool:
    """Whether its words leave open that it belongs to the body."""
    if PAGE_NUMBER.fullmatch(line.text):
        return False
    return not seen.verbatim(line) or _PROSE.match(line.text) is not None


def _mark_edge(edge: list[Draft], page: PageDraft, seen: _Seen, step: float) -> None:
    """Mark one band from the outside inwards."""
    outermost = True
    row_y = -1e9
    rows = 0
    for line in edge:
        same_row = abs(line.box.y0 - row_y) < 2
        times = seen.times(line, page.number)
        if times and _may_be_text(line, seen) and _in_step(line, edge, page, step):
            times = 0
        often = times >= 0.5 * seen.total
        repeated = times > 0 and (often or (outermost and (rows < _ROWS or same_row)))
        if repeated and not _LETTER.search(line.text):
            repeated = PAGE_NUMBER.fullmatch(line.text) is not None
        if repeated or ((outermost or same_row) and _stands_alone(line, page)):
            line.role = Role.FURNITURE
            line.level = 0
            rows += not same_row
            row_y = line.box.y0
        else:
            outermost = False
    numbered = any(
        line.role is Role.FURNITURE and PAGE_NUMBER.fullmatch(line.text) for line in edge
    )
    for line in edge:
        if numbered and line.role is Role.BODY and _is_label(line, page):
            line.role = Role.FURNITURE


def _is_label(line: Draft, page: PageDraft) -> bool:
    """A short small line in the band of a page number, well clear of the text."""
    text = [other for other in page.lines if other.role is not Role.FURNITURE and other is not line]
    height = max(line.box.y1 - line.box.y0, 1.0)
    if not text or len(line.text) > 60:
        return False
    usual = median(other.size for other in text)
    return line.size < 0.85 * usual and all(
        max(other.box.y0 - line.box.y1, line.box.y0 - other.box.y1) > 2 * height for other in text
    )


def _stands_alone(line: Draft, page: PageDraft) -> bool:
    if not (PAGE_NUMBER.fullmatch(line.text) or _STAMP.fullmatch(line.text)):
        return _numbered_header(line, page)
    size = max(line.box.y1 - line.box.y0, 1.0)
    for other in page.lines:
        if other is line or other.role is Role.FURNITURE:
            continue
        if other.box.y0 < line.box.y1 + 0.35 * size and other.box.y1 > line.box.y0 - 0.35 * size:
            return False
    return True


def _numbered_header(line: Draft, page: PageDraft) -> bool:
    """A book's running header: a page number set apart at the outer end of a short line."""
    if not _has_outer_number(line) or line.box.y1 > 0.15 * page.height:
        return False
    below = [other for other in page.lines if other.box.y1 > line.box.y1 + 1]
    following = min(below, key=lambda other: other.box.y0, default=None)
    return following is not None and not _has_outer_number(following)


def _has_outer_number(line: Draft) -> bool:
    if len(line.text) > 90 or line.role in _TABLE_ROLES:
        return False
    return line.ends[0].isdigit() != line.ends[1].isdigit()


def _draft(page: Page) -> PageDraft:
    widths = [(line.box.x1 - line.box.x0) / max(len(line.text), 1) for line in page.lines]
    usual = median(widths) if widths else 0.0
    lines = []
    for line, width in zip(page.lines, widths, strict=True):
        words = line.text.split()
        spread = len(words) > 1 and width > _SPREAD * usual
        lines.append(
            Draft(
                line.text,
                line.box,
                (line.box.y1 - line.box.y0) / _LINE_HEIGHT,
                role=line.role,
                block=line.block,
                ends=(words[0], words[-1]) if spread else ("", ""),
            )
        )
    return PageDraft(page.number, page.width, page.height, lines)


def _marked(line: Line, draft: Draft) -> Line:
    if line.source is TextSource.OCR and draft.role is Role.FURNITURE is not line.role:
        return replace(line, role=Role.FURNITURE, level=0)
    return line
