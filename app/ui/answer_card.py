"""One question with its answer: text with clickable [n], the citations, what was searched.

What documents and models wrote is shown as text, never as markup; no link leaves the window.
"""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QApplication, QFrame, QToolTip, QVBoxLayout

from app.core.answers import Citation
from app.core.events import Answered
from app.core.exporting.answer_paper import REMOVED
from app.core.exporting.citing import clipboard
from app.ui import style
from app.ui.answer_parts import Actions, Note, Reading, Withheld
from app.ui.answer_text import AnswerText, runs_of
from app.ui.answer_words import (
    citation_tip,
    doubt_of,
    made_of,
    pictured_words,
    removed_words,
    searched_words,
    unreadable_words,
)
from app.ui.citation_row import CitationRow
from app.ui.exchange import Exchange
from app.ui.forbidden import forbid
from app.ui.scope_chip import scope_words
from app.ui.text import tip
from app.ui.widgets import TextLabel


class AnswerCard(QFrame):
    """Shows an Exchange and follows it while it grows."""

    citation_chosen = Signal(object)  # Citation
    copied = Signal()
    export_wanted = Signal(object)  # Exchange

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
        self.reading = Reading()
        self._layout.addWidget(self.reading)
        self.body = AnswerText()
        self.body.link_chosen.connect(self._on_link)
        self.body.link_hovered.connect(self._on_hover)
        self._layout.addWidget(self.body)
        self.withheld: Withheld | None = None
        self.foot: Actions | None = None
        self._citations = QVBoxLayout()
        self._citations.setSpacing(0)
        self._layout.addLayout(self._citations)
        self._notes = QVBoxLayout()
        self._notes.setSpacing(style.TIGHT)
        self._layout.addLayout(self._notes)
        self._rows: dict[int, CitationRow] = {}
        self._finished = False
        self._no_export = ""
        self.refresh()

    def refresh(self) -> None:
        """Shows the exchange as it is now."""
        exchange = self.exchange
        self.body.show_runs(runs_of(exchange.text, exchange.citations, exchange.statements))
        self.body.setVisible(bool(self.body.text()) and exchange.failure is None)
        begun = bool(self.body.text()) and not exchange.stopping
        self.reading.setVisible(exchange.waiting and not begun)
        if exchange.waiting:
            self.reading.show_exchange(exchange)
        self._show_rows()
        if not exchange.waiting and not self._finished:
            self._finished = True
            self._finish()
        if self.foot is not None:
            self.foot.refresh()
        if self.withheld is not None:
            self.withheld.refresh()

    def rows(self) -> list[CitationRow]:
        """The citations listed, by number."""
        return [self._rows[number] for number in sorted(self._rows)]

    def notes(self) -> list[str]:
        """The remarks below the answer."""
        items = (self._notes.itemAt(n) for n in range(self._notes.count()))
        widgets = [item.widget() for item in items if item is not None]
        return [widget.text() for widget in widgets if isinstance(widget, Note)]

    def copy_answer(self) -> None:
        """Puts the answer on the clipboard, as text with footnotes."""
        if self.exchange.answer is not None:
            QApplication.clipboard().setText(clipboard(self.exchange.answer))
            self.copied.emit()

    def _show_rows(self) -> None:
        citations = self.exchange.citations
        for number, row in list(self._rows.items()):
            if citations.get(number) != row.citation:
                self._citations.removeWidget(row)
                row.hide()
                row.deleteLater()
                del self._rows[number]
        for number in sorted(citations.keys() - self._rows.keys()):
            self._add_row(citations[number])

    def _add_row(self, citation: Citation) -> None:
        row = CitationRow(citation, self.exchange.can_show(citation))
        row.clicked.connect(lambda: self.citation_chosen.emit(citation))
        place = sum(number < citation.n for number in self._rows)
        self._rows[citation.n] = row
        self._citations.insertWidget(place, row)

    def _finish(self) -> None:
        exchange = self.exchange
        if exchange.failure is not None:
            self._note("warning", "bad", f"{exchange.failure.cause} {exchange.failure.remedy}")
        elif exchange.stopped:
            self._note("warning", "caution", "Stopped before the answer was whole.")
        elif exchange.gone:
            self._note("warning", "caution", REMOVED)
        elif exchange.answer is not None:
            self._explain(exchange.answer)

    def _explain(self, answer: Answered) -> None:
        if answer.withheld.strip():
            self.withheld = Withheld(answer.withheld)
            self._layout.insertWidget(self._layout.indexOf(self.body) + 1, self.withheld)
        self._note("" if answer.found else "search", "muted", searched_words(answer))
        if answer.unreadable:
            self._note("warning", "caution", unreadable_words(answer.unreadable))
        for caution in answer.cautions:
            self._note("warning", "caution", caution)
        if self.exchange.changed:
            names = ", ".join(self.exchange.changed)
            self._note(
                "warning", "caution", f"Changed since this answer: {names}. Ask again for today's."
            )
        if pictured := pictured_words(answer.citations):
            self._note("picture", "caution", pictured)
        if answer.removed:
            self._note("", "muted", removed_words(answer.removed))
        if answer.found and answer.answerer == "extractive":
            self._note(
                "", "muted", "No model is installed: the answer is made of verbatim sentences."
            )
        self.foot = Actions(made_of(self.exchange), can_export=answer.record > 0)
        self.foot.copy_wanted.connect(self.copy_answer)
        self.foot.export_wanted.connect(lambda: self.export_wanted.emit(self.exchange))
        if self._no_export:
            forbid(self.foot.export, self._no_export)
        self._layout.addWidget(self.foot)

    def forbid_export(self, why: str) -> None:
        """The computer's policy does not allow it."""
        self._no_export = why
        if self.foot is not None:
            forbid(self.foot.export, why)

    def _note(self, icon: str, role: str, words: str) -> None:
        self._notes.addWidget(Note(icon, role, words))

    def _on_link(self, link: str) -> None:
        citation = self._cited(link)
        if citation is None:
            self._on_hover(link)
        elif self.exchange.can_show(citation):
            self.citation_chosen.emit(citation)

    def _on_hover(self, link: str) -> None:
        words = self._explained(link)
        if words:
            QToolTip.showText(self.body.place_of_link(), tip(words), self.body)
        else:
            QToolTip.hideText()

    def _explained(self, link: str) -> str:
        citation = self._cited(link)
        if citation is not None:
            return citation_tip(citation, self.exchange.can_show(citation))
        number = _number(link, "doubt")
        statements = self.exchange.statements
        if number is None or number >= len(statements):
            return ""
        return doubt_of(statements[number])

    def _cited(self, link: str) -> Citation | None:
        number = _number(link, "cite")
        return None if number is None else self.exchange.citations.get(number)


def _number(link: str, kind: str) -> int | None:
    """The n of a link ``kind:n``, None for every other link."""
    scheme, _, number = link.partition(":")
    plain = number.isascii() and number.isdigit() and len(number) < 8
    return int(number) if scheme == kind and plain else None
