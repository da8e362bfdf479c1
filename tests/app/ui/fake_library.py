"""A small library for tests of the window: made-up data, and a workspace that serves it.

`main` is a background process around it, with ways to crash and to hang.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path

from app.core.answers import (
    Citation,
    CitationStatus,
    Effort,
    Mode,
    Scope,
    Searched,
    Statement,
    UnreadablePage,
    WrittenBy,
)
from app.core.events import (
    Answered,
    BackedUp,
    BatchFinished,
    Checked,
    CitationChecked,
    CollectionInfo,
    DocumentAdded,
    DocumentInfo,
    DocumentRemoved,
    FileFailed,
    FileStarted,
    HurtDocument,
    ModeChosen,
    PageImageData,
    PageRead,
    PassagesFound,
    Progressed,
    PromptProgress,
    StatementChecked,
    TextWritten,
)
from app.core.records import AnswerRecord, ConversationInfo, Exchange, Source
from app.ui.background import serve
from app.ui.follower import SerialWriter
from app.ui.messages import Open
from engine import EngineStopped, MemoryExceeded, ModelFacts
from ingest.errors import DamagedFile, StoreFull, WrongKey
from ingest.types import Box, ChunkLine, PageBox, Passage

SIZES = [(595.0, 842.0), (842.0, 595.0), (595.0, 842.0)]
BOX = Box(72.0, 200.0, 420.0, 214.0)


def document(number: int, name: str, *, unreadable: int = 0, ocr: int = 0) -> DocumentInfo:
    """A made-up document of three pages."""
    return DocumentInfo(
        id=number,
        collection="Patients",
        name=name,
        title="",
        path=f"/documents/{name}",
        media_type="application/pdf",
        pages=3,
        ocr_pages=ocr,
        unreadable=unreadable,
        chunks=9,
        bytes=1000,
        added="2026-01-01T00:00:00Z",
        modified="2026-01-01T00:00:00Z",
        content_hash=f"{number:064x}",
        kept=True,
    )


DOCUMENTS = [
    document(1, "Discharge letter.pdf"),
    document(2, "Laboratory & imaging.pdf", unreadable=1, ocr=1),
]


def passage(document_id: int = 1, page: int = 2) -> Passage:
    """A passage of two lines."""
    text = "Metoprolol 47.5 mg once daily\nwas continued."
    lines = (
        ChunkLine(page, BOX, 0, 29),
        ChunkLine(page, Box(72.0, 216.0, 200.0, 230.0), 30, 44),
    )
    name = DOCUMENTS[document_id - 1].name
    return Passage(document_id, name, (1,), text, (), lines, 1.0)


def citation(n: int = 1, status: CitationStatus = CitationStatus.VERIFIED) -> Citation:
    """A citation on page 2 of the first document."""
    quote = "Metoprolol 47.5 mg once daily was continued."
    return Citation(n, 1, DOCUMENTS[0].name, 2, quote, status, (PageBox(2, BOX),))


def answered(found: bool = True, question: str = "Which beta blocker?") -> Answered:
    """An answer with one citation, or one that was not found."""
    unreadable = (UnreadablePage(2, DOCUMENTS[1].name, 3, "The scan is too dark."),)
    searched = Searched("Patients", 2, 6, 18)
    if not found:
        text = "Not found in these documents."
        return Answered(question, False, text, (), searched, unreadable, "extractive")
    text = "Metoprolol 47.5 mg once daily was continued. [1]"
    return Answered(question, True, text, (citation(),), searched, unreadable, "extractive")


MODEL = "gemma-4-small"
FACTS = ModelFacts(MODEL, "gemma4", 1, 2, 3, 8000, 8000, 6, 7, "none", "cpu")


def written(question: str = "Which beta blocker?", *, conversation: int = 4) -> Answered:
    """An answer of a model: a sentence of each state, one of them without a source."""
    verified, repaired, _, unverified = CitationStatus
    sentences = (
        ("Metoprolol 47.5 mg once daily was continued [1].", verified, (1,), ()),
        (" The page says “once a day” [2].", repaired, (2,), ()),
        (" It was raised to 95 mg [3].", unverified, (3,), ("95 mg",)),
        (" He was glad.", unverified, (), ()),
    )
    text, statements = "", []
    for words, status, numbers, missing in sentences:
        start = len(text) + len(words) - len(words.lstrip())
        text += words
        statements.append(Statement(start, len(text), status, numbers, missing))
    citations = (
        citation(1),
        citation(2, repaired),
        replace(citation(3, unverified), missing=("95 mg",)),
    )
    return replace(
        answered(question=question),
        text=text,
        citations=citations,
        statements=tuple(statements),
        answerer=MODEL,
        mode=Mode.PASSAGES,
        by=WrittenBy(MODEL, "f00d", "4 bits", "k3v3"),
        effort=Effort(12_000, 2_900, 1_200, 58, 3.4, 9.2),
        conversation=conversation,
        record=conversation * 10,
    )


def told(answer: Answered) -> list[object]:
    """The events of an answer while it is written, the answer last."""
    events: list[object] = [
        ModeChosen(answer.mode, "Passages answer it.", "beta blocker"),
        PassagesFound((passage(),)),
        PromptProgress(12_000, 12_000, 2_900, 1_200),
    ]
    at = 0
    for statement in answer.statements:
        events.append(TextWritten(answer.text[at : statement.end]))
        events += [CitationChecked(c) for c in answer.citations if c.n in statement.citations]
        words = answer.text[statement.start : statement.end]
        events.append(StatementChecked(statement, words))
        at = statement.end
    return [*events, answer]


def record(answer: Answered, scope: Scope | None = None) -> AnswerRecord:
    """An answer as it is kept."""
    source = Source(1, DOCUMENTS[0].name, "0" * 64)
    return AnswerRecord(
        answer.question,
        "Patients",
        "2026-01-02T09:30:00+00:00",
        answer,
        query="beta blocker",
        reason="Passages answer it.",
        scope=scope,
        sources=(source,),
    )


def kept(*answers: Answered, changed: tuple[str, ...] = ()) -> tuple[Exchange, ...]:
    """Kept exchanges of one conversation."""
    made = "2026-01-02T09:30:00+00:00"
    return tuple(
        Exchange(a.record, a.conversation, n, made, record(a), changed)
        for n, a in enumerate(answers, start=1)
    )


def info(
    number: int = 4, title: str = "Which beta blocker?", exchanges: int = 1
) -> ConversationInfo:
    """A conversation as it is listed."""
    made = "2026-01-02T09:30:00+00:00"
    return ConversationInfo(number, "Patients", title, made, made, exchanges)


class FakeWorkspace:
    """Serves the made-up library; some words make it crash, fail or wait."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._documents = list(DOCUMENTS)
        self._model = ""
        self._stopped = threading.Event()
        self._kept: list[Answered] = []

    def close(self) -> None:
        (self._folder / "closed").write_text("closed")

    def collections(self) -> list[CollectionInfo]:
        return [CollectionInfo(1, "Patients", len(self._documents), 6)]

    def page_lines(self, _document_id: int, _page: int) -> list[Fraction]:
        return [Fraction(1, 2)]  # of a module that the window does not take messages from

    def documents(self, _collection: str) -> list[DocumentInfo]:
        return self._documents

    def search(self, words: str, _collection: str, *, k: int = 10) -> list[Passage]:
        if words == "crash":
            os._exit(7)
        if words == "fail":
            raise DamagedFile("a.pdf", "It is broken.", "Repair it.")
        if words == "stuck":
            time.sleep(60)
        if words == "surprise":
            raise ValueError("unforeseen")
        return [passage()][:k]

    def prepare(self, _collection: str) -> None:
        return None

    def followed(self, _collection: str) -> list[str]:
        return ["/x/ward"]

    def follow(self, _collection: str, folder: str) -> None:
        (self._folder / "followed").write_text(folder)

    def stop_loading(self) -> None:
        self._stopped.set()

    def language_model(self) -> str:
        return self._model

    def use_language_model(self, path: Path | None) -> ModelFacts | None:
        if path is not None and path.name == "big":
            raise MemoryExceeded(str(path), "It needs 90 GB, and 8 GB are free.", "Choose E2B.")
        if path is not None and path.name == "slow":
            assert self._stopped.wait(60)
            raise EngineStopped(str(path), "The model was closed.", "Ask again.")
        self._model = str(path or "")
        return None if path is None else FACTS

    def conversations(self, _collection: str) -> list[ConversationInfo]:
        return [info(exchanges=len(self._kept))] if self._kept else []

    def exchanges(self, _conversation: int) -> tuple[Exchange, ...]:
        return kept(*self._kept)

    def export_answer(self, record_id: int, path: Path, *, replace: bool = False) -> None:
        path.write_text(f"{record_id} {replace}")

    def ask(
        self,
        question: str,
        _collection: str,
        *,
        conversation: int | None = None,
        mode: Mode = Mode.AUTO,
        scope: Scope | None = None,
    ) -> Iterator[object]:
        assert scope is None and (conversation is None or self._kept)
        if self._model:
            answer = replace(written(question), mode=mode)
            self._kept.append(answer)
            yield from told(answer)
            return
        yield PassagesFound((passage(),))
        if "weather" in question:
            yield answered(found=False, question=question)
            return
        yield TextWritten("Metoprolol 47.5 mg once daily was continued. [1]")
        yield CitationChecked(citation())
        yield answered(question=question)

    def add(
        self, paths: Sequence[Path], _collection: str, *, passwords: Sequence[str] = ()
    ) -> Iterator[object]:
        failed = 0
        try:
            for index, path in enumerate(paths, 1):
                yield FileStarted(str(path), index, len(paths))
                for page in range(1, 4):
                    time.sleep(0.01)
                    yield PageRead(str(path), page, 3, "text")
                if path.name.startswith("locked") and not passwords:
                    failed += 1
                    yield FileFailed(str(path), "It is encrypted.", "Enter its password.", True)
                    continue
                added = document(10 + index, path.name)
                self._documents.append(added)
                yield DocumentAdded(str(path), added)
            yield BatchFinished(len(paths) - failed, 0, 0, 0, failed)
        finally:
            (self._folder / "add-closed").write_text("closed")

    def back_up(self, target: Path, *, verify: bool = False) -> Iterator[object]:
        if target.name == "full":
            raise StoreFull(str(target), "The disk is full.", "Free some space.")
        yield Progressed("copying", 1, 2)
        (target / "written").write_text("verified" if verify else "")
        yield BackedUp(str(target / "written"), 8, "2026-01-01T00:00:00+00:00", False, verify)

    def check(self) -> Iterator[object]:
        yield Progressed("checking", 1, 2)
        hurt = HurtDocument(2, "Patients", "b.pdf", ("its file is damaged",))
        yield Checked(str(self._folder), 2, (hurt,), ())

    def remove(self, document_id: int) -> Iterator[object]:
        gone = next(d for d in self._documents if d.id == document_id)
        self._documents.remove(gone)
        yield DocumentRemoved(gone)

    def page_sizes(self, _document_id: int) -> list[tuple[float, float]]:
        return SIZES

    def render_page(self, _document_id: int, page: int, *, dpi: float) -> PageImageData:
        width, height = (round(side * dpi / 72) for side in SIZES[page - 1])
        return PageImageData(width, height, dpi, b"\xff" * (3 * width * height))


def main(connection: Connection) -> None:
    """A background process around the fake workspace."""
    serve(connection, _open)


class FakeFollowing:
    """Adds one file at once, then waits to be stopped."""

    def __init__(self, writer: SerialWriter) -> None:
        self._writer = writer
        self._stopped = threading.Event()

    def events(self) -> Iterator[object]:
        yield from self._writer.add([Path("/x/ward/new.pdf")], "Patients")
        self._stopped.wait()
        raise ValueError("stopped")

    def stop(self) -> None:
        self._stopped.set()


def main_that_follows(connection: Connection) -> None:
    """The same, and a folder is followed."""
    serve(connection, _open, lambda _workspace, writer: FakeFollowing(writer))


def _open(order: Open) -> FakeWorkspace:
    if order.key == "wrong":
        raise WrongKey(str(order.folder), "The key does not open it.", "Check the passphrase.")
    return FakeWorkspace(order.folder)
