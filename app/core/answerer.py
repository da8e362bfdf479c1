"""Who writes answers: the seam between passages and what is written over them.

An `Answerer` gets the question and the passages; it decides what stands in the answer and which
words support it. `app.core.extractive` serves when no model is installed: it answers with the
documents' own sentences. `app.core.written` writes with a model. Knows no store and no index.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.core.answers import (
    EXTRACTIVE,
    NO_EFFORT,
    Citation,
    Crop,
    Effort,
    Mode,
    Statement,
    WrittenBy,
)
from app.core.events import CitationChecked, Event, PromptProgress, StatementChecked, TextWritten
from ingest.types import Passage

Told = CitationChecked | PromptProgress | StatementChecked | TextWritten


@dataclass(frozen=True, slots=True)
class Picture:
    """What a passage shows, as a PNG file, for a model that sees; ``tokens`` is its budget."""

    crop: Crop
    png: bytes = field(repr=False)
    tokens: int


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question of a conversation: what it brought along, and what was written.

    ``passages`` are those that no turn before it had; ``raw`` is the answer as the model wrote
    it, before anything was checked.
    """

    question: str
    passages: tuple[Passage, ...]
    raw: str
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """A question to be answered over passages, in the order in which they are shown.

    ``owner`` names the document whose reading is kept on disk; it is all of ``passages`` then.
    """

    question: str
    passages: Sequence[Passage]
    mode: Mode = Mode.PASSAGES
    earlier: tuple[Turn, ...] = ()
    pictures: tuple[Picture, ...] = ()
    owner: str = ""

    @property
    def new(self) -> list[Passage]:
        """The passages that no earlier turn brought along."""
        given = {_key(p) for turn in self.earlier for p in turn.passages}
        return [p for p in self.passages if _key(p) not in given]


@dataclass(frozen=True, slots=True)
class Draft:
    """What an answerer has made of the passages. Not found means no text and no citations.

    ``raw`` is what a model wrote, unchanged; see `Answered` for the rest.
    """

    found: bool
    text: str
    citations: tuple[Citation, ...]
    statements: tuple[Statement, ...] = ()
    withheld: str = ""
    removed: int = 0
    raw: str = ""
    by: WrittenBy = EXTRACTIVE
    effort: Effort = NO_EFFORT


def _key(passage: Passage) -> tuple[int, tuple[int, ...], str]:
    return passage.document_id, passage.chunk_ids, passage.text


class Answerer(Protocol):
    """Writes an answer over passages."""

    name: str

    def answer(self, task: Task) -> Iterator[Told | Draft]:
        """Streams the text with its citations, and the `Draft` last."""


def drafted(answerer: Answerer, task: Task) -> Generator[Event, None, Draft]:
    """What is told while an answer is written; the draft is the result."""
    draft = Draft(False, "", ())
    for event in answerer.answer(task):
        if isinstance(event, Draft):
            draft = event
        else:
            yield event
    return draft
