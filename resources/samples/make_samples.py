"""Typesets the sample documents from ``source/`` into ``documents/``; the same bytes every time.

All persons, organisations and events are invented. Some pages are made difficult on purpose:
a "scan" is a picture of its page, slightly askew and noisy, without a text layer; a "landscape"
page is stored upright and turned by its ``/Rotate`` entry. ``questions.json`` gets the page on
which each answer stands, found in the text before a page becomes a picture.

Typeset in the fonts that PyMuPDF carries (Charis SIL, Nimbus). Run by ``make samples``. Knows
nothing of Muniment.
"""

from __future__ import annotations

import io
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pymupdf
from PIL import Image, ImageFilter

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "source"
DOCUMENTS = HERE / "documents"

A4 = (595.0, 842.0)
MARGIN_SIDE = 62.0
MARGIN_TOP = 56.0
MARGIN_BOTTOM = 64.0
SCAN_DPI = 150
SCAN_SKEW_DEGREES = 0.8
SCAN_NOISE = 7.0
DATE = "D:20250501120000Z"
FILLER = re.compile(r"\s+")


@dataclass(frozen=True)
class Section:
    """Pages of one kind: "page", "scan" or "landscape"."""

    kind: str
    html: str


@dataclass(frozen=True)
class Source:
    """A document's text with its title and the line at the foot of its pages."""

    title: str
    footer: str
    sections: tuple[Section, ...]


def main() -> int:
    DOCUMENTS.mkdir(exist_ok=True)
    css = (SOURCE / "sample.css").read_text(encoding="utf-8")
    pages: dict[str, list[str]] = {}
    for path in sorted(SOURCE.glob("*.html")):
        target = DOCUMENTS / f"{path.stem}.pdf"
        pages[target.name] = typeset(read_source(path), css, target)
        print(f"{target.name}: {len(pages[target.name])} pages, {target.stat().st_size:,} bytes")
    questions = json.loads((SOURCE / "questions.json").read_text(encoding="utf-8"))
    for question in questions:
        question["page"] = find_page(pages, question["document"], question["evidence"])
    content = json.dumps(questions, indent=2, ensure_ascii=False)
    (HERE / "questions.json").write_text(content + "\n", encoding="utf-8")
    return 0


def read_source(path: Path) -> Source:
    text = path.read_text(encoding="utf-8")
    fields = dict(re.findall(r"<!-- (title|footer): (.*?) -->", text))
    parts = re.split(r"<!-- section: (\w+) -->", text)[1:]
    sections = tuple(Section(*pair) for pair in zip(parts[::2], parts[1::2], strict=True))
    return Source(fields["title"], fields["footer"], sections)


def typeset(source: Source, css: str, target: Path) -> list[str]:
    """Writes the document; returns each page's text as it was before it became a picture."""
    document = pymupdf.open()
    kinds: list[str] = []
    for section in source.sections:
        part = lay_out(section.html, css, landscape=section.kind == "landscape")
        document.insert_pdf(part)
        kinds += [section.kind] * part.page_count
    texts = [
        FILLER.sub(" ", page.get_text(flags=pymupdf.TEXT_PRESERVE_WHITESPACE)) for page in document
    ]
    for number, kind in enumerate(kinds):
        if kind == "scan":
            replace_by_picture(document, number, seed=number)
            continue
        write_footer(document[number], f"{source.footer} · page {number + 1} of {len(kinds)}")
        if kind == "landscape":
            store_upright(document, number)
    document.set_metadata(
        {
            "title": source.title,
            "author": "Muniment samples",
            "creationDate": DATE,
            "modDate": DATE,
            "producer": "PyMuPDF",
        }
    )
    document.subset_fonts()
    document.save(
        target, garbage=4, deflate=True, deflate_fonts=True, use_objstms=1, no_new_id=True
    )
    return texts


def lay_out(html: str, css: str, *, landscape: bool) -> pymupdf.Document:
    width, height = A4[::-1] if landscape else A4
    sheet = pymupdf.Rect(0, 0, width, height)
    frame = pymupdf.Rect(MARGIN_SIDE, MARGIN_TOP, width - MARGIN_SIDE, height - MARGIN_BOTTOM)
    story = pymupdf.Story(html, user_css=css)
    buffer = io.BytesIO()
    writer = pymupdf.DocumentWriter(buffer)
    more = 1
    while more:
        device = writer.begin_page(sheet)
        more, _ = story.place(frame)
        story.draw(device)
        writer.end_page()
    writer.close()
    return pymupdf.open(stream=buffer.getvalue(), filetype="pdf")


def write_footer(page: pymupdf.Page, text: str) -> None:
    size = 8.0
    width = pymupdf.get_text_length(text, fontname="helv", fontsize=size)
    start = pymupdf.Point((page.rect.width - width) / 2, page.rect.height - 34)
    page.insert_text(start, text, fontname="helv", fontsize=size, color=(0.35, 0.35, 0.35))


def replace_by_picture(document: pymupdf.Document, number: int, seed: int) -> None:
    """What a flatbed scanner would give: grey, slightly turned, soft and grainy."""
    pixmap = document[number].get_pixmap(dpi=SCAN_DPI, colorspace=pymupdf.csRGB)
    picture = Image.frombytes("RGB", (pixmap.width, pixmap.height), pixmap.samples)
    picture = picture.rotate(
        SCAN_SKEW_DEGREES, Image.Resampling.BICUBIC, fillcolor=(255, 255, 255)
    ).filter(ImageFilter.GaussianBlur(0.5))
    values = np.asarray(picture, dtype=np.float64)
    noise = np.random.default_rng(seed).normal(0.0, SCAN_NOISE, values.shape[:2])
    paper = 1.0 - 0.05 * np.linspace(0.0, 1.0, values.shape[1])[None, :, None]
    values = np.clip(values * paper + noise[:, :, None] - 4.0, 0, 255)
    buffer = io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(buffer, "JPEG", quality=62)
    document.delete_page(number)
    page = document.new_page(number, *A4)
    page.insert_image(page.rect, stream=buffer.getvalue())


def store_upright(document: pymupdf.Document, number: int) -> None:
    """Turns the page's content a quarter against the clock and its ``/Rotate`` back again."""
    page = document[number]
    width, height = page.rect.width, page.rect.height
    page.wrap_contents()
    content = b"q 0 1 -1 0 %d 0 cm\n" % height + page.read_contents() + b"\nQ\n"
    stream = document.get_new_xref()
    document.update_object(stream, "<<>>")
    document.update_stream(stream, content)
    page.set_contents(stream)
    page.set_mediabox(pymupdf.Rect(0, 0, height, width))
    page.set_rotation(90)


def find_page(pages: dict[str, list[str]], name: str | None, evidence: str | None) -> int | None:
    """The first page, from 1, that holds the evidence; None for a question without an answer."""
    if name is None or evidence is None:
        return None
    for number, text in enumerate(pages[name], start=1):
        if evidence in text:
            return number
    raise SystemExit(f"{name} does not say: {evidence}")


if __name__ == "__main__":
    sys.exit(main())
