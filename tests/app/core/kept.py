"""Answers and records made up for tests of what is kept and exported."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.answers import (
    Citation,
    CitationStatus,
    Effort,
    Mode,
    Searched,
    Statement,
    UnreadablePage,
    WrittenBy,
)
from app.core.events import Answered
from app.core.records import AnswerRecord, GivenPassage
from ingest.types import Box, ChunkLine, PageBox, Passage

MADE = "2026-03-04T09:30:00+00:00"
BOX = Box(72.0, 90.0, 300.0, 102.0)
MODEL = WrittenBy(
    name="gemma-4-e2b",
    fingerprint="a1b2c3",
    weights="int4",
    kv="k4v3",
    kernels="avx512",
    program="0.1.0",
    prompt="d4e5f6",
    temperature=0.0,
    seed=7,
    max_tokens=512,
)
STATUSES = (CitationStatus.VERIFIED, CitationStatus.REPAIRED, CitationStatus.UNVERIFIED)


def passage(text: str, document_id: int = 1, document: str = "record.pdf", page: int = 2):
    line = ChunkLine(page, BOX, 0, len(text))
    return Passage(document_id, document, (11,), text, ("Visits",), (line,), 0.5, 0.7)


def record(
    question: str = "Why was metformin reduced?",
    quotes: Sequence[str] = ("Metformin was reduced to 500 mg", "because of the kidneys"),
    *,
    text: str = "",
    documents: Sequence[str] = ("record.pdf",),
    document_ids: Sequence[int] = (1,),
    collection: str = "Matter",
    **more: object,
) -> AnswerRecord:
    """A record with a citation for each quotation: verified, repaired, unverified, in turn.

    Each is in a sentence of its own, and a last sentence has no support.
    """
    citations, statements, written = [], [], text
    for n, quote in enumerate(quotes, start=1):
        at = (n - 1) % len(documents)
        status = STATUSES[(n - 1) % 3]
        citations.append(
            Citation(
                n, document_ids[at], documents[at], n + 1, quote, status,
                (PageBox(n + 1, BOX),),
            )
        )  # fmt: skip
        if not text:
            sentence = f"Statement {n} of the answer [{n}]."
            start = len(written) + bool(written)
            written += f" {sentence}" if written else sentence
            statements.append(Statement(start, len(written), status, (n,)))
    if not text:
        written += " It will be raised again."
        statements.append(
            Statement(len(written) - 24, len(written), CitationStatus.UNVERIFIED, (), ("again",))
        )
    answer = Answered(
        question,
        True,
        written,
        tuple(citations),
        Searched(collection, len(documents), 5, 9),
        (UnreadablePage(document_ids[0], documents[0], 4, "The page is too faint."),),
        "written",
        statements=tuple(statements),
        by=MODEL,
        effort=Effort(1200, 800, 0, 90, 0.8, 3.5),
        cautions=("record.pdf holds hidden text.",),
    )
    given = tuple(
        GivenPassage(
            n, f"hash {at}", passage(f"Passage {n}: {quote}", document_ids[at], documents[at])
        )
        for n, quote in enumerate(quotes, start=1)
        for at in [(n - 1) % len(documents)]
    )
    made = {
        "query": question,
        "reason": "The question asks for one fact.",
        "mode": Mode.AUTO,
        "raw": f"{written} <raw>",
    }
    return AnswerRecord(question, collection, MADE, answer, given, **{**made, **more})
