"""What guests do: `read` a file into pages, or `draw` pages of a PDF until the parent hangs up.

Importing this module loads every reader, which is what the fork server is for.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import numpy as np
import pymupdf

import ingest.pdf
from ingest.errors import DamagedFile, LimitExceeded
from ingest.formats import detect, typeset
from ingest.formats.blocks import Draft, Heading, Paragraph, Table
from ingest.formats.detect import Kind
from ingest.formats.render import render
from ingest.guest import wire
from ingest.guest.child import Task
from ingest.guest.draw import draw_page, draw_region, visible_sizes
from ingest.guest.limits import Limits
from ingest.guest.loading import load_all
from ingest.guest.passwords import unlock
from ingest.pdf.errors import PDF_ERRORS
from ingest.types import FileInfo, Page, PageImage
from ingest.unseen import seen

pymupdf.TOOLS.mupdf_display_errors(False)
pymupdf.TOOLS.mupdf_display_warnings(False)

_DAMAGED_REMEDY = "Look for a complete copy, or open it in a PDF program and save it again."


@functools.cache
def warm_up() -> None:
    """Loads what readers would load late, and reads a page made here, once.

    Guests cannot open files any more on Linux, and forked ones need not begin from nothing.
    """
    if sys.platform == "linux":
        load_all()
    draft = Draft(Kind.TEXT.value, (Heading("Warm", 1), Paragraph("up"), Table((("a", "b"),))))
    made = typeset.render(draft, "", Limits())
    document = open_pdf(made.pdf, "")
    ingest.pdf.file_info(document)
    for _ in ingest.pdf.read_document(document):
        draw_page(document, number=1, dpi=72, highlights=[], max_pixels=1_000_000)


def read(task: Task) -> None:
    """Sends ``opened``, then every ``page`` or ``image`` in order, then ``done``.

    Raises:
        ReadError: the file cannot be read at all.
    """
    name = str(task.request["name"])
    kind = detect.detect(task.data, name)
    rendition = b""
    text_pages: tuple[Page, ...] = ()
    if kind is Kind.PDF:
        document = open_pdf(task.data, name)
        unlock(document, task.request["passwords"], name)
        info = ingest.pdf.file_info(document)
    else:
        made = render(task.data, kind, name, task.limits)
        rendition, text_pages = made.pdf, made.pages
        document = open_pdf(rendition, name)
        info = FileInfo(
            made.media_type,
            document.page_count,
            made.title,
            made.author,
            made.created,
            made.warnings,
        )
    _check_pages(document, name, task.limits)
    info = replace(
        info,
        title=seen(info.title)[0],
        author=seen(info.author)[0],
        warnings=_misnamed(kind, name) + info.warnings,
    )
    task.channel.send({"kind": "opened", "info": wire.info_to_wire(info)})
    for page in chain(text_pages, _rest(document, len(text_pages))):
        _send_page(task, page)
    if len(rendition) > task.limits.max_rendition_bytes:
        cause = f"Its pages would take {len(rendition) >> 20} MB."
        raise LimitExceeded(name, cause, "Split it into smaller files.")
    task.channel.send({"kind": "done"}, rendition)


def draw(task: Task) -> None:
    """Opens a PDF, sends ``sizes``, then answers every request with pixels or PNG bytes.

    Raises:
        ReadError: the PDF cannot be opened.
    """
    name = str(task.request["name"])
    document = open_pdf(task.data, name)
    unlock(document, task.request["passwords"], name)
    _check_pages(document, name, task.limits)
    task.channel.send({"kind": "sizes", "sizes": visible_sizes(document)})
    while True:
        request, _ = task.channel.receive(0)
        if request["region"] is not None:
            drawn = draw_region(
                document,
                number=request["page"],
                box=request["region"],
                pixels=min(request["pixels"], task.limits.max_pixels),
                max_dpi=request["dpi"],
            )
        else:
            drawn = draw_page(
                document,
                number=request["page"],
                dpi=request["dpi"],
                highlights=request["highlights"],
                max_pixels=task.limits.max_pixels,
            )
        facts = {"kind": "drawn", "width": drawn.width, "height": drawn.height, "dpi": drawn.dpi}
        task.channel.send(facts, drawn.png() if request["png"] else drawn.pixels)


def _rest(document: pymupdf.Document, done: int) -> Iterator[Page | PageImage]:
    """The pages after the first ``done``, whose text is not known yet."""
    if not done:
        yield from ingest.pdf.read_document(document)
    elif done < document.page_count:
        rest = pymupdf.open()
        rest.insert_pdf(document, from_page=done)
        for page in ingest.pdf.read_document(rest):
            yield _renumbered(page, page.number + done)


def _renumbered(page: Page | PageImage, number: int) -> Page | PageImage:
    if isinstance(page, PageImage) and page.fallback is not None:
        page = replace(page, fallback=replace(page.fallback, number=number))
    return replace(page, number=number)


def open_pdf(data: bytes, name: str) -> pymupdf.Document:
    """The PDF in ``data``, still locked if it has a password.

    Raises:
        DamagedFile: it cannot be opened, not even after MuPDF's repair.
    """
    try:
        document = pymupdf.open(stream=data, filetype="pdf")
    except (pymupdf.FileDataError, pymupdf.EmptyFileError, RuntimeError) as error:
        if "alloc" in str(error):
            raise MemoryError from error
        cause = "The PDF is damaged beyond repair."
        raise DamagedFile(name, cause, _DAMAGED_REMEDY) from error
    if not document.is_pdf:
        raise DamagedFile(name, "Its content is no PDF.", _DAMAGED_REMEDY)
    return document


def _check_pages(document: pymupdf.Document, name: str, limits: Limits) -> None:
    try:
        pages = document.page_count
    except PDF_ERRORS as error:
        cause = "What it says of its number of pages cannot be true."
        raise DamagedFile(name, cause, _DAMAGED_REMEDY) from error
    if pages == 0:
        raise DamagedFile(name, "The PDF has no pages.", _DAMAGED_REMEDY)
    if pages > limits.max_pages:
        cause = f"It has {pages} pages; {limits.max_pages} are allowed."
        raise LimitExceeded(name, cause, "Split it into smaller files.")


def _misnamed(kind: Kind, name: str) -> tuple[str, ...]:
    claimed = detect.named_kind(name)
    if claimed is None or claimed is kind or kind is Kind.MARKDOWN:
        return ()
    return (f"Its name says {claimed.name}, but it is {kind.name} and was read as that.",)


def _seen(page: Page) -> Page:
    """The page without what is written on it in signs that nobody can see."""
    lines = []
    unseen = list(page.unseen)
    for line in page.lines:
        text, messages = seen(line.text)
        unseen += messages
        lines.append(line if text == line.text else replace(line, text=text))
    if len(unseen) == len(page.unseen) and tuple(lines) == page.lines:
        return page
    return replace(page, lines=tuple(lines), unseen=tuple(unseen))


def _send_page(task: Task, page: Page | PageImage) -> None:
    if max(page.width, page.height) > wire.MAX_SIDE:
        page = _enormous(page)
    if isinstance(page, Page):
        page = _seen(page)
        task.channel.send({"kind": "page", "page": wire.page_to_wire(_capped(page, task.limits))})
        return
    rows, columns = page.pixels.shape[:2]
    if rows * columns > task.limits.max_pixels:
        reason = f"The page would be {columns} × {rows} pixels large, too many for OCR."
        kept = page.fallback or Page(page.number, page.width, page.height, ())
        _send_page(task, replace(kept, graphics=(), unreadable=reason))
        return
    fallback = None if page.fallback is None else _capped(_seen(page.fallback), task.limits)
    header = wire.image_to_wire(replace(page, fallback=fallback))
    pixels = np.ascontiguousarray(page.pixels)
    task.channel.send({"kind": "image", "image": header}, pixels.data.cast("B"))


def _enormous(page: Page | PageImage) -> Page:
    """A page that is larger than anything that could be shown, with nothing on it."""
    reason = f"The page is {page.width:.0f} × {page.height:.0f} points large, too large to be read."
    width, height = min(page.width, wire.MAX_SIDE), min(page.height, wire.MAX_SIDE)
    return Page(page.number, width, height, (), unreadable=reason)


def _capped(page: Page, limits: Limits) -> Page:
    """The page with no more lines and text than a page may have, and a note if that was cut."""
    kept = 0
    for count, line in enumerate(page.lines):
        kept += len(line.text)
        if count >= limits.max_lines or kept > limits.max_text:
            reason = f"The page holds too much text; only its first {count} lines were read."
            return replace(page, lines=page.lines[:count], unreadable=reason)
    return page
