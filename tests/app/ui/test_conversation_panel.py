"""The conversation panel: asking, streamed answers, citations, answers that were not found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fake_library import answered, citation, passage
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QToolTip
from pytestqt.qtbot import QtBot

from app.core.answers import CitationStatus
from app.core.events import CitationChecked, PassagesFound, TextWritten
from app.ui.answer_card import AnswerCard
from app.ui.citation_row import CitationRow
from app.ui.conversation_panel import ConversationPanel
from app.ui.messages import Failure

if TYPE_CHECKING:
    from conftest import HandBridge


def ask(
    panel: ConversationPanel, qtbot: QtBot, question: str = "Which beta blocker?"
) -> AnswerCard:
    qtbot.keyClicks(panel.field, question)
    qtbot.keyClick(panel.field, Qt.Key.Key_Return)
    return panel.cards()[-1]


def test_enter_asks_and_empties_the_field(
    qtbot: QtBot, bridge: HandBridge, panel: ConversationPanel
) -> None:
    assert panel.stack.currentWidget() is panel.empty
    assert not panel.ask_button.isEnabled()
    ask(panel, qtbot)
    assert bridge.last("ask").args == ("Which beta blocker?", "Patients")
    assert panel.field.toPlainText() == ""
    assert panel.stack.currentWidget() is panel.answers


def test_shift_enter_begins_a_new_line(
    qtbot: QtBot, bridge: HandBridge, panel: ConversationPanel
) -> None:
    qtbot.keyClicks(panel.field, "one")
    height = panel.field.height()
    qtbot.keyClick(panel.field, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClicks(panel.field, "two")
    assert not bridge.asked("ask")
    assert panel.field.toPlainText() == "one\ntwo"
    assert panel.field.height() > height


def test_no_question_without_a_collection(
    qtbot: QtBot, bridge: HandBridge, panel: ConversationPanel
) -> None:
    panel._model.set_collection("")
    qtbot.keyClicks(panel.field, "Which?")
    assert not panel.ask_button.isEnabled()
    qtbot.keyClick(panel.field, Qt.Key.Key_Return)
    assert not bridge.asked("ask")
    assert panel.field.toPlainText() == "Which?"


def test_answer_grows_and_its_citations_are_listed(
    qtbot: QtBot, bridge: HandBridge, panel: ConversationPanel
) -> None:
    card = ask(panel, qtbot)
    assert "Searching" in card.reading.words.text()
    bridge.stream("ask", PassagesFound((passage(),)), end=False)
    assert "1 passage" in card.reading.words.text()
    assert panel.stop_button.isVisible()
    bridge.stream("ask", TextWritten("Metoprolol [1]"), end=False)
    assert not card.reading.isVisible()
    assert [run.link for run in card.body.runs()] == [""]
    bridge.stream("ask", CitationChecked(citation()), end=False)
    assert [run.link for run in card.body.runs()] == ["", "cite:1"]
    bridge.stream("ask", answered())
    assert not panel.stop_button.isVisible()
    (row,) = card.rows()
    assert row.accessibleName() == "Citation 1: Discharge letter.pdf, page 2, Verified"
    words = card.notes()
    assert "Searched 6 pages of 2 documents in Patients." in words
    assert any("No model is installed" in note for note in words)
    assert any("The scan is too dark." in note for note in words)


def test_click_on_number_and_on_row_choose_the_citation(
    qtbot: QtBot, bridge: HandBridge, panel: ConversationPanel
) -> None:
    card = ask(panel, qtbot)
    bridge.stream("ask", answered())
    for click in (lambda: card.body.link_chosen.emit("cite:1"), card.rows()[0].click):
        with qtbot.waitSignal(panel.citation_chosen) as caught:
            click()
        assert caught.args == [citation()]
    assert card.rows()[0].property("current") is True


def test_other_links_lead_nowhere(
    qtbot: QtBot, bridge: HandBridge, panel: ConversationPanel
) -> None:
    card = ask(panel, qtbot)
    bridge.stream("ask", answered())
    assert not card.body.openExternalLinks()
    with qtbot.assertNotEmitted(panel.citation_chosen):
        card.body.link_chosen.emit("https://example.org")
        card.body.link_chosen.emit("cite:99")


def test_hover_shows_the_quotation(
    qtbot: QtBot, bridge: HandBridge, panel: ConversationPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = ask(panel, qtbot)
    bridge.stream("ask", answered())
    shown: list[str] = []
    monkeypatch.setattr(QToolTip, "showText", lambda _at, text, _widget: shown.append(text))
    card.body.link_hovered.emit("cite:1")
    assert citation().quote in shown[0]
    assert "page 2" in shown[0]


@pytest.mark.parametrize("status", list(CitationStatus))
def test_state_is_told_by_icon_and_word(qtbot: QtBot, status: CitationStatus) -> None:
    row = CitationRow(citation(status=status))
    qtbot.addWidget(row)
    labels = row.findChildren(QLabel)
    assert status.value.capitalize() in [label.text() for label in labels]
    assert any(not label.pixmap().isNull() for label in labels)


def test_not_found_tells_what_was_searched(
    qtbot: QtBot, bridge: HandBridge, panel: ConversationPanel
) -> None:
    card = ask(panel, qtbot, "What was the weather?")
    bridge.stream("ask", answered(found=False))
    assert "Not found in these documents." in card.body.text()
    assert card.rows() == []
    assert card.notes()[0] == "Searched 6 pages of 2 documents in Patients."
    assert "Laboratory & imaging.pdf, page 3" in card.notes()[1]


def test_one_question_at_a_time_and_stop(
    qtbot: QtBot, bridge: HandBridge, panel: ConversationPanel
) -> None:
    card = ask(panel, qtbot)
    qtbot.keyClicks(panel.field, "Next?")
    qtbot.keyClick(panel.field, Qt.Key.Key_Return)
    assert len(bridge.asked("ask")) == 1
    panel.stop_button.click()
    assert bridge.cancelled == [bridge.last("ask").request]
    assert card.reading.words.text() == "Stopping…"
    assert not panel.stop_button.isEnabled()
    bridge.stream("ask", cancelled=True)
    assert card.notes() == ["Stopped before the answer was whole."]
    qtbot.keyClick(panel.field, Qt.Key.Key_Return)
    assert len(bridge.asked("ask")) == 2


def test_failure_is_shown_in_the_card(
    qtbot: QtBot, bridge: HandBridge, panel: ConversationPanel
) -> None:
    card = ask(panel, qtbot)
    bridge.fail("ask", Failure("ask", "The process ended.", "Ask again."))
    assert card.notes() == ["The process ended. Ask again."]
    assert not panel._model.busy


def test_another_collection_clears_the_answers(
    qtbot: QtBot, bridge: HandBridge, panel: ConversationPanel
) -> None:
    ask(panel, qtbot)
    bridge.stream("ask", answered())
    panel._model.set_collection("Contracts")
    assert panel.cards() == []
    assert panel.stack.currentWidget() is panel.empty


def test_card_never_grows_wider_than_the_panel(
    qtbot: QtBot, bridge: HandBridge, panel: ConversationPanel
) -> None:
    card = ask(panel, qtbot)
    bridge.stream("ask", answered())
    qtbot.waitUntil(lambda: card.width() > 100, timeout=5000)
    assert card.geometry().right() <= panel.answers.viewport().width()
