"""What an exported file says, in blocks that every format can write.

All text is data, also that of documents: it is cleaned here, once, of what XML forbids, what
moves a terminal's cursor and what reverses the order in which text is shown; each writer escapes
it for its own format. Knows no format and no answers.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

# Controls (but tab and line feed), lone surrogates, and what Unicode has set aside as no
# character: shown as such. No XML may hold them, and a terminal obeys some.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | end) for plane in range(17) for end in (0xFFFE, 0xFFFF))
    + "]"
)
# Overrides and embeddings of direction, annotation marks, byte order marks and tags show
# nothing, and make text look like another.
_UNSEEN = re.compile("[\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\ufeff\U000e0000-\U000e007f]")
_LINE_END = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")


def clean(text: str) -> str:
    """The text as it may be shown: line ends as line feeds, nothing forbidden, nothing unseen.

    >>> clean("a\\r\\nb\\x1b[31m\\u202ec")
    'a\\nb�[31mc'
    """
    return _FORBIDDEN.sub("�", _UNSEEN.sub("", _LINE_END.sub("\n", text)))


def one_line(text: str) -> str:
    """The text, cleaned, in one line; cells of a table row stay apart."""
    cells = (" ".join(cell.split()) for cell in clean(text).split("\t"))
    return " | ".join(cell for cell in cells if cell)


def right_to_left(text: str) -> bool:
    """Whether the first letter with a direction runs from right to left."""
    kinds = map(unicodedata.bidirectional, text)
    return next((kind for kind in kinds if kind in ("L", "R", "AL")), "L") != "L"


@dataclass(frozen=True, slots=True)
class Span:
    """Words in a line."""

    text: str
    bold: bool = False
    italic: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", clean(self.text))


@dataclass(frozen=True, slots=True)
class NoteRef:
    """Where a note is referred to, by its number from 1; one may be referred to repeatedly."""

    n: int


Inline = Span | NoteRef
Inlines = tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; ``level`` from 1, the title stands above all."""

    text: str
    level: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", one_line(self.text))


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text; ``quiet`` says that it only explains."""

    inlines: Inlines
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """Text that is shown as it stands, with its line breaks."""

    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", clean(self.text))


@dataclass(frozen=True, slots=True)
class Facts:
    """Names with their values, a line or several each."""

    rows: tuple[tuple[str, tuple[str, ...]], ...]

    def __post_init__(self) -> None:
        rows = tuple((one_line(name), tuple(map(one_line, lines))) for name, lines in self.rows)
        object.__setattr__(self, "rows", rows)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; the first is repeated on every page where it is the ``header``.

    ``widths`` are the columns' shares of the page; all the same when there are none.
    """

    rows: tuple[tuple[Inlines, ...], ...]
    header: bool = True
    widths: tuple[float, ...] = ()

    def shares(self) -> list[float]:
        """Each column's part of the width; they sum to 1."""
        columns = max((len(row) for row in self.rows), default=0)
        widths = list(self.widths) if len(self.widths) == columns else [1.0] * columns
        return [width / sum(widths) for width in widths]


Block = Heading | Paragraph | Listing | Facts | Table


@dataclass(frozen=True, slots=True)
class Paper:
    """A whole file. ``notes`` are numbered from 1, in the order in which they are referred to.

    ``made`` is ISO 8601, UTC. ``landscape`` asks for pages on their side, for wide tables, where
    the format has pages and can turn them (Word).
    """

    title: str
    blocks: tuple[Block, ...]
    notes: tuple[Inlines, ...] = ()
    made: str = ""
    landscape: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", one_line(self.title))


@dataclass(slots=True)
class Notes:
    """Collects the notes of a paper while its blocks are made, in the order of reading."""

    all: list[Inlines] = field(default_factory=list)

    def add(self, inlines: Inlines) -> NoteRef:
        """A new note; returns the reference that stands in the text."""
        self.all.append(inlines)
        return NoteRef(len(self.all))
