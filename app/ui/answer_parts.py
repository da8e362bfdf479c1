"""Parts of an answer card: progress of reading, a draft held back, how the answer was made."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.ui import icons, style
from app.ui.answer_text import AnswerText, Run
from app.ui.answer_words import known_words, waiting_words
from app.ui.exchange import Exchange
from app.ui.widgets import IconButton, IconLabel, TextLabel

_STEPS = 1000


class Reading(QWidget):
    """What is being done before the first word, and how far it is."""

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.TIGHT + 2)
        self.words = TextLabel()
        layout.addWidget(self.words)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, _STEPS)
        self.bar.setAccessibleName("Tokens read")
        layout.addWidget(self.bar)
        self.known = TextLabel(tone="muted", scale=style.CAPTION)
        layout.addWidget(self.known)

    def show_exchange(self, exchange: Exchange) -> None:
        """Says how far it is."""
        self.words.setText(waiting_words(exchange))
        known = known_words(exchange)
        self.known.setText(known)
        self.known.setVisible(bool(known))
        progress = exchange.progress
        self.bar.setVisible(progress is not None)
        if progress is not None:
            self.bar.setValue(_STEPS * progress.tokens // max(progress.of, 1))


class Note(QWidget):
    """A remark with an icon."""

    def __init__(self, icon: str, role: str, words: str) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(style.TIGHT + 2)
        if icon:
            row.addWidget(IconLabel(icon, role, 15), 0, Qt.AlignmentFlag.AlignTop)
        self.label = TextLabel(words, tone=role, scale=style.CAPTION)
        row.addWidget(self.label, 1)

    def text(self) -> str:
        """What it says."""
        return self.label.text()


class Disclosure(QToolButton):
    """A word that shows and hides what follows it."""

    def __init__(self, words: str, body: QWidget) -> None:
        super().__init__()
        self.setObjectName("disclosure")
        self.setText(words)
        self.setFont(style.scaled_font(style.CAPTION))
        self.setCheckable(True)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._body = body
        body.hide()
        self.toggled.connect(self._show)
        self.refresh()

    def refresh(self) -> None:
        """Paints the arrow again, after a change of theme."""
        name = "open" if self.isChecked() else "closed"
        size = style.scaled(13)
        self.setIconSize(QSize(size, size))
        self.setIcon(icons.icon(name, style.current_theme().muted, size))

    def _show(self, shown: bool) -> None:
        self._body.setVisible(shown)
        self.refresh()


class Facts(QFrame):
    """Names and values, below one another. All of it is plain text."""

    def __init__(self, rows: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._values: list[AnswerText] = []
        grid = QGridLayout(self)
        grid.setContentsMargins(style.SMALL, 0, 0, style.TIGHT)
        grid.setHorizontalSpacing(style.MEDIUM)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 1)
        for row, (name, _) in enumerate(rows):
            head = TextLabel(name, tone="muted", scale=style.CAPTION, wrap=False)
            grid.addWidget(head, row, 0, Qt.AlignmentFlag.AlignTop)
            said = AnswerText(name, style.CAPTION)
            said.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
            self._values.append(said)
            grid.addWidget(said, row, 1, Qt.AlignmentFlag.AlignTop)
        self._rows = rows
        self.refresh()

    def refresh(self) -> None:
        """Paints the values again, after a change of theme."""
        for said, (_, value) in zip(self._values, self._rows, strict=True):
            said.show_runs([Run(value)])

    def text(self) -> str:
        """All the values, a line each."""
        return "\n".join(said.text() for said in self._values)


class Withheld(QWidget):
    """What a model wrote and no page supports: shown on request, and labelled."""

    def __init__(self, draft: str) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, style.TIGHT, 0, style.TIGHT)
        layout.setSpacing(style.SMALL)
        self.button = QPushButton(_SHOW)
        self.button.setCheckable(True)
        self.button.toggled.connect(self._show)
        layout.addWidget(self.button, 0, Qt.AlignmentFlag.AlignLeft)
        self.frame = QFrame()
        self.frame.setObjectName("failure")
        inner = QVBoxLayout(self.frame)
        inner.setContentsMargins(style.MEDIUM, style.SMALL, style.MEDIUM, style.SMALL)
        inner.setSpacing(style.TIGHT)
        self.label = Note("warning", "bad", _LABEL)
        inner.addWidget(self.label)
        self._said = draft.strip()
        self.draft = AnswerText("Not supported by the documents")
        inner.addWidget(self.draft)
        self.frame.hide()
        layout.addWidget(self.frame)
        self.refresh()

    def refresh(self) -> None:
        """Paints the draft again, after a change of theme."""
        self.draft.show_runs([Run(self._said)])

    def _show(self, shown: bool) -> None:
        self.frame.setVisible(shown)
        self.button.setText(_HIDE if shown else _SHOW)


class Actions(QWidget):
    """What can be done with a whole answer: see how it was made, copy it, export it."""

    copy_wanted = Signal()
    export_wanted = Signal()

    def __init__(self, rows: Sequence[tuple[str, str]], *, can_export: bool) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.TIGHT)
        line = QHBoxLayout()
        line.setSpacing(0)
        self.facts = Facts(rows)
        self.disclosure = Disclosure("How it was made", self.facts)
        line.addWidget(self.disclosure)
        line.addStretch(1)
        self.copy = IconButton("copy", "Copy the answer with its footnotes", size=16)
        self.copy.clicked.connect(self.copy_wanted)
        line.addWidget(self.copy)
        self.export = IconButton("export", "Export the answer…", size=16)
        self.export.clicked.connect(self.export_wanted)
        self.export.setVisible(can_export)
        line.addWidget(self.export)
        layout.addLayout(line)
        layout.addWidget(self.facts)

    def refresh(self) -> None:
        """Paints it again, after a change of theme."""
        self.disclosure.refresh()
        self.facts.refresh()


_SHOW = "Show what the model wrote"
_HIDE = "Hide what the model wrote"
_LABEL = (
    "Not supported by the documents. No page cited says this; it may be made up. Do not rely on it."
)
