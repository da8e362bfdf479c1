"""The conversation panel's view model: questions, what became of them, and the conversation."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, Signal

from app.core.answers import Mode, Scope
from app.core.events import Answered
from app.ui.bridge import Bridge
from app.ui.exchange import Exchange, kept
from app.ui.kept_model import KeptModel
from app.ui.messages import Failure
from app.ui.text import one_line
from app.ui.writer_model import WriterModel


class ConversationModel(QObject):
    """Asks in one collection at a time, one question after the other.

    The questions in view are one conversation: each goes on from those before it.
    """

    exchange_started = Signal(object)  # Exchange
    exchange_changed = Signal(object)  # Exchange
    cleared = Signal()
    scope_changed = Signal()
    mode_changed = Signal()
    title_changed = Signal()
    request_failed = Signal(object)  # Failure

    def __init__(self, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._exchanges: list[Exchange] = []
        self._opening = 0
        self.writer = WriterModel(bridge, self)
        self.kept = KeptModel(bridge, self)
        self.collection = ""
        self.conversation = 0  # its number in the library; 0 while nothing of it is kept
        self.title = ""
        self.mode = Mode.AUTO
        self.scope: Scope | None = None
        self.scope_document = ""
        self.kept.renamed.connect(self._on_renamed)
        self.kept.removed.connect(self._on_removed)
        self.kept.request_failed.connect(self.request_failed)

    @property
    def busy(self) -> bool:
        """Whether an answer is being written."""
        return bool(self._exchanges) and self._exchanges[-1].waiting

    @property
    def exchanges(self) -> list[Exchange]:
        """The questions in view, oldest first."""
        return list(self._exchanges)

    def set_collection(self, name: str) -> None:
        """Asks in another collection from now on; the old answers go out of sight."""
        if name != self.collection:
            self.collection = name
            self.set_scope(None)
            self.new_conversation()
            self.kept.set_collection(name)

    def set_scope(self, scope: Scope | None, document: str = "") -> None:
        """Asks about this page or region from now on; None: about all documents again."""
        if scope != self.scope:
            self.scope, self.scope_document = scope, document if scope else ""
            self.scope_changed.emit()

    def set_mode(self, mode: Mode) -> None:
        """Reads passages or whole documents from now on, or as the program chooses."""
        if mode != self.mode:
            self.mode = mode
            self.mode_changed.emit()

    def forget_document(self, document_id: int) -> None:
        """A document is gone or another one now; nothing is asked about its old pages.

        A kept conversation that cites it is shown again as the library has it now.
        """
        if self.scope is not None and self.scope.document_id == document_id:
            self.set_scope(None)
        cited = any(exchange.cites(document_id) for exchange in self._exchanges)
        if cited and self.conversation and not self.busy:
            self.open(self.conversation, self.title)

    def new_conversation(self) -> None:
        """Begins another conversation; the one in view stays in the library."""
        self.stop()
        self._opening = 0
        self._exchanges = []
        self.conversation = 0
        self._set_title("")
        self.cleared.emit()

    def open(self, conversation: int, title: str) -> None:
        """Shows a kept conversation, to be gone on with."""
        collection = self.collection

        def loaded(value: Any) -> None:
            if self._opening != request or collection != self.collection:
                return
            self.new_conversation()
            self.conversation = conversation
            self._set_title(title)
            for exchange in value:
                self._begin(kept(exchange, collection))

        self._opening = request = self._bridge.call(
            "exchanges", conversation, on_value=loaded, on_failed=self.request_failed.emit
        )

    def ask(self, question: str) -> Exchange | None:
        """Asks, unless the question is empty, there is no collection, or an answer is under way."""
        question = question.strip()
        if not question or not self.collection or self.busy:
            return None
        exchange = Exchange(
            question, self.collection, self.scope, self.scope_document, self.writer.in_use
        )
        self._opening = 0
        if not self._exchanges:
            self._set_title(one_line(question))
        self._begin(exchange)
        exchange.request = self._bridge.call(
            "ask",
            question,
            self.collection,
            on_event=lambda event: self._on_event(exchange, event),
            on_finished=lambda cancelled: self._on_end(exchange, cancelled),
            on_failed=lambda failure: self._on_failed(exchange, failure),
            **self._how(),
        )
        return exchange

    def stop(self) -> None:
        """Stops the answer under way."""
        if self.busy:
            exchange = self._exchanges[-1]
            exchange.stopping = True
            self._bridge.cancel(exchange.request)
            self.exchange_changed.emit(exchange)

    def _how(self) -> dict[str, Any]:
        how: dict[str, Any] = {}
        if self.scope is not None:
            how["scope"] = self.scope
        elif self.writer.in_use and self.mode is not Mode.AUTO:
            how["mode"] = self.mode
        if self.conversation:
            how["conversation"] = self.conversation
        return how

    def _begin(self, exchange: Exchange) -> None:
        self._exchanges.append(exchange)
        self.exchange_started.emit(exchange)

    def _on_event(self, exchange: Exchange, event: object) -> None:
        exchange.take(event)
        if isinstance(event, Answered) and event.conversation and exchange in self._exchanges:
            self.conversation = event.conversation
            self.title_changed.emit()
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
        if exchange.stopping:
            exchange.stopped = True  # what stopping it brought about is no failure
        else:
            exchange.failure = failure
        self.exchange_changed.emit(exchange)

    def _on_renamed(self, conversation: int, title: str) -> None:
        if conversation == self.conversation:
            self._set_title(one_line(title))

    def _on_removed(self, conversation: int) -> None:
        if conversation == self.conversation:
            self.new_conversation()

    def _set_title(self, title: str) -> None:
        self.title = title
        self.title_changed.emit()
