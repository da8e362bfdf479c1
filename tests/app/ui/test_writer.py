"""Which model writes, and what is read for an answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import fake_library
import pytest
from fake_library import FACTS
from pytestqt.qtbot import QtBot

from app.core.answers import Mode, Scope
from app.ui import dialogs
from app.ui.bridge import Bridge
from app.ui.conversation_model import ConversationModel
from app.ui.conversation_panel import ConversationPanel
from app.ui.messages import Failure, Open

if TYPE_CHECKING:
    from conftest import HandBridge

WAIT = 20_000


@pytest.fixture
def panel(panel: ConversationPanel, bridge: HandBridge) -> ConversationPanel:
    """The panel where it is known that no model writes."""
    panel._model.writer.load()
    bridge.give("language_model", "")
    return panel


def choose(panel: ConversationPanel, monkeypatch: pytest.MonkeyPatch, path: Path | None) -> None:
    monkeypatch.setattr(dialogs, "ask_model", lambda _parent: path)
    panel.asking.writer.choose_action.trigger()


def ask(panel: ConversationPanel) -> None:
    panel.field.setPlainText("Which beta blocker?")
    panel.ask()


def test_without_a_model_it_says_so(panel: ConversationPanel) -> None:
    foot = panel.asking.writer
    assert foot.words.text() == "No model: answers are the documents' own sentences"
    assert not foot.without_action.isEnabled() and foot.choose_action.isEnabled()
    assert not panel.asking.mode.isEnabled()
    assert panel.asking.hint.text().startswith("Whole documents")


def test_the_library_s_model_is_named(bridge: HandBridge, panel: ConversationPanel) -> None:
    panel._model.writer.load()
    bridge.give("language_model", "/models/gemma-4-E2B-it")
    assert panel.asking.writer.words.text() == "Written by gemma-4-E2B-it"
    assert panel.asking.writer.without_action.isEnabled()


def test_choosing_a_model_shows_that_it_is_loaded(
    bridge: HandBridge, panel: ConversationPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    foot = panel.asking.writer
    choose(panel, monkeypatch, None)
    assert not bridge.asked("use_language_model")
    choose(panel, monkeypatch, Path("/models/gemma & co"))
    assert bridge.last("use_language_model").args == (Path("/models/gemma & co"),)
    assert foot.words.text() == "Loading gemma & co…" and foot.bar.isVisible()
    assert not foot.choose_action.isEnabled()
    bridge.give("use_language_model", FACTS)
    assert foot.words.text() == "Written by gemma-4-small" and not foot.bar.isVisible()
    foot.without_action.trigger()
    assert bridge.last("use_language_model").args == (None,)
    bridge.give("use_language_model", None)
    assert foot.words.text().startswith("No model")


def test_a_model_that_does_not_fit_is_told_with_its_remedy(
    bridge: HandBridge, panel: ConversationPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    foot = panel.asking.writer
    choose(panel, monkeypatch, Path("/models/big"))
    failure = Failure("/models/big", "It needs 90 GB.", "Choose a smaller one.", "MemoryExceeded")
    bridge.fail("use_language_model", failure)
    assert foot.failure.isVisible()
    assert foot.cause.text() == "/models/big: It needs 90 GB. Choose a smaller one."
    assert foot.words.text().startswith("No model") and not foot.bar.isVisible()
    panel._model.writer.dismiss()
    assert not foot.failure.isVisible()


def test_what_is_read_can_be_chosen_with_a_model(
    bridge: HandBridge, panel: ConversationPanel
) -> None:
    mode, hint = panel.asking.mode, panel.asking.hint
    panel._model.writer.load()
    bridge.give("language_model", "/models/gemma-4-E2B-it")
    assert mode.isEnabled() and mode.currentText() == "Automatic"
    ask(panel)
    assert bridge.last("ask").kwargs == {}
    bridge.stream("ask", fake_library.answered())
    mode.setCurrentIndex(2)
    mode.activated.emit(2)
    assert panel._model.mode is Mode.WHOLE
    assert "all of a document" in hint.text() and mode.accessibleDescription() == hint.text()
    ask(panel)
    assert bridge.last("ask").kwargs == {"mode": Mode.WHOLE}
    bridge.stream("ask", fake_library.answered())
    panel._model.set_scope(Scope(1, 2), "Discharge letter.pdf")
    assert not mode.isEnabled() and hint.text() == "Only this place is read."
    ask(panel)
    assert bridge.last("ask").kwargs == {"scope": Scope(1, 2)}


@pytest.fixture
def live(qtbot: QtBot, tmp_path: Path) -> Iterator[ConversationPanel]:
    bridge = Bridge(target=fake_library.main)
    with qtbot.waitSignal(bridge.opened, timeout=WAIT):
        bridge.open_library(Open(tmp_path, "right"))
    panel = ConversationPanel(ConversationModel(bridge))
    qtbot.addWidget(panel)
    panel.show()
    panel._model.set_collection("Patients")
    yield panel
    bridge.close()


def test_through_a_real_process(qtbot: QtBot, live: ConversationPanel, tmp_path: Path) -> None:
    model, foot = live._model, live.asking.writer
    model.writer.use(Path("/models/big"))
    qtbot.waitUntil(foot.failure.isVisible, timeout=WAIT)
    assert "It needs 90 GB, and 8 GB are free. Choose E2B." in foot.cause.text()
    model.writer.use(Path("/models/small"))
    qtbot.waitUntil(lambda: foot.words.text() == "Written by gemma-4-small", timeout=WAIT)
    ask(live)
    qtbot.waitUntil(lambda: not model.busy, timeout=WAIT)
    assert model.conversation == 4
    model.set_mode(Mode.WHOLE)
    ask(live)
    qtbot.waitUntil(lambda: not model.busy, timeout=WAIT)
    last = model.exchanges[-1].answer
    assert last is not None and last.mode is Mode.WHOLE
    live.head.history_button.click()
    qtbot.waitUntil(lambda: len(model.kept.conversations) == 1, timeout=WAIT)
    live.kept.view.setCurrentIndex(live.kept.view.model().index(0, 0))
    live.kept.open_button.click()
    qtbot.waitUntil(lambda: model.exchanges and model.exchanges[0].request == 0, timeout=WAIT)
    assert len(live.cards()) == 2
    file = tmp_path / "answer.md"
    with qtbot.waitSignal(model.kept.exported, timeout=WAIT):
        model.kept.export_answer(40, file)
    assert file.read_text() == "40 True"


def test_loading_can_be_stopped(qtbot: QtBot, live: ConversationPanel) -> None:
    foot = live.asking.writer
    live._model.writer.use(Path("/models/slow"))
    qtbot.waitUntil(foot.stop.isVisible, timeout=WAIT)
    qtbot.wait(200)  # until the process is at it
    foot.stop.click()
    qtbot.waitUntil(lambda: not live._model.writer.doing, timeout=WAIT)
    assert foot.failure.isHidden() and foot.stop.isHidden()
    assert foot.words.text().startswith("No model")
