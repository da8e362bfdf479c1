"""Backing up and checking from the window's Library menu."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QAction
from pytestqt.qtbot import QtBot

from app.ui import dialogs
from app.ui.shell import Shell

WAIT = 20_000


@pytest.fixture
def opened(qtbot: QtBot, shell: Shell) -> Shell:
    """The window with two documents in it."""
    shell.start("right")
    qtbot.waitUntil(lambda: shell.window.library_model.documents.rowCount() == 2, timeout=WAIT)
    return shell


def test_back_up_and_check(
    qtbot: QtBot, opened: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, words = opened.window, opened.window.banner.words
    chosen = {"folder": None}
    monkeypatch.setattr(dialogs, "ask_backup_folder", lambda _parent: chosen["folder"])
    actions = {action.text(): action for action in window.findChildren(QAction)}
    actions["&Back up the library…"].trigger()  # cancelled
    assert window.banner.isHidden()
    (stick := tmp_path / "stick").mkdir()
    chosen["folder"] = stick
    actions["&Back up the library…"].trigger()
    actions["&Back up the library…"].trigger()  # one at a time
    qtbot.waitUntil(lambda: "Backed up to" in words.text(), timeout=WAIT)
    assert (stick / "written").read_text() == "verified"
    qtbot.waitUntil(lambda: not window.backup_model.busy, timeout=WAIT)
    actions["Chec&k the library"].trigger()
    qtbot.waitUntil(lambda: "damaged" in words.text(), timeout=WAIT)
    assert "b.pdf" in words.text()
    qtbot.waitUntil(lambda: not window.backup_model.busy, timeout=WAIT)
    chosen["folder"] = tmp_path / "full"
    actions["&Back up the library…"].trigger()
    qtbot.waitUntil(lambda: "disk is full" in words.text(), timeout=WAIT)
    qtbot.waitUntil(lambda: not window.backup_model.busy, timeout=WAIT)
