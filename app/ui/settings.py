"""What the window remembers between starts: nothing that tells of a document."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings, QStandardPaths


def settings_file() -> Path:
    """The file in the user's configuration folder."""
    place = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericConfigLocation)
    return Path(place) / "muniment" / "window.ini"


LOCK_MINUTES = (5, 15, 30, 60, 0)  # to choose from; 0 is never
_DEFAULT_LOCK = 15


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
