"""What answers are made of: citations, statements, places, and what wrote them.

Small, frozen, picklable, like the events that carry them (`app.core.events`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ingest.types import Box, PageBox


class CitationStatus(StrEnum):
    """How a statement relates to the words on the page; see `app.core.verifier`."""

    VERIFIED = "verified"  # its quotation stands there, and so does every fact of the statement
    REPAIRED = "repaired"  # the page says it in other words, which are shown
    # It stands in what a model wrote down of the page or recording, which may say otherwise.
    TRANSCRIBED = "transcribed"
    UNVERIFIED = "unverified"  # the page does not say it


def weakest(*states: CitationStatus) -> CitationStatus:
    """The one that promises least; unverified where there is none."""
    return max(states, key=list(CitationStatus).index, default=CitationStatus.UNVERIFIED)


@dataclass(frozen=True, slots=True)
class Citation:
    """The place that supports a statement. ``n`` is the number in the answer, from 1.

    ``quote`` are the document's own words where there are any (never unless verified or
    repaired), those of a model where it is transcribed, else what the answer claims. ``page`` is
    the first page of the quotation, ``boxes`` all of its lines. ``missing`` are the numbers, names
    and negations of the statement that the page lacks. ``pictured`` says that a model saw the
    place as a picture: its text cannot tell. ``read_by`` names the model that wrote the quoted
    words down; nobody has compared them with the page or recording.
    """

    n: int
    document_id: int
    document: str
    page: int
    quote: str
    status: CitationStatus
    boxes: tuple[PageBox, ...]
    missing: tuple[str, ...] = ()
    pictured: bool = False
    read_by: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of an answer: ``text[start:end]`` of it, and how well it is supported.

    ``citations`` are the numbers of those that it rests on; a sentence without any is unverified.
    ``missing`` is as in `Citation`, of what no citation of it holds.
    """

    start: int
    end: int
    status: CitationStatus
    citations: tuple[int, ...] = ()
    missing: tuple[str, ...] = ()


class Mode(StrEnum):
    """What an answer is written over."""

    AUTO = "auto"  # the program chooses between the next two
    PASSAGES = "passages"
    WHOLE = "whole"  # all of one document, or of a few
    PLACE = "place"  # a page or region that a person pointed at


@dataclass(frozen=True, slots=True)
class WrittenBy:
    """What wrote an answer: enough, with question and passages, to write the same again.

    ``name`` is "extractive" without a model. ``fingerprint`` names the weights, ``kv`` the width
    of keys and values, ``prompt`` is the hash of the fixed text that instructs the model.
    """

    name: str
    fingerprint: str = ""
    weights: str = ""
    kv: str = ""
    kernels: str = ""
    program: str = ""
    prompt: str = ""
    temperature: float = 0.0
    seed: int | None = None
    max_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Effort:
    """What writing took. Tokens, and seconds from the question on.

    ``reused`` of the prompt's tokens were known from before, ``restored`` of them from disk.
    """

    prompt_tokens: int = 0
    reused: int = 0
    restored: int = 0
    written: int = 0
    first_seconds: float = 0.0
    seconds: float = 0.0


EXTRACTIVE = WrittenBy("extractive")
NO_EFFORT = Effort()


@dataclass(frozen=True, slots=True)
class UnreadablePage:
    """A page that could not be searched, and why."""

    document_id: int
    document: str
    page: int
    reason: str


@dataclass(frozen=True, slots=True)
class Searched:
    """What an answer rests on."""

    collection: str
    documents: int
    pages: int
    chunks: int


@dataclass(frozen=True, slots=True)
class Scope:
    """A page, or a region of it, that a question is about.

    ``region`` is in points of the page as it is shown, from its top left.
    """

    document_id: int
    page: int
    region: Box | None = None


class CropReason(StrEnum):
    """Why a place of a page is worth seeing beside its text."""

    ASKED = "asked"  # a person pointed at it
    FIGURE = "figure"
    DOUBTFUL = "doubtful"  # OCR was unsure of its text


@dataclass(frozen=True, slots=True)
class Crop:
    """A place of a page to be shown to a model that sees; `Workspace.crop` draws it."""

    document_id: int
    page: int
    box: Box
    reason: CropReason
