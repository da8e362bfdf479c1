"""The small questions: what they say and what they return."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QLineEdit, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from app.ui import dialogs

NAME = "<b>bold</b> & co.pdf"


@pytest.fixture
def parent(qtbot: QtBot) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    return widget


def when_shown(act: Callable[[QDialog], None]) -> None:
    """Does this with the dialog that is about to be shown."""

    def find() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, QDialog)
        act(dialog)

    QTimer.singleShot(100, find)


def plain_texts(dialog: QDialog) -> str:
    labels = dialog.findChildren(QLabel)
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in labels)
    return "\n".join(label.text() for label in labels)


@pytest.mark.parametrize("choice", ["Remove", "Keep"])
def test_removal(parent: QWidget, choice: str) -> None:
    seen: list[str] = []

    def act(dialog: QDialog) -> None:
        seen.append(plain_texts(dialog))
        assert isinstance(dialog, QMessageBox)
        next(b for b in dialog.buttons() if b.text() == choice).click()

    when_shown(act)
    names = [NAME, *(f"{n}.pdf" for n in range(20))]
    assert dialogs.confirm_removal(parent, names) is (choice == "Remove")
    assert "Remove 21 documents" in seen[0]
    assert NAME in seen[0]
    assert "and 13 more" in seen[0]
    assert "stay where they are" in seen[0]


def test_escape_keeps_the_collection(qtbot: QtBot, parent: QWidget) -> None:
    when_shown(lambda dialog: qtbot.keyClick(dialog, Qt.Key.Key_Escape))
    assert dialogs.confirm_collection_removal(parent, NAME, 3) is False


@pytest.mark.parametrize(("accept", "given"), [(True, "secret"), (False, "")])
def test_password(parent: QWidget, accept: bool, given: str) -> None:
    def act(dialog: QDialog) -> None:
        assert NAME in plain_texts(dialog)
        field = dialog.findChild(QLineEdit)
        assert field is not None
        assert field.echoMode() == QLineEdit.EchoMode.Password
        field.setText("secret")
        dialog.accept() if accept else dialog.reject()

    when_shown(act)
    assert dialogs.ask_password(parent, NAME) == given
