"""The list of documents: its model and how a row is painted. Knows DocumentInfo, nothing more."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QColor, QFontMetrics, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.core.events import DocumentInfo
from app.ui import icons, style
from app.ui.text import counted, one_line, tip

Index = QModelIndex | QPersistentModelIndex
INFO = Qt.ItemDataRole.UserRole + 1
_LEFT_OUT = "It was left out: no answer rests on it. Ask who made the file why it is there."
_COMPLETE = "Parts of it may be missing: look for a complete copy and add that."


def state_of(document: DocumentInfo) -> tuple[str, str, str]:
    """Icon, colour and words for how well a document could be read."""
    if document.unreadable:
        return "warning", "caution", f"{counted(document.unreadable, 'page')} unreadable"
    if document.damaged:
        return "warning", "caution", "Damaged, may be incomplete"
    if document.hidden:
        return "warning", "caution", "Holds hidden text"
    if document.ocr_pages:
        return "verified", "good", f"Ready, {document.ocr_pages:,} by OCR"
    return "verified", "good", "Ready"


class DocumentListModel(QAbstractListModel):
    """The documents of one collection, by name."""

    def __init__(self) -> None:
        super().__init__()
        self._documents: list[DocumentInfo] = []
        self._names: list[str] = []  # what they are sorted by, row by row
        self._ids: set[int] = set()

    def set_documents(self, documents: Sequence[DocumentInfo]) -> None:
        """Shows these documents."""
        self.beginResetModel()
        self._documents = sorted(documents, key=lambda d: d.name.casefold())
        self._names = [d.name.casefold() for d in self._documents]
        self._ids = {d.id for d in self._documents}
        self.endResetModel()

    def put(self, document: DocumentInfo) -> None:
        """Adds a document, or replaces the one of the same id."""
        self.take(document.id)
        name = document.name.casefold()
        row = bisect_right(self._names, name)
        self.beginInsertRows(QModelIndex(), row, row)
        self._documents.insert(row, document)
        self._names.insert(row, name)
        self._ids.add(document.id)
        self.endInsertRows()

    def take(self, document_id: int) -> None:
        """Takes a document off the list."""
        if document_id not in self._ids:
            return
        row = next(n for n, known in enumerate(self._documents) if known.id == document_id)
        self.beginRemoveRows(QModelIndex(), row, row)
        del self._documents[row], self._names[row]
        self._ids.discard(document_id)
        self.endRemoveRows()

    def documents(self) -> list[DocumentInfo]:
        """The documents, in order."""
        return list(self._documents)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._documents)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        document = self._documents[index.row()]
        if role == INFO:
            return document
        if role == Qt.ItemDataRole.DisplayRole:
            return one_line(document.name)
        if role == Qt.ItemDataRole.ToolTipRole:
            remedy = [_COMPLETE] if document.damaged else []
            remedy += [_LEFT_OUT] if document.hidden else []
            return tip("\n".join([document.path or document.name, *document.warnings, *remedy]))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            words = state_of(document)[2]
            return f"{document.name}, {counted(document.pages, 'page')}, {words}"
        return None


class DocumentFilter(QSortFilterProxyModel):
    """Keeps the documents whose name or title contains the words typed."""

    def __init__(self, source: DocumentListModel) -> None:
        super().__init__()
        self._words: list[str] = []
        self.setSourceModel(source)

    def set_words(self, text: str) -> None:
        """Filters by these words, all of which must occur."""
        self._words = text.casefold().split()
        self.invalidate()

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:
        document: DocumentInfo = self.sourceModel().index(row, 0, parent).data(INFO)
        name = f"{document.name} {document.title}".casefold()
        return all(word in name for word in self._words)


class RowDelegate(QStyledItemDelegate):
    """Paints two lines a row: what it is, and below it smaller, with an icon, how it is."""

    elide_second = Qt.TextElideMode.ElideMiddle

    def lines(self, index: Index) -> tuple[str, str, str, str]:
        """First line, icon, icon's colour role, second line."""
        document: DocumentInfo = index.data(INFO)
        icon, colour, words = state_of(document)
        return one_line(document.name), icon, colour, f"{counted(document.pages, 'page')} · {words}"

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        first = QFontMetrics(style.scaled_font(style.BODY)).height()
        second = QFontMetrics(style.scaled_font(style.CAPTION)).height()
        return QSize(100, first + second + 2 * style.SMALL + 2)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme = style.current_theme()
        first, icon, colour, second = self.lines(index)
        area = option.rect.adjusted(style.TIGHT, 1, -style.TIGHT, -1)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        focused = bool(option.state & QStyle.StateFlag.State_HasFocus)
        if selected or hovered:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.accent_soft if selected else theme.window))
            painter.drawRoundedRect(area, style.RADIUS, style.RADIUS)
        if focused and selected:
            painter.setPen(QColor(theme.accent))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(area, style.RADIUS, style.RADIUS)
        inner = area.adjusted(style.SMALL, style.TIGHT + 2, -style.SMALL, -style.TIGHT - 2)
        self._line(painter, inner, first, style.BODY, theme.text)
        if icon:
            size = QFontMetrics(style.scaled_font(style.CAPTION)).height()
            ratio = painter.device().devicePixelRatioF()
            image = icons.pixmap(icon, getattr(theme, colour), size, ratio)
            painter.drawPixmap(inner.left(), inner.bottom() - size + 1, image)
            inner = inner.adjusted(size + style.TIGHT, 0, 0, 0)
        self._line(painter, inner, second, style.CAPTION, theme.muted, bottom=True)
        painter.restore()

    def _line(
        self,
        painter: QPainter,
        area: QRect,
        text: str,
        scale: float,
        colour: str,
        *,
        bottom: bool = False,
    ) -> None:
        painter.setFont(style.scaled_font(scale))
        painter.setPen(QColor(colour))
        mode = self.elide_second if bottom else Qt.TextElideMode.ElideMiddle
        shown = painter.fontMetrics().elidedText(text, mode, area.width())
        edge = Qt.AlignmentFlag.AlignBottom if bottom else Qt.AlignmentFlag.AlignTop
        painter.drawText(area, edge | Qt.AlignmentFlag.AlignLeft, shown)
