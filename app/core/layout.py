"""What the page says about a passage's lines that its text does not: roles and paragraphs.

Knows lines and passages; knows nothing of sentences or of how the lines were stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ingest.types import Line, Passage, Role

PageLines = Callable[[int, int], Sequence[Line]]
"""The lines of a page, by document and page number."""

_FULL = 0.75  # of its paragraph's width: such a line was broken because the next word did not fit


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A line of a passage: its page and paragraph, and what it is.

    ``full`` lines reach the edge of a paragraph of several lines: they run on into the next.
    """

    paragraph: tuple[int, int]
    role: Role
    full: bool


def placed_lines(passage: Passage, page_lines: PageLines) -> dict[int, PlacedLine]:
    """The passage's lines by their offset in its text; lines that the page lacks are left out."""
    known = {
        (page, line.box): line
        for page in passage.pages
        for line in page_lines(passage.document_id, page)
    }
    right: dict[tuple[int, int], float] = {}
    left: dict[tuple[int, int], float] = {}
    count: Counter[tuple[int, int]] = Counter()
    for (page, box), line in known.items():
        paragraph = (page, line.block)
        count[paragraph] += 1
        right[paragraph] = max(box.x1, right.get(paragraph, box.x1))
        left[paragraph] = min(box.x0, left.get(paragraph, box.x0))
    placed = {}
    for chunk_line in passage.lines:
        found = known.get((chunk_line.page, chunk_line.box))
        if found is not None:
            paragraph = (chunk_line.page, found.block)
            width = right[paragraph] - left[paragraph]
            reach = chunk_line.box.x1 - left[paragraph]
            full = count[paragraph] > 1 and reach >= _FULL * width
            placed[chunk_line.start] = PlacedLine(paragraph, found.role, full)
    return placed
