"""Kept answers as plain data: all that an answer was written from, so that it can be again.

Light and picklable, like `app.core.events`: the window takes these too. `app.core.record_codec`
turns a record into bytes, `app.core.conversations` keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from app.core.answers import Crop, Mode, Scope
from app.core.events import Answered
from ingest.types import Passage


@dataclass(frozen=True, slots=True)
class GivenPassage:
    """A passage as an answer was written over it, under the number that the model saw.

    ``content_hash`` is its document's at the time: with another one, the document has changed
    since, and its pages and boxes may not be those any more.
    """

    n: int
    content_hash: str
    passage: Passage

    @property
    def document_id(self) -> int:
        """Its document's number in the library."""
        return self.passage.document_id

    @property
    def document(self) -> str:
        """Its document's name at the time."""
        return self.passage.document

    @property
    def chunk_ids(self) -> tuple[int, ...]:
        """Its chunks; their numbers change when documents are embedded anew."""
        return self.passage.chunk_ids

    @property
    def pages(self) -> tuple[int, ...]:
        """The pages it touches, ascending."""
        return self.passage.pages

    @property
    def text(self) -> str:
        """As the document showed it."""
        return self.passage.text


@dataclass(frozen=True, slots=True)
class Source:
    """A document that an answer was written from, as it was then."""

    document_id: int
    document: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A place of a page that the model saw, and the tokens it was given for it."""

    crop: Crop
    tokens: int


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """A question, what its answer was written from and by, and the answer.

    ``query`` is what was searched for. ``mode`` is what was asked for, ``answer.mode`` what came
    of it, ``reason`` why. ``documents`` are those that the person limited the question to, None
    for all. ``raw`` is what the model wrote, before anything was checked. ``earlier`` are the
    records that stood in the prompt before it. ``whole`` are documents that were read whole: their
    text is not repeated in ``passages``. ``sources`` are all of ``document_ids``; keeping it fills
    them in. ``made`` is ISO 8601, UTC. Model, precision, settings and seed are in ``answer.by``.
    """

    question: str
    collection: str
    made: str
    answer: Answered
    passages: tuple[GivenPassage, ...] = ()
    query: str = ""
    mode: Mode = Mode.AUTO
    reason: str = ""
    scope: Scope | None = None
    documents: tuple[int, ...] | None = None
    raw: str = ""
    pictures: tuple[ShownPicture, ...] = ()
    earlier: tuple[int, ...] = ()
    whole: tuple[int, ...] = ()
    sources: tuple[Source, ...] = ()

    @property
    def document_ids(self) -> frozenset[int]:
        """The documents whose words may be in it."""
        ids = {given.document_id for given in self.passages}
        ids |= {citation.document_id for citation in self.answer.citations}
        ids |= {picture.crop.document_id for picture in self.pictures}
        ids |= set(self.whole)
        if self.scope is not None:
            ids.add(self.scope.document_id)
        return frozenset(ids)


class Kept(NamedTuple):
    """Under which numbers an answer is kept."""

    conversation: int
    record: int


@dataclass(frozen=True, slots=True)
class ConversationInfo:
    """A kept conversation as it is listed. Times are ISO 8601, UTC."""

    id: int
    collection: str
    title: str
    created: str
    changed: str
    exchanges: int


@dataclass(frozen=True, slots=True)
class Exchange:
    """A kept question with its answer; ``id`` is the record's number.

    ``record`` is None when a document whose words were in it has been removed from the library.
    ``changed`` names the documents that are not any more what they were: their citations cannot
    be shown on the page.
    """

    id: int
    conversation: int
    ordinal: int
    made: str
    record: AnswerRecord | None
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConversationFound:
    """A conversation that holds some words: in so many exchanges, first in ``record``.

    ``record`` is 0 where only the title holds them. ``excerpt`` is a line about the words.
    """

    conversation: ConversationInfo
    record: int
    matches: int
    excerpt: str
