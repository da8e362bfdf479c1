"""What a model wrote down of pages, as chunks beside those of the pages' own text.

So it is found by a search, and neither reading takes the other's place. Knows nothing of files,
models or the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ingest.chunker import ChunkSizes, CountTokens, chunk_pages
from ingest.types import Chunk, Page, Reading, TextSource

_APART = 2  # neighbours by ordinal become one passage; readings stay apart


def reading_chunks(
    readings: Iterable[Reading],
    sizes_of_pages: Mapping[int, tuple[float, float]],
    after: int,
    title: str,
    count_tokens: CountTokens,
    sizes: ChunkSizes | None = None,
) -> list[Chunk]:
    """The chunks of models' readings, to stand behind the chunk with the ordinal ``after``.

    Each chunk is of one reading of one page, and names the model.
    """
    chunks: list[Chunk] = []
    for reading in readings:
        if reading.source is not TextSource.MODEL:
            continue
        page = Page(reading.page, *sizes_of_pages[reading.page], reading.lines)
        after += _APART
        for chunk in chunk_pages([page], title, count_tokens, sizes):
            chunks.append(replace(chunk, ordinal=after, by=reading.by))
            after += 1
    return chunks


def attributed(chunks: Sequence[Chunk], readings: Iterable[Reading]) -> list[Chunk]:
    """Chunks of a document's own pages; of those whose words a model wrote down, with its name."""
    writers = {r.page: r.by for r in readings if r.source is TextSource.MODEL}
    return [replace(chunk, by=_writer(chunk, writers)) for chunk in chunks]


def _writer(chunk: Chunk, writers: Mapping[int, str]) -> str:
    pages = [line.page for line in chunk.lines if line.source is TextSource.MODEL]
    return next((writers[page] for page in pages if page in writers), "")
