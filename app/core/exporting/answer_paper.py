"""Kept answers as a paper: what was asked and found, by whom, in what, and what to beware of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from app.core.answers import Citation, CitationStatus, Mode, UnreadablePage
from app.core.events import Answered
from app.core.exporting.citing import LEGEND, UNSUPPORTED, note_of, pages_text, paragraphs
from app.core.exporting.paper import (
    Block,
    Facts,
    Heading,
    Listing,
    NoteRef,
    Notes,
    Paper,
    Paragraph,
    Span,
)
from app.core.records import AnswerRecord, ConversationInfo, Exchange, GivenPassage

Row = tuple[str, tuple[str, ...]]
REMOVED = (
    "A document whose words were in this answer was removed from the library, and the answer "
    "with it."
)
_MODES = {
    Mode.AUTO: "chosen by the program",
    Mode.PASSAGES: "the passages found by the search",
    Mode.WHOLE: "whole documents",
    Mode.PLACE: "one place of a document",
}


def paper_of_answer(exchange: Exchange, *, with_record: bool = False) -> Paper:
    """One answer; its record follows in an appendix if wanted."""
    return _paper(_question(exchange), (), (exchange,), with_record=with_record)


def paper_of_conversation(
    info: ConversationInfo, exchanges: Sequence[Exchange], *, with_record: bool = False
) -> Paper:
    """A conversation in order, each answer with its own head."""
    facts: tuple[Row, ...] = (
        ("Conversation", (str(info.id),)),
        ("Collection", (info.collection,)),
        ("From", (_time(info.created),)),
        ("To", (_time(info.changed),)),
        ("Questions", (str(len(exchanges)),)),
    )
    return _paper(info.title, facts, exchanges, with_record=with_record)


def _paper(
    title: str, facts: tuple[Row, ...], exchanges: Sequence[Exchange], *, with_record: bool
) -> Paper:
    notes = Notes()
    blocks: list[Block] = [Facts(facts)] if facts else []
    for exchange in exchanges:
        if facts:  # of several; the only one has its question for a title
            blocks.append(Heading(_question(exchange)))
        blocks += _answer(exchange, notes, of_several=bool(facts))
    if notes.all:
        blocks.append(Paragraph((Span(LEGEND),), quiet=True))
    if with_record:
        for exchange in exchanges:
            if exchange.record is not None:
                blocks += _record(exchange, exchange.record)
    made = exchanges[-1].made if exchanges else ""
    return Paper(title, tuple(blocks), tuple(notes.all), made)


def _question(exchange: Exchange) -> str:
    return exchange.record.question if exchange.record else f"Answer {exchange.id}"


def _answer(exchange: Exchange, notes: Notes, *, of_several: bool) -> Iterator[Block]:
    record = exchange.record
    if record is None:
        yield Paragraph((Span(REMOVED, italic=True),))
        return
    refs: dict[int, NoteRef] = {}

    def refer(citation: Citation) -> NoteRef:
        if citation.n not in refs:
            refs[citation.n] = notes.add(note_of(citation))
        return refs[citation.n]

    collection: tuple[Row, ...] = (("Collection", (record.answer.searched.collection,)),)
    yield Facts((*(() if of_several else collection), *_head(exchange, record)))
    for line in paragraphs(record.answer, refer):
        yield Paragraph(line)


def _head(exchange: Exchange, record: AnswerRecord) -> Iterator[Row]:
    answer = record.answer
    yield "Asked", (_time(record.made),)
    yield "Written by", (written_by(answer),)
    yield "Searched", (_searched(record),)
    yield "Sentences", (_sentences(answer),)
    if answer.removed:
        yield "Made up", (f"{_counted(answer.removed, 'citation')} of the model, taken out",)
    if answer.unreadable:
        yield "Not readable", tuple(unreadable_lines(answer.unreadable))
    cautions = [*answer.cautions]
    if exchange.changed:
        cautions.append(
            f"Changed since this answer: {', '.join(exchange.changed)}. Pages and quotations are "
            "those of the earlier version."
        )
    if cautions:
        yield "Beware", tuple(cautions)


def written_by(answer: Answered) -> str:
    """Which model wrote it, or that none did."""
    by = answer.by
    if answer.answerer == "extractive":
        return "No model: the documents' own sentences"
    parts = [by.name]
    if by.weights:
        parts.append(f"weights {by.weights}")
    if by.kv:
        parts.append(f"keys and values {by.kv}")
    if by.fingerprint:
        parts.append(f"fingerprint {by.fingerprint}")
    return ", ".join(parts)


def _searched(record: AnswerRecord) -> str:
    answer = record.answer
    if answer.scope is not None:
        part = "a region of page" if answer.scope.region is not None else "page"
        names = {given.document_id: given.document for given in record.passages}
        number = answer.scope.document_id
        return f"{part} {answer.scope.page} of {names.get(number, f'document {number}')} only"
    searched = answer.searched
    where = f"{_counted(searched.documents, 'document')}, {_counted(searched.pages, 'page')}"
    return f"{where}; read: {_MODES[answer.mode]}"


def _sentences(answer: Answered) -> str:
    if not answer.found:
        return "No answer was found."
    if not answer.statements:
        return "They were not compared with the pages one by one."
    statuses = [statement.status for statement in answer.statements]
    counts = [f"{n} {s.value}" for s in CitationStatus if (n := statuses.count(s))]
    marked = f" (marked “[{UNSUPPORTED}]”)" if CitationStatus.UNVERIFIED in statuses else ""
    return ", ".join(counts) + marked


def unreadable_lines(pages: Sequence[UnreadablePage]) -> Iterator[str]:
    """A line for each document and reason: "record.pdf, pages 2–4: Too faint." """
    grouped: dict[tuple[int, str, str], list[int]] = {}
    for page in pages:
        grouped.setdefault((page.document_id, page.document, page.reason), []).append(page.page)
    for (_, document, reason), numbers in grouped.items():
        yield f"{document}, {pages_text(sorted(numbers))}: {reason}"


def _record(exchange: Exchange, record: AnswerRecord) -> Iterator[Block]:
    yield Heading(f"Record of answer {exchange.id}")
    yield Facts(tuple(_settings(record)))
    for given in record.passages:
        yield from _given(given)
    if record.raw:
        yield Heading("What the model wrote, before anything was compared with the pages", 2)
        yield Listing(record.raw)
    if record.answer.withheld:
        yield Heading("What was withheld, since no page supports it", 2)
        yield Listing(record.answer.withheld)


def _settings(record: AnswerRecord) -> Iterator[Row]:
    answer, by, effort = record.answer, record.answer.by, record.answer.effort
    yield "Question", (record.question,)
    if record.query:
        yield "Searched for", (record.query,)
    asked = _MODES[record.mode]
    yield "Read", (f"{_MODES[answer.mode]}; asked for: {asked}", *filter(None, [record.reason]))
    if record.sources:
        whole = dict.fromkeys(record.whole, ", read whole")
        yield (
            "Documents",
            tuple(
                f"{source.document} (document {source.document_id}, content "
                f"{source.content_hash}{whole.get(source.document_id, '')})"
                for source in record.sources
            ),
        )
    if record.documents is not None:
        yield "Only documents", (", ".join(map(str, record.documents)),)
    if record.scope is not None:
        scope = record.scope
        region = "" if scope.region is None else f", region {', '.join(map(str, scope.region))}"
        yield "Only the place", (f"document {scope.document_id}, page {scope.page}{region}",)
    if record.earlier:
        yield "After the answers", (", ".join(map(str, record.earlier)),)
    yield "Model", (by.name,)
    for name, value in (
        ("Fingerprint", by.fingerprint),
        ("Weights", by.weights),
        ("Keys and values", by.kv),
        ("Kernels", by.kernels),
        ("Program", by.program),
        ("Instructions", by.prompt),
    ):
        if value:
            yield name, (value,)
    if answer.answerer != "extractive":
        yield "Temperature", (f"{by.temperature:g}",)
        yield "Seed", ("none" if by.seed is None else str(by.seed),)
        yield "Most tokens", (str(by.max_tokens),)
        yield (
            "Effort",
            (
                f"{effort.prompt_tokens} tokens read, {effort.reused} of them known from before, "
                f"{effort.written} written, {effort.seconds:.1f} s",
            ),
        )
    for picture in record.pictures:
        crop = picture.crop
        box = ", ".join(f"{side:g}" for side in crop.box)
        yield (
            "Shown as a picture",
            (f"document {crop.document_id}, page {crop.page}, {box}; {picture.tokens} tokens",),
        )


def _given(given: GivenPassage) -> Iterator[Block]:
    yield Heading(f"Passage {given.n}: {given.document}, {pages_text(list(given.pages))}", 2)
    parts = [f"document {given.document_id}", f"content {given.content_hash}"]
    if given.chunk_ids:
        parts.append(f"chunks {', '.join(map(str, given.chunk_ids))}")
    yield Paragraph((Span("; ".join(parts)),), quiet=True)
    yield Listing(given.text)


def _time(made: str) -> str:
    """The time for people; what is no time stays as it is."""
    try:
        return f"{datetime.fromisoformat(made):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return made


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
