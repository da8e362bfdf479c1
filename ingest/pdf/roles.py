"""Headings with levels, and captions, judged against the whole document's body text.

Knows sizes, weight and wording; knows nothing of PDF.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from ingest.drafts import Draft, PageDraft
from ingest.types import Role

_CAPTION = re.compile(
    r"(?i:figure|fig\.|table|tab\.|chart|scheme|abbildung|abb\.|tabelle|figura|tabla|tableau)"
    r"\s*[A-Z]?\d+(?:[.-]\d+)*(?:\s*[.:|–—-]\s|\s+[(“\"'A-ZÀ-Þ]|\s*$)",
)
_NUMBERED = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,4})\.?\s+[A-ZÀ-Þ]")
_NAMED = re.compile(
    r"(?:article|section|item|chapter|part|note|appendix|annex|schedule|exhibit|kapitel|abschnitt)"
    r"\s+(?:\d+|[IVXLC]+\b|[A-Z]\b)",
    re.I,
)
_LEVELS = 6
_LONGEST = 180  # characters of a heading


def body_size(pages: list[PageDraft]) -> float:
    """The font size, in half points, that most characters outside of tables are set in."""
    sizes: Counter[float] = Counter()
    for page in pages:
        for line in page.lines:
            if line.role in (Role.BODY, Role.LIST):
                sizes[round(line.size * 2) / 2] += len(line.text)
    if not sizes:
        for page in pages:
            for line in page.lines:
                sizes[round(line.size * 2) / 2] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 10.0


def mark_headings(pages: list[PageDraft]) -> None:
    """Give HEADING and its level, and CAPTION, to whole blocks; tables and furniture are left."""
    body = body_size(pages)
    found: list[tuple[list[Draft], tuple[float, bool, bool]]] = []
    for page in pages:
        blocks = list(_blocks(page))
        for n, block in enumerate(blocks):
            first = block[0]
            if first.role in (Role.TABLE, Role.TABLE_HEADER):
                continue
            if _CAPTION.match(first.text) and len(block) <= 12:
                for line in block:
                    line.role = Role.CAPTION
            elif _is_heading(block, body) or _is_clause_title(
                block, blocks[n + 1] if n + 1 < len(blocks) else []
            ):
                size = max(round(first.size * 2) / 2, body)
                found.append((block, (size, first.bold, _is_upper(first.text))))
    order = {style: i for i, style in enumerate(sorted({s for _, s in found}, reverse=True))}
    shallowest: dict[tuple[float, bool, bool], int] = {}
    for block, style in found:
        depth = _depth(block[0].text)
        if depth:
            shallowest[style] = min(depth, shallowest.get(style, depth))
    for block, style in found:
        # In one style, the numbers tell which heading stands below which.
        deeper = max(_depth(block[0].text) - shallowest.get(style, 0), 0)
        for line in block:
            line.role = Role.HEADING
            line.level = min(order[style] + 1 + deeper, _LEVELS)


def _depth(text: str) -> int:
    """How many parts the number of a heading has, 0 without one."""
    numbered = _NUMBERED.match(text)
    return numbered[1].count(".") + 1 if numbered else 0


def _blocks(page: PageDraft) -> Iterator[list[Draft]]:
    shown = (line for line in page.lines if line.role is not Role.FURNITURE)
    for _, lines in groupby(shown, key=lambda line: line.block):
        yield list(lines)


def _is_upper(text: str) -> bool:
    return text.upper() == text != text.lower() and sum(c.isalpha() for c in text) >= 4


def _is_clause_title(block: list[Draft], following: list[Draft]) -> bool:
    """A numbered line set like the text below it ("4. Term and Termination"): short, its words
    capitalised, and not one of a list of such lines."""
    text = block[0].text
    if len(block) > 1 or len(text) > 70 or not text[-1].isalnum() or not _NUMBERED.match(text):
        return False
    words = [word for word in text.split()[1:] if len(word) > 3]
    if not words or sum(word[0].isupper() for word in words) < 0.75 * len(words):
        return False
    return bool(following) and (len(following) > 1 or not _NUMBERED.match(following[0].text))


def _is_heading(block: list[Draft], body: float) -> bool:
    if len(block) > 3:
        return False
    if sum(len(line.text) for line in block) > _LONGEST:
        return False
    text = " ".join(line.text for line in block)
    letters = sum(c.isalpha() for c in text)
    if letters < 3 or letters * 2 < len(text.replace(" ", "")):
        return False
    first = block[0]
    if first.role is Role.LIST and not (
        _NUMBERED.match(text) and (first.bold or first.size > body)
    ):
        return False
    if text[-1] in ",;" or first.text[0].islower():
        return False
    if first.size >= 1.15 * body + 0.2:
        return len(text) < 120 or text[-1] != "."
    if first.size < 0.93 * body or (text[-1] == "." and not _NAMED.match(text)):
        return False
    if all(line.bold for line in block):
        return True
    if len(block) > 1 or len(text) > 90:
        return False
    return _is_upper(text) or (_NAMED.match(text) is not None and len(text) < 70)
