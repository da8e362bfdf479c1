"""Which folders a collection follows: new, changed and removed files there are taken over."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.ui import style
from app.ui.library_model import LibraryModel
from app.ui.widgets import TextLabel


class FollowDialog(QDialog):
    """Lists the folders that the model's collection follows, and changes them."""

    def __init__(self, model: LibraryModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Followed folders")
        self.setMinimumWidth(style.scaled(460))
        self._model = model
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.LARGE, style.LARGE, style.LARGE, style.LARGE)
        layout.setSpacing(style.MEDIUM)
        layout.addWidget(TextLabel(f"Folders that {model.selected or 'a collection'} follows"))
        layout.addWidget(TextLabel(_EXPLANATION, tone="muted"))
        self.folders = QListWidget()
        self.folders.setAccessibleName("Followed folders")
        layout.addWidget(self.folders)
        row = QHBoxLayout()
        self.add_button = QPushButton("Follow a folder…")
        self.remove_button = QPushButton("No longer follow")
        self.remove_button.setEnabled(False)
        close = QPushButton("Close")
        row.addWidget(self.add_button)
        row.addWidget(self.remove_button)
        row.addStretch(1)
        row.addWidget(close)
        layout.addLayout(row)
        self.add_button.clicked.connect(self._choose)
        self.remove_button.clicked.connect(self._unfollow)
        close.clicked.connect(self.accept)
        self.folders.currentRowChanged.connect(lambda at: self.remove_button.setEnabled(at >= 0))
        model.followed_loaded.connect(self._show)
        model.load_followed()

    def _show(self, folders: list[str]) -> None:
        self.folders.clear()
        self.folders.addItems(folders)
        self.remove_button.setEnabled(False)

    def _choose(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Follow a folder")
        if name:
            self._model.follow(Path(name))

    def _unfollow(self) -> None:
        item = self.folders.currentItem()
        if item is not None:
            self._model.unfollow(item.text())


_EXPLANATION = (
    "New and changed files in them are added, and files that go are removed from the library, "
    "while Muniment runs and after it was closed."
)
