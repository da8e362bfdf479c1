"""The page panel: a bar to move and zoom by, and the pages below it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSpinBox, QStackedWidget, QVBoxLayout, QWidget

from app.core.answers import Scope
from app.ui import style
from app.ui.page_model import OpenDocument, PageModel
from app.ui.page_view import PageView
from app.ui.widgets import ElidedLabel, EmptyState, IconButton, TextLabel
from ingest.types import Box


class PagePanel(QFrame):
    """Shows a PageModel."""

    scope_chosen = Signal(object, str)  # Scope, name of its document

    def __init__(self, model: PageModel) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAccessibleName("Page viewer")
        self._model = model
        self.view = PageView(model)
        self.empty = EmptyState(
            "document",
            "No page open",
            "Click a document, or the number of a citation: its lines are marked on their page.",
        )
        self.stack = QStackedWidget()
        self.stack.addWidget(self.empty)
        self.stack.addWidget(self.view)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self._bar = self._make_bar()
        layout.addWidget(self._bar)
        layout.addWidget(self.stack, 1)
        self._bar.hide()
        model.document_opened.connect(self._on_opened)
        model.document_closed.connect(self._on_closed)
        self.view.page_changed.connect(self._on_page)
        self.view.zoom_changed.connect(self._on_zoom)
        self.view.selector.activated.connect(self._on_selecting)
        self.view.selector.chosen.connect(self._choose_region)

    def choose_page(self) -> None:
        """Lets the next question be about the page in view."""
        self._choose(self.view.page, None)

    def draw_region(self) -> None:
        """Lets the person draw the region that the next question is about, or stops that."""
        if self._model.document is not None:
            self.view.selector.set_active(not self.view.selector.active)

    def _choose_region(self, page: int, box: Box) -> None:
        self._choose(page, box)

    def _choose(self, page: int, box: Box | None) -> None:
        document = self._model.document
        if document is not None:
            self.scope_chosen.emit(Scope(document.id, page, box), document.name)

    def _on_selecting(self, active: bool) -> None:
        self.ask_region.setChecked(active)
        self.help.setVisible(active)

    def _make_bar(self) -> QWidget:
        bar = QFrame()
        bar.setObjectName("toolbar")
        rows = QVBoxLayout(bar)
        rows.setContentsMargins(style.MEDIUM, style.SMALL, style.MEDIUM, style.TIGHT)
        rows.setSpacing(style.TIGHT)
        self.title = ElidedLabel(bold=True)
        rows.addWidget(self.title)
        row = QHBoxLayout()
        row.setSpacing(2)
        self.previous = IconButton("page-previous", "Previous page", "Ctrl+PgUp")
        self.next = IconButton("page-next", "Next page", "Ctrl+PgDown")
        self.number = QSpinBox()
        self.number.setAccessibleName("Page number")
        self.number.setKeyboardTracking(False)
        self.number.setMinimumWidth(52)
        self.count = TextLabel(tone="muted", wrap=False)
        self.smaller = IconButton("zoom-out", "Zoom out", "Ctrl+-")
        self.zoom = TextLabel(tone="muted", wrap=False)
        self.zoom.setMinimumWidth(self.zoom.fontMetrics().horizontalAdvance("600 %"))
        self.larger = IconButton("zoom-in", "Zoom in", "Ctrl++")
        self.fit = IconButton("fit-width", "Fit to width", "Ctrl+0")
        self.fit.setCheckable(True)
        for widget in (self.previous, self.next, self.number, self.count):
            row.addWidget(widget)
        row.addStretch(1)
        self.ask_page = IconButton("ask-page", "Ask about this page", "Ctrl+Shift+P")
        self.ask_region = IconButton("ask-region", "Ask about a region", "Ctrl+Shift+R")
        self.ask_region.setCheckable(True)
        row.addWidget(self.ask_page)
        row.addWidget(self.ask_region)
        row.addSpacing(style.SMALL)
        for widget in (self.smaller, self.zoom, self.larger, self.fit):
            row.addWidget(widget)
        rows.addLayout(row)
        self.help = TextLabel(
            "Draw a rectangle with the mouse. Or: arrow keys move it, with Shift they size it, "
            "Enter takes it, Esc leaves.",
            tone="muted",
            scale=style.CAPTION,
        )
        self.help.hide()
        rows.addWidget(self.help)
        self.ask_page.clicked.connect(self.choose_page)
        self.ask_region.clicked.connect(self.view.selector.set_active)
        self.previous.clicked.connect(lambda: self.view.go_to(self.view.page - 1))
        self.next.clicked.connect(lambda: self.view.go_to(self.view.page + 1))
        self.number.valueChanged.connect(self.view.go_to)
        self.smaller.clicked.connect(lambda: self.view.zoom_by(-1))
        self.larger.clicked.connect(lambda: self.view.zoom_by(1))
        self.fit.clicked.connect(self.view.fit_width)
        return bar

    def _on_opened(self, document: OpenDocument) -> None:
        self.title.set_text(document.name)
        self.count.setText(f"of {len(document.sizes):,}")
        self.number.blockSignals(True)
        self.number.setRange(1, max(len(document.sizes), 1))
        self.number.blockSignals(False)
        self._bar.show()
        self.stack.setCurrentWidget(self.view)
        self._on_page(self.view.page)

    def _on_closed(self) -> None:
        self._bar.hide()
        self.stack.setCurrentWidget(self.empty)

    def _on_page(self, page: int) -> None:
        self.number.blockSignals(True)
        self.number.setValue(page)
        self.number.blockSignals(False)
        document = self._model.document
        last = len(document.sizes) if document is not None else 1
        self.previous.setEnabled(page > 1)
        self.next.setEnabled(page < last)
        self.view.setAccessibleName(f"Page {page} of {last}")

    def _on_zoom(self, zoom: float) -> None:
        self.zoom.setText(f"{zoom * 100:.0f} %")
        self.fit.setChecked(self.view.fits_width)
