"""A dictated note as a document: the recording, and what a model wrote down of it.

The page that is shown is the transcript, typeset under a heading that says whose words these are.
Its lines come from the model, so that nothing that cites them is taken for verified. Knows no
store and no model.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from app.core.ingestion import ReadDocument, chunks_of, title_of
from ingest.embedder import Embedder
from ingest.errors import IngestError
from ingest.guest.limits import Limits
from ingest.reading import read_text
from ingest.source import open_source
from ingest.types import DICTATION, FileInfo, Line, Page, Reading, TextSource

_LONGEST_NAME = 60  # characters: a heading is a short line
_OWN_BLOCKS = 2  # of the first page: the heading, and what is said of the transcript


def statement(by: str, made: str) -> str:
    """What is to be known of a transcript, wherever it is shown."""
    return (
        f"Written down from a recording by {by} on {made[:10]}. "
        "Nobody has compared these words with the recording."
    )


def dictated(path: Path, text: str, by: str, made: str, embedder: Embedder) -> ReadDocument:
    """The document of a recording, all but its vectors. ``made`` is ISO 8601, UTC.

    Raises:
        IngestError: there are no words, or the recording cannot be read.
    """
    text = text.strip()
    if not any(sign.isalnum() for sign in text):
        raise IngestError(
            str(path), f"{by} heard no words in it.", "Listen to it; it may be empty or too quiet."
        )
    with open_source(path, Limits()) as source:
        original, content_hash = source.content(), source.content_hash()
        modified = datetime.fromtimestamp(source.modified, UTC).isoformat(timespec="seconds")
    told = statement(by, made)
    heading = f"Dictated note: {path.name[:_LONGEST_NAME]}"
    read = read_text(f"{heading}\n{'=' * len(heading)}\n\n{told}\n\n{text}", f"{path.stem}.txt")
    pages = tuple(_heard(page) for page in read.pages)
    readings = tuple(
        Reading(page.number, TextSource.MODEL, _of_model(page), by, made) for page in pages
    )
    info = FileInfo(DICTATION, len(pages), warnings=(told, *read.info.warnings))
    title = title_of(path, info)
    return ReadDocument(
        path=path,
        content_hash=content_hash,
        info=info,
        pages=pages,
        chunks=chunks_of(pages, (), title, embedder, readings=readings),
        original=original,
        rendition=read.rendition,
        password="",
        modified=modified,
        readings=readings,
    )


def _heard(page: Page) -> Page:
    """The page, all but our own words on it marked as the model's."""
    lines = tuple(
        line
        if page.number == 1 and line.block < _OWN_BLOCKS
        else replace(line, source=TextSource.MODEL)
        for line in page.lines
    )
    return replace(page, lines=lines)


def _of_model(page: Page) -> tuple[Line, ...]:
    return tuple(line for line in page.lines if line.source is TextSource.MODEL)
