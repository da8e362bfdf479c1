"""The foot of the library panel: progress of an addition, its sums, and the files that failed."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.core.events import FileFailed
from app.ui import style
from app.ui.library_model import Addition
from app.ui.text import counted, tip
from app.ui.widgets import ElidedLabel, IconButton, IconLabel, TextLabel

_STEPS = 1000
_TALLEST = 250
_PACE_MS = 60


class AdditionView(QFrame):
    """Progress of the current file and of all, with a way to stop."""

    cancel_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("jobs")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.MEDIUM, style.SMALL, style.MEDIUM, style.MEDIUM)
        layout.setSpacing(style.TIGHT + 2)
        first = QHBoxLayout()
        self._overall = TextLabel(bold=True)
        self._cancel = QPushButton("Stop")
        self._cancel.setToolTip(tip("Stop adding. Files finished before stay in the library."))
        self._cancel.clicked.connect(self.cancel_requested)
        first.addWidget(self._overall, 1)
        first.addWidget(self._cancel)
        layout.addLayout(first)
        self._overall_bar = _bar("All files")
        layout.addWidget(self._overall_bar)
        self._file = ElidedLabel()
        layout.addWidget(self._file)
        self._file_bar = _bar("This file")
        layout.addWidget(self._file_bar)
        self._doing = TextLabel(tone="muted", scale=style.CAPTION)
        layout.addWidget(self._doing)
        self._addition: Addition | None = None
        self._pace = QTimer(self)
        self._pace.setSingleShot(True)
        self._pace.setInterval(_PACE_MS)
        self._pace.timeout.connect(self._refresh)
        self.hide()

    def show_addition(self, addition: Addition | None) -> None:
        """Shows how far it is; None hides the view. Many a second are drawn as a few."""
        begins = self._addition is None
        self._addition = addition
        self.setVisible(addition is not None)
        if addition is None:
            self._pace.stop()
        elif begins or addition.cancelling:
            self._refresh()
        elif not self._pace.isActive():
            self._pace.start()

    def _refresh(self) -> None:
        addition = self._addition
        if addition is None:
            return
        if addition.total:
            self._overall.setText(f"Adding file {addition.index:,} of {addition.total:,}")
        else:
            self._overall.setText("Looking for files")
        self._overall_bar.setValue(round(addition.overall * _STEPS))
        self._file.set_text(addition.file)
        self._file_bar.setValue(round(addition.share * _STEPS))
        self._doing.setText(addition.doing)
        self._cancel.setEnabled(not addition.cancelling)


class ProblemList(QFrame):
    """Files that could not be added: each with its cause, the remedy, and what can be done here."""

    password_requested = Signal(object)  # FileFailed
    retry_requested = Signal(object)  # FileFailed

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("problems")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, style.SMALL, 0, style.SMALL)
        layout.setSpacing(style.TIGHT)
        head = QHBoxLayout()
        head.setContentsMargins(style.MEDIUM, 0, style.MEDIUM, 0)
        self._count = TextLabel(bold=True)
        head.addWidget(self._count, 1)
        self._clear = QPushButton("Dismiss all")
        self._clear.clicked.connect(self.dismiss_all)
        head.addWidget(self._clear)
        layout.addLayout(head)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setAccessibleName("Files that could not be added")
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = QWidget()
        self._rows = QVBoxLayout(inside)
        self._rows.setContentsMargins(style.MEDIUM, 0, style.MEDIUM, 0)
        self._rows.setSpacing(style.SMALL)
        self._rows.addStretch(1)
        self._area.setWidget(inside)
        layout.addWidget(self._area)
        self._shown: dict[str, Problem] = {}
        self.hide()

    def add(self, failed: FileFailed) -> None:
        """Lists a file; an earlier failure of the same file goes."""
        self.dismiss(failed.path)
        row = Problem(failed)
        row.dismissed.connect(lambda: self.dismiss(failed.path))
        row.password_requested.connect(lambda: self.password_requested.emit(failed))
        row.retry_requested.connect(lambda: self.retry_requested.emit(failed))
        self._shown[failed.path] = row
        self._rows.insertWidget(self._rows.count() - 1, row)
        self._fit()

    def dismiss(self, path: str) -> None:
        """Takes a file off the list."""
        row = self._shown.pop(path, None)
        if row is not None:
            self._rows.removeWidget(row)
            row.hide()
            row.deleteLater()
            self._fit()

    def dismiss_all(self) -> None:
        """Empties the list."""
        for path in self.paths():
            self.dismiss(path)

    def paths(self) -> list[str]:
        """The files listed."""
        return list(self._shown)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.setVisible(bool(self._shown))
        self._count.setText(f"{counted(len(self._shown), 'file')} not added")
        self._clear.setVisible(len(self._shown) > 1)
        # As tall as what it holds up to a limit, so that the documents keep room.
        needed = self._rows.heightForWidth(self._area.viewport().width())
        needed = max(needed, self._rows.minimumSize().height())
        self._area.setFixedHeight(min(needed, _TALLEST) + 2)


class Problem(QFrame):
    """One file that could not be added."""

    dismissed = Signal()
    password_requested = Signal()
    retry_requested = Signal()

    def __init__(self, failed: FileFailed) -> None:
        super().__init__()
        self.setObjectName("failure")
        self.setAccessibleName(f"{Path(failed.path).name}: {failed.cause} {failed.remedy}")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.SMALL, style.TIGHT, style.TIGHT, style.SMALL)
        layout.setSpacing(style.TIGHT)
        head = QHBoxLayout()
        icon = "lock" if failed.needs_password else "warning"
        head.addWidget(IconLabel(icon, "bad", 16, "Failed"))
        name = ElidedLabel(Path(failed.path).name, bold=True)
        name.setToolTip(tip(failed.path))
        head.addWidget(name, 1)
        close = IconButton("close", f"Dismiss {Path(failed.path).name}", size=14)
        close.clicked.connect(self.dismissed)
        head.addWidget(close)
        layout.addLayout(head)
        layout.addWidget(TextLabel(failed.cause, scale=style.CAPTION))
        layout.addWidget(TextLabel(failed.remedy, scale=style.CAPTION, tone="muted"))
        button = QPushButton("Enter password…" if failed.needs_password else "Try again")
        signal = self.password_requested if failed.needs_password else self.retry_requested
        button.clicked.connect(signal)
        layout.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)


def _bar(name: str) -> QProgressBar:
    bar = QProgressBar()
    bar.setRange(0, _STEPS)
    bar.setTextVisible(False)
    bar.setAccessibleName(name)
    return bar
