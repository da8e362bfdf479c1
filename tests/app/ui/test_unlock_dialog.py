"""The unlock dialog: open or make, the kinds of key, a wrong key."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.core import attempts
from app.core.vault import (
    Argon2Cost,
    KeyFile,
    NewLibrary,
    Passphrase,
    RecoveryKey,
    create_keys,
    new_recovery_key,
)
from app.ui.messages import Failure
from app.ui.unlock_dialog import UnlockDialog


@pytest.fixture
def dialog(qtbot: QtBot, tmp_path: Path) -> UnlockDialog:
    dialog = UnlockDialog(tmp_path / "new")
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def test_new_library_wants_its_passphrase_twice(qtbot: QtBot, dialog: UnlockDialog) -> None:
    assert dialog.creating
    assert dialog.headline.text() == "Make a library"
    assert dialog.focusWidget() is dialog.passphrase  # typing begins at once
    qtbot.keyClicks(dialog.passphrase, "four words of mine")
    assert not dialog.accept_button.isEnabled()
    qtbot.keyClicks(dialog.again, "four words of mine")
    dialog.recovery.setChecked(False)
    with qtbot.waitSignal(dialog.key_given) as caught:
        qtbot.keyClick(dialog.again, Qt.Key.Key_Return)
    assert caught.args == [dialog.folder, Passphrase("four words of mine"), NewLibrary()]
    assert not dialog.accept_button.isEnabled()  # busy: no second answer


def test_a_short_passphrase_is_not_taken_for_a_new_library(dialog: UnlockDialog) -> None:
    assert dialog.rule.isVisible() and "8 characters" in dialog.rule.text()
    for text, taken in (("seven77", False), ("eight888", True)):
        dialog.passphrase.setText(text)
        dialog.again.setText(text)
        assert dialog.accept_button.isEnabled() is taken


def test_an_older_library_may_have_a_short_one(qtbot: QtBot, tmp_path: Path) -> None:
    create_keys(tmp_path, Passphrase("eight888"), cost=Argon2Cost(1, 64, 1))
    dialog = UnlockDialog(tmp_path)
    qtbot.addWidget(dialog)
    dialog.show()
    assert not dialog.rule.isVisible()
    dialog.passphrase.setText("abc")
    assert dialog.accept_button.isEnabled()


def test_library_with_a_key_file_asks_for_it(qtbot: QtBot, tmp_path: Path) -> None:
    folder, key = tmp_path / "library", tmp_path / "sample.key"
    folder.mkdir()
    create_keys(folder, KeyFile(key))
    dialog = UnlockDialog(folder)
    qtbot.addWidget(dialog)
    dialog.show()
    assert not dialog.creating
    assert dialog.kinds["keyfile"].isChecked()
    assert not dialog.kinds["passphrase"].isVisible()
    assert not dialog.accept_button.isEnabled()
    dialog.key_file.setText(str(key))
    with qtbot.waitSignal(dialog.key_given) as caught:
        dialog.accept_button.click()
    assert caught.args == [folder, KeyFile(key), False]


def test_wrong_key_is_told_and_can_be_corrected(dialog: UnlockDialog) -> None:
    for field in (dialog.passphrase, dialog.again):
        field.setText("wrong words")
    dialog.recovery.setChecked(False)
    dialog.accept_button.click()
    dialog.show_failure(Failure("library", "It does not open it.", "Try again.", "WrongKey"))
    assert dialog.problem.isVisible()
    assert dialog.problem.text() == "It does not open it. Try again."
    assert dialog.accept_button.isEnabled()


def test_damaged_keys_are_told(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{")
    dialog = UnlockDialog(tmp_path)
    qtbot.addWidget(dialog)
    dialog.show()
    assert dialog.problem.isVisible()
    assert dialog.problem.text()


def test_a_long_reason_does_not_squeeze_the_rest(dialog: UnlockDialog) -> None:
    seen: list[QWidget] = [dialog.headline, dialog.explanation, dialog.rule, dialog.accept_button]
    before = [widget.height() for widget in seen]
    for length in (1, 4):
        words = "The passphrase does not open the library. " * length
        dialog.show_failure(Failure("library", words, "Check the keyboard layout.", "WrongKey"))
        dialog.layout().activate()
        assert [widget.height() for widget in seen] == before
        problem = dialog.problem
        assert problem.height() >= problem.heightForWidth(problem.width())


def test_a_folder_of_other_files_is_told_at_once(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear reader,")
    dialog = UnlockDialog(tmp_path)
    qtbot.addWidget(dialog)
    dialog.show()
    assert "empty or new folder" in dialog.problem.text() and dialog.problem.isVisible()
    dialog.set_folder(tmp_path / "new")
    assert not dialog.problem.isVisible()


def test_a_new_librarys_recovery_key_is_shown_before_it_is_made(
    qtbot: QtBot, dialog: UnlockDialog
) -> None:
    for field in (dialog.passphrase, dialog.again):
        field.setText("four words of mine")
    with qtbot.assertNotEmitted(dialog.key_given):
        dialog.accept_button.click()
    assert dialog.headline.text() == "Your recovery key"
    assert dialog.shown.isVisible() and not dialog.passphrase.isVisible()
    assert not dialog.accept_button.isEnabled()
    dialog.shown.written.setChecked(True)
    with qtbot.waitSignal(dialog.key_given) as caught:
        dialog.accept_button.click()
    _, key, new = caught.args
    assert key == Passphrase("four words of mine")
    assert new.recovery.text == dialog.shown.words.text().replace("\n", "-")
    dialog.show_failure(Failure("library", "It cannot be written here.", "Choose.", "StoreError"))
    assert dialog.passphrase.isVisible()  # back to what can be changed
    with qtbot.waitSignal(dialog.key_given) as caught:
        dialog.accept_button.click()
    assert caught.args[2] == new  # the key on the paper still counts


def test_another_folder_gets_another_recovery_key(dialog: UnlockDialog, tmp_path: Path) -> None:
    for field in (dialog.passphrase, dialog.again):
        field.setText("four words of mine")
    dialog.accept_button.click()
    first = dialog.shown.key
    dialog.set_folder(tmp_path / "other")
    assert dialog.passphrase.isVisible() and not dialog.shown.isVisible()
    dialog.accept_button.click()
    assert dialog.shown.key != first


def test_a_library_opens_with_its_recovery_key(qtbot: QtBot, tmp_path: Path) -> None:
    recovery = new_recovery_key()
    new = NewLibrary(recovery=recovery)
    create_keys(tmp_path, Passphrase("eight888"), new=new, cost=Argon2Cost(1, 64, 1))
    dialog = UnlockDialog(tmp_path)
    qtbot.addWidget(dialog)
    dialog.show()
    assert not dialog.recovery.isVisible()
    dialog.kinds["recovery"].click()
    field = dialog.recovery_field
    wrong = "MR" + ("Z" if recovery.text[2] != "Z" else "Y") + recovery.text[3:]
    qtbot.keyClicks(field.line, wrong.lower())
    assert field.hint.text() == "A sign in group 1 is wrong."
    assert not dialog.accept_button.isEnabled()
    field.line.clear()
    qtbot.keyClicks(field.line, recovery.text.replace("-", " "))
    assert "complete" in field.hint.text()
    with qtbot.waitSignal(dialog.key_given) as caught:
        qtbot.keyClick(field.line, Qt.Key.Key_Return)
    assert caught.args == [tmp_path, RecoveryKey(recovery.text.replace("-", " ")), False]


def test_after_wrong_passphrases_it_waits_and_says_how_long(qtbot: QtBot, tmp_path: Path) -> None:
    create_keys(tmp_path, Passphrase("eight888"), cost=Argon2Cost(1, 64, 1))
    dialog = UnlockDialog(tmp_path)
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.passphrase.setText("wrong words")
    dialog.accept_button.click()
    assert dialog.accept_button.text() == "Opening…"
    for _ in range(attempts.FREE):
        attempts.begin(tmp_path)
    dialog.show_failure(Failure("library", "It does not open it.", "Try again.", "WrongKey"))
    assert dialog.accept_button.text() == "Wait 1 second"
    assert not dialog.accept_button.isEnabled()
    qtbot.waitUntil(dialog.accept_button.isEnabled, timeout=3000)
    assert dialog.accept_button.text() == "Open"
