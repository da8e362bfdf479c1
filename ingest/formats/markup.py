"""Blocks as HTML for MuPDF's ``Story``, with every word numbered so that its place can be asked.

An *atom* is the smallest stretch whose place on the page matters: a word, one character of a
script that breaks anywhere (Chinese, Japanese), or a piece of a word too long for a line.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.formats.blocks import (
    Block,
    Heading,
    ListItem,
    PageBreak,
    Paragraph,
    Preformatted,
    Table,
)

COLUMNS = 96  # characters in a line of preformatted text
_INDENT, _STEP, _DEEPEST = 14, 16, 8  # points, points, levels
_LONG_WORD = 40
_PIECE = 20
_BREAK_HERE = "\u200b"
_TOKEN = re.compile(r"\s+|\S+")
# Han, kana and full-width forms break between any two characters.
_ANYWHERE = re.compile(
    "[\u2e80-\u312f\u3190-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
)
# Thai, Lao, Burmese and Khmer write no spaces; MuPDF has no dictionary to break them with.
_SPACELESS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
_CLUSTER = re.compile(
    "[\u0e40-\u0e44\u0ec0-\u0ec4]?."
    "[\u0300-\u036f\u0e30-\u0e3a\u0e47-\u0e4e\u0eb0-\u0ebc\u0ec8-\u0ecd\u102b-\u103e\u17b6-\u17d3]*",
    re.S,
)


@dataclass(frozen=True, slots=True)
class Atom:
    """``before`` is the white space in front of it. ``row`` is that of a table, else -1."""

    text: str
    before: str
    row: int = -1


@dataclass(frozen=True, slots=True)
class Entry:
    """A block and its atoms: numbers ``first`` to ``end - 1``."""

    block: Block
    first: int
    end: int


class Markup:
    """Collects blocks; ``html`` is their markup, ``atoms`` what its ids count."""

    def __init__(self) -> None:
        self.atoms: list[Atom] = []
        self.entries: list[Entry] = []
        self._parts: list[str] = []

    @property
    def html(self) -> str:
        """A whole body for a story."""
        return f"<body>{''.join(self._parts)}</body>"

    def add(self, block: Block) -> None:
        """Appends one block."""
        first = len(self.atoms)
        self._parts.append(self._block(block))
        self.entries.append(Entry(block, first, len(self.atoms)))

    def _block(self, block: Block) -> str:
        match block:
            case Heading(text, level):
                return f'<h{level} style="{_side(text)}">{self._text(text)}</h{level}>'
            case Paragraph(text, quoted):
                style = f"{'margin-left: 24pt; ' if quoted else ''}{_side(text)}"
                return f'<p style="{style}">{self._text(text)}</p>'
            case ListItem(text, marker, depth):
                indent = _INDENT + _STEP * min(depth, _DEEPEST)
                text = f"{marker} {text}".strip()
                style = f"margin-left: {indent}pt; {_side(text)}"
                return f'<p style="{style}">{self._text(text)}</p>'
            case Preformatted(text):
                return f"<pre>{self._text(fold(text), keep=True)}</pre>"
            case Table(rows, header):
                return self._table(rows, header)
            case PageBreak():
                return ""

    def _table(self, rows: tuple[tuple[str, ...], ...], header: bool) -> str:
        columns = max(len(row) for row in rows)
        lines = []
        for number, row in enumerate(rows):
            tag = "th" if header and number == 0 else "td"
            padded = row + ("",) * (columns - len(row))
            cells = "".join(f"<{tag}>{self._text(cell, number)}</{tag}>" for cell in padded)
            lines.append(f"<tr>{cells}</tr>")
        return f"<table>{''.join(lines)}</table>"

    def _text(self, text: str, row: int = -1, *, keep: bool = False) -> str:
        parts: list[str] = []
        before = ""
        for token in _TOKEN.findall(text):
            if token.isspace():
                before = token
                parts.append(_space(token, keep))
                continue
            for number, (piece, separator) in enumerate(_pieces(token)):
                parts.append(f'{separator}<span id="{len(self.atoms)}">{html.escape(piece)}</span>')
                self.atoms.append(Atom(piece, "" if number else before, row))
        return "".join(parts)


def fold(text: str) -> str:
    """Tabs to spaces, and lines cut where the page would end."""
    lines = []
    for line in text.expandtabs(8).split("\n"):
        lines += [line[i : i + COLUMNS] for i in range(0, max(len(line), 1), COLUMNS)]
    return "\n".join(lines)


def _side(text: str) -> str:
    """Text that begins in a script written from the right begins at the right."""
    for character in text[:200]:
        direction = unicodedata.bidirectional(character)
        if direction in ("R", "AL"):
            return "text-align: right"
        if direction == "L":
            break
    return "text-align: left"


def _space(token: str, keep: bool) -> str:
    if keep:
        return token
    return "<br/>" if "\n" in token else " "


def _pieces(token: str) -> Iterator[tuple[str, str]]:
    """The pieces of a word, and what has to stand before each so that a line may end there."""
    if _ANYWHERE.search(token):
        yield from ((piece, "") for piece in _split_anywhere(token))
    elif _SPACELESS.search(token):
        for number, cluster in enumerate(_CLUSTER.findall(token)):
            yield cluster, _BREAK_HERE if number else ""
    elif len(token) > _LONG_WORD:
        for start in range(0, len(token), _PIECE):
            yield token[start : start + _PIECE], _BREAK_HERE if start else ""
    else:
        yield token, ""


def _split_anywhere(token: str) -> Iterator[str]:
    """Single characters of scripts that break anywhere, and what lies between them whole."""
    start = 0
    for match in _ANYWHERE.finditer(token):
        if match.start() > start:
            yield token[start : match.start()]
        yield match.group()
        start = match.end()
    if start < len(token):
        yield token[start:]
