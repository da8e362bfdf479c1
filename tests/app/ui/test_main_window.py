"""The whole window on a real background process with a made-up library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractButton, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from app.ui import style
from app.ui.main_window import MainWindow
from app.ui.settings import Settings
from app.ui.shell import Shell

if TYPE_CHECKING:
    from conftest import HandBridge

WAIT = 20_000


def test_from_question_to_marked_line(qtbot: QtBot, shell: Shell) -> None:
    shell.start("right")  # type: ignore[arg-type]
    window = shell.window
    assert window.isVisible()
    qtbot.waitUntil(lambda: window.library_model.documents.rowCount() == 2, timeout=WAIT)
    qtbot.keyClicks(window.conversation.field, "Which beta blocker?")
    qtbot.keyClick(window.conversation.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(window.conversation.cards()[0].rows()), timeout=WAIT)
    window.conversation.cards()[0].rows()[0].click()
    view = window.pages.view
    qtbot.waitUntil(lambda: window.page_model.image(2) is not None, timeout=WAIT)
    (rect,) = view.mark_rects(2)
    image = view.viewport().grab().toImage()
    assert image.pixelColor(rect.center().toPoint()) == QColor(style.LIGHT.highlight)
    assert window.pages.title.text() == "Discharge letter.pdf"


def test_crash_is_shown_and_the_library_comes_back(qtbot: QtBot, shell: Shell) -> None:
    shell.start("right")  # type: ignore[arg-type]
    window = shell.window
    qtbot.waitUntil(lambda: window.library_model.documents.rowCount() == 2, timeout=WAIT)
    with qtbot.waitSignal(shell.bridge.background_stopped, timeout=WAIT):
        window.library.search_field.setText("crash")
    assert window.banner.isVisible()
    qtbot.waitUntil(lambda: "was started again" in window.banner.words.text(), timeout=WAIT)
    assert shell.bridge.is_open


def test_wrong_key_leads_to_the_dialog(qtbot: QtBot, shell: Shell) -> None:
    shell.start("wrong")  # type: ignore[arg-type]
    qtbot.waitUntil(lambda: shell.dialog is not None, timeout=WAIT)
    assert shell.dialog is not None
    qtbot.addWidget(shell.dialog)
    assert shell.dialog.isVisible()
    assert "does not open it" in shell.dialog.problem.text()
    assert not shell.window.isVisible()
    shell.dialog.key_given.emit(shell.dialog.folder, "right", False)
    qtbot.waitUntil(shell.window.isVisible, timeout=WAIT)
    assert shell.dialog is None


def test_without_a_key_it_is_asked_for(qtbot: QtBot, shell: Shell) -> None:
    shell.start(None)
    assert shell.dialog is not None
    qtbot.addWidget(shell.dialog)
    assert shell.dialog.isVisible()
    assert not shell.window.isVisible()


def test_sizes_are_remembered_and_nothing_else(
    qtbot: QtBot, bridge: HandBridge, tmp_path: Path
) -> None:
    file = tmp_path / "sizes.ini"
    first = MainWindow(bridge, Settings(file))
    qtbot.addWidget(first)
    first.show()
    first._splitter.setSizes([400, 500, 460])
    sizes = first._splitter.sizes()
    first.close()
    second = MainWindow(bridge, Settings(file))
    qtbot.addWidget(second)
    second.resize(first.size())  # the test's screen is smaller than the window
    second.show()
    assert second._splitter.sizes() == sizes
    Settings(file)._store.sync()
    keys = [line.partition("=")[0] for line in file.read_text().splitlines() if "=" in line]
    assert sorted(keys) == ["geometry", "panels"]


def test_every_control_has_a_name(qtbot: QtBot, bridge: HandBridge, settings: Settings) -> None:
    window = MainWindow(bridge, settings)
    qtbot.addWidget(window)
    for widget in window.findChildren(QWidget):
        inner = widget.objectName().startswith("qt_")
        if isinstance(widget, QAbstractButton | QLineEdit) and not inner:
            named = widget.accessibleName() or (
                widget.text() if isinstance(widget, QAbstractButton) else ""
            )
            hidden_part = (
                isinstance(widget.parent(), QLineEdit)
                or "SpinBox" in type(widget.parent()).__name__
            )
            assert named or hidden_part, widget


def test_shortcuts_move_the_focus(qtbot: QtBot, bridge: HandBridge, settings: Settings) -> None:
    window = MainWindow(bridge, settings)
    qtbot.addWidget(window)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=WAIT)
    control = Qt.KeyboardModifier.ControlModifier
    qtbot.keyClick(window, Qt.Key.Key_F, control)
    assert window.library.search_field.hasFocus()
    qtbot.keyClick(window, Qt.Key.Key_L, control)
    assert window.conversation.field.hasFocus()


def test_theme_changes_while_open(
    qtbot: QtBot, bridge: HandBridge, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = MainWindow(bridge, settings)
    qtbot.addWidget(window)
    monkeypatch.setattr(style, "system_theme", lambda: style.DARK)
    window.use_system_theme()
    assert style.current_theme() is style.DARK


def test_unforeseen_errors_of_the_window_are_shown(
    shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.window.show()
    shell.show_unforeseen(ValueError, ValueError("unforeseen"), None)
    assert "ValueError: unforeseen" in shell.window.banner.words.text()
    assert "unforeseen" in capsys.readouterr().err
