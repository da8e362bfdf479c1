"""The conversation panel: a field for the question, and answers with their citations."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from app.core.answers import Citation
from app.core.records import ConversationInfo
from app.ui import dialogs, style
from app.ui.answer_card import AnswerCard
from app.ui.asking_area import AskingArea
from app.ui.conversation_head import ConversationHead
from app.ui.conversation_model import ConversationModel
from app.ui.exchange import Exchange
from app.ui.kept_list import KeptList
from app.ui.widgets import EmptyState, TextLabel

_NEWS_MS = 8000


class ConversationPanel(QFrame):
    """Shows a ConversationModel."""

    citation_chosen = Signal(object)  # Citation

    def __init__(self, model: ConversationModel) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAccessibleName("Conversation")
        self._model = model
        self._cards: dict[Exchange, AnswerCard] = {}
        self._no_export = ""
        self.asking = AskingArea(model)
        self.field, self.chip = self.asking.field, self.asking.chip
        self.ask_button, self.stop_button = self.asking.ask_button, self.asking.stop_button
        self.head = ConversationHead()
        self.kept = KeptList(model.kept)
        self.news = TextLabel(tone="muted", scale=style.CAPTION)
        self.news.setContentsMargins(style.LARGE, style.TIGHT, style.LARGE, 0)
        self.news.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.head)
        layout.addWidget(self._make_history(), 1)
        layout.addWidget(self.news)
        layout.addWidget(self.asking)
        self._fade = QTimer(self)
        self._fade.setSingleShot(True)
        self._fade.setInterval(_NEWS_MS)
        self._fade.timeout.connect(self.news.hide)
        self._connect()
        self._show_head()

    def ask(self) -> None:
        """Asks what is in the field."""
        self.asking.ask()

    def focus_question(self) -> None:
        """Puts the cursor into the question field."""
        self.asking.focus_question()

    def show_policy(self, reasons: Mapping[str, str]) -> None:
        """Greys out what the computer's policy forbids; see `app.core.policy`."""
        self._no_export = reasons.get("export", "")
        if self._no_export:
            self.head.forbid_export(self._no_export)
            for card in self.cards():
                card.forbid_export(self._no_export)
        if "model" in reasons:
            self.asking.writer.forbid(reasons["model"])

    def set_ready(self, documents: int) -> None:
        """Says in the empty panel what can be done now."""
        if documents:
            self.empty.set_text(*_ASK_NOW)
        else:
            self.empty.set_text(*_ADD_FIRST)

    def cards(self) -> list[AnswerCard]:
        """The answers, oldest first."""
        return list(self._cards.values())

    def new_conversation(self) -> None:
        """Clears the view and begins another conversation."""
        self._model.new_conversation()
        self.head.history_button.setChecked(False)
        self.focus_question()

    def show_history(self, shown: bool) -> None:
        """Shows the kept conversations instead of the answers, or these again."""
        self.head.history_button.setChecked(shown)

    def toggle_history(self) -> None:
        """Shows the kept conversations, or the answers again."""
        self.head.history_button.toggle()

    def copy_last(self) -> None:
        """Copies the latest answer with its footnotes."""
        if self._cards:
            self.cards()[-1].copy_answer()

    def export_conversation(self) -> None:
        """Asks for a file and writes the conversation there."""
        if self._model.conversation:
            path = dialogs.ask_export_file(self.window(), "the conversation")
            if path is not None:
                self._model.kept.export_conversation(self._model.conversation, path)

    def rename_conversation(self) -> None:
        """Asks for another title."""
        if self._model.conversation:
            title = dialogs.ask_title(self.window(), self._model.title)
            if title:
                self._model.kept.rename(self._model.conversation, title)

    def remove_conversation(self) -> None:
        """Asks, and removes the conversation in view from the library."""
        number, title = self._model.conversation, self._model.title
        if number and dialogs.confirm_conversation_removal(self.window(), title):
            self._model.kept.remove(number)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # The history grew: keep its end in view.
        if watched is self._list and event.type() == QEvent.Type.Resize:
            QTimer.singleShot(0, self._scroll_to_last)
        return super().eventFilter(watched, event)

    def _connect(self) -> None:
        model, head = self._model, self.head
        model.exchange_started.connect(self._on_started)
        model.exchange_changed.connect(self._on_changed)
        model.cleared.connect(self._on_cleared)
        model.title_changed.connect(self._show_head)
        model.kept.exported.connect(lambda name: self._tell(f"Exported as {name}."))
        head.new_wanted.connect(self.new_conversation)
        head.history_toggled.connect(self._on_history)
        head.export_wanted.connect(self.export_conversation)
        head.rename_wanted.connect(self.rename_conversation)
        head.remove_wanted.connect(self.remove_conversation)
        self.kept.opened.connect(self._open)
        self.asking.asked.connect(lambda: self.show_history(False))

    def _make_history(self) -> QStackedWidget:
        self.stack = QStackedWidget()
        self.empty = EmptyState("conversation", *_ADD_FIRST)
        self.answers = QScrollArea()
        self.answers.setWidgetResizable(True)
        self.answers.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.answers.setAccessibleName("Answers")
        self._list = QWidget()
        self._list.installEventFilter(self)
        self._history = QVBoxLayout(self._list)
        self._history.setContentsMargins(style.LARGE, style.LARGE, style.LARGE, style.LARGE)
        self._history.setSpacing(style.MEDIUM)
        self._history.addStretch(1)
        self.answers.setWidget(self._list)
        self.stack.addWidget(self.empty)
        self.stack.addWidget(self.answers)
        self.stack.addWidget(self.kept)
        return self.stack

    def _choose(self, chosen: AnswerCard, citation: Citation) -> None:
        for card in self._cards.values():
            for row in card.rows():
                row.set_current(card is chosen and row.citation.n == citation.n)
        self.citation_chosen.emit(citation)

    def _export(self, exchange: Exchange) -> None:
        if exchange.answer is None or not exchange.answer.record:
            return
        path = dialogs.ask_export_file(self.window(), "the answer")
        if path is not None:
            self._model.kept.export_answer(exchange.answer.record, path)

    def _open(self, info: ConversationInfo) -> None:
        self._model.open(info.id, info.title)
        self.show_history(False)

    def _on_history(self, shown: bool) -> None:
        if shown:
            self._model.kept.load()
            self.stack.setCurrentWidget(self.kept)
            self.kept.view.setFocus()
        else:
            self._show_answers()

    def _show_answers(self) -> None:
        if not self.head.history_button.isChecked():
            self.stack.setCurrentWidget(self.answers if self._cards else self.empty)

    def _on_started(self, exchange: Exchange) -> None:
        card = AnswerCard(exchange)
        if self._no_export:
            card.forbid_export(self._no_export)
        card.citation_chosen.connect(lambda citation: self._choose(card, citation))
        card.copied.connect(lambda: self._tell("Copied with its footnotes."))
        card.export_wanted.connect(self._export)
        self._cards[exchange] = card
        self._history.insertWidget(self._history.count() - 1, card)
        self._show_answers()
        self._show_head()
        self.asking.show_state()

    def _on_changed(self, exchange: Exchange) -> None:
        card = self._cards.get(exchange)
        if card is not None:
            card.refresh()
        self.asking.show_state()

    def _on_cleared(self) -> None:
        for card in self._cards.values():
            self._history.removeWidget(card)
            card.hide()
            card.deleteLater()
        self._cards.clear()
        self._show_answers()
        self._show_head()
        self.asking.show_state()

    def _scroll_to_last(self) -> None:
        if self._cards:
            # The question's first line stays in view even when the answer is taller than the panel.
            card = list(self._cards.values())[-1]
            bar = self.answers.verticalScrollBar()
            bar.setValue(min(bar.maximum(), card.y() - style.MEDIUM))

    def _show_head(self) -> None:
        model = self._model
        self.head.show_conversation(
            model.title, kept=bool(model.conversation), begun=bool(model.exchanges)
        )

    def _tell(self, words: str) -> None:
        self.news.setText(words)
        self.news.show()
        self._fade.start()


_ADD_FIRST = (
    "Ask your documents",
    "Add documents on the left first. Every answer then shows where it stands, line by line.",
)
_ASK_NOW = (
    "Ask your documents",
    "Write a question below. Every answer shows where it stands: "
    "click a number to see the lines on their page.",
)
