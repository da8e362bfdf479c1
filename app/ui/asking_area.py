"""Where a question is written: the field, what it is about, what is read, and who writes."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.core.answers import Mode
from app.ui import style
from app.ui.conversation_model import ConversationModel
from app.ui.question_field import QuestionField
from app.ui.scope_chip import ScopeChip
from app.ui.text import tip
from app.ui.widgets import IconButton, TextLabel
from app.ui.writer_foot import WriterFoot


class AskingArea(QWidget):
    """Asks with a ConversationModel."""

    asked = Signal()

    def __init__(self, model: ConversationModel) -> None:
        super().__init__()
        self._model = model
        outer = QVBoxLayout(self)
        outer.setContentsMargins(style.LARGE, style.SMALL, style.LARGE, style.MEDIUM)
        outer.setSpacing(style.TIGHT)
        outer.addWidget(self._make_frame())
        row = QHBoxLayout()
        row.setSpacing(style.SMALL)
        row.addWidget(self._make_mode(), 0, Qt.AlignmentFlag.AlignTop)
        self.hint = TextLabel(tone="muted", scale=style.CAPTION)
        row.addWidget(self.hint, 1, Qt.AlignmentFlag.AlignVCenter)
        outer.addLayout(row)
        self.writer = WriterFoot(model.writer)
        outer.addWidget(self.writer)
        model.scope_changed.connect(self._show_scope)
        model.scope_changed.connect(self._show_mode)
        model.mode_changed.connect(self._show_mode)
        model.writer.changed.connect(self._show_mode)
        self._show_mode()
        self.show_state()

    def ask(self) -> None:
        """Asks what is in the field."""
        if self._model.ask(self.field.toPlainText()) is not None:
            self.field.clear()
            self.asked.emit()
        self.show_state()

    def focus_question(self) -> None:
        """Puts the cursor into the question field."""
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def show_state(self) -> None:
        """Lets a person ask or stop, whichever is possible now."""
        busy = self._model.busy
        written = bool(self.field.toPlainText().strip())
        self.ask_button.setEnabled(written and not busy and bool(self._model.collection))
        self.stop_button.setVisible(busy)
        stopping = busy and self._model.exchanges[-1].stopping
        self.stop_button.setEnabled(not stopping)

    def _make_frame(self) -> QFrame:
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
        self.field.asked.connect(self.ask)
        self.field.stop_wanted.connect(self._model.stop)
        self.field.textChanged.connect(self.show_state)
        self.field.focus_changed.connect(self._show_focus)
        self.field.left_empty.connect(self._drop_scope)
        row.addWidget(self.field, 1)
        self.ask_button = IconButton("ask", "Ask", role="on_accent")
        self.ask_button.setProperty("primary", True)
        self.ask_button.clicked.connect(self._ask_by_button)
        self.stop_button = IconButton("stop", "Stop answering", "Esc")
        self.stop_button.clicked.connect(self._model.stop)
        self.stop_button.hide()
        row.addWidget(self.stop_button, 0, Qt.AlignmentFlag.AlignBottom)
        row.addWidget(self.ask_button, 0, Qt.AlignmentFlag.AlignBottom)
        return self._frame

    def _make_mode(self) -> QComboBox:
        self.mode = QComboBox()
        self.mode.setObjectName("small")
        self.mode.setAccessibleName("What is read for an answer")
        self.mode.setFont(style.scaled_font(style.CAPTION))
        for mode, (name, _) in _MODES.items():
            self.mode.addItem(name, mode)
        self.mode.activated.connect(lambda at: self._model.set_mode(Mode(self.mode.itemData(at))))
        return self.mode

    def _show_mode(self) -> None:
        model = self._model
        self.mode.setCurrentIndex(list(_MODES).index(model.mode))
        can_choose = model.writer.in_use and model.scope is None
        self.mode.setEnabled(can_choose)
        if model.scope is not None:
            words = "Only this place is read."
        elif model.writer.in_use:
            words = _MODES[model.mode][1]
        else:
            words = _WITHOUT
        self.hint.setText(words)
        self.mode.setToolTip(tip(words))
        self.mode.setAccessibleDescription(words)

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

    def _ask_by_button(self) -> None:
        self.ask()
        self.focus_question()

    def _drop_scope(self) -> None:
        self._model.set_scope(None)
        self.focus_question()

    def _show_focus(self, focused: bool) -> None:
        self._frame.setProperty("focused", focused)
        self._frame.style().unpolish(self._frame)
        self._frame.style().polish(self._frame)


_MODES = {
    Mode.AUTO: (
        "Automatic",
        "Reads passages; to count, list or compare, the whole document if it fits.",
    ),
    Mode.PASSAGES: ("Passages", "Reads only the passages that the search finds."),
    Mode.WHOLE: (
        "Whole document",
        "Reads all of a document. The first time takes minutes; after that it is known.",
    ),
}
_WITHOUT = "Whole documents are read by a model only."
