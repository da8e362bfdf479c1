"""Backing up and checking the library, and what is told of it in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.core.events import BackedUp, Checked, Progressed
from app.ui.bridge import Bridge
from app.ui.messages import Failure
from app.ui.text import counted

_DOING = {"copying": "Backing up", "reading back": "Reading back", "checking": "Checking"}
_NAMED = 3


class BackupModel(QObject):
    """Asks for one at a time, while ``busy`` for no other; knows no widget."""

    progressed = Signal(str)
    done = Signal(str)
    request_failed = Signal(object)  # Failure

    def __init__(self, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self.busy = False

    def back_up(self, folder: Path) -> None:
        """Writes a backup into a folder, reads it back and checks it."""
        self._call("back_up", folder, verify=True)

    def check(self) -> None:
        """Reads the library through."""
        self._call("check")

    def _call(self, method: str, *arguments: object, **named: Any) -> None:
        if self.busy:
            return
        self.busy = True
        self._bridge.call(
            method,
            *arguments,
            **named,
            on_event=self._on_event,
            on_finished=lambda _cancelled: self._end(),
            on_failed=self._on_failed,
        )

    def _on_event(self, event: object) -> None:
        if isinstance(event, Progressed):
            share = event.done / event.total if event.total else 1
            self.progressed.emit(f"{_DOING.get(event.what, event.what)}… {share:.0%}")
        elif isinstance(event, BackedUp):
            self.done.emit(f"Backed up to {event.path}, read back and checked.")
        elif isinstance(event, Checked):
            self.done.emit(_found(event))

    def _on_failed(self, failure: Failure) -> None:
        self._end()
        self.request_failed.emit(failure)

    def _end(self) -> None:
        self.busy = False


def _found(checked: Checked) -> str:
    if checked.sound:
        return f"The library is sound: {counted(checked.documents, 'document')}."
    parts = [document.name for document in checked.hurt[:_NAMED]]
    more = len(checked.hurt) - len(parts)
    named = ", ".join(parts) + (f" and {more} more" if more > 0 else "")
    hurt = f" Hurt: {named}." if named else ""
    return f"The library is damaged.{hurt} Restore a backup; `muniment check` says more."
