"""The pages themselves: a scrolling column, rendered only where it is looked at.

Highlights are drawn here, over the page's image, exactly on the boxes they are given.
"""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QWidget

from app.core.answers import Scope
from app.ui import style
from app.ui.page_layout import (
    MARGIN,
    MAX_ZOOM,
    MIN_ZOOM,
    PageLayout,
    next_zoom,
)
from app.ui.page_model import OpenDocument, PageModel, Place
from app.ui.region_select import RegionSelector, paint_region
from ingest.types import Box, PageBox

_RENDER_DELAY_MS = 40
BAR, BAR_GAP = 3.0, 6.0


class PageView(QAbstractScrollArea):
    """Shows the model's document; page numbers count from 1."""

    page_changed = Signal(int)
    zoom_changed = Signal(float)

    def __init__(self, model: PageModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("pages")
        self.setAccessibleName("Page")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        # A bar that comes and goes would change the width that pages are fitted to.
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self._model = model
        self._layout = PageLayout((), 1.0, 0.0)
        self._fit = True
        self._zoom = 1.0  # of all pages while they do not fit the width
        self._page = 1
        self._marks: tuple[PageBox, ...] = ()
        self._asked: Scope | None = None
        self.selector = RegionSelector(self, self)
        self.selector.changed.connect(self.viewport().update)
        self.selector.activated.connect(self._on_selecting)
        self._wanted = QTimer(self)
        self._wanted.setSingleShot(True)
        self._wanted.setInterval(_RENDER_DELAY_MS)
        self._wanted.timeout.connect(self._want_images)
        model.document_opened.connect(self._on_opened)
        model.document_closed.connect(self._on_closed)
        model.place_shown.connect(self.show_place)
        model.image_ready.connect(self._on_image)
        model.page_failed.connect(lambda _page, _failure: self.viewport().update())

    @property
    def page(self) -> int:
        """The page in view."""
        return self._page

    @property
    def zoom(self) -> float:
        """The zoom of the page in view; 1.0 is 96 dots an inch."""
        return self._layout.zoom(self._page) if self._page <= self._layout.pages else 1.0

    @property
    def fits_width(self) -> bool:
        """Whether the zoom follows the width of the panel."""
        return self._fit

    def sizeHint(self) -> QSize:
        return QSize(560, 640)

    def set_zoom(self, zoom: float) -> None:
        """Shows the pages at this zoom; the middle of the view stays where it is."""
        self._fit = False
        self._zoom = min(max(zoom, MIN_ZOOM), MAX_ZOOM)
        self._relayout()

    def zoom_by(self, direction: int) -> None:
        """One step in (1) or out (-1)."""
        self.set_zoom(next_zoom(self.zoom, direction))

    def fit_width(self) -> None:
        """Lets the widest page fill the panel, also when it is resized."""
        self._fit = True
        self._relayout()

    def go_to(self, page: int) -> None:
        """Scrolls to the top of a page; numbers outside the document go to its ends."""
        if self._layout.pages:
            page = min(max(page, 1), self._layout.pages)
            self._scroll_to(self._layout.page_rect(page).top() - MARGIN)
            self._set_page(page)

    def show_place(self, place: Place) -> None:
        """Marks a place's boxes and brings the first of them into view."""
        self._marks = place.boxes
        if not self._layout.pages:
            return
        page = min(max(place.page, 1), self._layout.pages)
        rects = [self._layout.box_rect(m.page, m.box) for m in place.boxes if m.page == page]
        if not rects:
            self.go_to(page)
        else:
            marked = rects[0]
            for rect in rects[1:]:
                marked = marked.united(rect)
            # A third from the top: what stands before the quotation is read first.
            self._scroll_to(marked.top() - self.viewport().height() / 3, marked)
            self._set_page(page)
        self.viewport().update()

    def mark_rects(self, page: int) -> list[QRectF]:
        """Where this page's marks lie in the viewport."""
        return [
            self._layout.box_rect(mark.page, mark.box).translated(-self._offset())
            for mark in self._marks
            if mark.page == page
        ]

    def set_asked(self, scope: Scope | None) -> None:
        """Outlines the region that the question is about, while its document is open."""
        self._asked = scope
        self.viewport().update()

    def region_rect(self, page: int, box: Box) -> QRectF:
        """Where a box of a page lies in the viewport."""
        return self._layout.box_rect(page, box).translated(-self._offset())

    def page_point(self, position: QPointF, page: int = 0) -> tuple[int, QPointF] | None:
        """The page at a position of the viewport, or ``page``, and the point on it."""
        return self._layout.page_point(position + self._offset(), page)

    def page_size(self, page: int) -> tuple[float, float]:
        """Width and height of a page, in points."""
        return self._layout.page_size(page)

    def seen_middle(self) -> tuple[int, QPointF] | None:
        """The page in view, and the point of it in the middle of what is seen of it."""
        if not self._layout.pages:
            return None
        seen = self.page_rect(self._page).intersected(QRectF(self.viewport().rect()))
        return self.page_point(seen.center(), self._page)

    def page_rect(self, page: int) -> QRectF:
        """Where a page lies in the viewport."""
        return self._layout.page_rect(page).translated(-self._offset())

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        theme = style.current_theme()
        painter.fillRect(self.viewport().rect(), QColor(theme.desk))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for page in self._visible_pages():
            self._paint_page(painter, page)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._relayout()

    def scrollContentsBy(self, _dx: int, _dy: int) -> None:
        self._set_page(self._page_in_view())
        self.viewport().update()
        self._wanted.start()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            if event.angleDelta().y():
                self.zoom_by(1 if event.angleDelta().y() > 0 else -1)
            event.accept()
        else:
            super().wheelEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self.selector.active and event.button() == Qt.MouseButton.LeftButton:
            self.selector.press(event.position())
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.selector.active:
            self.selector.move(event.position())
        else:
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.selector.active and event.button() == Qt.MouseButton.LeftButton:
            self.selector.release(event.position())
        else:
            super().mouseReleaseEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self.selector.active and self.selector.key(event):
            return
        bar = self.verticalScrollBar()
        steps = {
            Qt.Key.Key_Home: bar.minimum(),
            Qt.Key.Key_End: bar.maximum(),
            Qt.Key.Key_PageDown: bar.value() + round(self.viewport().height() * 0.9),
            Qt.Key.Key_Space: bar.value() + round(self.viewport().height() * 0.9),
            Qt.Key.Key_PageUp: bar.value() - round(self.viewport().height() * 0.9),
        }
        target = steps.get(Qt.Key(event.key()))
        if target is None:
            super().keyPressEvent(event)
        else:
            bar.setValue(target)

    def _paint_page(self, painter: QPainter, page: int) -> None:
        theme = style.current_theme()
        area = self.page_rect(page)
        painter.fillRect(area, QColor("#ffffff"))
        image = self._model.image(page)
        if image is not None:
            painter.drawPixmap(self._crisp(area, image), image, QRectF(image.rect()))
        else:
            problem = self._model.problems.get(page)
            words = f"Page {page}" if problem is None else f"{problem.cause}\n{problem.remedy}"
            painter.setPen(QColor("#5f5b53"))
            painter.drawText(
                area.adjusted(24, 24, -24, -24),
                int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap),
                words,
            )
        painter.setPen(QPen(QColor(theme.border), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(area)
        self._paint_marks(painter, page)
        self._paint_regions(painter, page)

    def _paint_marks(self, painter: QPainter, page: int) -> None:
        theme = style.current_theme()
        painter.save()
        # As a highlighter does it: paper takes the colour, ink stays as dark as it was.
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Multiply)
        rects = self.mark_rects(page)
        # One shape, so that lines that overlap are not marked twice as dark.
        shape = QPainterPath()
        shape.setFillRule(Qt.FillRule.WindingFill)
        for rect in rects:
            shape.addRect(rect)
        painter.fillPath(shape, QColor(theme.highlight))
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
        # A bar in the margin beside them: the place is found without seeing the colour.
        for rect in rects:
            left = min(
                r.left() for r in rects if r.left() < rect.right() and r.right() > rect.left()
            )
            bar = QRectF(left - BAR_GAP - BAR, rect.top(), BAR, rect.height())
            painter.fillRect(bar, QColor(theme.highlight_edge))
        painter.restore()

    def _paint_regions(self, painter: QPainter, page: int) -> None:
        asked, document = self._asked, self._model.document
        if (
            asked is not None
            and asked.region is not None
            and asked.page == page
            and document is not None
            and document.id == asked.document_id
        ):
            paint_region(painter, self.region_rect(page, asked.region), drawing=False)
        marked = self.selector.marked
        if marked is not None and marked.page == page:
            paint_region(painter, self.region_rect(page, marked.box), drawing=True)

    def _on_selecting(self, active: bool) -> None:
        shape = Qt.CursorShape.CrossCursor if active else Qt.CursorShape.ArrowCursor
        self.viewport().setCursor(shape)
        if active:
            self.setFocus(Qt.FocusReason.OtherFocusReason)

    def _crisp(self, area: QRectF, image: QPixmap) -> QRectF:
        """Where to draw a page's image: pixel upon pixel if it was made for this size."""
        ratio = self.devicePixelRatioF()
        width, height = image.width() / ratio, image.height() / ratio
        if abs(width - area.width()) > 1.5 or abs(height - area.height()) > 1.5:
            return area
        left, top = round(area.left() * ratio) / ratio, round(area.top() * ratio) / ratio
        return QRectF(left, top, width, height)

    def _on_opened(self, document: OpenDocument) -> None:
        self._marks = ()
        self.selector.set_active(False)
        self._page = 1
        zoom = None if self._fit else self._zoom
        self._layout = PageLayout(document.sizes, zoom, self.viewport().width())
        self._relayout()
        self._scroll_to(0)
        self.page_changed.emit(1)

    def _on_closed(self) -> None:
        self._marks = ()
        self.selector.set_active(False)
        self._layout = PageLayout((), 1.0, 0.0)
        self._relayout()

    def _on_image(self, _page: int) -> None:
        self.viewport().update()
        self._wanted.start()

    def _relayout(self) -> None:
        document = self._model.document
        sizes = document.sizes if document is not None else ()
        width = float(self.viewport().width())
        before = self._layout
        middle = self.verticalScrollBar().value() + self.viewport().height() / 2
        page, part = self._position(before, middle)
        horizontal = self.horizontalScrollBar()
        across = (horizontal.value() + width / 2) / max(before.size().width(), 1.0)
        self._layout = PageLayout(sizes, None if self._fit else self._zoom, width)
        size = self._layout.size()
        bars = (
            (self.horizontalScrollBar(), size.width(), self.viewport().width()),
            (self.verticalScrollBar(), size.height(), self.viewport().height()),
        )
        for bar, extent, shown in bars:
            bar.setRange(0, max(0, round(extent - shown)))
            bar.setPageStep(shown)
            bar.setSingleStep(40)
        if page:
            rect = self._layout.page_rect(page)
            self._scroll_to(rect.top() + part * rect.height() - self.viewport().height() / 2)
        horizontal.setValue(round(across * size.width() - width / 2))
        self.zoom_changed.emit(self.zoom)
        self.viewport().update()
        self._wanted.start()

    @staticmethod
    def _position(layout: PageLayout, height: float) -> tuple[int, float]:
        """The page at a height, and how far down it that is; page 0 where there is none."""
        if not layout.pages:
            return 0, 0.0
        page = layout.page_at(height)
        rect = layout.page_rect(page)
        return page, (height - rect.top()) / max(rect.height(), 1.0)

    def _scroll_to(self, top: float, marked: QRectF | None = None) -> None:
        self.verticalScrollBar().setValue(round(top))
        if marked is not None:
            bar = self.horizontalScrollBar()
            if not bar.value() <= marked.left() <= bar.value() + self.viewport().width() - 40:
                bar.setValue(round(marked.left() - MARGIN))
        self._wanted.start()

    def _offset(self) -> QPointF:
        return QPointF(self.horizontalScrollBar().value(), self.verticalScrollBar().value())

    def _visible_pages(self) -> range:
        top = float(self.verticalScrollBar().value())
        return self._layout.visible(top, top + self.viewport().height())

    def _page_in_view(self) -> int:
        bar = self.verticalScrollBar()
        if bar.value() == bar.maximum() > 0:
            return max(self._layout.pages, 1)
        return self._layout.page_at(bar.value() + self.viewport().height() * 0.4)

    def _set_page(self, page: int) -> None:
        if page != self._page:
            self._page = page
            self.page_changed.emit(page)
            self.zoom_changed.emit(self.zoom)

    def _want_images(self) -> None:
        if not self._layout.pages or not self.isVisible():
            return
        pages = list(self._visible_pages())
        # One page ahead, so that reading on does not meet a blank sheet.
        if pages and pages[-1] < self._layout.pages:
            pages.append(pages[-1] + 1)
        ratio = self.devicePixelRatioF()
        self._model.want_images(
            {page: round(72.0 * self._layout.scale(page) * ratio, 1) for page in pages}
        )
