"""The small questions: remove these, which password. All text is plain."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QInputDialog, QLabel, QLineEdit, QMessageBox, QWidget

from app.ui.text import counted

_NAMED = 8
_FILES_STAY = "The files themselves stay where they are on the disk."


def confirm_removal(parent: QWidget, names: Sequence[str]) -> bool:
    """Asks whether these documents should leave the library."""
    shown = list(names[:_NAMED])
    if len(names) > _NAMED:
        shown.append(f"and {len(names) - _NAMED:,} more")
    question = f"Remove {counted(len(names), 'document')} from the library?"
    return _confirm(parent, question, "\n".join(shown) + f"\n\n{_FILES_STAY}")


def confirm_collection_removal(parent: QWidget, name: str, documents: int) -> bool:
    """Asks whether a collection should leave the library."""
    question = f"Remove the collection {name} with {counted(documents, 'document')}?"
    return _confirm(parent, question, _FILES_STAY)


def ask_password(parent: QWidget, name: str) -> str:
    """The password for an encrypted file; empty when none was given."""
    dialog = QInputDialog(parent)
    dialog.setWindowTitle("Password")
    dialog.setLabelText(
        f"{name} is encrypted.\nIts password is used to read it and is not kept in the clear."
    )
    dialog.setTextEchoMode(QLineEdit.EchoMode.Password)
    dialog.setOkButtonText("Open")
    _show_plainly(dialog)
    return dialog.textValue() if dialog.exec() else ""


def _confirm(parent: QWidget, question: str, explanation: str) -> bool:
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Remove from the library")
    box.setText(question)
    box.setInformativeText(explanation)
    _show_plainly(box)
    remove = box.addButton("Remove", QMessageBox.ButtonRole.DestructiveRole)
    keep = box.addButton("Keep", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(keep)
    box.exec()
    return box.clickedButton() is remove


def _show_plainly(dialog: QDialog) -> None:
    """File names stand in these texts, and Qt would guess which of them are markup."""
    for label in dialog.findChildren(QLabel):
        label.setTextFormat(Qt.TextFormat.PlainText)
