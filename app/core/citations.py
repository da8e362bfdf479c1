"""From words to places: which lines of which page hold a quotation.

Knows passages and their lines; knows nothing of search or of who wrote the answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.core.answers import Citation, CitationStatus, weakest
from ingest.normalise import normalise, normalise_with_map
from ingest.types import ChunkLine, PageBox, Passage, TextSource


def boxes_between(lines: Sequence[ChunkLine], start: int, end: int) -> tuple[PageBox, ...]:
    """The boxes of the lines that the text from ``start`` to ``end`` touches, in order."""
    touched = (
        PageBox(line.page, line.box) for line in lines if line.start < end and line.end > start
    )
    return tuple(dict.fromkeys(touched))  # the lines of a figure all have the figure's box


def writer_of(passage: Passage, boxes: Sequence[PageBox] = ()) -> str:
    """The model that wrote words of a passage down: those in ``boxes``, or any; empty if none did.

    A model's reading never counts as the page's own words.
    """
    places = {(place.page, place.box) for place in boxes}
    told = any(
        line.source is TextSource.MODEL and (not places or (line.page, line.box) in places)
        for line in passage.lines
    )
    return (passage.by or "a model") if told else ""


def locate(quote: str, text: str) -> tuple[int, int, CitationStatus] | None:
    """Where ``quote`` stands in ``text``: offsets, and how faithful it is.

    Verified when it stands there letter for letter, or does once ligatures, spaces, quotation
    marks and end-of-line hyphens are made equal on both sides. None when it does not.
    """
    at = text.find(quote)
    if quote and at >= 0:
        return at, at + len(quote), CitationStatus.VERIFIED
    plain, origin = normalise_with_map(text)
    wanted, _ = normalise_with_map(quote)
    at = plain.find(wanted)
    if not wanted or at < 0:
        return None
    end = at + len(wanted)
    return origin[at], origin[end - 1] + 1, CitationStatus.VERIFIED


def cite(n: int, passage: Passage, quote: str) -> Citation:
    """The citation of ``quote`` in ``passage``; unverified, without boxes, if it is not there."""
    found = locate(quote, passage.text)
    boxes: tuple[PageBox, ...] = ()
    status = CitationStatus.UNVERIFIED
    if found is not None:
        start, end, status = found
        boxes = boxes_between(passage.lines, start, end)
    page = boxes[0].page if boxes else passage.pages[0]
    by = "" if found is None else writer_of(passage, boxes)
    if by:
        status = weakest(status, CitationStatus.TRANSCRIBED)
    return Citation(
        n, passage.document_id, passage.document, page, quote, status, boxes, read_by=by
    )


def shown(quote: str) -> str:
    """A quotation in one line, its cells apart; a document's own ``[3]`` is no citation of ours."""
    cells = (normalise(cell).strip() for cell in quote.split("\t"))
    return re.sub(r"\[(\d+)\]", r"(\1)", " | ".join(cell for cell in cells if cell))
