"""Which language model writes the answers of the library: shown, chosen, gone without."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.ui.bridge import Bridge
from app.ui.messages import Failure


class WriterModel(QObject):
    """The library's language model, as far as the window has heard of it."""

    changed = Signal()

    def __init__(self, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self.path = ""
        self.name = ""
        self.doing = ""  # what is under way, in words
        self.failure: Failure | None = None
        self._request = 0

    @property
    def in_use(self) -> bool:
        """Whether a model writes the answers."""
        return bool(self.path)

    def load(self) -> None:
        """Asks which model the library has."""
        self._bridge.call("language_model", on_value=self._on_known, on_failed=self._on_failed)

    def use(self, path: Path) -> None:
        """Lets the model at ``path`` write from now on; it is loaded to see that it can be."""
        if self.doing:
            return
        self.doing = f"Loading {path.name}…"
        self._change(path)

    def go_without(self) -> None:
        """Answers are the documents' own sentences from now on."""
        if self.doing or not self.in_use:
            return
        self.doing = "Letting go of the model…"
        self._change(None)

    def stop(self) -> None:
        """Stops loading; the choice stays as it was."""
        if self.doing:
            self.doing = "Stopping…"
            self.changed.emit()
            self._bridge.cancel(self._request)

    def dismiss(self) -> None:
        """The failure has been read."""
        self.failure = None
        self.changed.emit()

    def _change(self, path: Path | None) -> None:
        self.failure = None
        self.changed.emit()

        def used(facts: Any) -> None:
            self.doing = ""
            self.path = "" if path is None else str(path)
            self.name = "" if facts is None else facts.name
            self.changed.emit()

        self._request = self._bridge.call(
            "use_language_model",
            path,
            on_value=used,
            on_finished=self._on_dropped,
            on_failed=self._on_failed,
        )

    def _on_known(self, path: Any) -> None:
        if self.path != path:
            self.name = PurePath(path).name
        self.path = path
        self.changed.emit()

    def _on_dropped(self, _cancelled: bool) -> None:
        self.doing = ""
        self.changed.emit()

    def _on_failed(self, failure: Failure) -> None:
        self.doing = ""
        self.failure = failure
        self.changed.emit()
