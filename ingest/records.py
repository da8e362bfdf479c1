"""What the store takes and gives: documents, pages and chunks with their places in the library."""

from __future__ import annotations

from collections.abc import Sequence
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
