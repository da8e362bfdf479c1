"""Small PDFs for the tests, typeset with PyMuPDF's own fonts."""

from __future__ import annotations

from collections.abc import Sequence

import pymupdf

from ingest.pdf import read_document
from ingest.types import Line, Page, PageImage, Role

Placed = tuple[float, float, str]

LOREM = (
    "Lorem ipsum dolor sit amet, consetetur sadipscing elitr, sed diam nonumy eirmod tempor "
    "invidunt ut labore et dolore magna aliquyam erat, sed diam voluptua. At vero eos et accusam "
    "et justo duo dolores et ea rebum. Stet clita kasd gubergren, no sea takimata sanctus est "
)


def document(*pages: Sequence[Placed], size: float = 11, font: str = "helv") -> pymupdf.Document:
    """A document whose pages hold texts at (x, baseline y), all in one size."""
    made = pymupdf.open()
    for placed in pages:
        page = made.new_page()
        for x, y, text in placed:
            page.insert_text((x, y), text, fontsize=size, fontname=font)
    return made


def paragraph(
    page: pymupdf.Page,
    x: float,
    y: float,
    width: float,
    lines: int,
    *,
    size: float = 10,
    at: int = 0,
) -> list[str]:
    """Set lines of prose that fill a column; returns them. ``at`` makes columns differ."""
    font = pymupdf.Font("helv")
    words = (LOREM * 20).split()[at:]
    made: list[str] = []
    for n in range(lines):
        line = words.pop(0)
        while font.text_length(f"{line} {words[0]}", size) < width:
            line += f" {words.pop(0)}"
        page.insert_text((x, y + n * 1.25 * size), line, fontsize=size, fontname="helv")
        made.append(line)
    return made


def pages_of(made: pymupdf.Document) -> list[Page]:
    """Read a document that needs no OCR."""
    pages: list[Page] = []
    for page in read_document(made):
        assert isinstance(page, Page), page
        pages.append(page)
    return pages


def images_of(made: pymupdf.Document) -> list[PageImage]:
    """The pages of a document that need OCR."""
    return [page for page in read_document(made) if isinstance(page, PageImage)]


def texts(page: Page, *roles: Role) -> list[str]:
    """The texts of a page's lines, or of those with the given roles."""
    return [line.text for line in page.lines if not roles or line.role in roles]


def line_with(page: Page, text: str) -> Line:
    """The one line that holds ``text``."""
    found = [line for line in page.lines if text in line.text]
    assert len(found) == 1, (text, texts(page))
    return found[0]
