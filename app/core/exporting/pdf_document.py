"""A paper as a PDF, laid out by MuPDF's ``Story`` with its notes at the foot of their page.

Fonts for the scripts in use are embedded. All text is escaped before it is laid out, so that it
stays text. See `pdf_pages` for the pages.
"""

from __future__ import annotations

import html
import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple

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
    Span,
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
        for place, piece in enumerate(_pieces(block)):
            fresh = [n for n in dict.fromkeys(piece.notes) if n not in placed]
            placed.update(fresh)
            notes_here = [notes[n - 1] for n in fresh]
            keep = isinstance(block, Heading) or (headed and place == 0)
            pages.add(piece.markup, notes_here, keep=keep, apart=piece.apart)
            if headed and place == 0:
                pages.header = piece.markup
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


class _Piece(NamedTuple):
    """HTML that is laid out at once, the notes it refers to, and what stands in its place where
    it is a row of a table and fits on no page."""

    markup: str
    notes: list[int]
    apart: list[str]


def _pieces(block: Block) -> Iterator[_Piece]:
    """The block in pieces that are laid out one after the other."""
    match block:
        case Heading(text, level):
            yield _Piece(_element(f"h{min(level + 1, 6)}", _text(text), text), [], [])
        case Paragraph(inlines, quiet):
            element = _element("p", _inlines(inlines), _words(inlines), "quiet" if quiet else "")
            yield _Piece(element, _numbers(inlines), [])
        case Listing(text):
            for portion in _portions(text):
                yield _Piece(_element("div", _text(portion), portion, "listing"), [], [])
        case Facts(rows):
            for name, lines in rows:
                value: Inlines = (Span("\n".join(lines)),)
                yield _row([(Span(name, bold=True),), value], [_NAME_SHARE, 1 - _NAME_SHARE])
        case Table(rows, header):
            shares = block.shares()
            for place, row in enumerate(rows):
                yield _row(row, shares, bold=header and place == 0)


def _row(cells: Sequence[Inlines], shares: list[float], *, bold: bool = False) -> _Piece:
    """A table of one row; tables of the same shares stand below each other as one."""
    parts = []
    filled: list[Inlines] = [*cells, *([()] * (len(shares) - len(cells)))]
    for cell, share in zip(filled, shares, strict=True):
        content = f"<b>{_inlines(cell)}</b>" if bold else _inlines(cell)
        style = f"width:{share * WIDTH - 2 * _PADDING:.1f}pt"
        parts.append(f'<td style="{style}"{_direction(_words(cell))}>{content}</td>')
    apart = [_element("p", _inlines(cell), _words(cell)) for cell in cells if cell]
    numbers = [n for cell in cells for n in _numbers(cell)]
    return _Piece(f"<table><tr>{''.join(parts)}</tr></table>", numbers, apart)


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
