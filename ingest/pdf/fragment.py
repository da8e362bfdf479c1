"""What a PDF page is made of before it has lines.

Coordinates are upright: the frame in which the text reads from left to right and top to bottom.
`frames` maps between it and the visible page. Knows nothing of PyMuPDF.
"""

from __future__ import annotations

from dataclasses import dataclass, field


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
class Ink:
    """How the characters of a page are made, counted without spaces.

    ``strange`` have no trustworthy Unicode value, ``hidden`` are the invisible layer of a scan.
    ``unseen`` are texts that cannot be seen on the page; they are not counted. ``judged`` says
    whether all was looked for that hides text, ``seconds`` how long that took.
    """

    characters: int = 0
    strange: int = 0
    hidden: int = 0
    unseen: list[str] = field(default_factory=list)
    judged: bool = True
    seconds: float = 0.0
