"""The field a question is written in."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QPlainTextEdit

from app.ui import style
from app.ui.text import tip

_MAX_LINES = 6


class QuestionField(QPlainTextEdit):
    """Grows with its text. Enter asks, Shift+Enter begins a new line, Escape stops, Tab goes on."""

    asked = Signal()
    stop_wanted = Signal()
    left_empty = Signal()  # Backspace where there is nothing left to delete
    focus_changed = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("question")
        self.setAccessibleName("Question")
        self.setPlaceholderText("Ask your documents")
        self.setToolTip(tip("Enter asks, Shift+Enter begins a new line."))
        self.setTabChangesFocus(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.textChanged.connect(self._fit)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.asked.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.stop_wanted.emit()
        elif event.key() == Qt.Key.Key_Backspace and not self.toPlainText():
            self.left_empty.emit()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focus_changed.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.focus_changed.emit(False)

    def sizeHint(self) -> QSize:
        return QSize(200, self.height())

    def _fit(self) -> None:
        lines = min(max(round(self.document().size().height()), 1), _MAX_LINES)
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + 2 * style.TIGHT + 4)
