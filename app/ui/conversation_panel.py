"""The conversation panel: a field for the question, and answers with their citations."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.core.events import Citation
from app.ui import style
from app.ui.answer_card import AnswerCard
from app.ui.conversation_model import ConversationModel, Exchange
from app.ui.scope_chip import ScopeChip
from app.ui.widgets import EmptyState, IconButton, TextLabel

_MAX_LINES = 6


class QuestionField(QPlainTextEdit):
    """Grows with its text. Enter asks, Shift+Enter begins a new line, Tab goes on."""

    asked = Signal()
    left_empty = Signal()  # Backspace where there is nothing left to delete
    focus_changed = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("question")
        self.setAccessibleName("Question")
        self.setPlaceholderText("Ask your documents")
        self.setTabChangesFocus(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.textChanged.connect(self._fit)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.asked.emit()
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


class ConversationPanel(QFrame):
    """Shows a ConversationModel."""

    citation_chosen = Signal(object)  # Citation

    def __init__(self, model: ConversationModel) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAccessibleName("Conversation")
        self._model = model
        self._cards: dict[Exchange, AnswerCard] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._make_history(), 1)
        layout.addWidget(self._make_field())
        model.exchange_started.connect(self._on_started)
        model.exchange_changed.connect(self._on_changed)
        model.cleared.connect(self._on_cleared)
        model.scope_changed.connect(self._show_scope)
        self.field.asked.connect(self.ask)
        self.ask_button.clicked.connect(self._ask_or_stop)
        self.field.textChanged.connect(self._show_state)
        self._show_state()

    def ask(self) -> None:
        """Asks what is in the field."""
        if self._model.ask(self.field.toPlainText()) is not None:
            self.field.clear()
        self._show_state()

    def focus_question(self) -> None:
        """Puts the cursor into the question field."""
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def set_ready(self, documents: int) -> None:
        """Says in the empty panel what can be done now."""
        if documents:
            self.empty.set_text(*_ASK_NOW)
        else:
            self.empty.set_text(*_ADD_FIRST)

    def cards(self) -> list[AnswerCard]:
        """The answers, oldest first."""
        return list(self._cards.values())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # The history grew: keep its end in view.
        if watched is self._list and event.type() == QEvent.Type.Resize:
            QTimer.singleShot(0, self._scroll_to_last)
        return super().eventFilter(watched, event)

    def _make_history(self) -> QStackedWidget:
        self.stack = QStackedWidget()
        self.empty = EmptyState("conversation", *_ADD_FIRST)
        self.answers = QScrollArea()
        self.answers.setWidgetResizable(True)
        self.answers.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.answers.setAccessibleName("Answers")
        self._list = QWidget()
        self._list.installEventFilter(self)
        self._history = QVBoxLayout(self._list)
        self._history.setContentsMargins(style.LARGE, style.LARGE, style.LARGE, style.LARGE)
        self._history.setSpacing(style.MEDIUM)
        self._history.addStretch(1)
        self.answers.setWidget(self._list)
        self.stack.addWidget(self.empty)
        self.stack.addWidget(self.answers)
        return self.stack

    def _make_field(self) -> QWidget:
        area = QWidget()
        outer = QVBoxLayout(area)
        outer.setContentsMargins(style.LARGE, style.SMALL, style.LARGE, style.MEDIUM)
        outer.setSpacing(style.TIGHT)
        self._frame = QFrame()
        self._frame.setObjectName("asking")
        column = QVBoxLayout(self._frame)
        column.setContentsMargins(style.MEDIUM, style.SMALL, style.SMALL, style.SMALL)
        column.setSpacing(style.TIGHT)
        self.chip = ScopeChip()
        self.chip.removed.connect(self._drop_scope)
        column.addWidget(self.chip)
        row = QHBoxLayout()
        column.addLayout(row)
        self.field = QuestionField()
        self.field.focus_changed.connect(self._show_focus)
        self.field.left_empty.connect(self._drop_scope)
        row.addWidget(self.field, 1)
        self.ask_button = IconButton("ask", "Ask", role="on_accent")
        self.ask_button.setProperty("primary", True)
        self.stop_button = IconButton("close", "Stop answering")
        self.stop_button.clicked.connect(self._model.stop)
        self.stop_button.hide()
        row.addWidget(self.stop_button, 0, Qt.AlignmentFlag.AlignBottom)
        row.addWidget(self.ask_button, 0, Qt.AlignmentFlag.AlignBottom)
        outer.addWidget(self._frame)
        self.hint = TextLabel(tone="muted", scale=style.CAPTION)
        outer.addWidget(self.hint)
        return area

    def _choose(self, chosen: AnswerCard, citation: Citation) -> None:
        for card in self._cards.values():
            for row in card.rows():
                row.set_current(card is chosen and row.citation.n == citation.n)
        self.citation_chosen.emit(citation)

    def _drop_scope(self) -> None:
        self._model.set_scope(None)
        self.focus_question()

    def _show_scope(self) -> None:
        scope = self._model.scope
        self.chip.show_scope(scope, self._model.scope_document)
        if scope is None:
            words = "Ask your documents"
        elif scope.region is None:
            words = f"Ask about page {scope.page:,}"
        else:
            words = "Ask about this region"
        self.field.setPlaceholderText(words)

    def _ask_or_stop(self) -> None:
        self.ask()
        self.focus_question()

    def _on_started(self, exchange: Exchange) -> None:
        card = AnswerCard(exchange)
        card.citation_chosen.connect(lambda citation: self._choose(card, citation))
        self._cards[exchange] = card
        self._history.insertWidget(self._history.count() - 1, card)
        self.stack.setCurrentWidget(self.answers)
        self._show_state()

    def _on_changed(self, exchange: Exchange) -> None:
        card = self._cards.get(exchange)
        if card is not None:
            card.refresh()
        self._show_state()

    def _on_cleared(self) -> None:
        for card in self._cards.values():
            self._history.removeWidget(card)
            card.hide()
            card.deleteLater()
        self._cards.clear()
        self.stack.setCurrentWidget(self.empty)
        self._show_state()

    def _scroll_to_last(self) -> None:
        if self._cards:
            # The question's first line stays in view even when the answer is taller than the panel.
            card = list(self._cards.values())[-1]
            bar = self.answers.verticalScrollBar()
            bar.setValue(min(bar.maximum(), card.y() - style.MEDIUM))

    def _show_state(self) -> None:
        busy = self._model.busy
        written = bool(self.field.toPlainText().strip())
        self.ask_button.setEnabled(written and not busy and bool(self._model.collection))
        self.stop_button.setVisible(busy)
        self.hint.setText("Enter asks, Shift+Enter begins a new line.")

    def _show_focus(self, focused: bool) -> None:
        self._frame.setProperty("focused", focused)
        self._frame.style().unpolish(self._frame)
        self._frame.style().polish(self._frame)


_ADD_FIRST = (
    "Ask your documents",
    "Add documents on the left first. Every answer then shows where it stands, line by line.",
)
_ASK_NOW = (
    "Ask your documents",
    "Write a question below. Every answer shows where it stands: "
    "click a number to see the lines on their page.",
)
