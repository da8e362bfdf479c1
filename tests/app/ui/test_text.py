"""Text from documents stays text."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from app.ui.text import counted, harmless, tip
from app.ui.widgets import TextLabel


def test_tool_tip_never_turns_into_markup() -> None:
    assert "<b>" not in tip("<b>bold</b>")
    assert tip("plain words").startswith("<div")  # Qt need not guess what it is
    assert tip("") == ""


def test_what_hides_or_turns_text_is_taken_out() -> None:
    assert harmless("25 mg\u202e gm 52\u2069\x00\nnext") == "25 mg\u200b gm 52\u200b\u200b\nnext"
    assert harmless("אבג 1 – “ok”") == "אבג 1 – “ok”"


def test_counted() -> None:
    assert counted(1, "page") == "1 page"
    assert counted(1200, "page") == "1,200 pages"


def test_text_label_shows_markup_as_text() -> None:
    label = TextLabel("<h1>big</h1>")
    assert label.textFormat() == Qt.TextFormat.PlainText
    assert isinstance(label, QLabel)
    assert not label.openExternalLinks()
