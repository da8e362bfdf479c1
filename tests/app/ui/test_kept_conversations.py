"""Follow-up questions, kept conversations, and their export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fake_library import answered, info, kept, told, written
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox
from pytestqt.qtbot import QtBot

from app.core.records import Exchange as KeptExchange
from app.ui import dialogs
from app.ui.conversation_panel import ConversationPanel
from app.ui.messages import Failure

if TYPE_CHECKING:
    from conftest import HandBridge


@pytest.fixture
def panel(panel: ConversationPanel) -> ConversationPanel:
    """The panel, higher."""
    panel.resize(420, 800)
    return panel


def ask(panel: ConversationPanel, question: str = "Which beta blocker?") -> None:
    panel.field.setPlainText(question)
    panel.ask()


def open_kept(panel: ConversationPanel, bridge: HandBridge, *exchanges: KeptExchange) -> None:
    panel.head.history_button.click()
    bridge.give("conversations", [info(), info(9, "Who pays?", 3)])
    panel.kept.view.setCurrentIndex(panel.kept.view.model().index(0, 0))
    panel.kept.open_button.click()
    bridge.give("exchanges", exchanges)


def test_the_next_question_goes_on_with_the_conversation(
    bridge: HandBridge, panel: ConversationPanel
) -> None:
    ask(panel)
    assert bridge.last("ask").kwargs == {}
    assert panel.head.title.text() == "Which beta blocker?"
    assert not panel.head.more_button.isEnabled()
    bridge.stream("ask", *told(written(conversation=4)))
    assert panel.head.more_button.isEnabled()
    ask(panel, "Since when?")
    assert bridge.last("ask").kwargs == {"conversation": 4}
    assert panel.head.title.text() == "Which beta blocker?"
    assert len(panel.cards()) == 2


def test_a_new_conversation_begins_with_an_empty_view(
    bridge: HandBridge, panel: ConversationPanel
) -> None:
    assert not panel.head.new_button.isEnabled()
    ask(panel)
    bridge.stream("ask", *told(written()))
    panel.head.new_button.click()
    assert panel.cards() == [] and panel.stack.currentWidget() is panel.empty
    assert panel.head.title.text() == "New conversation"
    ask(panel, "Another?")
    assert bridge.last("ask").kwargs == {}


def test_an_answer_that_comes_too_late_starts_nothing(
    bridge: HandBridge, panel: ConversationPanel
) -> None:
    ask(panel)
    panel.new_conversation()
    assert bridge.cancelled == [bridge.last("ask").request]
    bridge.stream("ask", written(conversation=4))
    assert panel.cards() == [] and panel._model.conversation == 0


def test_kept_conversations_are_listed_and_opened(
    qtbot: QtBot, bridge: HandBridge, panel: ConversationPanel
) -> None:
    panel.head.history_button.click()
    assert bridge.last("conversations").args == ("Patients",)
    assert panel.stack.currentWidget() is panel.kept
    bridge.give("conversations", [])
    assert panel.kept.stack.currentWidget() is panel.kept.empty
    panel._model.kept.load()
    bridge.give("conversations", [info(), info(9, "Who pays?", 3)])
    index = panel.kept.view.model().index(1, 0)
    said = index.data(Qt.ItemDataRole.AccessibleTextRole)
    assert said.startswith("Who pays?, 3 questions · 2026-01-02 ")
    assert not panel.kept.open_button.isEnabled()
    panel.kept.view.setCurrentIndex(index)
    panel.kept.view.setFocus()
    qtbot.keyClick(panel.kept.view, Qt.Key.Key_Return)
    assert bridge.last("exchanges").args == (9,)
    bridge.give("exchanges", kept(written("Who pays?", conversation=9), written("And when?")))
    assert panel.stack.currentWidget() is panel.answers
    assert [card.exchange.question for card in panel.cards()] == ["Who pays?", "And when?"]
    assert len(panel.cards()[0].rows()) == 3
    assert panel.head.title.text() == "Who pays?"
    ask(panel, "Why?")
    assert bridge.last("ask").kwargs == {"conversation": 9}


def test_a_document_that_changed_is_told_and_not_opened(
    qtbot: QtBot, bridge: HandBridge, panel: ConversationPanel
) -> None:
    open_kept(panel, bridge, *kept(written(), changed=("Discharge letter.pdf",)))
    (card,) = panel.cards()
    assert any("Changed since this answer: Discharge letter.pdf" in n for n in card.notes())
    assert not any(row.isEnabled() for row in card.rows())
    assert "has changed since" in card.rows()[0].accessibleName()
    with qtbot.assertNotEmitted(panel.citation_chosen):
        card.body.link_chosen.emit("cite:1")


def test_when_it_is_unclear_which_document_changed_none_is_opened(
    bridge: HandBridge, panel: ConversationPanel
) -> None:
    open_kept(panel, bridge, *kept(written(), changed=("Renamed since.pdf",)))
    assert not any(row.isEnabled() for row in panel.cards()[0].rows())


def test_an_answer_that_went_with_a_document_says_so(
    bridge: HandBridge, panel: ConversationPanel
) -> None:
    gone = KeptExchange(41, 4, 1, "2026-01-02T09:30:00+00:00", None)
    open_kept(panel, bridge, gone)
    (card,) = panel.cards()
    assert "was removed from the library" in card.notes()[0]
    assert not panel._model.busy and not card.reading.isVisible()


def test_another_choice_meanwhile_wins(bridge: HandBridge, panel: ConversationPanel) -> None:
    panel._model.open(4, "Which beta blocker?")
    ask(panel, "Something else?")
    bridge.give("exchanges", kept(written()))
    assert [card.exchange.question for card in panel.cards()] == ["Something else?"]
    bridge.stream("ask", *told(written("Something else?", conversation=7)))
    panel._model.open(4, "Which beta blocker?")
    panel._model.set_collection("Contracts")
    bridge.give("exchanges", kept(written()))
    assert panel.cards() == []


def test_a_conversation_is_shown_anew_when_a_document_of_it_changes(
    bridge: HandBridge, panel: ConversationPanel
) -> None:
    ask(panel)
    bridge.stream("ask", *told(written()))
    panel._model.forget_document(2)
    assert not bridge.asked("exchanges")
    panel._model.forget_document(1)
    assert bridge.last("exchanges").args == (4,)
    bridge.give("exchanges", kept(written(), changed=("Discharge letter.pdf",)))
    assert not panel.cards()[0].rows()[0].isEnabled()
    assert panel.head.title.text() == "Which beta blocker?"


def test_renaming_and_removing(
    bridge: HandBridge, panel: ConversationPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_kept(panel, bridge, *kept(written()))
    monkeypatch.setattr(dialogs, "ask_title", lambda _parent, title: f"{title} Again")
    panel.rename_conversation()
    assert bridge.last("rename_conversation").args == (4, "Which beta blocker? Again")
    bridge.give("rename_conversation", None)
    assert panel.head.title.text() == "Which beta blocker? Again"
    monkeypatch.setattr(dialogs, "confirm_conversation_removal", lambda _parent, _title: False)
    panel.remove_conversation()
    assert not bridge.asked("remove_conversation")
    monkeypatch.setattr(dialogs, "confirm_conversation_removal", lambda _parent, _title: True)
    panel.head.history_button.click()
    panel.kept.view.setCurrentIndex(panel.kept.view.model().index(0, 0))
    panel.kept.remove_button.click()
    assert bridge.last("remove_conversation").args == (4,)
    bridge.give("remove_conversation", None)
    assert panel.cards() == [] and panel._model.conversation == 0


def test_removal_is_asked_for_in_plain_text(
    panel: ConversationPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[QMessageBox] = []
    monkeypatch.setattr(QMessageBox, "exec", lambda box: asked.append(box) or 0)
    assert not dialogs.confirm_conversation_removal(panel, "<b>Who</b> pays?")
    assert "<b>Who</b> pays?" in asked[0].text()
    assert asked[0].textFormat() != Qt.TextFormat.RichText
    assert "documents stay" in asked[0].informativeText()


def test_exporting_an_answer_and_a_conversation(
    bridge: HandBridge,
    panel: ConversationPanel,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    ask(panel)
    bridge.stream("ask", *told(written()))
    chosen: list[Path | None] = [tmp_path / "answer.docx"]
    monkeypatch.setattr(dialogs, "ask_export_file", lambda _parent, _what: chosen[0])
    foot = panel.cards()[0].foot
    assert foot is not None
    foot.export.click()
    call = bridge.last("export_answer")
    assert call.args == (40, tmp_path / "answer.docx") and call.kwargs == {"replace": True}
    assert not panel.news.isVisible()
    bridge.give("export_answer", None)
    assert panel.news.isVisible() and panel.news.text() == "Exported as answer.docx."
    panel.export_conversation()
    assert bridge.last("export_conversation").args == (4, tmp_path / "answer.docx")
    failures: list[Failure] = []
    panel._model.request_failed.connect(failures.append)
    failure = Failure("answer.docx", "No space is left on its disk.", "Free some.", "ExportError")
    bridge.fail("export_conversation", failure)
    assert failures == [failure]
    chosen[0] = None
    foot.export.click()
    assert len(bridge.asked("export_answer")) == 1


def test_what_is_not_kept_cannot_be_exported(bridge: HandBridge, panel: ConversationPanel) -> None:
    ask(panel)
    bridge.stream("ask", answered())
    foot = panel.cards()[0].foot
    assert foot is not None and foot.export.isHidden() and not foot.copy.isHidden()
    panel.export_conversation()
    assert not bridge.asked("export_conversation")


@pytest.mark.parametrize("at, suffix", [(0, "docx"), (1, "pdf"), (2, "md")])
def test_the_format_chosen_ends_the_name(
    panel: ConversationPanel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, at: int, suffix: str
) -> None:
    def choose(dialog: QFileDialog) -> int:
        assert dialog.acceptMode() == QFileDialog.AcceptMode.AcceptSave
        assert not dialog.testOption(QFileDialog.Option.DontConfirmOverwrite)
        dialog.filterSelected.emit(dialog.nameFilters()[at])
        dialog.selectFile(str(tmp_path / "answer"))
        return 1

    monkeypatch.setattr(QFileDialog, "exec", choose)
    path = dialogs.ask_export_file(panel, "the answer")
    assert path is not None and path.name == f"answer.{suffix}"


def test_a_stopped_answer_that_fails_is_only_stopped(
    bridge: HandBridge, panel: ConversationPanel
) -> None:
    ask(panel)
    panel.stop_button.click()
    bridge.fail("ask", Failure("model", "The model was closed.", "Ask again."))
    assert panel.cards()[0].notes() == ["Stopped before the answer was whole."]
