"""Lays out a draft as PDF pages, and says where each of its lines came to stand.

MuPDF's ``Story`` does the line breaking and has fonts for most scripts. The lines' text is the
draft's own, not what could be extracted from the PDF: ligatures and joined scripts would come
back garbled. Stories are laid out in portions, so that the memory for a long text stays small.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pymupdf

from ingest.errors import LimitExceeded
from ingest.formats.blocks import (
    Block,
    Draft,
    Heading,
    ListItem,
    PageBreak,
    Paragraph,
    Preformatted,
    Rendition,
    Table,
)
from ingest.formats.markup import Markup
from ingest.formats.placed import Place, Placed, lines
from ingest.guest.limits import Limits
from ingest.types import Line, Page

WIDTH, HEIGHT = 595.0, 842.0  # A4 in points
_MARGIN = 60.0
_LOWEST = 30.0  # less than this left on a page: begin the next
_PORTION = 40_000  # characters in one story
_LONG_CELL = 1_500  # characters that make a table's cell too tall
_STYLE = """
body { font-family: sans-serif; font-size: 10.5pt; line-height: 1.35; }
p { margin: 0 0 7pt 0; }
h1, h2, h3, h4, h5, h6 { font-weight: bold; margin: 14pt 0 6pt 0; }
h1 { font-size: 20pt; } h2 { font-size: 16pt; } h3 { font-size: 13.5pt; }
h4 { font-size: 12pt; } h5 { font-size: 11.5pt; } h6 { font-size: 11pt; }
pre { font-family: monospace; font-size: 8pt; line-height: 1.25; margin: 0 0 7pt 0; }
table { border-collapse: collapse; margin: 4pt 0 11pt 0; }
td, th { border: 0.5pt solid #888888; padding: 3pt 6pt; text-align: left; vertical-align: top; }
th { font-weight: bold; }
"""


def render(draft: Draft, name: str, limits: Limits) -> Rendition:
    """The draft as a PDF with its pages' lines, and the facts it states.

    Raises:
        LimitExceeded: more pages than allowed.
    """
    output = io.BytesIO()
    sheets = _Sheets(pymupdf.DocumentWriter(output), name, limits)
    for portion in _portions(draft.blocks):
        if portion:
            sheets.place(portion)
        else:
            sheets.turn()
    pages = sheets.finish()
    return Rendition(
        _compact(output.getvalue()),
        draft.media_type,
        draft.title,
        draft.author,
        draft.created,
        draft.warnings,
        pages,
    )


def _compact(pdf: bytes) -> bytes:
    """Without the glyphs that no page shows: a Chinese font alone has megabytes."""
    with pymupdf.open(stream=pdf, filetype="pdf") as document:
        document.subset_fonts()
        compact: bytes = document.tobytes(deflate=True, garbage=1, use_objstms=1, no_new_id=True)
    return compact


@dataclass
class _Sheet:
    """What has been placed on one page so far."""

    lines: list[Line] = field(default_factory=list)
    blocks: int = 0


class _Sheets:
    """Places stories one after the other, each going on where the last one ended."""

    def __init__(self, writer: pymupdf.DocumentWriter, name: str, limits: Limits) -> None:
        self._writer = writer
        self._name = name
        self._limits = limits
        self._device: object | None = None
        self._sheets: list[_Sheet] = []
        self._top = _MARGIN

    def place(self, portion: list[Block]) -> None:
        """Lays out some blocks below what is there."""
        markup = Markup()
        for block in portion:
            markup.add(block)
        places: dict[int, Place] = {}
        self._flow(markup.html, places)
        for placed in lines(markup, places):
            self._take(placed)

    def turn(self) -> None:
        """Ends the page, if one was begun."""
        if self._device is not None:
            self._writer.end_page()
            self._device = None

    def finish(self) -> tuple[Page, ...]:
        """Ends the document, which has one empty page if nothing was placed."""
        if not self._sheets:
            self._begin()
        self.turn()
        self._writer.close()
        return tuple(
            Page(number, WIDTH, HEIGHT, tuple(sheet.lines))
            for number, sheet in enumerate(self._sheets, start=1)
        )

    def _flow(self, markup: str, places: dict[int, Place]) -> None:
        story = pymupdf.Story(markup, user_css=_STYLE, em=10.5)
        more = True
        while more:
            if self._device is None:
                self._begin()
            fresh = self._top == _MARGIN
            room = pymupdf.Rect(_MARGIN, self._top, WIDTH - _MARGIN, HEIGHT - _MARGIN)
            # Inside its margins Story keeps its own (the body's), which user_css cannot unset.
            more, filled = story.place(room)
            _note_places(story, len(self._sheets) - 1, places)
            story.draw(self._device)
            bottom = pymupdf.Rect(filled).y1
            if more:
                if fresh and pymupdf.Rect(filled).is_empty:
                    cause = "A part of it fits on no page."
                    raise LimitExceeded(self._name, cause, "Save it as PDF, and add that file.")
                self.turn()
            else:
                self._top = max(self._top, bottom)
                if self._top > HEIGHT - _MARGIN - _LOWEST:
                    self.turn()

    def _begin(self) -> None:
        if len(self._sheets) == self._limits.max_pages:
            cause = f"Laid out, it has more than {self._limits.max_pages} pages."
            raise LimitExceeded(self._name, cause, "Split it into smaller files.")
        self._sheets.append(_Sheet())
        self._device = self._writer.begin_page(pymupdf.Rect(0, 0, WIDTH, HEIGHT))
        self._top = _MARGIN

    def _take(self, placed: Placed) -> None:
        sheet = self._sheets[placed.page]
        if placed.first or not sheet.lines:
            sheet.blocks += 1
        block = sheet.blocks - 1
        sheet.lines.append(Line(placed.text, placed.box, placed.role, block, placed.level))


def _note_places(story: pymupdf.Story, page: int, places: dict[int, Place]) -> None:
    """Where atoms stand on ``page``. PyMuPDF's own ``element_positions`` is five times slower."""

    def note(position: pymupdf.mupdf.FzStoryElementPosition) -> None:
        number = position.id
        if number:
            box = position.rect
            if box.x1 > box.x0:
                key = int(number)
                if key in places:
                    places[key].extend(page, box.x0, box.y0, box.x1, box.y1)
                else:
                    places[key] = Place(page, box.x0, box.y0, box.x1, box.y1)

    pymupdf.mupdf.fz_story_positions(story.this, note)


def _portions(blocks: Iterable[Block]) -> Iterator[list[Block]]:
    """Groups of blocks of bounded size; an empty group stands for a page break."""
    portion: list[Block] = []
    size = 0
    for block in blocks:
        for piece in _pieces(block):
            if isinstance(piece, PageBreak):
                if portion:
                    yield portion
                yield []
                portion, size = [], 0
                continue
            portion.append(piece)
            size += _size(piece)
            if size > _PORTION:
                yield portion
                portion, size = [], 0
    if portion:
        yield portion


def _pieces(block: Block) -> Iterator[Block]:
    """A block, or several where one is too long to be laid out at once."""
    match block:
        case Heading(text) if len(text) > _LONG_CELL:
            yield from _pieces(Paragraph(text))
        case Paragraph(text, quoted) if len(text) > _PORTION:
            yield from (Paragraph(piece, quoted) for piece in _cut(text))
        case ListItem(text, marker, depth) if len(text) > _PORTION:
            for number, piece in enumerate(_cut(text)):
                yield ListItem(piece, "" if number else marker, depth)
        case Preformatted(text) if len(text) > _PORTION:
            yield from (Preformatted(piece) for piece in _cut(text))
        case Table(rows) if any(len(cell) > _LONG_CELL for row in rows for cell in row):
            for row in rows:
                for cell in filter(None, row):
                    yield from _pieces(Paragraph(cell))
        case Table(rows, header) if _size(block) > _PORTION:
            step = max(1, len(rows) * _PORTION // _size(block))
            for start in range(0, len(rows), step):
                yield Table(rows[start : start + step], header and start == 0)
        case _:
            yield block


def _cut(text: str) -> Iterator[str]:
    """Pieces of bounded length, cut at a line end or a space where there is one."""
    start = 0
    while start < len(text):
        end = start + _PORTION
        if end < len(text):
            for separator in ("\n", " "):
                place = text.rfind(separator, start + _PORTION // 2, end)
                if place > 0:
                    end = place + 1
                    break
        yield text[start:end].strip("\n")
        start = end


def _size(block: Block) -> int:
    match block:
        case Table(rows):
            return sum(len(cell) + 10 for row in rows for cell in row)
        case Heading(text) | Paragraph(text) | ListItem(text) | Preformatted(text):
            return len(text)
        case PageBreak():
            return 0
