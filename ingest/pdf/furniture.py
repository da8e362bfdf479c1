"""Running headers, footers and page numbers, found by comparing pages.

Marks lines, never removes them. Knows nothing of PDF.
"""

from __future__ import annotations

import re
from collections import defaultdict
from statistics import median

from ingest.pdf.draft import Draft, PageDraft
from ingest.types import Role

_BAND = 0.12  # of the page's height, at the top and at the bottom
_PAGES = 3  # repetition on fewer pages proves nothing

_DIGITS = re.compile(r"\d+|\b[ivxlcIVXLC]+\b")
_COUNTER = re.compile(
    r"^\d{1,4}\b(?!\.)|(?<![,.\d$])\b\d{1,4}$|\b(?:page|seite)\s*\d+(?:\s*(?:of|von|/)\s*\d+)?",
    re.I,
)
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
    r"(?:©|copyright\b|\(c\)\s).*|all rights reserved.*|confidential\b.{0,40}|"
    r"(?:https?://|www\.)\S+",
    re.I,
)


def mark_furniture(pages: list[PageDraft]) -> None:
    """Give the role FURNITURE to what repeats in the margin bands of the pages.

    Text repeats when it is the same but for its numbers, at the same height, on three pages or
    more. Page numbers standing alone, and stamps such as "Downloaded on ...", need no repetition
    when they are the outermost line and stand clear of the text.
    """
    heights: dict[str, list[tuple[float, int]]] = defaultdict(list)
    bands = [_band(page) for page in pages]
    keys: dict[int, str] = {}
    for page, lines in zip(pages, bands, strict=True):
        usual = median(line.size for line in page.lines) if page.lines else 0.0
        for line in lines:
            keys[id(line)] = key = _key(line, usual)
            heights[key].append((line.box.y0, page.number))
    for page, lines in zip(pages, bands, strict=True):
        top = [x for x in lines if x.box.y0 + x.box.y1 < 2 * _BAND * page.height]
        bottom = [x for x in lines if x.box.y0 + x.box.y1 >= 2 * _BAND * page.height]
        top.sort(key=lambda line: line.box.y0)
        bottom.sort(key=lambda line: -line.box.y1)
        for edge in (top, bottom):
            _mark_edge(edge, page, keys, heights, len(pages))


def _key(line: Draft, usual: float) -> str:
    """What a line has in common with its like on other pages: all but its numbers. Of table
    rows and of titles only a page number may differ, for figures and chapters count on, too."""
    if line.role in _TABLE_ROLES or line.size > 1.2 * usual:
        return _COUNTER.sub("#", line.text).casefold()
    return _DIGITS.sub("#", line.text).casefold()


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


def _mark_edge(
    edge: list[Draft],
    page: PageDraft,
    keys: dict[int, str],
    heights: dict[str, list[tuple[float, int]]],
    total: int,
) -> None:
    """Mark one band from the outside inwards."""
    outermost = True
    row_y = -1.0
    for line in edge:
        same = {n for y, n in heights[keys[id(line)]] if abs(y - line.box.y0) < 5}
        often = len(same)
        repeated = often >= _PAGES and (outermost or often >= 0.5 * total)
        if line.role in _TABLE_ROLES:
            repeated = repeated and often >= max(4, 0.4 * total)
        if repeated and not re.search(r"[^\W\d_]", line.text):
            repeated = PAGE_NUMBER.fullmatch(line.text) is not None
        alone = (outermost or abs(line.box.y0 - row_y) < 2) and _stands_alone(line, page)
        if repeated or alone:
            line.role = Role.FURNITURE
            line.level = 0
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
    if line.parts < 2 or len(line.text) > 90 or line.role in _TABLE_ROLES:
        return False
    words = line.text.split()
    return words[0].isdigit() != words[-1].isdigit()
