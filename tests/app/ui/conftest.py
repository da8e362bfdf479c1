"""Qt without a display, settings in a temporary place, and a bridge that tests answer by hand."""

from __future__ import annotations

import os

# Before anything imports Qt.
os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ.setdefault("XDG_RUNTIME_DIR", "/tmp")

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fake_library
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.ui import shell as shell_module
from app.ui import style
from app.ui.bridge import Bridge
from app.ui.conversation_model import ConversationModel
from app.ui.conversation_panel import ConversationPanel
from app.ui.messages import Call, Cancel, Failed, Failure, Finished, Returned, Streamed
from app.ui.settings import Settings
from app.ui.shell import Shell


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The offscreen platform says this of every window; it is no fault of ours."""
    mark = pytest.mark.qt_log_ignore("does not support propagateSizeHints", extend=True)
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(mark)


class HandBridge(Bridge):
    """A bridge without a process: it remembers what was asked, and the test answers."""

    def __init__(self) -> None:
        super().__init__()
        self._is_open = True
        self.calls: list[Call] = []
        self.cancelled: list[int] = []

    def _send(self, message: object) -> None:
        if isinstance(message, Call):
            self.calls.append(message)
        elif isinstance(message, Cancel):
            self.cancelled.append(message.request)

    def last(self, method: str) -> Call:
        """The latest call of a method."""
        return next(call for call in reversed(self.calls) if call.method == method)

    def asked(self, method: str) -> list[Call]:
        """All calls of a method."""
        return [call for call in self.calls if call.method == method]

    def give(self, method: str, value: Any) -> None:
        """Answers the latest call of a method with a value."""
        self._on_message(Returned(self.last(method).request, value))

    def stream(
        self, method: str, *events: object, end: bool = True, cancelled: bool = False
    ) -> None:
        """Answers the latest call of a method with events."""
        request = self.last(method).request
        for event in events:
            self._on_message(Streamed(request, event))
        if end:
            self._on_message(Finished(request, cancelled))

    def fail(self, method: str, failure: Failure) -> None:
        """Answers the latest call of a method with an error."""
        self._on_message(Failed(self.last(method).request, failure))


@pytest.fixture
def bridge(qapp: QApplication) -> HandBridge:  # noqa: ARG001 - Qt must be there first
    """The bridge that the test answers by hand."""
    return HandBridge()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings in a temporary file."""
    return Settings(tmp_path / "window.ini")


@pytest.fixture(autouse=True)
def _light_theme(qapp: QApplication) -> Iterator[None]:
    style.apply_theme(qapp, style.LIGHT)
    yield


@pytest.fixture
def panel(qtbot: QtBot, bridge: HandBridge) -> ConversationPanel:
    """A conversation panel in a collection, without an answer yet."""
    panel = ConversationPanel(ConversationModel(bridge))
    qtbot.addWidget(panel)
    panel.resize(420, 700)
    panel.show()
    panel._model.set_collection("Patients")
    return panel


@pytest.fixture
def shell(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shell]:
    """The program around the fake library, whose background process is real; not started yet."""
    monkeypatch.setattr(shell_module, "settings_file", lambda: tmp_path / "window.ini")
    shell = Shell(qapp, tmp_path, Bridge(target=fake_library.main))
    qtbot.addWidget(shell.window)
    yield shell
    shell.bridge.close()
