"""The conversation panel's view model: questions and what became of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.core.events import (
    Answered,
    Citation,
    CitationChecked,
    PassagesFound,
    Scope,
    StatementChecked,
    TextWritten,
)
from app.ui.bridge import Bridge
from app.ui.messages import Failure


@dataclass(slots=True, eq=False)
class Exchange:
    """A question and its answer as far as it has come."""

    question: str
    collection: str
    scope: Scope | None = None
    document: str = ""  # of the scope
    request: int = 0
    text: str = ""
    passages: int = 0
    citations: dict[int, Citation] = field(default_factory=dict)
    answer: Answered | None = None
    failure: Failure | None = None
    stopped: bool = False

    @property
    def waiting(self) -> bool:
        """Whether more is to come."""
        return self.answer is None and self.failure is None and not self.stopped


class ConversationModel(QObject):
    """Asks in one collection at a time, one question after the other."""

    exchange_started = Signal(object)  # Exchange
    exchange_changed = Signal(object)  # Exchange
    cleared = Signal()
    scope_changed = Signal()

    def __init__(self, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._current: Exchange | None = None
        self.collection = ""
        self.scope: Scope | None = None
        self.scope_document = ""

    @property
    def busy(self) -> bool:
        """Whether an answer is being written."""
        return self._current is not None and self._current.waiting

    def set_collection(self, name: str) -> None:
        """Asks in another collection from now on; the old answers go out of sight."""
        if name != self.collection:
            self.stop()
            self.collection = name
            self.set_scope(None)
            self.cleared.emit()

    def set_scope(self, scope: Scope | None, document: str = "") -> None:
        """Asks about this page or region from now on; None: about all documents again."""
        if scope != self.scope:
            self.scope, self.scope_document = scope, document if scope else ""
            self.scope_changed.emit()

    def forget_document(self, document_id: int) -> None:
        """A document is gone or another one now; nothing is asked about its old pages."""
        if self.scope is not None and self.scope.document_id == document_id:
            self.set_scope(None)

    def ask(self, question: str) -> Exchange | None:
        """Asks, unless the question is empty, there is no collection, or an answer is under way."""
        question = question.strip()
        if not question or not self.collection or self.busy:
            return None
        exchange = Exchange(question, self.collection, self.scope, self.scope_document)
        about: dict[str, Any] = {} if self.scope is None else {"scope": self.scope}
        self._current = exchange
        self.exchange_started.emit(exchange)
        exchange.request = self._bridge.call(
            "ask",
            question,
            self.collection,
            on_event=lambda event: self._on_event(exchange, event),
            on_finished=lambda cancelled: self._on_end(exchange, cancelled),
            on_failed=lambda failure: self._on_failed(exchange, failure),
            **about,
        )
        return exchange

    def stop(self) -> None:
        """Stops the answer under way."""
        if self._current is not None and self._current.waiting:
            self._bridge.cancel(self._current.request)

    def _on_event(self, exchange: Exchange, event: object) -> None:
        match event:
            case PassagesFound(passages):
                exchange.passages = len(passages)
            case TextWritten(text):
                exchange.text += text
            case StatementChecked(statement, text):
                exchange.text = exchange.text[: statement.start] + text
            case CitationChecked(citation):
                exchange.citations[citation.n] = citation
            case Answered():
                exchange.text = event.text
                exchange.citations = {c.n: c for c in event.citations}
                exchange.answer = event
        self.exchange_changed.emit(exchange)

    def _on_end(self, exchange: Exchange, cancelled: bool) -> None:
        if exchange.answer is None:
            exchange.stopped = cancelled
            if not cancelled:
                exchange.failure = Failure(
                    "The answer", "It ended before it was whole.", "Ask again."
                )
        self.exchange_changed.emit(exchange)

    def _on_failed(self, exchange: Exchange, failure: Failure) -> None:
        exchange.failure = failure
        self.exchange_changed.emit(exchange)
