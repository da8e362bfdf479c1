"""Reads an open PDF page by page: lines where there is text, pixels where OCR is needed.

Two passes, since headings and running headers show only against the whole document: first
every page is laid out, then pages are yielded in order. Pixels are rendered when their turn
comes. Knows nothing of passwords, processes or OCR.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pymupdf

from ingest.drafts import PageDraft
from ingest.furniture import mark_furniture
from ingest.inked import ink_regions
from ingest.pdf.errors import DRAWING_ERRORS, PDF_ERRORS
from ingest.pdf.fragments import read_fragments
from ingest.pdf.graphics import drop_repeated, read_graphics
from ingest.pdf.layout import lay_out
from ingest.pdf.paints import Paints, read_paints
from ingest.pdf.pictures import Picture, has_ink
from ingest.pdf.quality import judge
from ingest.pdf.render import page_pixels
from ingest.pdf.roles import mark_headings
from ingest.types import Graphic, GraphicKind, Line, Page, PageImage

pymupdf.TOOLS.mupdf_display_errors(False)
pymupdf.TOOLS.mupdf_display_warnings(False)

# Looking for figures costs about as much as reading the text; a page that is slow to read, and a
# file that has taken long, are read without, so that no file fails that could be read before.
_SLOW_PAGE = 0.5  # seconds of processor time
_SLOW_FILE = 10.0  # seconds, and so much for each page
_SLOW_FILE_PAGE = 0.1
_SCAN_DPI = 100.0

_FEW = 20  # scanned pages with a fair text layer: so many are cheap to read again


def _ignore(done: int, total: int) -> None:
    """Progress that nobody asked for."""


def read_document(
    document: pymupdf.Document, on_page: Callable[[int, int], None] = _ignore
) -> Iterator[Page | PageImage]:
    """Yield every page in order, as text or as an image that needs OCR.

    ``on_page(done, total)`` is called as pages are laid out. A page that cannot be read becomes
    an empty Page with a reason; this function raises nothing for broken content.
    """
    total = document.page_count
    drafts: list[PageDraft] = []
    left = _SLOW_FILE + _SLOW_FILE_PAGE * total
    for index in range(total):
        draft, seconds = draft_page(document, index, left)
        left -= seconds
        drafts.append(draft)
        on_page(index + 1, total)
    layers = [draft for draft in drafts if draft.hidden and draft.dpi and not draft.ocr]
    if len(layers) <= _FEW:
        for draft in layers:
            draft.ocr = "its OCR layer is read a second time"
    drop_repeated(drafts)
    mark_furniture(drafts)
    mark_headings(drafts)
    for index, draft in enumerate(drafts):
        yield _finish(document, draft)
        drafts[index] = PageDraft(draft.number, 0, 0)


def draft_page(document: pymupdf.Document, index: int, left: float) -> tuple[PageDraft, float]:
    """Lay out one page, counted from 0.

    Figures and hidden text are looked for if seconds are ``left`` for it; how many that took of
    the processor comes back too.
    """
    draft = PageDraft(index + 1, 0.0, 0.0)
    spent = 0.0
    try:
        page = document[index]
        draft.width, draft.height = page.rect.width, page.rect.height
        began = time.process_time()
        painted = _painted(page) if left > 0 else None
        spent = time.process_time() - began
        began = time.process_time()
        turns, ink = read_fragments(page, painted)
        slow = time.process_time() - began - ink.seconds > _SLOW_PAGE
        spent += ink.seconds
        draft.hurried = painted is None or not ink.judged or slow
        draft.unseen = ink.unseen
        draft.lines = lay_out(turns, draft.width, draft.height)
        draft.hidden = ink.hidden * 2 > ink.characters
        draft.ocr, draft.dpi = judge(page, ink, draft.lines, painted)
    except PDF_ERRORS as error:
        draft.unreadable = f"The page is damaged: {_reason(error)}"
        return draft, spent
    if painted is None or draft.hurried:
        return draft, spent
    began = time.process_time()
    try:
        draft.graphics, whole = read_graphics(page, draft.lines, painted)
        draft.hurried = not whole
    except PDF_ERRORS:
        draft.hurried = True
    return draft, spent + time.process_time() - began


def _painted(page: pymupdf.Page) -> Paints | None:
    try:
        return read_paints(page)
    except PDF_ERRORS:
        return None


def _finish(document: pymupdf.Document, draft: PageDraft) -> Page | PageImage:
    lines = [Line(line.text, line.box, line.role, line.block, line.level) for line in draft.lines]
    graphics = [Graphic(graphic.box, graphic.kind) for graphic in draft.graphics]
    if draft.ocr:
        # Letters that are drawn look like drawings; what is no text, OCR's pixels will show.
        graphics = [g for g in graphics if g.kind is GraphicKind.IMAGE]
    page = Page(
        draft.number,
        draft.width,
        draft.height,
        tuple(lines),
        draft.unreadable,
        tuple(graphics),
        draft.hurried,
        tuple(filter(None, draft.unseen)),
    )
    if draft.unreadable:
        return page
    if not draft.ocr:
        return _scanned(document, page) if draft.hidden and draft.dpi else page
    try:
        pixels = page_pixels(document[draft.number - 1], draft.dpi)
    except DRAWING_ERRORS as error:
        reason = f"The page needs OCR ({draft.ocr}), but cannot be drawn: {_reason(error)}"
        return replace(page, unreadable=reason)
    if draft.hidden and draft.dpi:
        page = _without_blank(page, pixels)
    fallback = page if page.lines or page.graphics or page.unseen else None
    number, width, height = draft.number, draft.width, draft.height
    return PageImage(number, width, height, pixels, draft.ocr, fallback, draft.hidden)


def _scanned(document: pymupdf.Document, page: Page) -> Page:
    """A scan whose own text layer serves, with the pictures on it."""
    try:
        pixels = page_pixels(document[page.number - 1], _SCAN_DPI)
    except DRAWING_ERRORS:
        return page
    page = _without_blank(page, pixels)
    if page.hurried:
        return page
    found = ink_regions(pixels, page.width, page.height, page.lines)
    return replace(page, graphics=(*page.graphics, *found))


def _without_blank(page: Page, pixels: npt.NDArray[np.uint8]) -> Page:
    """A scan without the lines of its layer that lie where the picture is blank."""
    picture = Picture(pixels, 0, 0, pixels.shape[1] / max(page.width, 1.0))
    lines: list[Line] = []
    blank: list[Line] = []
    for line in page.lines:
        x0, y0, x1, y1 = line.box
        around = 0.3 * (y1 - y0)  # layers are not always laid exactly over their scan
        inked = has_ink(picture.part((x0 - around, y0 - around, x1 + around, y1 + around)))
        (lines if inked else blank).append(line)
    if not blank:
        return page
    unseen = (*page.unseen, *(line.text for line in blank))
    return replace(page, lines=tuple(lines), unseen=unseen)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:200] or type(error).__name__
