"""What a model reads for a question: passages as far as they fit, or whole documents.

The budget is context and time: a processor without graphics card reads some hundred tokens a
second. Knows the store and what a prompt takes; writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.core.answerer import Picture, Task, Turn
from app.core.answers import Crop, Mode
from app.core.choosing import document_meant, needs_whole, within
from app.core.crops import crops_of
from app.core.events import ModeChosen
from app.core.language_model import LanguageModel
from app.core.pictures import Drawn, pictures_of
from app.core.prompting import build, in_document_order
from app.core.records import AnswerRecord
from app.core.snapshots import LibrarySnapshots
from app.core.written import WrittenAnswerer
from engine import PromptTooLong
from ingest.search import merge_chunks
from ingest.store import Collection, Store
from ingest.types import Passage

_MOST_PASSAGES = 10
_PATIENCE = 25.0  # seconds of reading that passages may take before the first word
_WHOLE_PATIENCE = 300.0  # the same for a whole document, which stays read
_LEAST_TOKENS = 1_200
_MOST_JOINED = 3  # chunks that become one passage


@dataclass(frozen=True, slots=True)
class Asked:
    """A question on its way: where it is asked, after what, and how."""

    question: str
    collection: Collection
    mode: Mode
    documents: tuple[int, ...] | None
    conversation: int | None
    earlier: tuple[AnswerRecord, ...]
    turns: tuple[Turn, ...]
    keep: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What is read, why, and which version of each document that was (its content hash)."""

    chosen: ModeChosen
    task: Task
    hashes: Mapping[int, str]


