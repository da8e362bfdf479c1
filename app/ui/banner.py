"""The one place where failures that no panel shows appear: a line across the top of the window."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout

from app.ui import style
from app.ui.messages import Failure
from app.ui.widgets import IconButton, IconLabel, TextLabel

_GOOD_NEWS_MS = 8000


class Banner(QFrame):
    """Hidden until there is something to say; stays until it is dismissed."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("banner")
        row = QHBoxLayout(self)
        row.setContentsMargins(style.LARGE, style.SMALL, style.SMALL, style.SMALL)
        row.setSpacing(style.SMALL)
        row.addWidget(IconLabel("warning", "bad"))
        self.words = TextLabel()
        row.addWidget(self.words, 1)
        close = IconButton("close", "Dismiss this message", size=16)
        close.clicked.connect(self.hide)
        row.addWidget(close)
        self._fade = QTimer(self)
        self._fade.setSingleShot(True)
        self._fade.setInterval(_GOOD_NEWS_MS)
        self._fade.timeout.connect(self.hide)
        self.hide()

    def show_failure(self, failure: Failure) -> None:
        """Shows what failed, why, and what to do."""
        self._fade.stop()
        self._say(f"{failure.subject}: {failure.cause} {failure.remedy}")

    def show_recovery(self, words: str) -> None:
        """Shows that it works again, for a while."""
        self._say(words)
        self._fade.start()

    def show_progress(self, words: str) -> None:
        """Shows how far something long has come, or what came of it, until it is dismissed."""
        self._fade.stop()
        self._say(words)

    def _say(self, words: str) -> None:
        self.words.setText(words)
        self.setAccessibleName(words)
        self.show()
