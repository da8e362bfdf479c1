"""The plain data that passes between readers, chunker, store and search.

Coordinates are PDF points (1/72 inch), origin at the top left of the visible page: after the
crop box and after the page's rotation, as a person sees it. Page numbers count from 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # the window shares these types and does not load numpy
    import numpy as np
    import numpy.typing as npt


class Box(NamedTuple):
    """A rectangle on a page, in points; ``x0 <= x1`` and ``y0 <= y1``."""

    x0: float
    y0: float
    x1: float
    y1: float


class Role(StrEnum):
    """What a line is on its page."""

    BODY = "body"
    HEADING = "heading"
    LIST = "list"
    TABLE = "table"
    TABLE_HEADER = "table_header"
    CAPTION = "caption"
    FURNITURE = "furniture"  # running header, footer, page number


class TextSource(StrEnum):
    """Where a line's text came from."""

    TEXT = "text"
    OCR = "ocr"


@dataclass(frozen=True, slots=True)
class Line:
    """One line as the page shows it.

    A table row is one line whose cells are separated by tabs. ``block`` numbers the paragraphs,
    list items or tables of a page in reading order; lines of one paragraph share it.
    ``level`` is the depth of a heading (1 is the highest), 0 for everything else.
    ``confidence`` is that of the OCR, 0 to 1; None for text from the file itself.
    """

    text: str
    box: Box
    role: Role = Role.BODY
    block: int = 0
    level: int = 0
    source: TextSource = TextSource.TEXT
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page, its lines in reading order (furniture included, marked by its role).

    ``unreadable`` is empty, or says in a sentence why the page holds ink that became no text.
    """

    number: int
    width: float
    height: float
    lines: tuple[Line, ...]
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class PageImage:
    """A page that has to be read by OCR.

    ``pixels`` is the visible page as RGB, shape (height, width, 3); ``width`` and ``height`` of
    the page are in points. ``fallback`` is what its text layer gave, if anything.
    """

    number: int
    width: float
    height: float
    pixels: npt.NDArray[np.uint8]
    reason: str
    fallback: Page | None = None


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What a reader learns about a whole file. ``title`` is empty when the file states none."""

    media_type: str
    page_count: int
    title: str = ""
    author: str = ""
    created: str = ""  # ISO 8601 date, or empty
    warnings: tuple[str, ...] = ()


# Among the warnings of a file whose end or table of contents was missing: it may lack pages.
REPAIRED = "The file was damaged and has been repaired for reading."


@dataclass(frozen=True, slots=True)
class ChunkLine:
    """A line inside a chunk; ``start`` and ``end`` are offsets into the chunk's text."""

    page: int
    box: Box
    start: int
    end: int
    source: TextSource = TextSource.TEXT
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive whole lines of one document.

    ``text`` is what the document shows, lines joined by newlines. ``heading`` is the path of
    headings above the first line. ``search_text`` is what is embedded and indexed: normalised.
    """

    ordinal: int
    text: str
    search_text: str
    heading: tuple[str, ...]
    lines: tuple[ChunkLine, ...]

    @property
    def pages(self) -> tuple[int, ...]:
        """The pages the chunk touches, ascending."""
        return tuple(sorted({line.page for line in self.lines}))


@dataclass(frozen=True, slots=True)
class PageBox:
    """A rectangle on a numbered page."""

    page: int
    box: Box


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document that a search found: one chunk, or neighbours merged.

    ``score`` falls from passage to passage; its size means nothing between questions.
    ``similarity`` is the cosine of the best chunk's vector with the query's, -1 to 1.
    """

    document_id: int
    document: str
    chunk_ids: tuple[int, ...]
    text: str
    heading: tuple[str, ...]
    lines: tuple[ChunkLine, ...]
    score: float
    similarity: float = 0.0

    @property
    def pages(self) -> tuple[int, ...]:
        """The pages the passage touches, ascending."""
        return tuple(sorted({line.page for line in self.lines}))
