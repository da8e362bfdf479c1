"""Where pages lie below one another, and where a box of a page falls on the screen.

Pure geometry in device-independent pixels; knows no widget and no document.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSizeF

from ingest.types import Box

GAP = 14.0
MARGIN = 18.0
PIXELS_PER_POINT = 96.0 / 72.0
MIN_ZOOM, MAX_ZOOM = 0.1, 6.0
STEPS = (0.1, 0.25, 0.33, 0.5, 0.67, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0)


class PageLayout:
    """Pages of the given sizes (points) in a column, centred, at a zoom (1.0: 96 dots an inch)."""

    def __init__(self, sizes: Sequence[tuple[float, float]], zoom: float, width: float) -> None:
        self._sizes = list(sizes)
        self.zoom = zoom
        self.scale = zoom * PIXELS_PER_POINT
        widest = max((w for w, _ in self._sizes), default=0.0) * self.scale
        self._width = max(width, widest + 2 * MARGIN)
        self._tops: list[float] = []
        top = MARGIN
        for _, height in self._sizes:
            self._tops.append(top)
            top += height * self.scale + GAP
        self._height = top - GAP + MARGIN if self._sizes else 0.0

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return len(self._sizes)

    def size(self) -> QSizeF:
        """The extent of the whole column with its margins."""
        return QSizeF(self._width, self._height)

    def page_rect(self, page: int) -> QRectF:
        """Where a page (from 1) lies in the column."""
        width, height = self._sizes[page - 1]
        shown = width * self.scale
        left = (self._width - shown) / 2
        return QRectF(left, self._tops[page - 1], shown, height * self.scale)

    def box_rect(self, page: int, box: Box) -> QRectF:
        """Where a box, in points of its page, lies in the column."""
        origin = self.page_rect(page).topLeft()
        return QRectF(
            origin.x() + box.x0 * self.scale,
            origin.y() + box.y0 * self.scale,
            (box.x1 - box.x0) * self.scale,
            (box.y1 - box.y0) * self.scale,
        )

    def visible(self, top: float, bottom: float) -> range:
        """The pages that touch the band between two heights of the column."""
        if not self._sizes:
            return range(1, 1)
        first = max(1, bisect_right(self._tops, top))
        last = max(first, bisect_left(self._tops, bottom))
        return range(first, last + 1)

    def page_at(self, height: float) -> int:
        """The page at, or last before, a height of the column; 1 at the least."""
        return max(1, bisect_right(self._tops, height))


def fitting_zoom(sizes: Sequence[tuple[float, float]], width: float) -> float:
    """The zoom at which the widest page fills the width."""
    widest = max((w for w, _ in sizes), default=0.0)
    if widest <= 0:
        return 1.0
    zoom = (width - 2 * MARGIN) / (widest * PIXELS_PER_POINT)
    return min(max(zoom, MIN_ZOOM), MAX_ZOOM)


def next_zoom(zoom: float, direction: int) -> float:
    """The next step above (1) or below (-1) a zoom."""
    if direction > 0:
        return next((step for step in STEPS if step > zoom * 1.001), MAX_ZOOM)
    return next((step for step in reversed(STEPS) if step < zoom * 0.999), MIN_ZOOM)
