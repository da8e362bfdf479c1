"""One question with its answer: text with clickable [n], the citations, what was searched.

What documents and models wrote is shown as text, never as markup; no link leaves the window.
"""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from app.core.events import Answered, Citation, CitationStatus, UnreadablePage
from app.ui import style
from app.ui.conversation_model import Exchange
from app.ui.scope_chip import scope_words
from app.ui.text import answer_html, cited_number, counted, one_line, tip
from app.ui.widgets import ElidedLabel, IconLabel, TextLabel

# Icon, colour and word of each state: never by colour alone.
STATES = {
    CitationStatus.VERIFIED: ("verified", "good", "Verified"),
    CitationStatus.REPAIRED: ("repaired", "caution", "Repaired"),
    CitationStatus.UNVERIFIED: ("unverified", "bad", "Unverified"),
}
_LISTED_UNREADABLE = 6


class CitationRow(QPushButton):
    """A citation: number, document, page, state. A click opens its page."""

    def __init__(self, citation: Citation) -> None:
        super().__init__()
        self.setObjectName("citation")
        self.citation = citation
        icon, role, word = STATES[citation.status]
        place = f"{citation.document}, page {citation.page}"
        self.setAccessibleName(f"Citation {citation.n}: {place}, {word}")
        self.setToolTip(tip(one_line(citation.quote)))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        # A button would insist on its hint; the document's name gives way instead.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(style.SMALL, style.TIGHT, style.SMALL, style.TIGHT)
        row.setSpacing(style.SMALL)
        number = TextLabel(f"[{citation.n}]", bold=True, scale=style.CAPTION, wrap=False)
        row.addWidget(number)
        name = ElidedLabel(citation.document, scale=style.CAPTION)
        row.addWidget(name, 1)
        page = TextLabel(f"page {citation.page:,}", tone="muted", scale=style.CAPTION, wrap=False)
        row.addWidget(page)
        row.addWidget(IconLabel(icon, role, 15))
        state = TextLabel(word, tone=role, scale=style.CAPTION, wrap=False)
        # All states take the same width, so that pages and icons stand below one another.
        widths = [state.fontMetrics().horizontalAdvance(known) for _, _, known in STATES.values()]
        state.setMinimumWidth(max(widths) + 2)
        row.addWidget(state)
        for child in self.findChildren(QWidget):
            child.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def set_current(self, current: bool) -> None:
        """Shows that this is the citation that the page viewer marks."""
        if self.property("current") != current:
            self.setProperty("current", current)
            self.style().unpolish(self)
            self.style().polish(self)

    def sizeHint(self) -> QSize:
        layout = self.layout()
        return super().sizeHint() if layout is None else layout.sizeHint()

    def minimumSizeHint(self) -> QSize:
        layout = self.layout()
        return super().minimumSizeHint() if layout is None else layout.minimumSize()


