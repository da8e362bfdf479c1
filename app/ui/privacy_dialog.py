"""The privacy report in the window: made by the background process, read and saved here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.ui import style
from app.ui.bridge import Bridge
from app.ui.messages import Failure
from app.ui.widgets import TextLabel

_KINDS = "PDF document (*.pdf);;JSON with all libraries, CycloneDX (*.json);;Text (*.txt)"


class PrivacyDialog(QDialog):
    """Shows what keeps the documents on this machine, as found just now."""

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Privacy report")
        self.resize(style.scaled(760), style.scaled(560))
        self._bridge = bridge
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.LARGE, style.LARGE, style.LARGE, style.LARGE)
        layout.setSpacing(style.MEDIUM)
        self.headline = TextLabel("Looking, and trying to reach the network…", bold=True)
        layout.addWidget(self.headline)
        self.report = QPlainTextEdit()
        self.report.setReadOnly(True)
        self.report.setAccessibleName("Privacy report")
        layout.addWidget(self.report, 1)
        row = QHBoxLayout()
        row.addStretch(1)
        self.save_button = QPushButton("Save…")
        self.save_button.setEnabled(False)
        self.save_button.setAutoDefault(False)
        self.save_button.clicked.connect(self._choose)
        close = QPushButton("Close")
        close.setDefault(True)
        close.clicked.connect(self.accept)
        row.addWidget(self.save_button)
        row.addWidget(close)
        layout.addLayout(row)
        self._requests = {
            bridge.call("privacy_report", on_value=self._show, on_failed=self._show_failure)
        }
        self.finished.connect(self._forget)

    def save(self, path: Path) -> None:
        """Writes the report to a file, made anew."""
        self.save_button.setEnabled(False)
        self._requests.add(
            self._bridge.call(
                "write_privacy_report",
                path,
                replace=True,  # the file dialog has asked
                on_value=lambda _none: self._saved(path),
                on_failed=self._show_failure,
            )
        )

    def _choose(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the report", "privacy.pdf", _KINDS)
        if name:
            self.save(Path(name))

    def _show(self, told: Any) -> None:
        verdict, text = told
        self.headline.setText(verdict)
        self.report.setPlainText(text)
        self.save_button.setEnabled(True)

    def _saved(self, path: Path) -> None:
        self.headline.setText(f"Saved as {path.name}.")
        self.save_button.setEnabled(True)

    def _show_failure(self, failure: Failure) -> None:
        self.headline.setText(f"{failure.cause} {failure.remedy}")
        self.save_button.setEnabled(bool(self.report.toPlainText()))

    def _forget(self) -> None:
        """What still comes finds no dialog any more."""
        for request in self._requests:
            self._bridge.drop(request)
