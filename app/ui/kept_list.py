"""The list of kept conversations: open one again, rename it, remove it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QListView,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.core.records import ConversationInfo
from app.ui import dialogs, style
from app.ui.kept_model import CONVERSATION, KeptDelegate, KeptListModel, KeptModel
from app.ui.widgets import EmptyState


class KeptList(QWidget):
    """Shows a KeptModel."""

    opened = Signal(object)  # ConversationInfo

    def __init__(self, model: KeptModel) -> None:
        super().__init__()
        self._model = model
        self._rows = KeptListModel()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.SMALL, style.SMALL, style.SMALL, style.SMALL)
        self.stack = QStackedWidget()
        self.empty = EmptyState("history", *_NONE)
        self.view = QListView()
        self.view.setAccessibleName("Kept conversations")
        self.view.setModel(self._rows)
        self.view.setItemDelegate(KeptDelegate(self.view))
        self.view.setMouseTracking(True)
        self.view.setUniformItemSizes(True)
        self.view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.view.activated.connect(lambda _index: self.open_chosen())
        self.view.doubleClicked.connect(lambda _index: self.open_chosen())
        self.view.selectionModel().selectionChanged.connect(self._show_choice)
        self.stack.addWidget(self.empty)
        self.stack.addWidget(self.view)
        layout.addWidget(self.stack, 1)
        buttons = QHBoxLayout()
        buttons.setContentsMargins(style.SMALL, 0, style.SMALL, style.TIGHT)
        self.open_button = self._button("Open", self.open_chosen)
        self.open_button.setProperty("primary", True)
        self.rename_button = self._button("Rename…", self.rename_chosen)
        self.remove_button = self._button("Remove…", self.remove_chosen)
        buttons.addWidget(self.open_button, 1)
        buttons.addWidget(self.rename_button)
        buttons.addWidget(self.remove_button)
        layout.addLayout(buttons)
        for keys, run in (
            (QKeySequence.StandardKey.Delete, self.remove_chosen),
            (Qt.Key.Key_F2, self.rename_chosen),
        ):
            shortcut = QShortcut(QKeySequence(keys), self.view)
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(run)
        model.changed.connect(self._show)
        self._show()

    def chosen(self) -> ConversationInfo | None:
        """The selected conversation."""
        rows = self.view.selectionModel().selectedIndexes()
        info = rows[0].data(CONVERSATION) if rows else None
        return info if isinstance(info, ConversationInfo) else None

    def open_chosen(self) -> None:
        """Shows the selected conversation."""
        if (info := self.chosen()) is not None:
            self.opened.emit(info)

    def rename_chosen(self) -> None:
        """Asks for another title."""
        if (info := self.chosen()) is not None and (
            title := dialogs.ask_title(self.window(), info.title)
        ):
            self._model.rename(info.id, title)

    def remove_chosen(self) -> None:
        """Asks, and removes the selected conversation."""
        info = self.chosen()
        if info is not None and dialogs.confirm_conversation_removal(self.window(), info.title):
            self._model.remove(info.id)

    def _button(self, name: str, run: object) -> QPushButton:
        button = QPushButton(name)
        button.clicked.connect(run)
        return button

    def _show(self) -> None:
        before = self.chosen()
        conversations = self._model.conversations
        self._rows.set_conversations(conversations)
        self.stack.setCurrentWidget(self.view if conversations else self.empty)
        ids = [info.id for info in conversations]
        if before is not None and before.id in ids:
            self.view.setCurrentIndex(self._rows.index(ids.index(before.id)))
        self._show_choice()

    def _show_choice(self) -> None:
        some = self.chosen() is not None
        for button in (self.open_button, self.rename_button, self.remove_button):
            button.setEnabled(some)


_NONE = (
    "No conversations yet",
    "Each question you ask here is kept, encrypted with the library, until you remove it.",
)
