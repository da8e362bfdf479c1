"""Reads an open PDF page by page: lines where there is text, pixels where OCR is needed.

Two passes, since headings and running headers show only against the whole document: first
every page is laid out, then pages are yielded in order. Pixels are rendered when their turn
comes. Knows nothing of passwords, processes or OCR.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pymupdf

from ingest.drafts import PageDraft
from ingest.furniture import mark_furniture
from ingest.pdf.errors import DRAWING_ERRORS, PDF_ERRORS
from ingest.pdf.fragments import read_fragments
from ingest.pdf.layout import lay_out
from ingest.pdf.quality import judge
from ingest.pdf.render import page_pixels
from ingest.pdf.roles import mark_headings
from ingest.types import Line, Page, PageImage

pymupdf.TOOLS.mupdf_display_errors(False)
pymupdf.TOOLS.mupdf_display_warnings(False)

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
    for index in range(total):
        drafts.append(draft_page(document, index))
        on_page(index + 1, total)
    layers = [draft for draft in drafts if draft.hidden and draft.dpi and not draft.ocr]
    if len(layers) <= _FEW:
        for draft in layers:
            draft.ocr = "its OCR layer is read a second time"
    mark_furniture(drafts)
    mark_headings(drafts)
    for index, draft in enumerate(drafts):
        yield _finish(document, draft)
        drafts[index] = PageDraft(draft.number, 0, 0)


def draft_page(document: pymupdf.Document, index: int) -> PageDraft:
    """Lay out one page, counted from 0."""
    draft = PageDraft(index + 1, 0.0, 0.0)
    try:
        page = document[index]
        draft.width, draft.height = page.rect.width, page.rect.height
        turns, ink = read_fragments(page)
        draft.lines = lay_out(turns, draft.width, draft.height)
        draft.hidden = ink.hidden * 2 > ink.characters
        draft.ocr, draft.dpi = judge(page, ink, draft.lines, draft.width, draft.height)
    except PDF_ERRORS as error:
        draft.unreadable = f"The page is damaged: {_reason(error)}"
    return draft


def _finish(document: pymupdf.Document, draft: PageDraft) -> Page | PageImage:
    page = Page(
        draft.number,
        draft.width,
        draft.height,
        tuple(Line(line.text, line.box, line.role, line.block, line.level) for line in draft.lines),
        draft.unreadable,
    )
    if not draft.ocr or draft.unreadable:
        return page
    try:
        pixels = page_pixels(document[draft.number - 1], draft.dpi)
    except DRAWING_ERRORS as error:
        reason = f"The page needs OCR ({draft.ocr}), but cannot be drawn: {_reason(error)}"
        return Page(draft.number, draft.width, draft.height, page.lines, reason)
    fallback = page if page.lines else None
    return PageImage(draft.number, draft.width, draft.height, pixels, draft.ocr, fallback)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:200] or type(error).__name__
