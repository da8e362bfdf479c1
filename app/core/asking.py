"""Questions and their answers: what is searched, what is read, who answers, what is kept.

The part of `app.core.workspace.Workspace` that answers. It chooses between passages and whole
documents, hands the task to an `Answerer`, and keeps what came of it.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from app.core.answerer import Answerer, Draft, Picture, Task, Turn, drafted
from app.core.choosing import document_meant, needs_whole, within
from app.core.conversations import ConversationKeeping
from app.core.crops import crops_of
from app.core.events import (
    Answered,
    Crop,
    Event,
    Mode,
    ModeChosen,
    PassagesFound,
    Scope,
    Searched,
    UnreadablePage,
)
from app.core.extractive import ExtractiveAnswerer, ExtractiveSettings
from app.core.following_up import depends, joined, rewritten
from app.core.language_model import LanguageModel
from app.core.locations import resources_folder
from app.core.page_viewing import PageViewing
from app.core.pictures import pictures_of
from app.core.prompting import build, in_document_order
from app.core.records import AnswerRecord, GivenPassage, ShownPicture
from app.core.scoped import check_scope, nothing_there, passages_in, points_only
from app.core.snapshots import LibrarySnapshots
from app.core.written import DEFAULT_WRITING, WritingSettings, WrittenAnswerer
from engine import PromptTooLong
from ingest.embedder import Embedder
from ingest.errors import StoreError
from ingest.glossary import Glossary
from ingest.search import Searcher
from ingest.store import Collection
from ingest.types import Box, Passage

_MOST_PASSAGES = 10
_PATIENCE = 25.0  # seconds of reading that passages may take before the first word
_WHOLE_PATIENCE = 300.0  # the same for a whole document, which stays read
_LEAST_TOKENS = 1_200
NOT_FOUND = "Not found in these documents."


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question on its way: where it is asked, after what, and how."""

    question: str
    collection: Collection
    mode: Mode
    documents: tuple[int, ...] | None
    conversation: int | None
    earlier: tuple[AnswerRecord, ...]
    turns: tuple[Turn, ...]
    keep: bool


