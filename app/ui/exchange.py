"""A question and what has become of its answer, as the conversation panel shows it."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.core.answers import Citation, Scope, Statement
from app.core.events import (
    Answered,
    CitationChecked,
    ModeChosen,
    PassagesFound,
    PromptProgress,
    StatementChecked,
    TextWritten,
)
from app.core.records import Exchange as KeptExchange
from app.ui.messages import Failure


@dataclass(slots=True, eq=False)
class Exchange:
    """A question and its answer as far as it has come.

    ``with_model`` says that a model was in use when it was asked, ``stopping`` that a person has
    stopped it and it has not ended yet. ``changed`` names documents that are not any more what
    they were; ``sure`` says whether it is known which citations those are. ``gone`` says that the
    answer went with a document.
    """

    question: str
    collection: str
    scope: Scope | None = None
    document: str = ""  # of the scope
    with_model: bool = False
    request: int = 0
    text: str = ""
    passages: int = 0
    citations: dict[int, Citation] = field(default_factory=dict)
    statements: list[Statement] = field(default_factory=list)
    chosen: ModeChosen | None = None
    progress: PromptProgress | None = None
    answer: Answered | None = None
    failure: Failure | None = None
    stopping: bool = False
    stopped: bool = False
    changed: tuple[str, ...] = ()
    sure: bool = True
    gone: bool = False

    @property
    def waiting(self) -> bool:
        """Whether more is to come."""
        return not (self.answer or self.failure or self.stopped or self.gone)

    def take(self, event: object) -> None:
        """Takes the next event of its stream."""
        match event:
            case ModeChosen():
                self.chosen = event
            case PassagesFound(passages):
                self.passages = len(passages)
            case PromptProgress():
                self.progress = event
            case TextWritten(text):
                self.text += text
            case StatementChecked(statement, text):
                self.text = self.text[: statement.start] + text
                self.statements.append(statement)
            case CitationChecked(citation):
                self.citations[citation.n] = citation
            case Answered():
                self._finish(event)

    def can_show(self, citation: Citation) -> bool:
        """Whether the citation still lies where it lay: its document is as it was."""
        return self.sure and citation.document not in self.changed

    def cites(self, document_id: int) -> bool:
        """Whether the answer cites a document."""
        return any(c.document_id == document_id for c in self.citations.values())

    def _finish(self, answer: Answered) -> None:
        self.answer = answer
        self.text = answer.text
        self.citations = {c.n: c for c in answer.citations}
        self.statements = list(answer.statements)


def kept(exchange: KeptExchange, collection: str) -> Exchange:
    """A kept exchange as it is shown again."""
    record = exchange.record
    if record is None:
        return Exchange("A question whose answer is gone", collection, gone=True)
    names = {source.document for source in record.sources}
    shown = Exchange(
        record.question,
        record.collection,
        record.scope,
        next((s.document for s in record.sources if _is_of(s.document_id, record.scope)), ""),
        chosen=ModeChosen(record.answer.mode, record.reason, record.query),
        changed=exchange.changed,
        # A document that changed and has another name now could be any of them.
        sure=set(exchange.changed) <= names,
    )
    shown.take(record.answer)
    return shown


def _is_of(document_id: int, scope: Scope | None) -> bool:
    return scope is not None and scope.document_id == document_id
