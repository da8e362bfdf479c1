"""What the command line prints: JSON with documented fields, or text for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from app.cli.plain import PlainConsole, escaped, say
from app.core.answers import Citation, Crop, Scope, Statement
from app.core.citations import shown
from app.core.events import (
    Answered,
    CollectionInfo,
    DocumentAdded,
    DocumentInfo,
    DocumentMoved,
    DocumentRemoved,
    DocumentReplaced,
    DocumentUnchanged,
    Event,
    FileFailed,
    FileSkipped,
)
from app.core.exporting.citing import paragraphs
from app.core.exporting.citing import plain as line_text
from app.core.exporting.paper import NoteRef
from engine.errors import EngineError
from ingest.errors import IngestError
from ingest.types import Box, Figure, Passage

_HAPPENED = {
    DocumentAdded: "added",
    DocumentReplaced: "replaced",
    DocumentMoved: "moved",
    DocumentUnchanged: "unchanged",
}
DAMAGED = "The file is damaged: parts of it may be missing. Look for a complete copy and add that."
_WITH_PASSWORD = "Add it again with its password: --password WORD."

stderr = PlainConsole(stderr=True)


def as_json(value: Any) -> str:
    """One line of JSON."""
    return escaped(json.dumps(value, ensure_ascii=False))


def print_json(value: dict[str, Any]) -> None:
    """An object on a line of its own, on standard output, at once."""
    say(as_json(value), flush=True)


def counted(number: int, thing: str) -> str:
    """A number with its noun: "1 page", "2 pages"."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def error_fields(error: IngestError | EngineError) -> dict[str, str]:
    """The ``error`` of every command with ``--json``."""
    return {"subject": error.subject, "cause": error.cause, "remedy": error.remedy}


def print_error(error: IngestError | EngineError) -> None:
    """An error for a person, on standard error."""
    stderr.print(
        f"{error.subject}: {error.cause}\n{error.remedy}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def box_fields(page: int, box: Box) -> dict[str, float]:
    """A rectangle on a page, in points from the visible page's top left."""
    return {"page": page, **{name: round(side, 2) for name, side in box._asdict().items()}}


def passage_fields(passage: Passage) -> dict[str, Any]:
    """A passage of ``search --json``."""
    return {
        "document": passage.document,
        "document_id": passage.document_id,
        "pages": list(passage.pages),
        "score": round(passage.score, 6),
        "similarity": round(passage.similarity, 4),
        "heading": list(passage.heading),
        "text": passage.text,
        "boxes": [box_fields(*place) for place in _places(passage)],
        "figure": figure_fields(passage.figure),
        "by": passage.by or None,
    }


def _places(passage: Passage) -> list[tuple[int, Box]]:
    places = [(line.page, line.box) for line in passage.lines]
    # The lines of a figure all lie on the figure's box.
    return places if passage.figure is None else list(dict.fromkeys(places))


def figure_fields(figure: Figure | None) -> dict[str, Any] | None:
    """What a passage of ``search --json`` says of the figure that it is; null for text."""
    if figure is None:
        return None
    return {
        "kind": figure.kind.value,
        "label": figure.label,
        "caption": figure.caption,
        "box": box_fields(figure.page, figure.box),
        "references": [box_fields(place.page, place.box) for place in figure.reference_places],
    }


def scope_fields(scope: Scope | None) -> dict[str, Any] | None:
    """The page or region that a question was about; null without one."""
    if scope is None:
        return None
    region = None if scope.region is None else [round(side, 2) for side in scope.region]
    return {"document_id": scope.document_id, "page": scope.page, "region": region}


def crop_fields(crop: Crop) -> dict[str, Any]:
    """A place that is worth seeing, of ``ask --json``."""
    return {
        "document_id": crop.document_id,
        "reason": crop.reason.value,
        "box": box_fields(crop.page, crop.box),
    }


def citation_fields(citation: Citation) -> dict[str, Any]:
    """A citation of ``ask --json``."""
    return {
        "n": citation.n,
        "document": citation.document,
        "document_id": citation.document_id,
        "page": citation.page,
        "quote": citation.quote,
        "status": citation.status.value,
        "boxes": [box_fields(b.page, b.box) for b in citation.boxes],
        "missing": list(citation.missing),
        "pictured": citation.pictured,
        "read_by": citation.read_by or None,
    }


def statement_fields(text: str, statement: Statement) -> dict[str, Any]:
    """A sentence of ``ask --json`` with its support."""
    return {
        "text": text[statement.start : statement.end],
        "status": statement.status.value,
        "citations": list(statement.citations),
        "missing": list(statement.missing),
    }


def answer_fields(answer: Answered, crops: Sequence[Crop] = ()) -> dict[str, Any]:
    """The object that ``ask --json`` prints."""
    searched = answer.searched
    return {
        "question": answer.question,
        "found": answer.found,
        "answer": answer.text,
        "answerer": answer.answerer,
        "mode": answer.mode.value,
        "conversation": answer.conversation or None,
        "record": answer.record or None,
        "scope": scope_fields(answer.scope),
        "crops": [crop_fields(crop) for crop in crops],
        "citations": [citation_fields(citation) for citation in answer.citations],
        "statements": [statement_fields(answer.text, s) for s in answer.statements],
        "withheld": answer.withheld or None,
        "removed": answer.removed,
        "cautions": list(answer.cautions),
        "by": asdict(answer.by),
        "effort": {n: round(v, 3) for n, v in asdict(answer.effort).items()},
        "searched": {
            "collection": searched.collection,
            "documents": searched.documents,
            "pages": searched.pages,
            "chunks": searched.chunks,
        },
        "unreadable": [
            {"document": u.document, "document_id": u.document_id, "page": u.page,
             "reason": u.reason}
            for u in answer.unreadable
        ],
    }  # fmt: skip


def document_fields(document: DocumentInfo) -> dict[str, Any]:
    """A document of ``list --json``."""
    fields = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in ((n, getattr(document, n)) for n in DocumentInfo.__slots__)
    }
    return {**fields, "damaged": document.damaged, "hidden_text": bool(document.hidden)}


