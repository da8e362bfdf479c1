"""What the workspace tells while it works: small, frozen, picklable.

Long work is a generator of these. Names are what has happened, in the past participle.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.core.answers import (
    EXTRACTIVE,
    NO_EFFORT,
    Citation,
    Crop,
    Effort,
    Mode,
    Scope,
    Searched,
    Statement,
    UnreadablePage,
    WrittenBy,
)
from ingest.types import REPAIRED, UNSEEN, Passage


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """A named set of documents; searches never leave it."""

    id: int
    name: str
    documents: int
    pages: int


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """A document as the library lists it.

    ``unreadable`` counts its pages that hold ink but gave no text. ``kept`` says whether its
    pages can be shown without the file. Times are ISO 8601, UTC.
    """

    id: int
    collection: str
    name: str
    title: str
    path: str
    media_type: str
    pages: int
    ocr_pages: int
    unreadable: int
    chunks: int
    bytes: int
    added: str
    modified: str
    content_hash: str
    kept: bool
    warnings: tuple[str, ...] = ()

    @property
    def damaged(self) -> bool:
        """Whether its file was damaged, so that parts of it may be missing here."""
        return REPAIRED in self.warnings

    @property
    def hidden(self) -> tuple[str, ...]:
        """The warnings that tell of text which a person cannot see in it; it was left out."""
        return tuple(warning for warning in self.warnings if UNSEEN in warning)


@dataclass(frozen=True, slots=True)
class FileStarted:
    """Reading of a file begins; ``index`` counts from 1."""

    path: str
    index: int
    total: int


@dataclass(frozen=True, slots=True)
class PageRead:
    """A page has become text; ``source`` is "text", "ocr", "empty" or "unreadable"."""

    path: str
    page: int
    pages: int
    source: str


@dataclass(frozen=True, slots=True)
class ChunksEmbedded:
    """So many of a file's chunks have their vectors."""

    path: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class DocumentAdded:
    """A new document is in the library for good."""

    path: str
    document: DocumentInfo


@dataclass(frozen=True, slots=True)
class DocumentReplaced:
    """A changed file took the place of its older version."""

    path: str
    document: DocumentInfo


@dataclass(frozen=True, slots=True)
class DocumentMoved:
    """A known document is now at another path; its text did not change."""

    path: str
    document: DocumentInfo
    previous_path: str


@dataclass(frozen=True, slots=True)
class DocumentUnchanged:
    """The file is in the collection already."""

    path: str
    document: DocumentInfo


@dataclass(frozen=True, slots=True)
class DocumentRemoved:
    """A document and all that came of it left the library."""

    document: DocumentInfo


@dataclass(frozen=True, slots=True)
class FileFailed:
    """A file could not be added; the batch goes on."""

    path: str
    cause: str
    remedy: str
    needs_password: bool = False


@dataclass(frozen=True, slots=True)
class FileSkipped:
    """A file of a folder was passed over; naming the file itself may still add it."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class BatchFinished:
    """The end of an addition, with its sums."""

    added: int
    replaced: int
    unchanged: int
    moved: int
    failed: int
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Progressed:
    """Other long work: so much of ``total`` is done."""

    what: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class HurtDocument:
    """A document of which something is missing or not what was added, and what."""

    id: int
    collection: str
    name: str
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """A library or backup was read through: ``subject`` names it.

    ``faults`` are those of the file as a whole, ``hurt`` the documents that are not whole out of
    ``documents``. ``note`` says what could not be looked at, and why.
    """

    subject: str
    documents: int
    hurt: tuple[HurtDocument, ...]
    faults: tuple[str, ...]
    note: str = ""

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.hurt and not self.faults


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A backup is complete at ``path``; ``replaced`` says whether an older one gave way."""

    path: str
    bytes: int
    made: str
    replaced: bool
    verified: bool


@dataclass(frozen=True, slots=True)
class Restored:
    """A backup, made at ``made``, is a library in ``folder`` now."""

    folder: str
    bytes: int
    made: str
    documents: int


@dataclass(frozen=True, slots=True)
class Rescued:
    """What was whole in a hurt library is a library in ``folder`` now; ``left`` was not."""

    folder: str
    documents: int
    left: tuple[HurtDocument, ...]
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PageTranscribed:
    """A model has written down a page in so many lines; ``by`` names it."""

    document_id: int
    page: int
    lines: int
    by: str


@dataclass(frozen=True, slots=True)
class PassagesFound:
    """Retrieval is done. ``crops`` are the places that are worth seeing; see `app.core.crops`."""

    passages: tuple[Passage, ...]
    crops: tuple[Crop, ...] = ()


@dataclass(frozen=True, slots=True)
class ModeChosen:
    """What the answer will be written over, and why, in a sentence for people.

    ``query`` is what was searched for: the question, or what it means in its conversation.
    """

    mode: Mode
    reason: str
    query: str = ""


@dataclass(frozen=True, slots=True)
class PromptProgress:
    """The model has read so many of the prompt's tokens; see `Effort`."""

    tokens: int
    of: int
    reused: int = 0
    restored: int = 0


@dataclass(frozen=True, slots=True)
class TextWritten:
    """The next piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class StatementChecked:
    """A sentence is whole and has been compared with what it cites.

    ``text`` takes the place of all that was written from ``statement.start`` on: a repaired
    quotation stands there in the document's words.
    """

    statement: Statement
    text: str


@dataclass(frozen=True, slots=True)
class CitationChecked:
    """A citation has been compared with its page."""

    citation: Citation


@dataclass(frozen=True, slots=True)
class Answered:
    """The whole answer.

    ``text`` is plain; ``[n]`` in it refers to ``citations``. When ``found`` is false there are
    no citations and ``text`` says so. ``answerer`` names what wrote it ("extractive" when no
    model is installed). ``scope`` is the page or region that was asked about, if it was one.

    ``withheld`` is what a model wrote that nothing on the pages supports; it is shown on request
    only. ``removed`` counts made-up citations. ``conversation`` and ``record`` are the numbers
    under which it is kept, 0 if it is not. ``cautions`` say what to know of the documents cited.
    """

    question: str
    found: bool
    text: str
    citations: tuple[Citation, ...]
    searched: Searched
    unreadable: tuple[UnreadablePage, ...]
    answerer: str
    scope: Scope | None = None
    statements: tuple[Statement, ...] = ()
    mode: Mode = Mode.PASSAGES
    withheld: str = ""
    removed: int = 0
    by: WrittenBy = EXTRACTIVE
    effort: Effort = NO_EFFORT
    cautions: tuple[str, ...] = ()
    conversation: int = 0
    record: int = 0


@dataclass(frozen=True, slots=True)
class PageImageData:
    """A drawn page: RGB888 rows from the top, without padding. ``dpi`` as drawn."""

    width: int
    height: int
    dpi: float
    pixels: bytes


Event = (
    FileStarted
    | PageRead
    | ChunksEmbedded
    | DocumentAdded
    | DocumentReplaced
    | DocumentMoved
    | DocumentUnchanged
    | DocumentRemoved
    | FileFailed
    | FileSkipped
    | BatchFinished
    | Progressed
    | Checked
    | BackedUp
    | Restored
    | Rescued
    | PageTranscribed
    | ModeChosen
    | PassagesFound
    | PromptProgress
    | TextWritten
    | StatementChecked
    | CitationChecked
    | Answered
)
