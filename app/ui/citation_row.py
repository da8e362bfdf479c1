"""A citation below its answer: where it stands and how far it can be trusted."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QWidget

from app.core.answers import Citation
from app.ui import style
from app.ui.answer_words import PICTURED, STATES, citation_name, citation_tip, state_of
from app.ui.text import tip
from app.ui.widgets import ElidedLabel, IconLabel, TextLabel


class CitationRow(QPushButton):
    """A citation: number, document, page, state. A click opens its page.

    ``can_show`` is false where the document is not any more what it was: then nothing is opened.
    """

    def __init__(self, citation: Citation, can_show: bool = True) -> None:
        super().__init__()
        self.setObjectName("citation")
        self.citation = citation
        self.setEnabled(can_show)
        icon, role, word = state_of(citation)
        self.setAccessibleName(citation_name(citation, can_show))
        self.setToolTip(tip(citation_tip(citation, can_show)))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        # A button would insist on its hint; the document's name gives way instead.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(style.SMALL, style.TIGHT, style.SMALL, style.TIGHT)
        row.setSpacing(style.SMALL)
        number = TextLabel(f"[{citation.n}]", bold=True, scale=style.CAPTION, wrap=False)
        row.addWidget(number)
        name = ElidedLabel(citation.document, scale=style.CAPTION)
        row.addWidget(name, 1)
        page = TextLabel(f"page {citation.page:,}", tone="muted", scale=style.CAPTION, wrap=False)
        row.addWidget(page)
        row.addWidget(IconLabel(icon, role, 15))
        state = TextLabel(word, tone=role, scale=style.CAPTION, wrap=False)
        # All states take the same width, so that pages and icons stand below one another.
        words = [known for _, _, known in (*STATES.values(), PICTURED)]
        state.setMinimumWidth(max(map(state.fontMetrics().horizontalAdvance, words)) + 2)
        row.addWidget(state)
        for child in self.findChildren(QWidget):
            child.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def set_current(self, current: bool) -> None:
        """Shows that this is the citation that the page viewer marks."""
        if self.property("current") != current:
            self.setProperty("current", current)
            self.style().unpolish(self)
            self.style().polish(self)

    def sizeHint(self) -> QSize:
        layout = self.layout()
        return super().sizeHint() if layout is None else layout.sizeHint()

    def minimumSizeHint(self) -> QSize:
        layout = self.layout()
        return super().minimumSizeHint() if layout is None else layout.minimumSize()