def collection_fields(collection: CollectionInfo) -> dict[str, Any]:
    """A collection of ``collections --json``."""
    return {name: getattr(collection, name) for name in CollectionInfo.__slots__}


def event_fields(event: Event) -> dict[str, Any] | None:
    """What became of a file; None for events that only show progress."""
    if isinstance(event, DocumentAdded | DocumentReplaced | DocumentMoved | DocumentUnchanged):
        fields: dict[str, Any] = {"path": event.path, "state": _HAPPENED[type(event)]}
        if isinstance(event, DocumentUnchanged):
            twin = event.document.path
            fields["same_as"] = twin if twin != event.path else None
        damaged = [DAMAGED] if event.document.damaged else []
        if told := [*damaged, *event.document.hidden]:
            fields["warning"] = " ".join(told)
        return {**fields, "document": document_fields(event.document)}
    if isinstance(event, FileFailed):
        return {
            "path": event.path,
            "state": "failed",
            "cause": event.cause,
            "remedy": _WITH_PASSWORD if event.needs_password else event.remedy,
            "needs_password": event.needs_password,
        }
    if isinstance(event, FileSkipped):
        return {"path": event.path, "state": "skipped", "reason": event.reason}
    if isinstance(event, DocumentRemoved):
        return {"path": event.document.path, "state": "removed"}
    return None


def line_of(fields: dict[str, Any]) -> str:
    """What became of a file, for a person; ``fields`` as `event_fields` gives them."""
    said = _line_of(fields)
    return f"{said}\n    Warning: {warning}" if (warning := fields.get("warning")) else said


def _line_of(fields: dict[str, Any]) -> str:
    path = fields["path"]
    if fields["state"] == "failed":
        return f"failed: {path}: {fields['cause']} {fields['remedy']}"
    if fields["state"] == "left":
        return f"not added: {path}"
    if fields["state"] == "skipped":
        return f"skipped: {path}: {fields['reason']}"
    if twin := fields.get("same_as"):
        return f"unchanged: {path}: the same as {twin}, already in the collection"
    return f"{fields['state']}: {path}"


def print_answer(answer: Answered) -> None:
    """An answer for a person, its citations below it."""
    for line in paragraphs(answer, lambda citation: NoteRef(citation.n)):
        say(line_text(line))
    if answer.citations:
        say()
    for citation in answer.citations:
        say(f"[{citation.n}] {citation.document}, page {citation.page} ({citation.status.value})")
        if citation.missing:
            say(f"    not on the page: {', '.join(citation.missing)}")
        if citation.pictured:
            say("    seen by the model in the picture of this place; look for yourself")
        if citation.read_by:
            say(f"    as {citation.read_by} wrote it down; nobody has compared it")
        quote = shown(citation.quote)
        say(_indented(f"“{quote}”"))
    searched = answer.searched
    if answer.scope is not None:
        part = "a region of page" if answer.scope.region is not None else "page"
        say(f"\nSearched {part} {answer.scope.page} only, in “{searched.collection}”.")
    else:
        say(
            f"\nSearched {counted(searched.documents, 'document')}, "
            f"{counted(searched.pages, 'page')}, in “{searched.collection}”."
        )
    if answer.unreadable:
        say("These pages could not be read:")
        for page in answer.unreadable:
            say(f"  {page.document}, page {page.page}: {page.reason}")
    for caution in answer.cautions:
        say(f"Caution: {caution}")
    if answer.removed:
        say(f"{counted(answer.removed, 'made-up citation')} left out.")
    if answer.withheld:
        say("The model wrote an answer that no page supports; --json has it as “withheld”.")
    if answer.conversation:
        say(f"To go on: muniment ask --conversation {answer.conversation} QUESTION")
        say(f"As a document: muniment export {answer.record} FILE (.docx, .pdf or .md)")
    if answer.found and answer.answerer == "extractive":
        say("No model is installed: the answer is made of the documents' own sentences.")


def print_documents(documents: Sequence[DocumentInfo]) -> None:
    """Documents for a person."""
    for d in documents:
        notes = f", {counted(d.unreadable, 'page')} unreadable" if d.unreadable else ""
        notes += ", damaged" if d.damaged else ""
        notes += ", hidden text" if d.hidden else ""
        say(f"{d.id:>5}  {d.name}  ({d.collection}; {counted(d.pages, 'page')}{notes})")
        for warning in d.hidden:
            say(f"       {warning}")
    if any(d.damaged for d in documents):
        say(f"damaged: {DAMAGED}")
    if not documents:
        say("No documents.")


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
