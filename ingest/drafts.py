"""Pages whose lines have no final roles yet: readers fill them, later steps judge them.

Knows nothing of files.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ingest.types import Box, GraphicKind, Role


@dataclass(slots=True)
class Draft:
    """One line with what later steps need to give it a role.

    ``box`` lies on the visible page; ``size`` and ``bold`` are those of most of its text.
    ``indent`` is the left edge in the upright frame, ``turned`` says that the text does not run
    from left to right on the visible page, and ``ends`` holds the first and the last part of a
    line whose parts stand far apart.
    """

    text: str
    box: Box
    size: float
    bold: bool = False
    role: Role = Role.BODY
    block: int = 0
    level: int = 0
    indent: float = 0.0
    turned: bool = False
    ends: tuple[str, str] = ("", "")


@dataclass(slots=True)
class GraphicDraft:
    """A place that may be a figure; ``key`` is the same for the same picture on other pages."""

    box: Box
    kind: GraphicKind
    key: tuple[object, ...]


@dataclass(slots=True)
class PageDraft:
    """One page after layout.

    ``ocr`` is empty, or says why its pixels have to be read. ``hidden`` says that its text is an
    invisible layer over a scan, of ``dpi`` dots per inch. ``unseen`` is text that cannot be seen.
    """

    number: int
    width: float
    height: float
    lines: list[Draft] = field(default_factory=list)
    ocr: str = ""
    dpi: float = 0.0
    unreadable: str = ""
    hidden: bool = False
    graphics: list[GraphicDraft] = field(default_factory=list)
    hurried: bool = False
    unseen: list[str] = field(default_factory=list)
