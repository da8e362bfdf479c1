"""What the window remembers between starts: sizes, and nothing that tells of a document."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings, QStandardPaths


def settings_file() -> Path:
    """The file in the user's configuration folder."""
    place = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericConfigLocation)
    return Path(place) / "muniment" / "window.ini"


class Settings:
    """Sizes of the window and its panels, in a file of their own."""

    def __init__(self, file: Path) -> None:
        self._store = QSettings(str(file), QSettings.Format.IniFormat)

    def load(self, name: str) -> QByteArray | None:
        """The bytes kept under a name."""
        value = self._store.value(f"window/{name}")
        return value if isinstance(value, QByteArray) else None

    def save(self, name: str, value: QByteArray) -> None:
        """Keeps bytes under a name."""
        self._store.setValue(f"window/{name}", value)
