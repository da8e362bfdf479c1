"""The chip in the question field: which page or region the question is about.

Shown as words, so that nobody takes an answer about a page for one about all documents.
"""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout

from app.core.answers import Scope
from app.ui import style
from app.ui.widgets import ElidedLabel, IconButton, IconLabel


def scope_words(scope: Scope, document: str) -> str:
    """The page or region, in words."""
    page = f"page {scope.page:,} of {document}"
    return f"Region of {page}" if scope.region is not None else f"P{page[1:]}"


class ScopeChip(QFrame):
    """Names the scope, and takes it away."""

    removed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("scope")
        row = QHBoxLayout(self)
        row.setContentsMargins(style.SMALL, 0, 0, 0)
        row.setSpacing(style.TIGHT)
        self._icon = IconLabel("ask-page", "accent", 15)
        row.addWidget(self._icon)
        self.words = ElidedLabel(scale=style.CAPTION)
        row.addWidget(self.words, 1)
        self.close_button = IconButton("close", "Ask about all documents again", size=13)
        self.close_button.clicked.connect(self.removed)
        row.addWidget(self.close_button)
        self.hide()

    def show_scope(self, scope: Scope | None, document: str = "") -> None:
        """Names this scope; None hides the chip."""
        self.setVisible(scope is not None)
        if scope is not None:
            words = scope_words(scope, document)
            self.words.set_text(words)
            self.setAccessibleName(f"The question is about: {words}")
            self.close_button.setAccessibleName(f"Ask about all documents again, not: {words}")
