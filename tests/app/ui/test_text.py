"""Text from documents stays text."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from app.ui.text import answer_html, cited_number, counted, one_line, tip
from app.ui.widgets import TextLabel


def test_answer_is_escaped_and_known_numbers_become_links() -> None:
    html = answer_html("<img src=x> a & b [1] [7]\nnext", {1}, "#17626b")
    assert "<img" not in html
    assert "&lt;img src=x&gt; a &amp; b" in html
    assert 'href="cite:1"' in html
    assert "[7]" in html
    assert "cite:7" not in html
    assert "<br>next" in html


def test_only_citation_links_count() -> None:
    assert cited_number("cite:12") == 12
    assert cited_number("https://example.org") is None
    assert cited_number("cite:") is None
    assert cited_number("file:///etc/passwd") is None


def test_tool_tip_never_turns_into_markup() -> None:
    assert "<b>" not in tip("<b>bold</b>")
    assert tip("plain words").startswith("<div")  # Qt need not guess what it is
    assert tip("") == ""


def test_nothing_turns_words_about_or_controls() -> None:
    steering = "a\x1b[31m \u202eb\u202c \u2066c\u2069 \x9b \U000e0041 [1]"
    for shown in (answer_html(steering, {1}, "#17626b"), tip(steering), one_line(steering)):
        assert not set("\x1b\x9b\u202e\u202c\u2066\u2069\U000e0041") & set(shown)
    assert TextLabel(steering).text() == "a [31m  b   c       [1]"
    assert 'href="cite:1"' in answer_html(steering, {1}, "#17626b")


def test_counted() -> None:
    assert counted(1, "page") == "1 page"
    assert counted(1200, "page") == "1,200 pages"


def test_text_label_shows_markup_as_text() -> None:
    label = TextLabel("<h1>big</h1>")
    assert label.textFormat() == Qt.TextFormat.PlainText
    assert isinstance(label, QLabel)
    assert not label.openExternalLinks()
