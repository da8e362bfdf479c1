"""Lays out a draft as PDF pages: plain styles, clear roles, every script that MuPDF has a font for.

MuPDF's ``Story`` does the line breaking and the fonts. It gets escaped HTML made here from
blocks, in portions, so that the memory for a long text stays small.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterable, Iterator

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
from ingest.guest.limits import Limits

PAGE = pymupdf.Rect(0, 0, 595, 842)
_MARGINS = (60, 60, -60, -60)
_PORTION = 40_000  # characters in one story
_LONG_WORD = 60
_COLUMNS = 96  # characters in a line of preformatted text
_STYLE = """
body { font-family: sans-serif; font-size: 10.5pt; line-height: 1.35; }
p { margin: 0 0 7pt 0; }
h1, h2, h3, h4, h5, h6 { font-weight: bold; margin: 14pt 0 6pt 0; }
h1 { font-size: 20pt; } h2 { font-size: 16pt; } h3 { font-size: 13.5pt; }
h4 { font-size: 12pt; } h5 { font-size: 11.5pt; } h6 { font-size: 11pt; }
p.quoted { margin-left: 24pt; }
pre { font-family: monospace; font-size: 8pt; line-height: 1.25; margin: 0 0 7pt 0; }
table { border-collapse: collapse; margin: 4pt 0 11pt 0; }
td, th { border: 0.5pt solid #888888; padding: 3pt 6pt; text-align: left; vertical-align: top; }
th { font-weight: bold; background-color: #eeeeee; }
"""


def render(draft: Draft, name: str, limits: Limits) -> Rendition:
    """The draft as a PDF, with the facts it states.

    Raises:
        LimitExceeded: more pages than allowed.
    """
    output = io.BytesIO()
    writer = pymupdf.DocumentWriter(output)
    sheets = _Sheets(writer, name, limits)
    for portion in _portions(draft.blocks):
        if portion:
            sheets.place("".join(map(_markup, portion)))
        else:
            sheets.turn()
    sheets.finish()
    writer.close()
    return Rendition(
        output.getvalue(),
        draft.media_type,
        draft.title,
        draft.author,
        draft.created,
        draft.warnings,
    )


class _Sheets:
    """Places stories one after the other, each going on where the last one ended."""

    def __init__(self, writer: pymupdf.DocumentWriter, name: str, limits: Limits) -> None:
        self._writer = writer
        self._name = name
        self._limits = limits
        self._area = PAGE + _MARGINS
        self._device: object | None = None
        self._pages = 0
        self._top = self._area.y0

    def place(self, markup: str) -> None:
        story = pymupdf.Story(f"<body>{markup}</body>", user_css=_STYLE, em=10.5)
        more = True
        while more:
            if self._device is None:
                self._begin()
            fresh = self._top == self._area.y0
            where = pymupdf.Rect(self._area.x0, self._top, self._area.x1, self._area.y1)
            more, filled = story.place(where)
            story.draw(self._device)
            if more:
                if fresh and pymupdf.Rect(filled).is_empty:
                    break  # it fits on no page, and would go on for ever
                self.turn()
            else:
                self._top = max(self._top, pymupdf.Rect(filled).y1)
                if self._top > self._area.y1 - 30:
                    self.turn()

    def turn(self) -> None:
        """Ends the page, if one was begun."""
        if self._device is not None:
            self._writer.end_page()
            self._device = None

    def finish(self) -> None:
        """Ends the document, which has one empty page if nothing was placed."""
        if self._pages == 0:
            self._begin()
        self.turn()

    def _begin(self) -> None:
        self._pages += 1
        if self._pages > self._limits.max_pages:
            cause = f"Laid out, it has more than {self._limits.max_pages} pages."
            raise LimitExceeded(self._name, cause, "Split it into smaller files.")
        self._device = self._writer.begin_page(PAGE)
        self._top = self._area.y0


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
        case Paragraph(text, quoted) if len(text) > _PORTION:
            for piece in _cut(text):
                yield Paragraph(piece, quoted)
        case Preformatted(text) if len(text) > _PORTION:
            for piece in _cut(text):
                yield Preformatted(piece)
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


def _markup(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{_text(text)}</h{level}>"
        case Paragraph(text, quoted):
            return f'<p class="{"quoted" if quoted else "plain"}">{_text(text)}</p>'
        case ListItem(text, marker, depth):
            indent = 14 + 16 * min(depth, 8)
            label = f"{html.escape(marker)} " if marker else ""
            return f'<p style="margin-left: {indent}pt">{label}{_text(text)}</p>'
        case Preformatted(text):
            return f"<pre>{html.escape(_fold(text))}</pre>"
        case Table(rows, header):
            return _table(rows, header)
        case PageBreak():
            return ""


def _table(rows: tuple[tuple[str, ...], ...], header: bool) -> str:
    columns = max(len(row) for row in rows)
    lines = []
    for number, row in enumerate(rows):
        tag = "th" if header and number == 0 else "td"
        padded = row + ("",) * (columns - len(row))
        cells = "".join(f"<{tag}>{_text(cell)}</{tag}>" for cell in padded)
        lines.append(f"<tr>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"


def _text(text: str) -> str:
    text = re.sub(rf"\S{{{_LONG_WORD},}}", _break_word, text)
    return html.escape(text.replace("\t", "    ")).replace("\n", "<br/>")


def _break_word(match: re.Match[str]) -> str:
    """Invisible places to break a word that no line can hold; scripts without spaces need none."""
    word = match.group()
    if any(character > "\u2fff" for character in word):
        return word
    return "\u200b".join(word[i : i + _LONG_WORD] for i in range(0, len(word), _LONG_WORD))


def _fold(text: str) -> str:
    lines = []
    for line in text.expandtabs(8).split("\n"):
        lines += [line[i : i + _COLUMNS] for i in range(0, max(len(line), 1), _COLUMNS)]
    return "\n".join(lines)
