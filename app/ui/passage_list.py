"""Search as you type: its view model, and the list of passages found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QStyleOptionViewItem

from app.ui import style
from app.ui.bridge import Bridge
from app.ui.document_list import Index, RowDelegate
from app.ui.text import one_line, tip
from ingest.types import Passage

PASSAGE = Qt.ItemDataRole.UserRole + 1
_TYPING_MS = 120
_LIMIT = 20
_BEFORE, _SNIPPET = 16, 240  # characters


class SearchModel(QObject):
    """Searches the collection for what is being typed; only the latest words are answered."""

    passages_found = Signal(str, list)  # words, passages
    search_cleared = Signal()
    request_failed = Signal(object)  # Failure

    def __init__(self, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._words = ""
        self._request = 0
        self.collection = ""
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_TYPING_MS)
        self._pause.timeout.connect(self.search)

    def set_collection(self, name: str) -> None:
        """Searches another collection from now on."""
        self.collection = name
        if self._words:
            self.search()

    def type_words(self, words: str) -> None:
        """The words have changed; searches once the typing pauses."""
        self._words = words.strip()
        if self._words:
            self._pause.start()
        else:
            self._pause.stop()
            self._bridge.cancel(self._request)
            self.search_cleared.emit()

    def search(self) -> None:
        """Searches now."""
        words = self._words
        if not words or not self.collection:
            return
        self._bridge.cancel(self._request)

        def found(value: Any) -> None:
            if words == self._words:
                self.passages_found.emit(words, list(value))

        self._request = self._bridge.call(
            "search",
            words,
            self.collection,
            k=_LIMIT,
            on_value=found,
            on_finished=lambda _cancelled: None,
            on_failed=self.request_failed.emit,
        )


class PassageListModel(QAbstractListModel):
    """Passages, best first."""

    def __init__(self) -> None:
        super().__init__()
        self._passages: list[Passage] = []
        self._words = ""

    def set_passages(self, passages: Sequence[Passage], words: str = "") -> None:
        """Shows these passages, found for these words."""
        self.beginResetModel()
        self._words = words
        self._passages = list(passages)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._passages)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        passage = self._passages[index.row()]
        if role == PASSAGE:
            return passage
        if role == Qt.ItemDataRole.DisplayRole:
            return snippet(passage.text, self._words) or _without_words(passage)
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(passage.text)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{place_of(passage)}: {one_line(passage.text)}"
        return None


class PassageDelegate(RowDelegate):
    """A passage in two lines: its document and page, and its words about the match."""

    elide_second = Qt.TextElideMode.ElideRight

    def lines(self, index: Index) -> tuple[str, str, str, str]:
        passage: Passage = index.data(PASSAGE)
        return place_of(passage), "", "", index.data()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        height = QFontMetrics(style.scaled_font(style.CAPTION)).height()
        return super().sizeHint(option, index) + QSize(0, height // 8)


def snippet(text: str, words: str) -> str:
    """The passage in one line, from shortly before the first of the words in it."""
    line = one_line(text)
    folded = line.casefold()
    found = [at for word in words.casefold().split() if (at := folded.find(word)) >= 0]
    start = max(min(found, default=0) - _BEFORE, 0)
    if start:
        # At a word's beginning; the dots say that something stands before.
        start = line.find(" ", start) + 1
        return f"… {line[start : start + _SNIPPET]}"
    return line[:_SNIPPET]


def place_of(passage: Passage) -> str:
    """Document and pages of a passage, in words."""
    pages = passage.pages
    if not pages:
        return passage.document
    shown = f"page {pages[0]}" if len(pages) == 1 else f"pages {pages[0]}–{pages[-1]}"
    if passage.figure is not None:
        shown = f"{shown} · {passage.figure.name}"
    return f"{passage.document} · {shown}"


def _without_words(passage: Passage) -> str:
    """What to show of a figure without words: those that stand around it."""
    return "" if passage.figure is None else one_line(passage.figure.around)[:_SNIPPET]
