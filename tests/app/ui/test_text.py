"""Text from documents stays text."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from app.ui.text import breakable, counted, one_line, tip
from app.ui.widgets import TextLabel


def test_tool_tip_never_turns_into_markup() -> None:
    assert "<b>" not in tip("<b>bold</b>")
    assert tip("plain words").startswith("<div")  # Qt need not guess what it is
    assert tip("") == ""


def test_nothing_turns_words_about_or_controls() -> None:
    steering = "a\x1b[31m \u202eb\u202c \u2066c\u2069 \x9b \U000e0041 [1]"
    for shown in (tip(steering), one_line(steering)):
        assert not set("\x1b\x9b\u202e\u202c\u2066\u2069\U000e0041") & set(shown)
    assert TextLabel(steering).text() == "a [31m  b   c      [1]"


def test_long_words_may_end_a_line_anywhere() -> None:
    label = TextLabel("a_long_name_without_any_space_in_it.pdf")
    assert label.text() == "a_long_name_without_any_space_in_it.pdf"
    assert label.minimumSizeHint().width() < TextLabel(label.text(), wrap=False).sizeHint().width()
    assert breakable("only short words") == "only short words"


def test_counted() -> None:
    assert counted(1, "page") == "1 page"
    assert counted(1200, "page") == "1,200 pages"


def test_text_label_shows_markup_as_text() -> None:
    label = TextLabel("<h1>big</h1>")
    assert label.textFormat() == Qt.TextFormat.PlainText
    assert isinstance(label, QLabel)
    assert not label.openExternalLinks()
