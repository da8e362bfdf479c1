"""Where pages lie below one another, and where a box of a page falls on the screen.

Pure geometry in device-independent pixels; knows no widget and no document.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSizeF

from ingest.types import Box

GAP = 14.0
MARGIN = 18.0
PIXELS_PER_POINT = 96.0 / 72.0
MIN_ZOOM, MAX_ZOOM, MAX_FIT = 0.1, 6.0, 2.5
STEPS = (0.1, 0.25, 0.33, 0.5, 0.67, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0)


class PageLayout:
    """Pages of the given sizes (points) in a column, centred, in a view of this width.

    ``zoom`` is that of every page (1.0: 96 dots an inch), or None: each page fills the width.
    """

    def __init__(
        self, sizes: Sequence[tuple[float, float]], zoom: float | None, width: float
    ) -> None:
        self._sizes = list(sizes)
        self._zooms = [fitting_zoom(w, width) if zoom is None else zoom for w, _ in self._sizes]
        widest = max((w * self.scale(n) for n, (w, _) in enumerate(self._sizes, 1)), default=0.0)
        self._width = max(width, widest + 2 * MARGIN)
        self._tops: list[float] = []
        top = MARGIN
        for number, (_, height) in enumerate(self._sizes, 1):
            self._tops.append(top)
            top += height * self.scale(number) + GAP
        self._height = top - GAP + MARGIN if self._sizes else 0.0

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return len(self._sizes)

    def zoom(self, page: int) -> float:
        """The zoom of a page; 1.0 is 96 dots an inch."""
        return self._zooms[page - 1]

    def scale(self, page: int) -> float:
        """Device-independent pixels a point on a page."""
        return self._zooms[page - 1] * PIXELS_PER_POINT

    def size(self) -> QSizeF:
        """The extent of the whole column with its margins."""
        return QSizeF(self._width, self._height)

    def page_rect(self, page: int) -> QRectF:
        """Where a page (from 1) lies in the column."""
        width, height = self._sizes[page - 1]
        shown = width * self.scale(page)
        left = (self._width - shown) / 2
        return QRectF(left, self._tops[page - 1], shown, height * self.scale(page))

    def box_rect(self, page: int, box: Box) -> QRectF:
        """Where a box, in points of its page, lies in the column."""
        origin, scale = self.page_rect(page).topLeft(), self.scale(page)
        return QRectF(
            origin.x() + box.x0 * scale,
            origin.y() + box.y0 * scale,
            (box.x1 - box.x0) * scale,
            (box.y1 - box.y0) * scale,
        )

    def page_point(self, point: QPointF, page: int = 0) -> tuple[int, QPointF] | None:
        """The page under a point of the column, or ``page``, and the point in points of it.

        Beyond the page's edges the point goes on past them; None where there is no page.
        """
        if not self._sizes:
            return None
        page = page or self.page_at(point.y())
        origin, scale = self.page_rect(page).topLeft(), self.scale(page)
        return page, QPointF((point.x() - origin.x()) / scale, (point.y() - origin.y()) / scale)

    def page_size(self, page: int) -> tuple[float, float]:
        """Width and height of a page, in points."""
        return self._sizes[page - 1]

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


def fitting_zoom(page_width: float, width: float) -> float:
    """The zoom at which a page fills the width; a small page is not blown up beyond MAX_FIT."""
    zoom = (width - 2 * MARGIN) / (max(page_width, 1.0) * PIXELS_PER_POINT)
    return min(max(zoom, MIN_ZOOM), MAX_FIT)


def next_zoom(zoom: float, direction: int) -> float:
    """The next step above (1) or below (-1) a zoom."""
    if direction > 0:
        return next((step for step in STEPS if step > zoom * 1.001), MAX_ZOOM)
    return next((step for step in reversed(STEPS) if step < zoom * 0.999), MIN_ZOOM)
