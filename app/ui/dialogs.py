"""The small questions: remove these, which password, which file. All text is plain."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QInputDialog,
    QLabel,
    QLineEdit,
    QMessageBox,
    QWidget,
)

from app.ui.text import counted

_NAMED = 8
_EXPORTS = {
    "Word document (*.docx)": "docx",
    "PDF document (*.pdf)": "pdf",
    "Markdown (*.md)": "md",
}
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


def confirm_conversation_removal(parent: QWidget, title: str) -> bool:
    """Asks whether a kept conversation should leave the library."""
    words = "Its questions and answers are deleted. The documents stay."
    return _confirm(parent, f"Remove the conversation {title}?", words)


def ask_title(parent: QWidget, title: str) -> str:
    """Another title for a conversation; empty when none was given."""
    dialog = QInputDialog(parent)
    dialog.setWindowTitle("Rename the conversation")
    dialog.setLabelText("Title")
    dialog.setTextValue(title)
    dialog.setOkButtonText("Rename")
    _show_plainly(dialog)
    return dialog.textValue().strip() if dialog.exec() else ""


def ask_export_file(parent: QWidget, what: str) -> Path | None:
    """Where to write an export; the ending of the name is its format. None when cancelled.

    The dialog asks before a file is replaced.
    """
    dialog = QFileDialog(parent, f"Export {what}")
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilters(list(_EXPORTS))
    dialog.setDefaultSuffix(next(iter(_EXPORTS.values())))
    dialog.filterSelected.connect(lambda name: dialog.setDefaultSuffix(_EXPORTS[name]))
    chosen = dialog.selectedFiles() if dialog.exec() else []
    return Path(chosen[0]) if chosen else None


def ask_backup_folder(parent: QWidget) -> Path | None:
    """The folder to put a backup in; None when cancelled."""
    name = QFileDialog.getExistingDirectory(parent, "Choose where to put the backup")
    return Path(name) if name else None


def ask_model(parent: QWidget) -> Path | None:
    """The folder of a language model; None when cancelled."""
    name = QFileDialog.getExistingDirectory(parent, "Choose a language model's folder")
    return Path(name) if name else None


def ask_model_file(parent: QWidget) -> Path | None:
    """A language model in one file; None when cancelled."""
    name, _ = QFileDialog.getOpenFileName(parent, "Choose a language model", "", "GGUF (*.gguf)")
    return Path(name) if name else None


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
