"""What the program itself makes of the pages that a guest sent: furniture, figures, chunks."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ingest.chunker import ChunkSizes, chunk_pages
from ingest.figure_chunks import figure_chunks
from ingest.figures import find_figures
from ingest.furniture import mark_ocr_furniture
from ingest.guest import wire
from ingest.guest.limits import Limits
from ingest.normalise import normalise_with_map
from ingest.question import literals
from ingest.types import Box, Graphic, GraphicKind, Line, Page, Role, TextSource
from ingest.unseen import seen, unseen_warnings
from ingest.words import content_words, literal_pattern, literal_words
from tests.fuzz.target import Target

_SIZES = ChunkSizes(window=40, target=30, context=8)
_LIMITS = Limits(max_lines=200, max_text=20_000, max_pages=50)
_ORIGINS = (TextSource.TEXT, TextSource.OCR)


def _count(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def _pages(data: bytes) -> None:
    """Each line of ``data`` is one of a page; a few letters before it say where and what it is."""
    pages = [_page(number, part) for number, part in enumerate(data.split(b"\f")[:20], start=1)]
    sent = [json.loads(json.dumps(wire.page_to_wire(page))) for page in pages]
    read = [wire.page_from_wire(value, _LIMITS) for value in sent]
    marked = mark_ocr_furniture(read)
    assert [len(page.lines) for page in marked] == [len(page.lines) for page in read]
    figures = find_figures(marked)
    unseen_warnings(marked, figures)
    chunks = chunk_pages(marked, "A title", _count, _SIZES)
    for chunk in chunks + figure_chunks(figures, chunks, "A title", _count, _SIZES):
        for line in chunk.lines:
            assert 0 <= line.start <= line.end <= len(chunk.text)
    for seen_line in marked[0].lines[:5]:
        plain, places = normalise_with_map(seen_line.text)
        assert len(places) >= len(plain)
        seen(seen_line.text)
        content_words(seen_line.text)
        for literal in literals(seen_line.text):
            literal_pattern(literal).search(seen_line.text)
            literal_words(literal)


def _page(number: int, data: bytes) -> Page:
    lines, graphics = [], []
    for at, row in enumerate(data.split(b"\n")[:100]):
        signs = [*row[:4], 0, 0, 0, 0]
        x0, y0 = signs[0] * 2.0, signs[1] * 3.0
        box = Box(x0, y0, x0 + signs[2] + 1.0, y0 + 10.0)
        roles = tuple(Role)
        if signs[3] % 16 == 15:
            kinds = tuple(GraphicKind)
            graphics.append(Graphic(box._replace(y1=y0 + 90.0), kinds[signs[2] % len(kinds)]))
            continue
        text = row[4:].decode("utf-8", "replace")
        source = _ORIGINS[signs[3] // 128]
        confidence = 0.5 if source is TextSource.OCR else None
        role = roles[signs[3] % len(roles)]
        lines.append(Line(text, box, role, at // 3, signs[2] % 7, source, confidence))
    return Page(number, 595.0, 842.0, tuple(lines), graphics=tuple(graphics))


def _seeds() -> list[bytes]:
    rows = [
        b"\x24\x05\xf0\x80Page 1 of 3", b"\x24\x30\xf0\x80Figure 2: Doses by week, see Table 1",
        b"\x24\x40\xf0\x0f", b"\x24\x90\xf0\x81The dose in Figure 2 was 1,500 mg; \xc2\xb2 iv",
        b"\x24\xff\xf0\x8012",
    ]  # fmt: skip
    page = b"\n".join(rows)
    return [page, b"\f".join([page, page.replace(b"1 of", b"2 of"), page])]


TARGETS = {"pages": Target(_pages, (), _seeds)}
