"""A paper as a PDF, laid out by MuPDF's ``Story`` with its notes at the foot of their page.

Fonts for the scripts in use are embedded. All text is escaped before it is laid out, so that it
stays text. See `pdf_pages` for the pages.
"""

from __future__ import annotations

import html
import io
from collections.abc import Iterator

import pymupdf

from app.core.exporting.paper import (
    Block,
    Facts,
    Heading,
    Inlines,
    Listing,
    NoteRef,
    Paper,
    Paragraph,
    Table,
    right_to_left,
)
from app.core.exporting.pdf_pages import WIDTH, Pages

_NAME_SHARE = 0.2  # of the width, for the names of facts
_PADDING = 4.0  # points left and right in a cell
_PORTION = 20_000  # characters laid out at once


def write(paper: Paper) -> bytes:
    """The paper as the bytes of a PDF."""
    output = io.BytesIO()
    pages = Pages(output, paper.title)
    notes = [_note(n, note) for n, note in enumerate(paper.notes, start=1)]
    placed: set[int] = set()
    pages.add(_element("h1", _text(paper.title), paper.title), keep=True)
    for block in paper.blocks:
        headed = isinstance(block, Table) and block.header
        for place, (markup, numbers) in enumerate(_pieces(block)):
            fresh = [n for n in dict.fromkeys(numbers) if n not in placed]
            placed.update(fresh)
            notes_here = [notes[n - 1] for n in fresh]
            keep = isinstance(block, Heading) or (headed and place == 0)
            pages.add(markup, notes_here, keep=keep)
            if headed and place == 0:
                pages.header = markup
        pages.header = ""
    pages.finish()
    return _finished(output.getvalue(), paper, pages)


def _finished(pdf: bytes, paper: Paper, pages: Pages) -> bytes:
    """With rules above the notes, without glyphs that no page shows, and with a title."""
    with pymupdf.open(stream=pdf, filetype="pdf") as document:
        for number, height in pages.rules:
            start, end = pages.rule(height)
            document[number].draw_line(start, end, color=(0.4, 0.4, 0.4), width=0.5)
        document.subset_fonts()
        document.set_metadata({"title": paper.title, "author": "Muniment", "producer": "Muniment"})
        data: bytes = document.tobytes(deflate=True, garbage=3, use_objstms=1)
    return data


def _pieces(block: Block) -> Iterator[tuple[str, list[int]]]:
    """The block as HTML in parts that are laid out one after the other, with their notes."""
    match block:
        case Heading(text, level):
            yield _element(f"h{min(level + 1, 6)}", _text(text), text), []
        case Paragraph(inlines, quiet):
            kind = "quiet" if quiet else ""
            yield _element("p", _inlines(inlines), _words(inlines), kind), _numbers(inlines)
        case Listing(text):
            for portion in _portions(text):
                yield _element("div", _text(portion), portion, "listing"), []
        case Facts(rows):
            shares = [_NAME_SHARE, 1 - _NAME_SHARE]
            for name, lines in rows:
                value = "<br/>".join(_text(line) for line in lines)
                cells = [f"<b>{_text(name)}</b>", value]
                yield _row(cells, shares, [name, " ".join(lines)]), []
        case Table(rows, header):
            shares = block.shares()
            for place, row in enumerate(rows):
                cells = [_inlines(cell) for cell in row]
                words = [_words(cell) for cell in row]
                if header and place == 0:
                    cells = [f"<b>{cell}</b>" for cell in cells]
                numbers = [n for cell in row for n in _numbers(cell)]
                yield _row(cells, shares, words), numbers


def _row(cells: list[str], shares: list[float], words: list[str]) -> str:
    """A table of one row; tables of the same shares stand below each other as one."""
    filled = cells + [""] * (len(shares) - len(cells))
    said = words + [""] * (len(shares) - len(words))
    parts = [
        f'<td style="width:{share * WIDTH - 2 * _PADDING:.1f}pt"{_direction(text)}>{cell}</td>'
        for cell, share, text in zip(filled, shares, said, strict=True)
    ]
    return f"<table><tr>{''.join(parts)}</tr></table>"


def _note(n: int, inlines: Inlines) -> str:
    return _element("p", f"<sup>{n}</sup> {_inlines(inlines)}", _words(inlines), "note")


def _element(tag: str, content: str, words: str, kind: str = "") -> str:
    attribute = f' class="{kind}"' if kind else ""
    return f"<{tag}{attribute}{_direction(words)}>{content}</{tag}>"


def _direction(words: str) -> str:
    return ' dir="rtl"' if right_to_left(words) else ""


def _inlines(inlines: Inlines) -> str:
    parts: list[str] = []
    for part in inlines:
        if isinstance(part, NoteRef):
            parts.append(f"<sup>{part.n}</sup>")
            continue
        words = _text(part.text)
        words = f"<b>{words}</b>" if part.bold else words
        parts.append(f"<i>{words}</i>" if part.italic else words)
    return "".join(parts)


def _words(inlines: Inlines) -> str:
    return "".join(part.text for part in inlines if not isinstance(part, NoteRef))


def _numbers(inlines: Inlines) -> list[int]:
    return [part.n for part in inlines if isinstance(part, NoteRef)]


def _text(text: str) -> str:
    return html.escape(text).replace("\n", "<br/>").replace("\t", "    ")


def _portions(text: str) -> Iterator[str]:
    """Parts of bounded length, cut at line ends where there are any."""
    start = 0
    while start < len(text):
        end = start + _PORTION
        if end < len(text):
            cut = text.rfind("\n", start, end)
            end = cut + 1 if cut > start else end
        yield text[start:end].rstrip("\n")
        start = end
