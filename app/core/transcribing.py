"""A second reading of pages by a model that sees, and dictated notes by one that hears.

The part of `app.core.workspace.Workspace` that has pages written down. A model's reading stands
beside the others and changes nothing of them. It is found by a search as a passage of its own,
and what cites it says that a model wrote it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz import fuzz

from app.core.audit_entries import What
from app.core.crops import DOUBTFUL
from app.core.dictation import pieces
from app.core.events import (
    DocumentAdded,
    DocumentReplaced,
    Event,
    PageTranscribed,
    Progressed,
    TextWritten,
)
from app.core.language_model import LanguageModel
from app.core.page_viewing import PageViewing
from app.core.pictures import SIDE
from app.core.prompting import instructions
from app.core.written import words_of
from engine.options import Audio, Image, Message, Options
from ingest.errors import IngestError, ModelError
from ingest.store_writing import utc_now
from ingest.types import DICTATION, Box, Line, Reading, TextSource

_BUDGET = 560  # soft tokens of a page: about 110 dots an inch
_MOST_TOKENS = 1_500
_ALIKE = 60.0  # percent of the letters that two readings of a line must share


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A page to be written down: its size, and the lines that are known of it."""

    document_id: int
    page: int
    width: float
    height: float
    lines: Sequence[Line]


class Transcribing(PageViewing, ABC):
    """Has pages of one store written down by its language model."""

    language: LanguageModel

    @abstractmethod
    def _take_in(self, document_id: int, page: int) -> None:
        """Lets what models wrote down of a page be found."""

    @abstractmethod
    def _keep_dictated(
        self, path: Path, text: str, by: str, collection: str
    ) -> DocumentAdded | DocumentReplaced:
        """Keeps a recording with what a model wrote down of it."""

    def poor_pages(self, document_id: int) -> list[int]:
        """The pages whose OCR was unsure, or that nothing could be read on."""
        return [
            state.number
            for state in self._store.page_states(document_id)
            if state.unreadable or (state.confidence is not None and state.confidence < DOUBTFUL)
        ]

    def transcribe(self, document_id: int, pages: Sequence[int] | None = None) -> Iterator[Event]:
        """Has a model write down pages, by default the poor ones: a `PageTranscribed` for each.

        Each page is kept when it is done; closing the generator stops. A page that the same model
        has written down before is written anew.

        Raises:
            IngestError: the document is a dictated note.
            ModelError: no model is chosen, or it does not see.
            EngineError: it cannot be loaded or cannot write.
            StoreError: there is no such document or page.
        """
        document = self._store.document(document_id)
        name = document.name
        if document.media_type == DICTATION:
            raise IngestError(
                name,
                "Its page is what a model heard; there is nothing on it to read.",
                "Have the recording written down again: muniment dictation RECORDING -c COLLECTION",
            )
        facts = self.language.engine().facts()
        if not facts.image_budgets:
            raise ModelError(facts.name, "This model does not see.", "Choose one that does.")
        wanted = list(self.poor_pages(document_id) if pages is None else pages)
        budget = max((b for b in facts.image_budgets if b <= _BUDGET), default=0)
        budget = budget or min(facts.image_budgets)
        sizes = self.page_sizes(document_id)
        for done, page in enumerate(wanted):
            lines = self._store.page_lines(document_id, page)  # says so when there is no such page
            yield Progressed(f"{name}: pages written down", done, len(wanted))
            sheet = _Sheet(document_id, page, *sizes[page - 1], lines)
            written = self._written_down(sheet, budget)
            lines_read = placed(written, sheet)
            reading = Reading(page, TextSource.MODEL, lines_read, facts.name, utc_now())
            with self._store.together():
                self._store.put_reading(document_id, reading)
                self.audit.record(What.PAGE_TRANSCRIBED, document=document_id, page=page)
            self._take_in(document_id, page)
            yield PageTranscribed(document_id, page, len(reading.lines), facts.name)
        yield Progressed(f"{name}: pages written down", len(wanted), len(wanted))

    def transcribe_audio(self, path: Path) -> Iterator[Event]:
        """Has a model write down a dictated note: `TextWritten` as it is written. Nothing is kept;
        see `add_dictation`.

        Raises:
            IngestError: the file is no WAV file as `app.core.dictation` takes them.
            ModelError: no model is chosen, or it does not hear.
            EngineError: it cannot be loaded or cannot write.
        """
        facts = self.language.engine().facts()
        if not facts.audio_seconds:
            raise ModelError(facts.name, "This model does not hear.", "Choose E2B, E4B or 12B.")
        parts = pieces(path, facts.audio_seconds)
        for done, part in enumerate(parts):
            yield Progressed(f"{path.name}: pieces written down", done, len(parts))
            if done:
                yield TextWritten(" ")
            for words in self._told(instructions("dictation"), Audio(part)):
                yield TextWritten(words)
        yield Progressed(f"{path.name}: pieces written down", len(parts), len(parts))

    def add_dictation(self, path: Path, collection: str) -> Iterator[Event]:
        """The same, and keeps recording and transcript as a document of a collection.

        The last event is `DocumentAdded`, or `DocumentReplaced` where the recording was there. The
        collection is made if it is missing.

        Raises:
            IngestError: as `transcribe_audio`, or no words were heard. Nothing is kept then.
            StoreError: the library cannot be written, or its disk is full.
        """
        self._store.check_writable()
        text = ""
        for event in self.transcribe_audio(path):
            if isinstance(event, TextWritten):
                text += event.text
            yield event
        yield self._keep_dictated(path, text, self.language.engine().facts().name, collection)

    def _told(self, rules: str, shown: Image | Audio) -> Iterator[str]:
        """What a model writes of something that it sees or hears."""
        prompt = [Message("user", (rules, shown))]
        yield from words_of(self.language.engine(), prompt, Options(max_tokens=_MOST_TOKENS))

    def _written_down(self, sheet: _Sheet, budget: int) -> str:
        box = Box(0.0, 0.0, sheet.width, sheet.height)
        png = self.upright_png(sheet.document_id, sheet.page, box, pixels=budget * SIDE**2)
        return "".join(self._told(instructions("transcribe"), Image(png, budget)))


def placed(text: str, sheet: _Sheet) -> tuple[Line, ...]:
    """A model's lines, each on the line of the page that it reads; else on the whole page.

    A model tells no places, and none is guessed.
    """
    whole = Box(0.0, 0.0, sheet.width, sheet.height)
    free = list(sheet.lines)
    lines = []
    for words in filter(None, (line.strip() for line in text.splitlines())):
        box = whole
        likeness = [fuzz.ratio(words, line.text) for line in free]
        if likeness and max(likeness) >= _ALIKE:
            box = free.pop(likeness.index(max(likeness))).box
        lines.append(Line(words, box, source=TextSource.MODEL))
    return tuple(lines)
