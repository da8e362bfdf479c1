"""What a PDF page looks like before its lines are final: fragments, then drafts of lines.

Coordinates are upright: the frame in which the text reads from left to right and top to bottom.
`frames` maps between it and the visible page. Knows nothing of PyMuPDF.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ingest.types import Box, Role


@dataclass(slots=True)
class Fragment:
    """A run of text on one baseline, as the file holds it; gaps inside are at most a space.

    ``size`` is the font size in points, ``base`` the y of the baseline.
    """

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    base: float
    size: float
    bold: bool = False


@dataclass(slots=True)
class Draft:
    """One line with what later steps need to give it a role.

    ``box`` lies on the visible page; ``size`` and ``bold`` are those of most of its text.
    ``indent`` is the left edge in the upright frame, ``turned`` says that the text does not run
    from left to right on the visible page.
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
    parts: int = 1


@dataclass(slots=True)
class Ink:
    """How the characters of a page are made, counted without spaces.

    ``strange`` have no trustworthy Unicode value, ``hidden`` are painted invisibly.
    """

    characters: int = 0
    strange: int = 0
    hidden: int = 0


@dataclass(slots=True)
class PageDraft:
    """One page after layout. ``ocr`` is empty, or says why its pixels have to be read."""

    number: int
    width: float
    height: float
    lines: list[Draft] = field(default_factory=list)
    ocr: str = ""
    dpi: float = 0.0
    unreadable: str = ""
