"""What the window remembers between starts: nothing that tells of a document.

Qt's file dialogs remember, for all programs together, the folders that were last chosen from.
"""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings, QStandardPaths


def settings_file() -> Path:
    """The file in the user's configuration folder."""
    place = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericConfigLocation)
    return Path(place) / "muniment" / "window.ini"


LOCK_MINUTES = (5, 15, 30, 60, 0)  # to choose from; 0 is never
_DEFAULT_LOCK = 15

# What Qt keeps by itself, under a name of its own, when a file dialog is closed.
_OF_DIALOGS = "QtProject", ("FileDialog/lastVisited", "FileDialog/history")


def keep_no_folders() -> None:
    """Keeps Qt from writing down which folders were chosen from. Before the first dialog."""
    # Where settings are files, they go nowhere. On Windows they are in the registry, whatever
    # the path; `forget_folders` clears them there.
    formats = QSettings.Format.NativeFormat, QSettings.Format.IniFormat
    for kind in formats:
        QSettings.setPath(kind, QSettings.Scope.UserScope, os.devnull)


def forget_folders() -> None:
    """Removes what Qt has written down where it could not be kept from it."""
    if os.name != "nt":
        return
    name, keys = _OF_DIALOGS
    kept = QSettings(QSettings.Scope.UserScope, name)
    for key in keys:
        kept.remove(key)


class Settings:
    """Sizes of the window and its panels, and when it locks, in a file of their own."""

    def __init__(self, file: Path) -> None:
        self._store = QSettings(str(file), QSettings.Format.IniFormat)

    def load(self, name: str) -> QByteArray | None:
        """The bytes kept under a name."""
        value = self._store.value(f"window/{name}")
        return value if isinstance(value, QByteArray) else None

    def save(self, name: str, value: QByteArray) -> None:
        """Keeps bytes under a name."""
        self._store.setValue(f"window/{name}", value)

    @property
    def lock_minutes(self) -> int:
        """After how many minutes without use the library is locked; 0 is never."""
        try:
            kept = int(str(self._store.value("lock/minutes", _DEFAULT_LOCK)))
        except ValueError:
            return _DEFAULT_LOCK
        return kept if kept in LOCK_MINUTES else _DEFAULT_LOCK

    @lock_minutes.setter
    def lock_minutes(self, minutes: int) -> None:
        self._store.setValue("lock/minutes", minutes)
