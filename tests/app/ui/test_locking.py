"""Locking: when it happens, what it ends, and that nothing of the library is left in the window."""

from __future__ import annotations

import ctypes
import gc
import os
import shutil
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import fake_library
import pytest
from conftest import HandBridge
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.ui import session
from app.ui import shell as shell_module
from app.ui.privacy_dialog import PrivacyDialog
from app.ui.session import IdleWatch, why_left
from app.ui.settings import LOCK_MINUTES, Settings
from app.ui.shell import Shell

WAIT = 20_000


@pytest.fixture
def shell(qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.setattr(shell_module, "settings_file", lambda: tmp_path / "window.ini")
    made = Shell(qapp, tmp_path, target=fake_library.main)
    yield made
    made.idle.stop()
    made.bridge.close()
    if made.dialog is not None:
        made.dialog.rejected.disconnect()
        made.dialog.close()
    made.window.closed.disconnect()
    made.window.close()


def opened(qtbot: QtBot, shell: Shell) -> None:
    shell.start("right")  # type: ignore[arg-type]
    rows = shell.window.library_model.documents.rowCount
    qtbot.waitUntil(lambda: rows() == 2, timeout=WAIT)


def test_locking_ends_the_background_and_asks_for_the_key(qtbot: QtBot, shell: Shell) -> None:
    opened(qtbot, shell)
    QApplication.clipboard().setText("copied from a document")
    window, process = shell.window, shell.bridge._process
    assert process is not None and process.is_alive()
    old = weakref.ref(window.library_model)
    shell.lock("The screen was locked.")
    assert not process.is_alive()
    assert shell.dialog is not None and shell.dialog.isVisible()
    assert shell.dialog.news.text() == "The screen was locked. The library is locked."
    assert not shell.window.isVisible() and shell.window is not window
    assert shell.window.library_model.documents.rowCount() == 0
    assert QApplication.clipboard().text() == ""
    assert shell.bridge._order is None
    del window
    qtbot.wait(50)
    gc.collect()
    assert old() is None, "the old window's documents are still in memory"
    shell.dialog.key_given.emit(shell.dialog.folder, "right", False)
    qtbot.waitUntil(lambda: shell.window.library_model.documents.rowCount() == 2, timeout=WAIT)
    assert shell.dialog is None and shell.window.isVisible()


def test_an_open_question_goes_with_the_window(qtbot: QtBot, shell: Shell) -> None:
    opened(qtbot, shell)
    shell.window.show_privacy()
    assert shell.window.findChild(PrivacyDialog) is not None
    shell.lock()
    shown = [w for w in QApplication.topLevelWidgets() if w.isVisible()]
    assert shown == [shell.dialog]


def test_a_locked_library_is_not_locked_again(qtbot: QtBot, shell: Shell) -> None:
    opened(qtbot, shell)
    shell.lock()
    bridge, dialog = shell.bridge, shell.dialog
    shell.lock("again")
    assert (shell.bridge, shell.dialog) == (bridge, dialog)


def test_the_menu_locks_and_sets_the_time(qtbot: QtBot, shell: Shell, tmp_path: Path) -> None:
    opened(qtbot, shell)
    actions = {
        action.text(): action
        for menu in shell.window.menuBar().findChildren(QWidget)
        for action in menu.actions()
    }
    actions["After 5 minutes"].trigger()
    assert shell.idle.minutes == 5
    assert Settings(tmp_path / "window.ini").lock_minutes == 5
    actions["&Lock"].trigger()
    assert shell.dialog is not None


def test_idle_is_told_once_the_time_is_over(qapp: QApplication) -> None:
    assert qapp
    now, busy, told = [0.0], [False], []
    watch = IdleWatch(15, lambda: busy[0], lambda: now[0])
    watch.idle.connect(lambda: told.append(now[0]))
    for minute in range(15):
        now[0] = minute * 60
        watch.check()
    assert not told
    now[0] = 900
    watch.check()
    assert told == [900]
    busy[0], now[0] = True, 3000
    watch.check()
    busy[0], now[0] = False, 3800
    watch.check()
    assert told == [900]
    now[0] = 3900
    watch.check()
    assert told == [900, 3900]
    watch.minutes, now[0] = 0, 90_000
    watch.check()
    assert len(told) == 2
    watch.stop()


def test_keys_and_clicks_count_as_use(qtbot: QtBot) -> None:
    now, told = [0.0], []
    watch = IdleWatch(1, lambda: False, lambda: now[0])
    watch.idle.connect(lambda: told.append(1))
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.show()
    now[0] = 59
    qtbot.keyClick(widget, Qt.Key.Key_A)
    now[0] = 100
    watch.check()
    assert not told
    now[0] = 120
    watch.check()
    assert told
    watch.stop()


def test_windows_messages_that_say_that_the_person_left() -> None:
    assert why_left(0x02B1, 7) and why_left(0x0218, 4)
    assert not why_left(0x02B1, 8) and not why_left(0x0218, 7) and not why_left(15, 7)
    message = session._Message(None, 0x02B1, 7)
    assert session._message_at(ctypes.addressof(message)) == (0x02B1, 7)


def test_a_setting_that_is_none_is_the_usual_one(tmp_path: Path) -> None:
    (tmp_path / "w.ini").write_text("[lock]\nminutes=soon\n")
    assert Settings(tmp_path / "w.ini").lock_minutes == 15
    (tmp_path / "w.ini").write_text("[lock]\nminutes=100000\n")
    assert Settings(tmp_path / "w.ini").lock_minutes in LOCK_MINUTES


BUS = """
import subprocess, sys
from app.core import offline
offline.enforce()
from PySide6.QtCore import QCoreApplication, QTimer
application = QCoreApplication([])
from app.ui.session import SessionWatch
watch = SessionWatch()
watch.left.connect(lambda why: (print(why), application.quit()))
signal, value = sys.argv[1:]
path = "/" + signal.rpartition(".")[0].replace(".", "/")
send = ["dbus-send", "--session", "--type=signal", path, signal, "boolean:" + value]
QTimer.singleShot(100, lambda: subprocess.run(send))
QTimer.singleShot(3000 if value == "true" else 700, application.quit)
application.exec()
"""


@pytest.mark.skipif(
    not (shutil.which("dbus-run-session") and shutil.which("dbus-send")), reason="needs D-Bus"
)
@pytest.mark.parametrize(
    ("signal", "value", "said"),
    [
        ("org.freedesktop.ScreenSaver.ActiveChanged", "true", "The screen was locked."),
        ("org.gnome.ScreenSaver.ActiveChanged", "true", "The screen was locked."),
        ("org.freedesktop.ScreenSaver.ActiveChanged", "false", ""),
        # Both buses are the same one here.
        ("org.freedesktop.login1.Manager.PrepareForSleep", "true", "The machine went to sleep."),
    ],
)
def test_real_signals_on_a_real_bus(signal: str, value: str, said: str) -> None:
    root = Path(__file__).resolve().parents[3]
    run = (
        'export DBUS_SYSTEM_BUS_ADDRESS="$DBUS_SESSION_BUS_ADDRESS"; '
        f'exec "{sys.executable}" -c "$CODE" {signal} {value}'
    )
    done = subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", run],
        cwd=root,
        env={**os.environ, "CODE": BUS},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == said, done.stderr


def test_the_report_is_shown_and_saved(qtbot: QtBot, bridge: HandBridge, tmp_path: Path) -> None:
    dialog = PrivacyDialog(bridge)
    qtbot.addWidget(dialog)
    assert not dialog.save_button.isEnabled()
    bridge.give("privacy_report", ("3 findings keep a promise.", "[kept] a: b"))
    assert dialog.headline.text() == "3 findings keep a promise."
    assert "[kept] a: b" in dialog.report.toPlainText()
    dialog.save(tmp_path / "p.pdf")
    assert bridge.last("write_privacy_report").args == (tmp_path / "p.pdf",)
    bridge.give("write_privacy_report", None)
    assert dialog.headline.text() == "Saved as p.pdf."