class ReadingPlan:
    """Plans what is read of one library's documents."""

    def __init__(
        self, store: Store, language: LanguageModel, snapshots: LibrarySnapshots, drawn: Drawn
    ) -> None:
        self._store, self._language, self._snapshots = store, language, snapshots
        self._drawn = drawn

    def owner(self, document_id: int) -> str:
        """The name that what was read of a document is kept under."""
        return self._snapshots.owner(document_id)

    def plan(self, chosen: ModeChosen, task: Task) -> Plan:
        """A plan as it is; the documents' versions are those of now."""
        ids = {p.document_id for p in task.passages}
        return Plan(chosen, task, {i: self._store.document(i).content_hash for i in ids})

    def for_model(
        self, asked: Asked, query: str, passages: Sequence[Passage], writer: WrittenAnswerer
    ) -> Plan:
        """What the model reads: whole documents where they are wanted and fit, or passages."""
        why = "Passages answer it."
        if asked.mode is Mode.WHOLE or (asked.mode is Mode.AUTO and needs_whole(asked.question)):
            documents = self._documents_meant(asked, passages)
            whole = self._whole(asked, documents)
            refusal = self._whole_refused(asked, documents, whole, writer)
            if whole is not None and not refusal:
                names = ", ".join(self._store.document(number).name for number in documents)
                return self.plan(ModeChosen(Mode.WHOLE, f"It takes all of {names}.", query), whole)
            if asked.mode is Mode.WHOLE:
                raise PromptTooLong("The whole document", refusal, "Ask over passages instead.")
            why = f"It would take whole documents. {refusal}"
        room = max(_LEAST_TOKENS, int(self._language.pace * _PATIENCE))
        facts = self._language.engine().facts()
        room = min(room, facts.context // 2)
        chosen = within(passages, room, _MOST_PASSAGES)
        pictures = self.pictures(crops_of(chosen))
        while True:
            task = Task(
                asked.question,
                self._settled(chosen),
                Mode.PASSAGES,
                asked.turns,
                pictures,
            )
            if self._fits(task, writer) or len(chosen) <= 1:
                break
            if task.earlier:
                # What was said long ago makes room for what is asked now.
                asked = replace(asked, turns=asked.turns[1:])
            else:
                chosen = chosen[:-1]
                pictures = self.pictures(crops_of(chosen))
        return self.plan(ModeChosen(Mode.PASSAGES, why, query), task)

    def _documents_meant(self, asked: Asked, passages: Sequence[Passage]) -> tuple[int, ...]:
        if asked.documents:
            return asked.documents
        stored = self._store.documents(asked.collection.id)
        if len(stored) == 1:
            return (stored[0].id,)
        meant = document_meant(passages)
        return () if meant is None else (meant,)

    def _whole(self, asked: Asked, documents: Sequence[int]) -> Task | None:
        if not documents:
            return None
        passages = [p for number in documents for p in self.whole_passages(number)]
        owner = self._snapshots.owner(documents[0]) if len(documents) == 1 else ""
        # What was read of the document alone is kept; a conversation before it would not be.
        same = asked.turns and asked.earlier[0].whole == tuple(documents)
        turns = asked.turns if same else ()
        return Task(asked.question, passages, Mode.WHOLE, turns, owner=owner)

    def _whole_refused(
        self,
        asked: Asked,
        documents: Sequence[int],
        task: Task | None,
        writer: WrittenAnswerer,
    ) -> str:
        """Why whole documents are not read; empty if they are."""
        if task is None:
            return "No one document stands out; name it."
        context = self._language.engine().facts().context
        if sum(len(p.text) for p in task.passages) > 8 * context:
            return f"The document does not fit into the {context:,} tokens of the model's context."
        tokens = self._language.engine().count(writer.prompt(build(task)))
        if tokens + writer.by.max_tokens > context:
            return (
                f"The document takes {tokens:,} tokens with the question, "
                f"and the model's context holds {context:,}."
            )
        read = task.owner and self._snapshots.has(documents[0])
        seconds = tokens / self._language.pace
        if asked.mode is Mode.AUTO and not read and seconds > _WHOLE_PATIENCE:
            return f"Reading the document would take about {seconds / 60:.0f} minutes."
        return ""

    def whole_passages(self, document_id: int) -> list[Passage]:
        """All of a document as passages, in order."""
        name = self._store.document(document_id).name
        passages = []
        for stored in self._store.document_chunks(document_id):
            chunk = stored.chunk
            figure = None if chunk.figure is None else self._store.figure(document_id, chunk.figure)
            passages.append(
                Passage(
                    document_id, name, (stored.id,), chunk.text, chunk.heading, chunk.lines, 0.0,
                    figure=figure, by=chunk.by,
                )
            )  # fmt: skip
        return passages

    def _settled(self, passages: Sequence[Passage]) -> list[Passage]:
        """Passages in document order, neighbours joined the same way whatever was asked.

        A search joins chunks as it finds them; read anew for every question, the same text cut
        otherwise would have to be read again.
        """
        by_chunk = {i: p for p in passages for i in p.chunk_ids if p.figure is None}
        alone = [p for p in passages if p.figure is not None or not p.chunk_ids]
        runs: list[list[int]] = []
        for i in sorted(by_chunk):
            last = runs[-1] if runs else []
            beside = last and i == last[-1] + 1 and len(last) < _MOST_JOINED
            before = by_chunk[last[-1]] if beside else None
            if before and _source(by_chunk[i]) == _source(before):
                last.append(i)
            else:
                runs.append([i])
        for run in runs:
            stored = self._store.chunks(run)
            text, lines = merge_chunks(stored)
            found = [by_chunk[i] for i in run]
            alone.append(
                replace(
                    found[0],
                    chunk_ids=tuple(run),
                    text=text,
                    lines=lines,
                    heading=stored[0].chunk.heading,
                    score=max(p.score for p in found),
                    similarity=max(p.similarity for p in found),
                )
            )
        return in_document_order(alone)

    def _fits(self, task: Task, writer: WrittenAnswerer) -> bool:
        engine = self._language.engine()
        tokens = engine.count(writer.prompt(build(task)))
        return tokens + writer.by.max_tokens <= engine.facts().context

    def pictures(self, crops: Sequence[Crop]) -> tuple[Picture, ...]:
        """The first few places as the model in use is shown them; none if it does not see."""
        if self._language.path is None or not crops:
            return ()
        budgets = self._language.engine().facts().image_budgets
        return pictures_of(crops, budgets, self._drawn)

    def turn(self, record: AnswerRecord) -> Turn:
        """An earlier question as it stood in the prompt."""
        passages = tuple(given.passage for given in record.passages)
        if record.whole:
            passages = tuple(p for number in record.whole for p in self.whole_passages(number))
        pictures: tuple[Picture, ...] = ()
        if self._language.path is not None:
            drawn = (pictures_of((p.crop,), (p.tokens,), self._drawn) for p in record.pictures)
            pictures = tuple(picture for one in drawn for picture in one)
        raw = record.raw or record.answer.text
        return Turn(record.question, passages, raw, pictures)


def _source(passage: Passage) -> tuple[int, str]:
    """Its document, and the model that wrote its text down: passages of two are never joined."""
    return passage.document_id, passage.by
