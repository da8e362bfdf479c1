"""What the computer's policy forbids is greyed out in the window, and says why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import fake_library
import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from app.core import policy
from app.ui.main_window import MainWindow
from app.ui.settings import Settings
from tests.app.policed import use_policy

if TYPE_CHECKING:
    from conftest import HandBridge

FORBIDDEN = (
    "&Followed folders…",
    "&Export the conversation…",
    "Choose a &model…",
    "Choose a model &file (GGUF)…",
)
POLICY = 'contact = "room 12"\nexport.allowed = false\nfolders.allowed = false\nmodels.allowed = []'


def window_of(qtbot: QtBot, bridge: HandBridge, settings: Settings) -> MainWindow:
    window = MainWindow(bridge, settings)
    qtbot.addWidget(window)
    window.load()
    return window


def actions(window: MainWindow) -> dict[str, QAction]:
    menus = window.menuBar().findChildren(QMenu)
    return {action.text(): action for menu in menus for action in menu.actions()}


def test_without_a_policy_nothing_is_greyed_out(
    qtbot: QtBot, bridge: HandBridge, settings: Settings
) -> None:
    found = actions(window_of(qtbot, bridge, settings))
    assert all(found[name].isEnabled() for name in FORBIDDEN)


def test_what_is_forbidden_is_greyed_out_and_says_why(
    qtbot: QtBot,
    bridge: HandBridge,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_policy(monkeypatch, tmp_path / "etc" / "policy.toml", POLICY)
    window = window_of(qtbot, bridge, settings)
    found = actions(window)
    for name in FORBIDDEN:
        assert not found[name].isEnabled()
        assert "policy of this computer forbids it" in found[name].toolTip()
        assert "room 12" in found[name].toolTip()
    menus = [m for m in found[FORBIDDEN[1]].associatedObjects() if isinstance(m, QMenu)]
    assert menus and all(menu.toolTipsVisible() for menu in menus)
    assert found["&Go without a model"].isEnabled()
    panel = window.conversation
    assert not panel.head.export_action.isEnabled()
    writer = panel.asking.writer
    writer._model.changed.emit()
    assert not writer.choose_action.isEnabled() and not writer.file_action.isEnabled()
    # An answer that comes later cannot be exported either.
    window.conversation_model.set_collection("Patients")
    window.conversation_model.ask("Which beta blocker?")
    bridge.stream("ask", fake_library.written())
    (card,) = panel.cards()
    assert card.foot is not None and not card.foot.export.isEnabled()
    assert "room 12" in card.foot.export.toolTip()
    assert card.foot.copy.isEnabled()


def test_the_policy_bounds_the_time_until_the_library_locks(
    qtbot: QtBot,
    bridge: HandBridge,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_policy(monkeypatch, tmp_path / "etc" / "policy.toml", "lock.idle_minutes = 10")
    assert [policy.idle_minutes(chosen) for chosen in (0, 5, 10, 60)] == [10, 5, 10, 10]
    window = window_of(qtbot, bridge, settings)
    for minutes, action in window._lock_choices.items():
        assert action.isEnabled() == (0 < minutes <= 10)
        if not action.isEnabled():
            assert "10 minutes at most" in action.toolTip()


def test_a_policy_that_is_wrong_is_shown(
    qtbot: QtBot,
    bridge: HandBridge,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_policy(monkeypatch, tmp_path / "etc" / "policy.toml", "export.allow = false")
    window = window_of(qtbot, bridge, settings)
    assert "export.allow" in window.banner.words.text()