class AnswerCard(QFrame):
    """Shows an Exchange and follows it while it grows."""

    citation_chosen = Signal(object)  # Citation

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self.setObjectName("card")
        self.exchange = exchange
        self.setAccessibleName(f"Question: {exchange.question}")
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(style.LARGE, style.MEDIUM, style.LARGE, style.MEDIUM)
        self._layout.setSpacing(style.SMALL)
        self._layout.addWidget(TextLabel(exchange.question, bold=True, scale=style.TITLE))
        if exchange.scope is not None:
            about = scope_words(exchange.scope, exchange.document)
            self._layout.addWidget(TextLabel(about, tone="muted", scale=style.CAPTION))
        self.body = QLabel()
        self.body.setTextFormat(Qt.TextFormat.RichText)
        self.body.setWordWrap(True)
        self.body.setOpenExternalLinks(False)
        self.body.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.LinksAccessibleByMouse
            | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )
        self.body.linkActivated.connect(self._on_link)
        self.body.linkHovered.connect(self._on_hover)
        self._layout.addWidget(self.body)
        self._citations = QVBoxLayout()
        self._citations.setSpacing(0)
        self._layout.addLayout(self._citations)
        self._notes = QVBoxLayout()
        self._notes.setSpacing(style.TIGHT)
        self._layout.addLayout(self._notes)
        self._rows: dict[int, CitationRow] = {}
        self._finished = False
        self.refresh()

    def refresh(self) -> None:
        """Shows the exchange as it is now."""
        exchange = self.exchange
        accent = style.current_theme().accent
        if exchange.text:
            self.body.setText(answer_html(exchange.text, exchange.citations, accent))
        elif exchange.waiting:
            found = counted(exchange.passages, "passage")
            words = f"Reading {found}…" if exchange.passages else "Searching…"
            self.body.setText(answer_html(words, (), accent))
        self.body.setVisible(bool(self.body.text()) and exchange.failure is None)
        for number in sorted(exchange.citations.keys() - self._rows.keys()):
            self._add_row(exchange.citations[number])
        if not exchange.waiting and not self._finished:
            self._finished = True
            self._finish()

    def rows(self) -> list[CitationRow]:
        """The citations listed, by number."""
        return [self._rows[number] for number in sorted(self._rows)]

    def notes(self) -> list[str]:
        """The remarks below the answer."""
        return [label.text() for label in self.findChildren(TextLabel) if label.objectName() == "n"]

    def _add_row(self, citation: Citation) -> None:
        row = CitationRow(citation)
        row.clicked.connect(lambda: self.citation_chosen.emit(citation))
        self._rows[citation.n] = row
        self._citations.addWidget(row)

    def _finish(self) -> None:
        exchange = self.exchange
        if exchange.failure is not None:
            self._note("warning", "bad", f"{exchange.failure.cause} {exchange.failure.remedy}")
        elif exchange.stopped:
            self.body.setVisible(bool(exchange.text))
            self._note("warning", "caution", "Stopped before the answer was whole.")
        elif exchange.answer is not None:
            self._explain(exchange.answer)

    def _explain(self, answer: Answered) -> None:
        if not answer.found:
            self._note("search", "muted", searched_words(answer))
        else:
            self._note("", "muted", searched_words(answer))
        if answer.unreadable:
            self._note("warning", "caution", unreadable_words(answer.unreadable))
        if answer.found and answer.answerer == "extractive":
            self._note(
                "", "muted", "No model is installed: the answer is made of verbatim sentences."
            )

    def _note(self, icon: str, role: str, words: str) -> None:
        row = QHBoxLayout()
        row.setSpacing(style.TIGHT + 2)
        if icon:
            picture = IconLabel(icon, role, 15)
            row.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        label = TextLabel(words, tone=role, scale=style.CAPTION)
        label.setObjectName("n")
        row.addWidget(label, 1)
        self._notes.addLayout(row)

    def _on_link(self, link: str) -> None:
        citation = self._cited(link)
        if citation is not None:
            self.citation_chosen.emit(citation)

    def _on_hover(self, link: str) -> None:
        citation = self._cited(link)
        if citation is None:
            QToolTip.hideText()
            return
        place = f"{citation.document}, page {citation.page}"
        word = STATES[citation.status][2]
        QToolTip.showText(
            QCursor.pos(), tip(f"{one_line(citation.quote)}\n\n{place} · {word}"), self.body
        )

    def _cited(self, link: str) -> Citation | None:
        number = cited_number(link)
        return None if number is None else self.exchange.citations.get(number)


def searched_words(answer: Answered) -> str:
    """What was searched, in a sentence."""
    searched = answer.searched
    if answer.scope is not None:
        part = "a region of page" if answer.scope.region is not None else "page"
        return f"Searched {part} {answer.scope.page:,} only."
    return (
        f"Searched {counted(searched.pages, 'page')} of {counted(searched.documents, 'document')} "
        f"in {searched.collection}."
    )


def unreadable_words(pages: tuple[UnreadablePage, ...]) -> str:
    """Which pages could not be searched, and why."""
    listed = [f"{p.document}, page {p.page}: {p.reason}" for p in pages[:_LISTED_UNREADABLE]]
    more = len(pages) - len(listed)
    if more:
        listed.append(f"and {counted(more, 'more page')}")
    head = f"{counted(len(pages), 'page')} could not be read and may hold the answer:"
    return "\n".join([head, *listed])
