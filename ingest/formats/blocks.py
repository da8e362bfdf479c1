"""What a text document is made of, before it is laid out: plain text in a few kinds of block."""

from __future__ import annotations

from dataclasses import dataclass, field

from ingest.types import Page


@dataclass(frozen=True, slots=True)
class Heading:
    """``level`` 1 is the highest, 6 the lowest."""

    text: str
    level: int


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Newlines in ``text`` are line breaks of the document. ``quoted`` is a block quotation."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class ListItem:
    """``marker`` is what stands before the text: a bullet or a number. ``depth`` is from 0."""

    text: str
    marker: str = "•"
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; with ``header``, the first row names the columns."""

    rows: tuple[tuple[str, ...], ...]
    header: bool = False


@dataclass(frozen=True, slots=True)
class Preformatted:
    """Spaces and line ends count."""

    text: str


@dataclass(frozen=True, slots=True)
class PageBreak:
    """What follows begins on a new page."""


Block = Heading | Paragraph | ListItem | Table | Preformatted | PageBreak


@dataclass(frozen=True, slots=True)
class Draft:
    """A text document as its reader found it. ``created`` is an ISO 8601 date or empty.

    ``pictures`` are image files inside the document; they may be scans, so they are read too.
    ``unseen`` is text that the document does not show; it is no part of ``blocks``.
    """

    media_type: str
    blocks: tuple[Block, ...]
    title: str = ""
    author: str = ""
    created: str = ""
    warnings: tuple[str, ...] = field(default=())
    pictures: tuple[bytes, ...] = ()
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rendition:
    """The PDF that stands for a file of another format, and what the file says of itself.

    ``pages`` is the text on its first pages; those that follow are images still to be read.
    """

    pdf: bytes
    media_type: str
    title: str = ""
    author: str = ""
    created: str = ""
    warnings: tuple[str, ...] = field(default=())
    pages: tuple[Page, ...] = ()
