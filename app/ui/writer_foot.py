"""The conversation panel's foot: which model writes, and how to choose another."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QMenu,
    QProgressBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.ui import dialogs, style
from app.ui.answer_words import NO_MODEL
from app.ui.forbidden import forbid
from app.ui.widgets import ElidedLabel, IconButton, TextLabel
from app.ui.writer_model import WriterModel


class WriterFoot(QWidget):
    """Shows a WriterModel, and hands it what a person chooses."""

    def __init__(self, model: WriterModel) -> None:
        super().__init__()
        self._model = model
        self._forbidden = False
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(style.TIGHT)
        column.addWidget(self._make_failure())
        row = QHBoxLayout()
        row.setSpacing(style.TIGHT)
        self.button = IconButton("model", "Model that writes the answers", role="muted", size=16)
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu = QMenu(self.button)
        self.choose_action = self._action("Choose a model…", self.choose)
        self.file_action = self._action("Choose a model file (GGUF)…", self.choose_file)
        self.menu.addSeparator()
        self.without_action = self._action("Go without a model", self.go_without)
        self.button.setMenu(self.menu)
        row.addWidget(self.button)
        self.words = ElidedLabel(
            scale=style.CAPTION, tone="muted", elide=Qt.TextElideMode.ElideRight
        )
        row.addWidget(self.words, 1)
        self.stop = IconButton("stop", "Stop loading the model", role="muted", size=14)
        self.stop.clicked.connect(model.stop)
        row.addWidget(self.stop)
        column.addLayout(row)
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Loading the model")
        column.addWidget(self.bar)
        model.changed.connect(self._show)
        self._show()

    def forbid(self, why: str) -> None:
        """The computer's policy allows no model."""
        self._forbidden = True
        for action in (self.choose_action, self.file_action):
            forbid(action, why)

    def choose(self) -> None:
        """Asks for a model's folder and uses it."""
        path = dialogs.ask_model(self.window())
        if path is not None:
            self._model.use(path)

    def choose_file(self) -> None:
        """Asks for a model in one file and uses it."""
        path = dialogs.ask_model_file(self.window())
        if path is not None:
            self._model.use(path)

    def go_without(self) -> None:
        """Uses no model from now on."""
        self._model.go_without()

    def _action(self, name: str, run: object) -> QAction:
        action = QAction(name, self)
        action.triggered.connect(run)
        self.menu.addAction(action)
        return action

    def _make_failure(self) -> QFrame:
        self.failure = QFrame()
        self.failure.setObjectName("failure")
        row = QHBoxLayout(self.failure)
        row.setContentsMargins(style.SMALL, style.TIGHT, style.TIGHT, style.TIGHT)
        self.cause = TextLabel(scale=style.CAPTION)
        row.addWidget(self.cause, 1)
        close = IconButton("close", "Dismiss this message", size=14)
        close.clicked.connect(self._model.dismiss)
        row.addWidget(close)
        return self.failure

    def _show(self) -> None:
        model = self._model
        self.words.set_text(model.doing or words_of(model))
        self.bar.setVisible(bool(model.doing))
        self.stop.setVisible(bool(model.doing))
        free = not model.doing
        self.choose_action.setEnabled(free and not self._forbidden)
        self.file_action.setEnabled(free and not self._forbidden)
        self.without_action.setEnabled(free and model.in_use)
        failure = model.failure
        self.failure.setVisible(failure is not None)
        if failure is not None:
            words = f"{failure.subject}: {failure.cause} {failure.remedy}"
            self.cause.setText(words)
            self.failure.setAccessibleName(words)


def words_of(model: WriterModel) -> str:
    """Who writes the answers."""
    return f"Written by {model.name or model.path}" if model.in_use else NO_MODEL
