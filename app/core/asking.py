"""Questions and their answers: what is searched, what is read, who answers, what is kept.

The part of `app.core.workspace.Workspace` that answers. It chooses between passages and whole
documents, hands the task to an `Answerer`, and keeps what came of it.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace

from app.core.answerer import Answerer, Draft, Task, drafted
from app.core.answers import Mode, Scope, Searched, UnreadablePage
from app.core.audit_entries import What
from app.core.choosing import needs_whole
from app.core.conversations import ConversationKeeping
from app.core.crops import crops_of
from app.core.events import Answered, Event, ModeChosen, PassagesFound
from app.core.extractive import ExtractiveAnswerer, ExtractiveSettings
from app.core.following_up import depends, joined, rewritten
from app.core.language_model import LanguageModel
from app.core.locations import resources_folder
from app.core.page_viewing import PageViewing
from app.core.prompting import in_document_order
from app.core.reading_plan import Asked, Plan, ReadingPlan
from app.core.recording import record_of
from app.core.records import AnswerRecord
from app.core.scoped import check_scope, nothing_there, passages_in, points_only
from app.core.support import LEAST_TO_READ, PASSAGES, support
from app.core.written import DEFAULT_WRITING, WritingSettings, WrittenAnswerer
from ingest.embedder import Embedder
from ingest.errors import StoreError
from ingest.glossary import Glossary
from ingest.search import Searcher
from ingest.store import Collection
from ingest.types import Box, Passage

NOT_FOUND = "Not found in these documents."


class Asking(PageViewing, ConversationKeeping, ABC):
    """Answers questions over the documents of one store."""

    language: LanguageModel
    reading: ReadingPlan

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
        asked = Asked(
            question,
            found,
            mode,
            None if documents is None else tuple(documents),
            conversation,
            earlier,
            tuple(self.reading.turn(record) for record in earlier),
            keep and not self._store.read_only,
        )
        self._record_question(asked)
        answerer = self._written(writing)
        if scope is not None:
            yield from self._ask_about(asked, scope, answerer)
        else:
            yield from self._ask_all(asked, answerer)

    def again(self, record_id: int) -> Iterator[Event]:
        """Answers a kept question once more: same passages, model and settings. Nothing is kept.

        The last event is `Answered`; its text is that of the record, unless something that the
        record does not hold has changed: the program, or the processor's kernels.

        Raises:
            StoreError: there is no such answer, or another model wrote it.
            EngineError: the model cannot be loaded or cannot answer.
        """
        record = self.record(record_id)
        by = record.answer.by
        earlier = tuple(self.record(number) for number in record.earlier)
        asked = Asked(
            record.question,
            self._store.collection(record.collection),
            record.mode,
            record.documents,
            None,
            earlier,
            tuple(self.reading.turn(kept) for kept in earlier),
            keep=False,
        )
        self._record_question(asked)
        turn = self.reading.turn(record)
        mode = record.answer.mode
        owner = ""
        if len(record.whole) == 1:
            owner = self.reading.owner(record.whole[0])
        given = tuple(p for kept in asked.turns for p in kept.passages) + turn.passages
        task = Task(record.question, given, mode, asked.turns, turn.pictures, owner)
        answerer: Answerer
        if by.fingerprint:
            writing = WritingSettings(by.max_tokens, by.temperature, by.seed)
            writer = self._written(writing)
            if writer is None or writer.by.fingerprint != by.fingerprint:
                raise StoreError(
                    f"answer {record_id}",
                    f"{by.name} wrote it, and that is not the model in use.",
                    "Use that model: muniment models use MODEL",
                )
            answerer = writer
        else:
            everything = record.scope is not None and points_only(record.question)
            answerer = self._extractive(everything=everything)
            task = Task(record.query or record.question, turn.passages, mode)
        plan = self.reading.plan(ModeChosen(mode, record.reason, record.query), task)
        yield plan.chosen
        draft = yield from drafted(answerer, task)
        yield self._answered(asked, plan, draft, answerer, scope=record.scope)

    def _record_question(self, asked: Asked) -> None:
        self.audit.record(
            What.QUESTION_ASKED,
            collection=asked.collection.id,
            documents=None if asked.documents is None else list(asked.documents),
            conversation=asked.conversation,
            **self.audit.asked(asked.question),
        )

    def _written(self, writing: WritingSettings) -> WrittenAnswerer | None:
        """What writes with the library's model; None without one."""
        if self.language.path is None:
            return None
        return WrittenAnswerer(self.language.engine(), writing)

    # All documents, or some

    def _ask_all(self, asked: Asked, writer: WrittenAnswerer | None) -> Iterator[Event]:
        query = self._query(asked, writer)
        passages = self._searcher(asked.collection.id).search(
            asked.collection.id, query, k=PASSAGES, documents=asked.documents
        )
        if writer is None:
            chosen = ModeChosen(Mode.PASSAGES, "No model is installed.", query)
            if asked.mode is Mode.WHOLE:
                chosen = replace(
                    chosen, reason="Whole documents are read by a model, and none is installed."
                )
            plan = self.reading.plan(chosen, Task(query, passages))
            answerer: Answerer = self._extractive()
        else:
            plan = self.reading.for_model(asked, query, passages, writer)
            answerer = writer
        unread: Draft | None = None
        if writer is not None and (why := self._hopeless(asked, plan, query, passages)):
            plan = replace(plan, chosen=replace(plan.chosen, reason=f"Nothing is read: {why}"))
            unread = Draft(False, "", (), by=writer.by)
        yield plan.chosen
        yield PassagesFound(tuple(plan.task.passages), crops_of(plan.task.passages))
        draft = unread or (yield from drafted(answerer, plan.task))
        self._learn(draft)
        yield self._answered(asked, plan, draft, answerer)

    def _hopeless(self, asked: Asked, plan: Plan, query: str, passages: Sequence[Passage]) -> str:
        """Why a model need not be asked at all; empty if it is. Who forces a mode is obeyed.

        No one sentence answers a question about all of a document.
        """
        whole = plan.chosen.mode is Mode.WHOLE or needs_whole(asked.question)
        if asked.mode is not Mode.AUTO or whole or asked.turns:
            return ""
        likely = support(query, passages, self.embedder, glossary(), self.page_lines)
        if likely >= LEAST_TO_READ:
            return ""
        return f"the passages found hold the answer with a probability of {likely:.0%} only."

    def _query(self, asked: Asked, writer: WrittenAnswerer | None) -> str:
        if not asked.turns or not depends(asked.question):
            return asked.question
        query = ""
        if writer is not None:
            query = rewritten(asked.question, asked.turns, self.language.engine())
        last = asked.earlier[-1]
        return query or joined(asked.question, last.query or last.question)

    # A page or region

    def _ask_about(
        self, asked: Asked, scope: Scope, writer: WrittenAnswerer | None
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
            shown = self.reading.pictures(crops[:1])
            # In the page's order, so that another question about the place reads on.
            passages = in_document_order(passages)
            task = Task(asked.question, passages, Mode.PLACE, asked.turns, shown)
        plan = self.reading.plan(chosen, task)
        yield plan.chosen
        yield PassagesFound(tuple(passages), crops)
        draft = yield from drafted(answerer, plan.task)
        self._learn(draft)
        unreadable = (
            (UnreadablePage(document.id, document.name, scope.page, state.unreadable),)
            if state.unreadable
            else ()
        )
        searched = Searched(asked.collection.name, 1, 1, len(passages))
        yield self._answered(
            asked,
            plan,
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
        asked: Asked,
        plan: Plan,
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
            plan.chosen.mode,
            draft.withheld,
            draft.removed,
            draft.by,
            draft.effort,
            self._cautions(draft),
        )
        if not asked.keep:
            return answer
        record = record_of(asked, plan, draft, answer)
        try:
            kept = self.keep_answer(record, asked.conversation)
        except StoreError as error:
            # A full disk must not cost the answer itself.
            caution = f"This answer could not be kept: {error.cause} {error.remedy}"
            return replace(answer, cautions=(*answer.cautions, caution))
        return replace(answer, conversation=kept.conversation, record=kept.record)

    def _searched(self, asked: Asked) -> tuple[Searched, tuple[UnreadablePage, ...]]:
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

    def _learn(self, draft: Draft) -> None:
        effort = draft.effort
        self.language.measured(effort.prompt_tokens - effort.reused, effort.first_seconds)

    def _extractive(self, *, everything: bool = False) -> ExtractiveAnswerer:
        # Who only points at a place wants to know what stands there, whatever it is.
        settings = ExtractiveSettings(least_support=0.0, least_share=0.0) if everything else None
        return ExtractiveAnswerer(self.embedder, glossary(), settings, page_lines=self.page_lines)


@functools.cache
def glossary() -> Glossary:
    """The words that stand beside a question's own."""
    return Glossary.load(sorted((resources_folder() / "glossary").glob("*.toml")))
