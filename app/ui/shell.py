"""From start to end of the window: unlock, show, close. Joins dialog, bridge and main window."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication

from app.core import policy
from app.core.vault import KeySource, NewLibrary, has_keys
from app.ui import background, icons, style
from app.ui.bridge import Bridge, Target
from app.ui.failures import failure_of
from app.ui.main_window import MainWindow
from app.ui.messages import Failure, Open
from app.ui.session import IdleWatch, SessionWatch, ask_for_session_messages
from app.ui.settings import Settings, forget_folders, keep_no_folders, settings_file
from app.ui.unlock_dialog import UnlockDialog


def make_application() -> QApplication:
    """The Qt application in the system's theme."""
    application = QApplication(sys.argv[:1])
    keep_no_folders()
    application.setApplicationName("muniment")
    application.setApplicationDisplayName("Muniment")
    application.setDesktopFileName("muniment")
    application.setQuitOnLastWindowClosed(False)  # the dialog closes before the window opens
    style.apply_theme(application, style.system_theme())
    application.setWindowIcon(icons.icon("muniment", "#000000", 64))
    return application


class Shell(QObject):
    """Runs one library in one window.

    Locking ends the background process with its children, where the data key and all text is,
    and makes bridge and window anew, so that nothing of the old ones is shown or kept. Python
    and Qt give freed memory back without wiping it: see docs/security.md.
    """

    def __init__(
        self,
        application: QApplication,
        folder: Path,
        bridge: Bridge | None = None,
        target: Target = background.main,
    ) -> None:
        super().__init__()
        self._application = application
        self._folder = folder
        self._target = target
        self._settings = Settings(settings_file())
        self.dialog: UnlockDialog | None = None
        self._exit_code = 0
        self._join(bridge or Bridge(target, parent=self))
        self.idle = IdleWatch(self._settings.lock_minutes, lambda: self.bridge.busy, parent=self)
        self._apply_lock_minutes()
        self.idle.idle.connect(lambda: self.lock("Nobody has used it for a while."))
        self.session = SessionWatch(self)
        self.session.left.connect(self.lock)

    def _join(self, bridge: Bridge) -> None:
        self.bridge = bridge
        self.window = MainWindow(bridge, self._settings)
        bridge.opened.connect(self._on_opened)
        bridge.open_failed.connect(self._on_open_failed)
        self.window.closed.connect(self._application.quit)
        self.window.lock_wanted.connect(self.lock)
        self.window.lock_minutes_chosen.connect(self._set_lock_minutes)
        ask_for_session_messages(int(self.window.winId()))

    def lock(self, why: str = "") -> None:
        """Closes the library and asks for its key again; ``why`` is told."""
        if self.dialog is not None or not self.window.isVisible():
            return
        window, bridge = self.window, self.bridge
        window.closed.disconnect(self._application.quit)
        window.close()
        for modal in self._application.topLevelWidgets():
            if modal is not window and modal.isVisible():
                modal.close()  # an open question would show what it is about
        self._application.clipboard().clear()
        bridge.close()
        self._join(Bridge(self._target, parent=self))
        for old in (window, bridge):
            old.deleteLater()
        self.bridge.start()  # it loads while the person types
        dialog = self._ask()
        dialog.tell(f"{why} The library is locked.".strip())

    def _set_lock_minutes(self, minutes: int) -> None:
        self._settings.lock_minutes = minutes
        self._apply_lock_minutes()

    def _apply_lock_minutes(self) -> None:
        """As the person chose, and at most what the computer's policy says."""
        chosen = self._settings.lock_minutes
        try:
            self.idle.minutes = policy.idle_minutes(chosen)
        except policy.PolicyError as error:  # no library opens under it, and this one soon locks
            self.idle.minutes = 1
            self.window.show_failure(failure_of(error, "policy"))

    def run(self, key: KeySource | None) -> int:
        """Opens the library with a key that is known, or asks for one; returns the exit code."""
        sys.excepthook = self.show_unforeseen
        self.start(key)
        self._application.exec()
        self.bridge.close()
        forget_folders()
        return self._exit_code

    def show_unforeseen(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        """The one place for errors of the window itself that nothing else took."""
        sys.__excepthook__(kind, error, trace)
        self.window.show_failure(failure_of(error, "The window"))

    def start(self, key: KeySource | None) -> None:
        """Begins to open; the window or the dialog shows at once."""
        if key is None:
            self.bridge.start()  # it loads while the person types
            self._ask()
        else:
            self.window.load()
            self.window.show()
            self._open(self._folder, key, not has_keys(self._folder))

    def _open(self, folder: Path, key: KeySource, create: bool | NewLibrary) -> None:
        self._folder = folder
        self.bridge.open_library(Open(folder, key, create))

    def _ask(self) -> UnlockDialog:
        if self.dialog is None:
            self.dialog = UnlockDialog(self._folder)
            self.dialog.key_given.connect(self._open)
            self.dialog.rejected.connect(self._application.quit)
        self.dialog.show()
        return self.dialog

    def _on_opened(self) -> None:
        self._apply_lock_minutes()
        if self.dialog is not None:
            self.dialog.rejected.disconnect(self._application.quit)
            self.dialog.close()
            self.dialog.deleteLater()
            self.dialog = None
            self.window.load()
            self.window.show()

    def _on_open_failed(self, failure: Failure) -> None:
        self.window.hide()
        self._ask().show_failure(failure)
