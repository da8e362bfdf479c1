"""Marking a rectangle on a page, by mouse or by keys alone.

Knows points of pages; how pages lie on the screen it is told by its `Ground`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from PySide6.QtCore import QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen

from app.ui import style
from ingest.types import Box

LEAST = 6.0  # points of a side: less is a click, not a rectangle
_STEP, _FINE = 12.0, 2.0  # points by which keys move
_FIRST_WIDE, _FIRST_HIGH = 0.5, 0.15  # of the page, where keys begin


class Ground(Protocol):
    """Where pages lie."""

    def page_point(self, position: QPointF, page: int = 0) -> tuple[int, QPointF] | None:
        """The page at a position of the viewport, or the one given, and the point on it."""

    def page_size(self, page: int) -> tuple[float, float]:
        """Width and height of a page, in points."""

    def seen_middle(self) -> tuple[int, QPointF] | None:
        """The page in view, and the point of it in the middle of what is seen of it."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A rectangle on a page, in points."""

    page: int
    box: Box


class RegionSelector(QObject):
    """Where the person draws. While it is active, it takes the mouse's left button and keys."""

    chosen = Signal(int, object)  # page, Box
    activated = Signal(bool)
    changed = Signal()

    def __init__(self, ground: Ground, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ground = ground
        self._active = False
        self._anchor: tuple[int, QPointF] | None = None
        self.marked: Marked | None = None

    @property
    def active(self) -> bool:
        """Whether a rectangle is being drawn."""
        return self._active

    def set_active(self, active: bool) -> None:
        """Begins or leaves off; what was drawn and not chosen is forgotten."""
        if active == self._active:
            return
        self._active = active
        self._anchor = None
        self.marked = None
        self.activated.emit(active)
        self.changed.emit()

    def press(self, position: QPointF) -> None:
        """The mouse's button went down."""
        self._anchor = self._ground.page_point(position)
        self.marked = None
        self.changed.emit()

    def move(self, position: QPointF) -> None:
        """The mouse moved while its button is down; the rectangle never leaves its page."""
        if self._anchor is None:
            return
        page, start = self._anchor
        found = self._ground.page_point(position, page)
        if found is not None:
            self.marked = Marked(page, self._box(page, start, found[1]))
            self.changed.emit()

    def release(self, position: QPointF) -> None:
        """The mouse's button went up: what is large enough is chosen."""
        self.move(position)
        self._anchor = None
        if self.marked is not None and not self.choose():
            self.marked = None
            self.changed.emit()

    def choose(self) -> bool:
        """Takes the rectangle as it is; false if there is none, or it is too small."""
        marked = self.marked
        if marked is None:
            return False
        x0, y0, x1, y1 = marked.box
        if min(x1 - x0, y1 - y0) < LEAST:
            return False
        self.set_active(False)
        self.chosen.emit(marked.page, marked.box)
        return True

    def key(self, event: QKeyEvent) -> bool:
        """Whether a key was meant for it: arrows move, with Shift they size, Enter takes."""
        key = Qt.Key(event.key())
        if key == Qt.Key.Key_Escape:
            self.set_active(False)
            return True
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.choose()
            return True
        if key not in _ARROWS:
            return False
        modifiers = event.modifiers()
        step = _FINE if modifiers & Qt.KeyboardModifier.ControlModifier else _STEP
        dx, dy = (side * step for side in _ARROWS[key])
        if self.marked is None:
            self.marked = self._first()
        elif modifiers & Qt.KeyboardModifier.ShiftModifier:
            self.marked = self._sized(self.marked, dx, dy)
        else:
            self.marked = self._moved(self.marked, dx, dy)
        self.changed.emit()
        return True

    def _first(self) -> Marked | None:
        middle = self._ground.seen_middle()
        if middle is None:
            return None
        page, point = middle
        width, height = self._ground.page_size(page)
        half_wide, half_high = width * _FIRST_WIDE / 2, height * _FIRST_HIGH / 2
        corner = QPointF(point.x() - half_wide, point.y() - half_high)
        other = QPointF(point.x() + half_wide, point.y() + half_high)
        return Marked(page, self._box(page, corner, other))

    def _moved(self, marked: Marked, dx: float, dy: float) -> Marked:
        width, height = self._ground.page_size(marked.page)
        x0, y0, x1, y1 = marked.box
        dx = min(max(dx, -x0), width - x1)
        dy = min(max(dy, -y0), height - y1)
        return Marked(marked.page, Box(x0 + dx, y0 + dy, x1 + dx, y1 + dy))

    def _sized(self, marked: Marked, dx: float, dy: float) -> Marked:
        width, height = self._ground.page_size(marked.page)
        x0, y0, x1, y1 = marked.box
        x1 = min(max(x1 + dx, x0 + LEAST), width)
        y1 = min(max(y1 + dy, y0 + LEAST), height)
        return Marked(marked.page, Box(x0, y0, x1, y1))

    def _box(self, page: int, a: QPointF, b: QPointF) -> Box:
        width, height = self._ground.page_size(page)
        xs = sorted(min(max(side, 0.0), width) for side in (a.x(), b.x()))
        ys = sorted(min(max(side, 0.0), height) for side in (a.y(), b.y()))
        return Box(xs[0], ys[0], xs[1], ys[1])


def paint_region(painter: QPainter, rect: QRectF, *, drawing: bool) -> None:
    """A region's outline: dashed while it is being drawn, whole once it is asked about."""
    colour = QColor(style.LIGHT.accent)  # pages are paper, in either theme
    painter.save()
    soft = QColor(colour)
    soft.setAlpha(28)
    painter.fillRect(rect, soft)
    pen = QPen(colour, 2, Qt.PenStyle.DashLine if drawing else Qt.PenStyle.SolidLine)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(rect)
    painter.restore()


_ARROWS = {
    Qt.Key.Key_Left: (-1.0, 0.0),
    Qt.Key.Key_Right: (1.0, 0.0),
    Qt.Key.Key_Up: (0.0, -1.0),
    Qt.Key.Key_Down: (0.0, 1.0),
}
