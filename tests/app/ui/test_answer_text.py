"""An answer's text: what is in doubt is marked, and nothing in it becomes markup or a link."""

from __future__ import annotations

import pytest
from fake_library import written
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QTextCharFormat, QTextDocument
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.answers import CitationStatus, Statement
from app.core.plain import plain
from app.ui import style
from app.ui.answer_text import AnswerText, Run, runs_of

ANSWER = written()
HOSTILE = (
    "<img src=x onerror=y> <a href='https://example.org'>here</a> [here](https://example.org) "
    "&lt;b&gt; cite:1 <b>bold</b> [1] [7] \u202eSdrawkcab\u202c <!-- -->"
)


def shown(qtbot: QtBot, runs: list[Run], width: int = 360) -> AnswerText:
    text = AnswerText()
    qtbot.addWidget(text)
    text.setFixedWidth(width)
    text.show()
    text.show_runs(runs)
    return text


def links(document: QTextDocument) -> list[str]:
    """The links that Qt itself sees in a document."""
    found, block = [], document.begin()
    while block.isValid():
        for part in block:  # type: ignore[attr-defined]
            if href := part.fragment().charFormat().anchorHref():
                found.append(href)
        block = block.next()
    return found


def place_of(text: AnswerText, words: str) -> QPoint:
    """Where these words stand in the widget."""
    cursor = text.document().find(words)
    cursor.setPosition((cursor.anchor() + cursor.position()) // 2)
    return text.cursorRect(cursor).center()


def format_of(text: AnswerText, words: str) -> QTextCharFormat:
    return text.document().find(words).charFormat()


def test_each_sentence_says_how_far_it_can_be_trusted(qtbot: QtBot) -> None:
    runs = runs_of(ANSWER.text, {1, 2, 3}, ANSWER.statements)
    text = shown(qtbot, runs)
    assert " ".join(text.text().split()) == (
        "Metoprolol 47.5 mg once daily was continued [1]. "
        "The page says “once a day” [2]. repaired It was raised to 95 mg [3]. unverified "
        "He was glad. no source"
    )
    assert text.toPlainText() == text.text()
    whys = [run.why for run in runs if run.tag]
    assert whys[1] == "Unverified: the page cited does not say it; not on the page: 95 mg."
    assert whys[2].startswith("No source")
    dotted = QTextCharFormat.UnderlineStyle.DotLine
    assert format_of(text, "raised to").underlineStyle() == dotted
    assert format_of(text, "once a day").underlineStyle() == dotted
    assert format_of(text, "Metoprolol").underlineStyle() != dotted
    assert "not on the page: 95 mg" in format_of(text, "raised to").toolTip()
    assert not format_of(text, "Metoprolol").toolTip()
    said = text.accessibleDescription()
    assert "It was raised to 95 mg" in said and "not on the page: 95 mg" in said
    assert "He was glad" in said and "Metoprolol" not in said


def test_only_known_numbers_are_links() -> None:
    runs = runs_of("One [1] [12] two [2].", {1, 2})
    assert [run.link for run in runs if run.link] == ["cite:1", "cite:2"]
    assert "".join(run.text for run in runs) == "One [1] [12] two [2]."


def test_hostile_text_stays_text(qtbot: QtBot) -> None:
    statement = Statement(0, len(HOSTILE), CitationStatus.UNVERIFIED, (1,), ("<b>25</b> mg",))
    text = shown(qtbot, runs_of(HOSTILE, {1}, (statement,)))
    assert text.toPlainText().replace("\n", "").startswith(plain(HOSTILE)[:60])
    assert "<b>bold</b>" in text.toPlainText() and "\u202e" not in text.toPlainText()
    assert set(links(text.document())) == {"cite:1", "doubt:0"}
    assert "<b>25" not in format_of(text, "bold").toolTip()
    assert "&lt;b&gt;25" in format_of(text, "bold").toolTip()
    assert text.loadResource(2, QUrl("file:///etc/hostname")) is None
    assert not text.openLinks() and not text.openExternalLinks()


@given(
    st.text(max_size=80), st.integers(0, 60), st.integers(0, 90), st.sampled_from(CitationStatus)
)
def test_any_text_is_shown_whole(
    said: str, start: int, length: int, status: CitationStatus
) -> None:
    runs = runs_of(said, {1, 2}, (Statement(start, start + length, status),))
    tags = [n for n, run in enumerate(runs) if run.tag]
    words = [run.text for n, run in enumerate(runs) if n not in tags and n + 1 not in tags]
    assert "".join(words) == said.strip()
    assert all(run.link in ("", "cite:1", "cite:2", "doubt:0") for run in runs)


def test_a_click_follows_a_link(qtbot: QtBot) -> None:
    text = shown(qtbot, runs_of(ANSWER.text, {1, 2, 3}, ANSWER.statements))
    with qtbot.waitSignal(text.link_chosen) as caught:
        qtbot.mouseClick(text.viewport(), Qt.MouseButton.LeftButton, pos=place_of(text, "[3]"))
    assert caught.args == ["cite:3"]


def test_the_keyboard_goes_from_link_to_link(qtbot: QtBot) -> None:
    text = shown(qtbot, runs_of(ANSWER.text, {1, 2, 3}, ANSWER.statements))
    text.activateWindow()
    text.setFocus()
    qtbot.waitUntil(text.hasFocus)
    chosen: list[str] = []
    text.link_chosen.connect(chosen.append)
    for _ in range(4):
        QTest.keyClick(text, Qt.Key.Key_Tab)
        QTest.keyClick(text, Qt.Key.Key_Return)
    assert chosen == ["cite:1", "cite:2", "doubt:1", "cite:3"]


def test_it_is_as_high_as_its_text_and_never_wider(qtbot: QtBot) -> None:
    text = shown(qtbot, runs_of("word " * 200 + "x" * 500))
    first = text.height()
    assert text.document().size().height() <= first < text.document().size().height() + 2
    assert text.document().idealWidth() <= text.width()
    text.setFixedWidth(720)
    qtbot.waitUntil(lambda: text.height() < first)


def test_what_was_shown_stays_selected_while_more_comes(qtbot: QtBot) -> None:
    text = shown(qtbot, runs_of("First sentence. ", set()))
    text.setTextCursor(text.document().find("sentence"))
    text.show_runs([*runs_of("First sentence."), Run(" More.")])
    assert text.textCursor().selectedText() == "sentence"
    assert text.text() == "First sentence. More."


def test_copying_a_part_takes_plain_text(qtbot: QtBot) -> None:
    text = shown(qtbot, runs_of(ANSWER.text, {1, 2, 3}, ANSWER.statements))
    text.selectAll()
    data = text.createMimeDataFromSelection()
    assert data.formats() == ["text/plain"]
    assert "unverified" in data.text()


@pytest.mark.parametrize("theme", [style.LIGHT, style.DARK], ids=lambda t: t.name)
def test_colours_follow_the_theme(qtbot: QtBot, qapp: QApplication, theme: style.Theme) -> None:
    runs = runs_of(ANSWER.text, {1, 2, 3}, ANSWER.statements)
    text = shown(qtbot, runs)
    style.apply_theme(qapp, theme)
    text.show_runs(runs)
    assert format_of(text, "unverified").foreground().color().name() == theme.bad
    assert format_of(text, "Metoprolol").foreground().color().name() == theme.text
