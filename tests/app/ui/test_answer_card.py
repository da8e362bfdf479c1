"""A model's answer in its card: reading, sentences with their states, what is held back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from fake_library import answered, citation, passage, told, written
from PySide6.QtWidgets import QApplication, QLabel, QToolTip
from pytestqt.qtbot import QtBot

from app.core.answers import CitationStatus, Mode, WrittenBy
from app.core.events import ModeChosen, PassagesFound, PromptProgress, StatementChecked, TextWritten
from app.ui.answer_card import AnswerCard
from app.ui.citation_row import CitationRow
from app.ui.conversation_model import ConversationModel
from app.ui.conversation_panel import ConversationPanel

if TYPE_CHECKING:
    from conftest import HandBridge


@pytest.fixture
def panel(panel: ConversationPanel, bridge: HandBridge) -> ConversationPanel:
    """The panel where a model writes, high enough for a whole card."""
    panel.resize(420, 900)
    panel._model.writer.load()
    bridge.give("language_model", "/models/gemma-4-small")
    return panel


@pytest.fixture
def card(panel: ConversationPanel) -> AnswerCard:
    panel.field.setPlainText("Which beta blocker?")
    panel.ask()
    return panel.cards()[-1]


def tags(card: AnswerCard) -> list[str]:
    return [run.text.strip() for run in card.body.runs() if run.tag]


def test_reading_is_told_in_tokens_and_can_be_stopped(
    bridge: HandBridge, panel: ConversationPanel, card: AnswerCard
) -> None:
    assert card.reading.words.text() == "Getting the model ready…"
    whole = ModeChosen(Mode.WHOLE, "It takes all of Discharge letter.pdf.", "beta blocker")
    bridge.stream("ask", whole, PassagesFound((passage(),)), end=False)
    bridge.stream("ask", PromptProgress(3_400, 12_000, 2_900, 1_200), end=False)
    assert card.reading.words.text() == "Reading 3,400 of 12,000 tokens…"
    assert card.reading.known.text() == (
        "Whole document: It takes all of Discharge letter.pdf. "
        "2,900 were known from before, 1,200 of them from disk."
    )
    assert card.reading.bar.isVisible() and card.reading.bar.value() == 283
    panel.field.stop_wanted.emit()
    assert bridge.cancelled == [card.exchange.request]
    bridge.stream("ask", cancelled=True)
    assert not card.reading.isVisible()
    assert card.notes() == ["Stopped before the answer was whole."]


def test_sentences_get_their_state_as_soon_as_they_are_checked(
    bridge: HandBridge, card: AnswerCard
) -> None:
    answer = written()
    seen: list[list[str]] = []
    for event in told(answer):
        bridge.stream("ask", event, end=False)
        if isinstance(event, StatementChecked):
            seen.append(tags(card))
    assert seen == [
        [],
        ["repaired"],
        ["repaired", "unverified"],
        ["repaired", "unverified", "no\u00a0source"],
    ]
    assert tags(card) == seen[-1]


def test_a_checked_sentence_takes_the_place_of_what_was_written(
    bridge: HandBridge, card: AnswerCard
) -> None:
    answer = written()
    bridge.stream("ask", TextWritten("\n\nMetoprolol 50 mg once"), end=False)
    assert card.body.text() == "Metoprolol 50 mg once"
    statement = replace(answer.statements[0], start=2, end=13)
    bridge.stream("ask", StatementChecked(statement, "Metoprolol."), end=False)
    bridge.stream("ask", TextWritten(" Next"), end=False)
    assert card.body.text() == "Metoprolol. Next"


def test_a_row_says_what_its_page_lacks(bridge: HandBridge, card: AnswerCard) -> None:
    bridge.stream("ask", *told(written()))
    verified, repaired, unverified = card.rows()
    assert unverified.accessibleName() == (
        "Citation 3: Discharge letter.pdf, page 2, Unverified; not on the page: 95 mg"
    )
    assert "Not on the page: 95 mg." in unverified.toolTip()
    assert "Claimed: " in unverified.toolTip() and "Claimed" not in repaired.toolTip()
    assert "Not on the page" not in verified.toolTip()


def test_what_was_seen_in_a_picture_is_to_be_checked(
    qtbot: QtBot, bridge: HandBridge, card: AnswerCard
) -> None:
    seen = replace(citation(1, CitationStatus.UNVERIFIED), pictured=True)
    row = CitationRow(seen)
    qtbot.addWidget(row)
    assert "In picture" in [label.text() for label in row.findChildren(QLabel)]
    assert "check it yourself" in row.accessibleName() and "check it yourself" in row.toolTip()
    bridge.stream("ask", replace(written(), citations=(seen,)))
    assert "[1]: seen in the picture; check it yourself." in card.notes()


def test_a_tag_explains_itself(
    bridge: HandBridge, card: AnswerCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge.stream("ask", *told(written()))
    shown: list[str] = []
    monkeypatch.setattr(QToolTip, "showText", lambda _at, text, _widget: shown.append(text))
    card.body.link_chosen.emit("doubt:2")
    assert "not on the page: 95 mg" in shown[0]
    for link in ("doubt:99", "doubt:²", "doubt:-1", "https://example.org", "doubt:"):
        card.body.link_chosen.emit(link)
    assert len(shown) == 1


def test_a_draft_without_support_is_shown_on_request_only(
    bridge: HandBridge, card: AnswerCard
) -> None:
    draft = "It rained for <b>three</b> days [1]. <a href='https://example.org'>Why</a>"
    bridge.stream("ask", *told(written())[:-1], end=False)
    assert len(card.rows()) == 3
    bridge.stream("ask", replace(answered(found=False), withheld=draft, answerer="gemma"))
    assert card.body.text() == "Not found in these documents."
    assert card.rows() == [] and tags(card) == []
    held = card.withheld
    assert held is not None and held.button.text() == "Show what the model wrote"
    assert held.frame.isHidden()
    held.button.click()
    assert not held.frame.isHidden() and held.draft.toPlainText() == draft
    assert held.label.text().startswith("Not supported by the documents.")
    held.button.click()
    assert held.frame.isHidden()
    assert "Searched 6 pages of 2 documents in Patients." in card.notes()


def test_without_a_draft_there_is_nothing_to_show(bridge: HandBridge, card: AnswerCard) -> None:
    bridge.stream("ask", answered(found=False))
    assert card.withheld is None


def test_warnings_and_what_was_left_out_are_told(bridge: HandBridge, card: AnswerCard) -> None:
    caution = "Discharge letter.pdf: Page 2 holds hidden text."
    bridge.stream("ask", replace(written(), cautions=(caution,), removed=1))
    assert caution in card.notes()
    assert "1 made-up citation was left out." in card.notes()


def test_how_it_was_made_is_told_on_request(bridge: HandBridge, card: AnswerCard) -> None:
    bridge.stream("ask", *told(written()))
    foot = card.foot
    assert foot is not None and foot.facts.isHidden()
    foot.disclosure.click()
    assert not foot.facts.isHidden()
    words = foot.facts.text()
    for said in (
        "gemma-4-small",
        "4 bits",
        "k3v3",
        "The passages that the search found. Passages answer it.",
        "12,000 in the prompt, 2,900 of them known from before (1,200 from disk); 58 written",
        "9.2 s; first words after 3.4 s",
    ):
        assert said in words, said


def test_copying_takes_the_footnotes_along(
    qapp: QApplication, bridge: HandBridge, panel: ConversationPanel, card: AnswerCard
) -> None:
    bridge.stream("ask", *told(written()))
    assert card.foot is not None
    card.foot.copy.click()
    copied = qapp.clipboard().text()
    assert "[1] Discharge letter.pdf, page 2: “Metoprolol 47.5 mg" in copied
    assert "not supported: the pages cited lack “95 mg”" in copied
    assert panel.news.text() == "Copied with its footnotes."


@pytest.mark.parametrize("scale", [1, 2])
def test_a_card_fits_into_the_narrowest_panel(
    qtbot: QtBot, qapp: QApplication, bridge: HandBridge, scale: int
) -> None:
    font = qapp.font()
    larger = qapp.font()
    larger.setPointSizeF(font.pointSizeF() * scale)
    qapp.setFont(larger)
    try:
        panel = ConversationPanel(ConversationModel(bridge))
        qtbot.addWidget(panel)
        panel._model.set_collection("Patients")
        panel.field.setPlainText("Which beta blocker?")
        panel.ask()
        answer = replace(
            written(),
            by=WrittenBy("gemma", "0123456789abcdef" * 4),
            cautions=(f"{'long_name_' * 12}.pdf: Page 2 holds hidden text.",),
        )
        bridge.stream("ask", *told(answer))
        card = panel.cards()[0]
        assert card.foot is not None
        card.foot.disclosure.click()
        panel.resize(max(300, panel.minimumSizeHint().width()), 500)
        panel.show()
        qtbot.waitUntil(lambda: card.width() > 100)
        qtbot.wait(50)
        assert panel.answers.widget().width() <= panel.answers.viewport().width()
        assert card.geometry().right() <= panel.answers.viewport().width()
        for label in card.findChildren(QLabel):
            assert label.width() >= min(label.minimumSizeHint().width(), 60), label.text()
    finally:
        qapp.setFont(font)
