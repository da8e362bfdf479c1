"""The conversation panel's head: its title, a new conversation, those kept, and what to do."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QMenu, QToolButton, QWidget

from app.ui import style
from app.ui.forbidden import forbid
from app.ui.widgets import ElidedLabel, IconButton


class ConversationHead(QWidget):
    """Names the conversation, and offers what can be done with it."""

    new_wanted = Signal()
    history_toggled = Signal(bool)
    rename_wanted = Signal()
    export_wanted = Signal()
    remove_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("toolbar")
        row = QHBoxLayout(self)
        row.setContentsMargins(style.LARGE, style.TIGHT, style.SMALL, style.TIGHT)
        row.setSpacing(style.TIGHT)
        self.title = ElidedLabel(bold=True, elide=Qt.TextElideMode.ElideRight)
        row.addWidget(self.title, 1)
        self.new_button = IconButton("new-conversation", "New conversation", "Ctrl+Shift+N")
        self.new_button.clicked.connect(self.new_wanted)
        row.addWidget(self.new_button)
        self.history_button = IconButton("history", "Kept conversations", "Ctrl+H")
        self.history_button.setCheckable(True)
        self.history_button.toggled.connect(self.history_toggled)
        row.addWidget(self.history_button)
        self.more_button = IconButton("more", "More for this conversation")
        self.more_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.more_button)
        for name, signal in (
            ("Export the conversation…", self.export_wanted),
            ("Rename the conversation…", self.rename_wanted),
            ("Remove the conversation…", self.remove_wanted),
        ):
            action = QAction(name, menu)
            action.triggered.connect(signal)
            menu.addAction(action)
            if signal is self.export_wanted:
                self.export_action = action
        self.more_button.setMenu(menu)
        row.addWidget(self.more_button)

    def forbid_export(self, why: str) -> None:
        """The computer's policy does not allow it."""
        forbid(self.export_action, why)

    def show_conversation(self, title: str, *, kept: bool, begun: bool) -> None:
        """Names it; what is not kept can be neither exported nor renamed."""
        self.title.set_text(title or "New conversation")
        self.more_button.setEnabled(kept)
        self.new_button.setEnabled(begun)