class Asking(PageViewing, ConversationKeeping, ABC):
    """Answers questions over the documents of one store."""

    language: LanguageModel
    snapshots: LibrarySnapshots

    @property
    @abstractmethod
    def embedder(self) -> Embedder:
        """The embedding model in use."""

    @abstractmethod
    def _searcher(self, collection_id: int) -> Searcher:
        """What finds passages of a collection."""

    def ask(
        self,
        question: str,
        collection: str,
        *,
        documents: Sequence[int] | None = None,
        scope: Scope | None = None,
        mode: Mode = Mode.AUTO,
        conversation: int | None = None,
        keep: bool = True,
        writing: WritingSettings = DEFAULT_WRITING,
    ) -> Iterator[Event]:
        """Answers a question from a collection; the last event is `Answered`.

        With ``scope``, from what stands on that page, or in that region of it. ``conversation``
        is the number of the one that the question goes on with. What is kept can be removed.

        Raises:
            IngestError: the collection lacks the scope's document, page or region, or the
                conversation.
            EngineError: the model cannot be loaded or cannot answer.
        """
        found = self._store.collection(collection)
        earlier = self._earlier(conversation, found)
        asked = _Asked(
            question,
            found,
            mode,
            None if documents is None else tuple(documents),
            conversation,
            earlier,
            tuple(self._turn(record) for record in earlier),
            keep and not self._store.read_only,
        )
        answerer = self._written(writing)
        if scope is not None:
            yield from self._ask_about(asked, scope, answerer)
        else:
            yield from self._ask_all(asked, answerer)

    def _written(self, writing: WritingSettings) -> WrittenAnswerer | None:
        """What writes with the library's model; None without one."""
        if self.language.path is None:
            return None
        return WrittenAnswerer(self.language.engine(), writing)

    # All documents, or some

    def _ask_all(self, asked: _Asked, writer: WrittenAnswerer | None) -> Iterator[Event]:
        query = self._query(asked, writer)
        passages = self._searcher(asked.collection.id).search(
            asked.collection.id, query, k=_MOST_PASSAGES, documents=asked.documents
        )
        if writer is None:
            chosen = ModeChosen(Mode.PASSAGES, "No model is installed.", query)
            if asked.mode is Mode.WHOLE:
                chosen = replace(
                    chosen, reason="Whole documents are read by a model, and none is installed."
                )
            task = Task(query, passages)
            answerer: Answerer = self._extractive()
        else:
            answerer = writer
            chosen, task = self._task(asked, query, passages, writer)
        yield chosen
        yield PassagesFound(tuple(task.passages), crops_of(task.passages))
        draft = yield from drafted(answerer, task)
        self._learn(draft)
        yield self._answered(asked, chosen, task, draft, answerer)

    def _query(self, asked: _Asked, writer: WrittenAnswerer | None) -> str:
        if not asked.turns or not depends(asked.question):
            return asked.question
        query = ""
        if writer is not None:
            query = rewritten(asked.question, asked.turns, self.language.engine())
        last = asked.earlier[-1]
        return query or joined(asked.question, last.query or last.question)

    def _task(
        self, asked: _Asked, query: str, passages: Sequence[Passage], writer: WrittenAnswerer
    ) -> tuple[ModeChosen, Task]:
        """What the model reads: whole documents where they are wanted and fit, or passages."""
        why = "Passages answer it."
        if asked.mode is Mode.WHOLE or (asked.mode is Mode.AUTO and needs_whole(asked.question)):
            documents = self._documents_meant(asked, passages)
            whole = self._whole(asked, documents)
            refusal = self._whole_refused(asked, documents, whole, writer)
            if whole is not None and not refusal:
                names = ", ".join(self._store.document(number).name for number in documents)
                return ModeChosen(Mode.WHOLE, f"It takes all of {names}.", query), whole
            if asked.mode is Mode.WHOLE:
                raise PromptTooLong("The whole document", refusal, "Ask over passages instead.")
            why = f"It would take whole documents. {refusal}"
        room = max(_LEAST_TOKENS, int(self.language.pace * _PATIENCE))
        facts = self.language.engine().facts()
        room = min(room, facts.context // 2)
        chosen = within(passages, room, _MOST_PASSAGES)
        pictures = self._pictures(crops_of(chosen))
        while True:
            task = Task(
                asked.question,
                in_document_order(chosen),
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
                pictures = self._pictures(crops_of(chosen))
        return ModeChosen(Mode.PASSAGES, why, query), task

    def _documents_meant(self, asked: _Asked, passages: Sequence[Passage]) -> tuple[int, ...]:
        if asked.documents:
            return asked.documents
        stored = self._store.documents(asked.collection.id)
        if len(stored) == 1:
            return (stored[0].id,)
        meant = document_meant(passages)
        return () if meant is None else (meant,)

    def _whole(self, asked: _Asked, documents: Sequence[int]) -> Task | None:
        if not documents:
            return None
        passages = [p for number in documents for p in self.whole_passages(number)]
        owner = self.snapshots.owner(documents[0]) if len(documents) == 1 else ""
        # What was read of the document alone is kept; a conversation before it would not be.
        same = asked.turns and _whole_of(asked.earlier[0]) == tuple(documents)
        turns = asked.turns if same else ()
        return Task(asked.question, passages, Mode.WHOLE, turns, owner=owner)

    def _whole_refused(
        self,
        asked: _Asked,
        documents: Sequence[int],
        task: Task | None,
        writer: WrittenAnswerer,
    ) -> str:
        """Why whole documents are not read; empty if they are."""
        if task is None:
            return "No one document stands out; name it."
        context = self.language.engine().facts().context
        if sum(len(p.text) for p in task.passages) > 8 * context:
            return f"The document does not fit into the {context:,} tokens of the model's context."
        tokens = self.language.engine().count(writer.prompt(build(task)))
        if tokens + writer.by.max_tokens > context:
            return (
                f"The document takes {tokens:,} tokens with the question, "
                f"and the model's context holds {context:,}."
            )
        read = task.owner and self.snapshots.has(documents[0])
        seconds = tokens / self.language.pace
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
                    figure=figure,
                )
            )  # fmt: skip
        return passages

    def _fits(self, task: Task, writer: WrittenAnswerer) -> bool:
        engine = self.language.engine()
        tokens = engine.count(writer.prompt(build(task)))
        return tokens + writer.by.max_tokens <= engine.facts().context

    def _pictures(self, crops: Sequence[Crop]) -> tuple[Picture, ...]:
        if self.language.path is None or not crops:
            return ()
        budgets = self.language.engine().facts().image_budgets
        return pictures_of(crops, budgets, lambda d, p, b, n: self.crop_png(d, p, b, pixels=n))

    # A page or region

    def _ask_about(
        self, asked: _Asked, scope: Scope, writer: WrittenAnswerer | None
    ) -> Iterator[Event]:
        document = self._store.document(scope.document_id)
        if document.collection_id != asked.collection.id:
            raise StoreError(
                document.name,
                f"It is not in {asked.collection.name}.",
                "Choose the collection it is in.",
            )
        state = check_scope(self._store, scope)
        passages = passages_in(self._store, scope, asked.question, self.embedder)
        crops = crops_of(passages, scope, Box(0.0, 0.0, state.width, state.height))
        chosen = ModeChosen(Mode.PLACE, "A person pointed at it.", asked.question)
        answerer: Answerer
        if writer is None:
            answerer = self._extractive(everything=points_only(asked.question))
            task = Task(asked.question, passages, Mode.PLACE)
        else:
            answerer = writer
            # What was asked about is seen first, and once.
            shown = self._pictures(crops[:1])
            task = Task(asked.question, passages, Mode.PLACE, asked.turns, shown)
        yield chosen
        yield PassagesFound(tuple(passages), crops)
        draft = yield from drafted(answerer, task)
        self._learn(draft)
        unreadable = (
            (UnreadablePage(document.id, document.name, scope.page, state.unreadable),)
            if state.unreadable
            else ()
        )
        searched = Searched(asked.collection.name, 1, 1, len(passages))
        yield self._answered(
            asked,
            chosen,
            task,
            draft,
            answerer,
            scope=scope,
            searched=searched,
            unreadable=unreadable,
            nothing=nothing_there(scope, passages),
        )

    # What came of it

    def _answered(
        self,
        asked: _Asked,
        chosen: ModeChosen,
        task: Task,
        draft: Draft,
        answerer: Answerer,
        *,
        scope: Scope | None = None,
        searched: Searched | None = None,
        unreadable: tuple[UnreadablePage, ...] | None = None,
        nothing: str = NOT_FOUND,
    ) -> Answered:
        if searched is None or unreadable is None:
            searched, unreadable = self._searched(asked)
        answer = Answered(
            asked.question,
            draft.found,
            draft.text if draft.found else nothing,
            draft.citations,
            searched,
            unreadable,
            answerer.name,
            scope,
            draft.statements,
            chosen.mode,
            draft.withheld,
            draft.removed,
            draft.by,
            draft.effort,
            self._cautions(draft),
        )
        if not asked.keep:
            return answer
        record = self._record(asked, chosen, task, draft, answer)
        kept = self.keep_answer(record, asked.conversation)
        return replace(answer, conversation=kept.conversation, record=kept.record)

    def _searched(self, asked: _Asked) -> tuple[Searched, tuple[UnreadablePage, ...]]:
        chosen = asked.documents
        stored = [
            d
            for d in self._store.documents(asked.collection.id)
            if chosen is None or d.id in chosen
        ]
        searched = Searched(
            asked.collection.name,
            len(stored),
            sum(d.pages for d in stored),
            sum(d.chunks for d in stored),
        )
        unreadable = tuple(
            UnreadablePage(*row)
            for row in self._store.unreadable_pages(asked.collection.id)
            if chosen is None or row[0] in chosen
        )
        return searched, unreadable

    def _cautions(self, draft: Draft) -> tuple[str, ...]:
        """What is to be known of the documents that an answer cites."""
        cautions = []
        for number in dict.fromkeys(c.document_id for c in draft.citations):
            document = self._store.document(number)
            cautions += [f"{document.name}: {warning}" for warning in document.warnings]
        return tuple(cautions)

    def _record(
        self, asked: _Asked, chosen: ModeChosen, task: Task, draft: Draft, answer: Answered
    ) -> AnswerRecord:
        given = {(p.document_id, p.chunk_ids, p.text) for t in task.earlier for p in t.passages}
        new = [p for p in task.passages if (p.document_id, p.chunk_ids, p.text) not in given]
        first = sum(len(t.passages) for t in task.earlier) + 1
        whole: tuple[int, ...] = ()
        if task.mode is Mode.WHOLE:
            whole = tuple(dict.fromkeys(p.document_id for p in task.passages))
            new = []
        hashes: dict[int, str] = {}
        for passage in new:
            number = passage.document_id
            if number not in hashes:
                hashes[number] = self._store.document(number).content_hash
        return AnswerRecord(
            question=asked.question,
            collection=asked.collection.name,
            made=datetime.now(UTC).isoformat(timespec="seconds"),
            answer=answer,
            passages=tuple(
                GivenPassage(n, hashes[p.document_id], p) for n, p in enumerate(new, start=first)
            ),
            query=chosen.query,
            mode=asked.mode,
            reason=chosen.reason,
            scope=answer.scope,
            documents=asked.documents,
            raw=draft.raw,
            pictures=tuple(ShownPicture(p.crop, p.tokens) for p in task.pictures),
            earlier=tuple(r.answer.record for r in asked.earlier[-len(task.earlier) :])
            if task.earlier
            else (),
            whole=whole,
        )

    def _earlier(
        self, conversation: int | None, collection: Collection
    ) -> tuple[AnswerRecord, ...]:
        if conversation is None:
            return ()
        records = self.conversation(conversation)
        if records and records[0].collection != collection.name:
            raise StoreError(
                f"conversation {conversation}",
                f"It is about {records[0].collection}, not {collection.name}.",
                "Begin another conversation.",
            )
        return records

    def _turn(self, record: AnswerRecord) -> Turn:
        """An earlier question as it stood in the prompt."""
        passages = tuple(given.passage for given in record.passages)
        if record.whole:
            passages = tuple(p for number in record.whole for p in self.whole_passages(number))
        crops = [(shown.crop, shown.tokens) for shown in record.pictures]
        pictures: tuple[Picture, ...] = ()
        if self.language.path is not None and crops:
            pictures = tuple(
                p
                for crop, tokens in crops
                for p in pictures_of(
                    (crop,),
                    (tokens,),
                    lambda d, page, box, n: self.crop_png(d, page, box, pixels=n),
                )
            )
        raw = record.raw or record.answer.text
        return Turn(record.question, passages, raw, pictures)

    def _learn(self, draft: Draft) -> None:
        effort = draft.effort
        self.language.measured(effort.prompt_tokens - effort.reused, effort.first_seconds)

    def _extractive(self, *, everything: bool = False) -> ExtractiveAnswerer:
        # Who only points at a place wants to know what stands there, whatever it is.
        settings = ExtractiveSettings(least_strength=0.0, least_share=0.0) if everything else None
        return ExtractiveAnswerer(self.embedder, glossary(), settings, page_lines=self.page_lines)


def _whole_of(record: AnswerRecord) -> tuple[int, ...]:
    return record.whole


@functools.cache
def glossary() -> Glossary:
    """The words that stand beside a question's own."""
    return Glossary.load(sorted((resources_folder() / "glossary").glob("*.toml")))
