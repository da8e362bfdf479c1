"""What is kept of an answer: all that it takes to write it again. Pure; stores nothing."""

from __future__ import annotations

from app.core.answerer import Draft
from app.core.answers import Mode
from app.core.events import Answered
from app.core.reading_plan import Asked, Plan
from app.core.records import AnswerRecord, GivenPassage, ShownPicture
from ingest.store_writing import utc_now
from ingest.types import Passage


def record_of(asked: Asked, plan: Plan, draft: Draft, answer: Answered) -> AnswerRecord:
    """The record of an answer.

    Passages that stood in the prompt before, and the text of documents read whole, are not
    repeated: they are in the records of the conversation, and in the library.
    """
    task = plan.task
    new: list[Passage] = task.new
    whole: tuple[int, ...] = ()
    first = sum(len(t.passages) for t in task.earlier) + 1
    if task.mode is Mode.WHOLE:
        new, whole = [], tuple(dict.fromkeys(p.document_id for p in task.passages))
    return AnswerRecord(
        question=asked.question,
        collection=asked.collection.name,
        made=utc_now(),
        answer=answer,
        passages=tuple(
            GivenPassage(n, plan.hashes[p.document_id], p) for n, p in enumerate(new, start=first)
        ),
        query=plan.chosen.query,
        mode=asked.mode,
        reason=plan.chosen.reason,
        scope=answer.scope,
        documents=asked.documents,
        raw=draft.raw,
        pictures=tuple(ShownPicture(p.crop, p.tokens) for p in task.pictures),
        earlier=tuple(r.answer.record for r in asked.earlier[-len(task.earlier) :])
        if task.earlier
        else (),
        whole=whole,
    )
