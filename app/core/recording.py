"""What is kept of an answer: all that it takes to write it again. Pure; stores nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from app.core.answerer import Draft
from app.core.events import Answered, Mode
from app.core.reading_plan import Asked, Plan
from app.core.records import AnswerRecord, GivenPassage, ShownPicture


def record_of(asked: Asked, plan: Plan, draft: Draft, answer: Answered) -> AnswerRecord:
    """The record of an answer.

    Passages that stood in the prompt before, and the text of documents read whole, are not
    repeated: they are in the records of the conversation, and in the library.
    """
    task = plan.task
    given = {(p.document_id, p.chunk_ids, p.text) for t in task.earlier for p in t.passages}
    new = [p for p in task.passages if (p.document_id, p.chunk_ids, p.text) not in given]
    first = sum(len(t.passages) for t in task.earlier) + 1
    whole: tuple[int, ...] = ()
    if task.mode is Mode.WHOLE:
        whole = tuple(dict.fromkeys(p.document_id for p in task.passages))
        new = []
    return AnswerRecord(
        question=asked.question,
        collection=asked.collection.name,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
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
