"""The plain data that passes between readers, chunker, store and search.

Coordinates are PDF points (1/72 inch), origin at the top left of the visible page: after the
crop box and after the page's rotation, as a person sees it. Page numbers count from 1.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    """Where a line's text came from: the file itself, OCR, or a model that read the page."""

    TEXT = "text"
    OCR = "ocr"
    MODEL = "model"


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


class GraphicKind(StrEnum):
    """What a reader saw where a page holds more than text."""

    IMAGE = "image"  # raster images that touch one another
    DRAWING = "drawing"  # shapes and lines that make up a chart or diagram
    FRAME = "frame"  # shapes and lines about text: a table's, a box's; a figure only if captioned
    INK = "ink"  # on a scan: ink that is no text


@dataclass(frozen=True, slots=True)
class Graphic:
    """A place on a page that may be a figure; ``box`` in points of the visible page."""

    box: Box
    kind: GraphicKind


@dataclass(frozen=True, slots=True)
class Page:
    """One page, its lines in reading order (furniture included, marked by its role).

    ``unreadable`` is empty, or says in a sentence why the page holds ink that became no text.
    ``graphics`` is what `ingest.figures` makes figures of, and is not kept; ``hurried`` says that
    the page was too costly to look for all of them. ``unseen`` is text that the file puts on the
    page where nobody can see it: it is told in a warning, stands in no line, and is not kept.
    """

    number: int
    width: float
    height: float
    lines: tuple[Line, ...]
    unreadable: str = ""
    graphics: tuple[Graphic, ...] = ()
    hurried: bool = False
    unseen: tuple[str, ...] = ()

    @property
    def confidence(self) -> float | None:
        """The mean confidence of the page's OCR over its characters; None without OCR."""
        return mean_confidence(self.lines)


def mean_confidence(lines: Iterable[Line]) -> float | None:
    """The confidence of lines from OCR, 0 to 1, weighted by their length; None without any."""
    scored = [(len(line.text), line.confidence) for line in lines if line.confidence is not None]
    total = sum(length for length, _ in scored)
    return sum(length * score for length, score in scored) / total if total else None


class FigureKind(StrEnum):
    """What a figure is, as far as its page tells."""

    PICTURE = "picture"
    CHART = "chart"
    TABLE = "table"  # one that is a picture
    STAMP = "stamp"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a document: a place on a page and the words that tell what it shows.

    ``box`` is what is cut out and shown: the graphic, with its caption where that stands beside
    it. ``label`` is what the text calls it ("Figure 3"), ``caption`` starts with it, ``inside``
    are the lines within the box, from the page or from OCR of the crop. ``around`` is the text
    beside it, and ``references`` are the lines elsewhere that point to it.
    """

    page: int
    box: Box
    kind: FigureKind
    label: str = ""
    caption: str = ""
    inside: tuple[Line, ...] = ()
    around: str = ""
    references: tuple[str, ...] = ()
    reference_places: tuple[PageBox, ...] = ()

    @property
    def name(self) -> str:
        """What kind of figure it is, and what its document calls it: "chart, figure 3"."""
        return f"{self.kind.value}, {self.label}" if self.label else self.kind.value


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of a page, beside others: ``source`` says whose, ``by`` which program or model.

    ``made`` is when, ISO 8601 in UTC; empty for what came with the document.
    """

    page: int
    source: TextSource
    lines: tuple[Line, ...]
    by: str = ""
    made: str = ""

    @property
    def confidence(self) -> float | None:
        """See `mean_confidence`."""
        return mean_confidence(self.lines)


@dataclass(frozen=True, slots=True)
class PageImage:
    """A page that has to be read by OCR.

    ``pixels`` is the visible page as RGB, shape (height, width, 3); ``width`` and ``height`` of
    the page are in points. ``fallback`` is what its text layer gave, if anything; ``layered`` says
    that nobody can see that text, only the picture that it lies on.
    """

    number: int
    width: float
    height: float
    pixels: npt.NDArray[np.uint8]
    reason: str
    fallback: Page | None = None
    layered: bool = False


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What a reader learns about a whole file. ``title`` is empty when the file states none."""

    media_type: str
    page_count: int
    title: str = ""
    author: str = ""
    created: str = ""  # ISO 8601 date, or empty
    warnings: tuple[str, ...] = ()


# The media type of a recording that is kept with what a model wrote down of it.
DICTATION = "audio/wav; content=dictation"

# In each warning that tells of text which a person cannot see.
UNSEEN = "text that cannot be seen"

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
    ``figure`` is the number of the document's figure that the chunk stands for, from 0: its lines
    then all have the figure's box. ``by`` names the model that wrote the text down, from a page or
    a recording; empty for what the file says and for OCR.
    """

    ordinal: int
    text: str
    search_text: str
    heading: tuple[str, ...]
    lines: tuple[ChunkLine, ...]
    figure: int | None = None
    by: str = ""

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
    ``figure`` is set where the passage is a figure; its lines then lie on the figure's box.
    ``by`` names the model that wrote the text down, if one did: it may not be what is there.
    """

    document_id: int
    document: str
    chunk_ids: tuple[int, ...]
    text: str
    heading: tuple[str, ...]
    lines: tuple[ChunkLine, ...]
    score: float
    similarity: float = 0.0
    figure: Figure | None = None
    by: str = ""

    @property
    def pages(self) -> tuple[int, ...]:
        """The pages the passage touches, ascending."""
        return tuple(sorted({line.page for line in self.lines}))
