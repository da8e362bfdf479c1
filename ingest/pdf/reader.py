"""Reads an open PDF page by page: lines where there is text, pixels where OCR is needed.

Two passes, since headings and running headers show only against the whole document: first
every page is laid out, then pages are yielded in order. Pixels are rendered when their turn
comes. Knows nothing of passwords, processes or OCR.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pymupdf

from ingest.drafts import PageDraft
from ingest.furniture import mark_furniture
from ingest.inked import ink_regions
from ingest.pdf.errors import DRAWING_ERRORS, PDF_ERRORS
from ingest.pdf.fragments import read_fragments
from ingest.pdf.graphics import drop_repeated, read_graphics
from ingest.pdf.layout import lay_out
from ingest.pdf.paints import read_paints
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


def draft_page(
    document: pymupdf.Document, index: int, left: float
) -> tuple[PageDraft, float]:
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
        painted = read_paints(page) if left > 0 else None
        spent = time.process_time() - began
        began = time.process_time()
        turns, ink = read_fragments(page, painted)
        draft.hurried = painted is None or time.process_time() - began > _SLOW_PAGE
        draft.unseen = ink.unseen
        draft.lines = lay_out(turns, draft.width, draft.height)
        draft.hidden = ink.hidden * 2 > ink.characters
        draft.ocr, draft.dpi = judge(page, ink, draft.lines, draft.width, draft.height)
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


def _finish(document: pymupdf.Document, draft: PageDraft) -> Page | PageImage:
    lines = [Line(line.text, line.box, line.role, line.block, line.level) for line in draft.lines]
    graphics = [Graphic(graphic.box, graphic.kind) for graphic in draft.graphics]
    if draft.ocr:
        # Letters that are drawn look like drawings; what is no text, OCR's pixels will show.
        graphics = [g for g in graphics if g.kind is GraphicKind.IMAGE]
    elif draft.hidden and draft.dpi and not draft.unreadable and not draft.hurried:
        graphics += _scanned(document[draft.number - 1], lines)
    page = Page(
        draft.number,
        draft.width,
        draft.height,
        tuple(lines),
        draft.unreadable,
        tuple(graphics),
        draft.hurried,
    )
    if not draft.ocr or draft.unreadable:
        return page
    try:
        pixels = page_pixels(document[draft.number - 1], draft.dpi)
    except DRAWING_ERRORS as error:
        reason = f"The page needs OCR ({draft.ocr}), but cannot be drawn: {_reason(error)}"
        return replace(page, unreadable=reason)
    fallback = page if page.lines or page.graphics else None
    return PageImage(draft.number, draft.width, draft.height, pixels, draft.ocr, fallback)


def _scanned(page: pymupdf.Page, lines: Sequence[Line]) -> tuple[Graphic, ...]:
    """The pictures on a scan whose own text layer serves."""
    try:
        pixels = page_pixels(page, _SCAN_DPI)
    except DRAWING_ERRORS:
        return ()
    return ink_regions(pixels, page.rect.width, page.rect.height, lines)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:200] or type(error).__name__
