"""Upright frames: the visible page turned so that text of one direction reads normally.

A page can hold text in several directions (a table set sideways, a label along a margin,
vertical Japanese). Each direction is laid out in its own frame, then mapped back.

A *turn* counts quarter turns clockwise of the reading direction on the visible page:
0 left to right, 1 downwards, 2 upside down, 3 upwards.
"""

from __future__ import annotations

from ingest.types import Box


def turn_of(dx: float, dy: float) -> int:
    """The turn nearest to a reading direction given in visible-page axes (y downwards)."""
    if abs(dx) >= abs(dy):
        return 0 if dx >= 0 else 2
    return 1 if dy > 0 else 3


def to_upright(box: Box, turn: int) -> Box:
    """Map a box of the visible page into the upright frame of ``turn``."""
    x0, y0, x1, y1 = box
    if turn == 0:
        return box
    if turn == 1:
        return Box(y0, -x1, y1, -x0)
    if turn == 2:
        return Box(-x1, -y1, -x0, -y0)
    return Box(-y1, x0, -y0, x1)


def to_visible(box: Box, turn: int) -> Box:
    """The inverse of :func:`to_upright`."""
    return to_upright(box, (4 - turn) % 4)


def clamp(box: Box, width: float, height: float) -> Box:
    """Cut a box to the page; a box that lies outside becomes an empty one on its edge."""
    x0 = min(max(box.x0, 0.0), width)
    y0 = min(max(box.y0, 0.0), height)
    return Box(x0, y0, min(max(box.x1, x0), width), min(max(box.y1, y0), height))
