"""The small questions: remove these, which password, what went wrong. All text is plain."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QInputDialog, QLineEdit, QMessageBox, QWidget

from app.ui.messages import Failure
from app.ui.text import counted

_NAMED = 8


def confirm_removal(parent: QWidget, names: Sequence[str]) -> bool:
    """Asks whether these documents should leave the library."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setWindowTitle("Remove from the library")
    box.setText(f"Remove {counted(len(names), 'document')} from the library?")
    shown = list(names[:_NAMED])
    if len(names) > _NAMED:
        shown.append(f"and {len(names) - _NAMED:,} more")
    box.setInformativeText(
        "\n".join(shown) + "\n\nThe files themselves stay where they are on the disk."
    )
    remove = box.addButton("Remove", QMessageBox.ButtonRole.DestructiveRole)
    keep = box.addButton("Keep", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(keep)
    box.exec()
    return box.clickedButton() is remove


def ask_password(parent: QWidget, name: str) -> str:
    """The password for an encrypted file; empty when none was given."""
    dialog = QInputDialog(parent)
    dialog.setWindowTitle("Password")
    dialog.setLabelText(
        f"{name} is encrypted.\nIts password is used to read it and is not kept in the clear."
    )
    dialog.setTextEchoMode(QLineEdit.EchoMode.Password)
    dialog.setOkButtonText("Open")
    return dialog.textValue() if dialog.exec() else ""


def show_failure(parent: QWidget | None, failure: Failure) -> None:
    """Says what went wrong, why, and what to do."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Warning)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setWindowTitle("Muniment")
    box.setText(f"{failure.subject}\n\n{failure.cause}")
    box.setInformativeText(failure.remedy)
    box.exec()
