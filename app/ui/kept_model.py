"""The conversations that a collection keeps: listed, renamed, removed, exported."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, Qt, Signal

from app.core.records import ConversationInfo
from app.ui.bridge import Bridge
from app.ui.document_list import Index, RowDelegate
from app.ui.text import counted, tip

CONVERSATION = Qt.ItemDataRole.UserRole + 1


class KeptModel(QObject):
    """The conversations of one collection, and what is done with them."""

    changed = Signal()
    renamed = Signal(int, str)  # conversation, title
    removed = Signal(int)  # conversation
    exported = Signal(str)  # the file's name
    request_failed = Signal(object)  # Failure

    def __init__(self, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self.collection = ""
        self.conversations: list[ConversationInfo] = []

    def set_collection(self, name: str) -> None:
        """Lists those of another collection from now on, once they are loaded."""
        self.collection = name
        self.conversations = []
        self.changed.emit()

    def load(self) -> None:
        """Asks for the list; `changed` follows."""
        name = self.collection
        if not name:
            return

        def loaded(value: Any) -> None:
            if name == self.collection:
                self.conversations = list(value)
                self.changed.emit()

        self._bridge.call(
            "conversations", name, on_value=loaded, on_failed=self.request_failed.emit
        )

    def rename(self, conversation: int, title: str) -> None:
        """Gives a conversation another title."""

        def done(_none: object) -> None:
            self.renamed.emit(conversation, title)
            self.load()

        self._bridge.call(
            "rename_conversation",
            conversation,
            title,
            on_value=done,
            on_failed=self.request_failed.emit,
        )

    def remove(self, conversation: int) -> None:
        """Removes a conversation with all its answers."""

        def done(_none: object) -> None:
            self.removed.emit(conversation)
            self.load()

        self._bridge.call(
            "remove_conversation",
            conversation,
            on_value=done,
            on_failed=self.request_failed.emit,
        )

    def export_answer(self, record: int, path: Path) -> None:
        """Writes a kept answer to a file, in the format that its name ends in."""
        self._export("export_answer", record, path)

    def export_conversation(self, conversation: int, path: Path) -> None:
        """Writes a kept conversation to a file, in the format that its name ends in."""
        self._export("export_conversation", conversation, path)

    def _export(self, method: str, number: int, path: Path) -> None:
        self._bridge.call(
            method,
            number,
            path,
            replace=True,  # the file dialog has asked
            on_value=lambda _none: self.exported.emit(path.name),
            on_failed=self.request_failed.emit,
        )


class KeptListModel(QAbstractListModel):
    """Conversations, the one that went on last first."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: list[ConversationInfo] = []

    def set_conversations(self, conversations: list[ConversationInfo]) -> None:
        """Shows these."""
        self.beginResetModel()
        self._shown = list(conversations)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        info = self._shown[index.row()]
        if role == CONVERSATION:
            return info
        if role == Qt.ItemDataRole.DisplayRole:
            return info.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(info.title)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{info.title}, {about(info)}"
        return None


class KeptDelegate(RowDelegate):
    """A conversation in two lines: its title, and below how long and when."""

    elide_second = Qt.TextElideMode.ElideRight

    def lines(self, index: Index) -> tuple[str, str, str, str]:
        info: ConversationInfo = index.data(CONVERSATION)
        return info.title, "", "", about(info)


def about(info: ConversationInfo) -> str:
    """How many questions it has and when it last went on, in this place's time."""
    return f"{counted(info.exchanges, 'question')} · {local_time(info.changed)}"


def local_time(made: str) -> str:
    """An ISO time for people here; what is no time stays as it is."""
    try:
        return f"{datetime.fromisoformat(made).astimezone():%Y-%m-%d %H:%M}"
    except ValueError:
        return made
