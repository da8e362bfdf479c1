"""What the store takes and gives: documents, pages and chunks with their places in the library."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.types import Chunk, Figure, Page, Reading

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Collection:
    """A named set of documents with its sums."""

    id: int
    name: str
    documents: int
    pages: int


@dataclass(frozen=True, slots=True)
class Document:
    """A stored document, without its text. Times are ISO 8601, UTC."""

    id: int
    collection_id: int
    name: str
    title: str
    path: str
    media_type: str
    content_hash: str
    bytes: int
    modified: str
    added: str
    password: str
    warnings: tuple[str, ...]
    pages: int
    ocr_pages: int
    unreadable: int
    chunks: int
    model: str


@dataclass(frozen=True, slots=True)
class NewDocument:
    """Everything that becomes of one file, ready to be stored.

    ``vectors`` has a row for each chunk. ``rendition`` is the PDF that shows a file of another
    format; None when the original is a PDF itself. ``readings`` are those of pages that were read
    more than once.
    """

    name: str
    title: str
    path: str
    media_type: str
    content_hash: str
    size: int
    modified: str
    password: str
    warnings: tuple[str, ...]
    pages: Sequence[Page]
    chunks: Sequence[Chunk]
    vectors: Vectors
    model: str
    original: bytes | memoryview
    rendition: bytes | None
    figures: Sequence[Figure] = ()
    readings: Sequence[Reading] = ()


class Details(NamedTuple):
    """What a document is called, where it was, and whatever else would tell which one it is."""

    name: str
    title: str
    path: str
    content_hash: str
    password: str
    warnings: tuple[str, ...]


class StoredChunk(NamedTuple):
    """A chunk with its place in the library."""

    id: int
    document_id: int
    chunk: Chunk


class IndexRows(NamedTuple):
    """A batch for the search index; all of its parts have the same length.

    ``words`` are a chunk's content words as the index keeps them, separated by spaces; ``figures``
    says which chunks stand for figures.
    """

    chunk_ids: list[int]
    document_ids: list[int]
    words: list[str]
    vectors: Vectors
    figures: list[bool]


class FigureRows(NamedTuple):
    """What the index of what figures show needs; all of its parts have the same length."""

    chunk_ids: list[int]
    document_ids: list[int]
    vectors: Vectors


class PageState(NamedTuple):
    """A page's size in points, why it is unreadable (empty when it is not), and the mean
    confidence of its OCR (None without)."""

    number: int
    width: float
    height: float
    unreadable: str
    confidence: float | None = None


class StoredFigure(NamedTuple):
    """A figure with its place in the library."""

    document_id: int
    number: int
    figure: Figure


class StoredConversation(NamedTuple):
    """A conversation as it is listed. Times are ISO 8601, UTC; ``exchanges`` counts them."""

    id: int
    collection_id: int
    title: str
    created: str
    changed: str
    exchanges: int


class NewExchange(NamedTuple):
    """A question and its answer, ready to be stored; what ``body`` holds is the caller's affair.

    ``words`` is what they are found by. ``documents`` are those whose words are in it; it also
    holds words of the exchanges ``after`` which it was written.
    """

    made: str
    words: str
    body: bytes
    documents: Iterable[int]
    after: Sequence[int] = ()


class StoredExchange(NamedTuple):
    """A kept exchange; ``body`` is None once a document whose words were in it is removed."""

    id: int
    conversation_id: int
    ordinal: int
    made: str
    body: bytes | None


class StoredSheet(NamedTuple):
    """A table over a collection's documents, without its cells.

    ``fields`` and ``settings`` are JSON whose meaning is the caller's affair.
    """

    id: int
    collection_id: int
    title: str
    created: str
    fields: str
    settings: str


class StoredCell(NamedTuple):
    """What a table holds of a document under a field, the first of which is 0.

    ``content_hash`` is the document's when ``body`` was made of it.
    """

    document_id: int
    field: int
    made: str
    content_hash: str
    body: bytes


class CellMark(NamedTuple):
    """That there is a cell, and of which content of its document."""

    document_id: int
    field: int
    content_hash: str


class AuditRow(NamedTuple):
    """One entry as it is stored: ``detail`` is JSON, ``mark`` ties it to the entry before it."""

    number: int
    time: str
    user: str
    what: str
    detail: str
    mark: bytes
