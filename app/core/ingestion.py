"""Files on their way into the library: read side by side, embedded and stored one by one.

Reader threads wait for guests and OCR; the caller's thread embeds and stores, so that the
library changes in one place only. Knows the store and the readers, not collections' names.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from app.core.events import ChunksEmbedded, Event, FileFailed, FileStarted, PageRead
from ingest.chunker import ChunkSizes, chunk_pages
from ingest.embedder import Embedder
from ingest.errors import IngestError, PasswordNeeded
from ingest.figure_chunks import figure_chunks, mute_chunks
from ingest.reading import FileRead, OcrPool, PageText, page_sizes, read_file
from ingest.reading_chunks import attributed, reading_chunks
from ingest.store import NewDocument
from ingest.types import Chunk, Figure, FileInfo, Page, Reading, TextSource

PDF = "application/pdf"
_SIDE_BY_SIDE = 3
_LOOK_SECONDS = 0.2  # how often a wait looks whether it should stop


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A file that has become chunks, but has no vectors yet."""

    path: Path
    content_hash: str
    info: FileInfo
    pages: tuple[Page, ...]
    chunks: list[Chunk]
    original: bytes
    rendition: bytes | None
    password: str
    modified: str
    figures: tuple[Figure, ...] = ()
    readings: tuple[Reading, ...] = ()


def chunks_of(
    pages: Sequence[Page],
    figures: Sequence[Figure],
    title: str,
    embedder: Embedder,
    *,
    seen: bool = False,
    readings: Sequence[Reading] = (),
) -> list[Chunk]:
    """All chunks of a document: of its text, of its figures, then of ``readings`` by models.

    Where figures are ``seen``, also those that nothing is said about.
    """
    sizes, count = sizes_for(embedder), embedder.count_tokens
    text = attributed(chunk_pages(pages, title, count, sizes), readings)
    chunks = text + figure_chunks(figures, text, title, count, sizes)
    if seen:
        chunks += mute_chunks(figures, chunks, title, count, sizes)
    written = {p.number for p in pages if any(x.source is TextSource.MODEL for x in p.lines)}
    beside = [reading for reading in readings if reading.page not in written]
    return chunks + chunks_of_readings(pages, beside, chunks, title, embedder)


def chunks_of_readings(
    pages: Sequence[Page],
    readings: Sequence[Reading],
    after: Sequence[Chunk],
    title: str,
    embedder: Embedder,
) -> list[Chunk]:
    """The chunks of what models wrote down of pages, to stand behind those that there are."""
    places = {page.number: (page.width, page.height) for page in pages}
    last = max((chunk.ordinal for chunk in after), default=0)
    return reading_chunks(readings, places, last, title, embedder.count_tokens, sizes_for(embedder))


def title_of(path: Path, info: FileInfo) -> str:
    """What a document is called in its chunks: its own title with the file's name."""
    name = path.stem.replace("_", " ").replace("-", " ")
    title = info.title.strip()
    if not title or title.casefold() in name.casefold():
        return name
    return f"{title} ({name})"


def read_all(
    paths: Sequence[Path],
    embedder: Embedder,
    ocr: OcrPool,
    passwords: Sequence[str] = (),
    stop: threading.Event | None = None,
) -> Generator[Event | ReadDocument, None, None]:
    """Reads files side by side: their progress, and each as a `ReadDocument` or `FileFailed`.

    Closing the iterator stops the readers; the files being read are dropped. Setting ``stop``
    ends it too, also while it waits for a slow page.
    """
    readers = _Readers(paths, embedder, ocr, passwords)
    try:
        yield from readers.results(stop or threading.Event())
    finally:
        readers.stop()


def embed(document: ReadDocument, embedder: Embedder) -> Iterator[ChunksEmbedded | NewDocument]:
    """Gives a read document its vectors, in steps that can be shown and stopped."""
    vectors = np.empty((len(document.chunks), embedder.dimension), np.float32)
    # Small enough to stop within a second.
    step = 32
    for start in range(0, len(document.chunks), step):
        part = document.chunks[start : start + step]
        vectors[start : start + step] = embedder.embed([chunk.search_text for chunk in part])
        yield ChunksEmbedded(str(document.path), start + len(part), len(document.chunks))
    yield NewDocument(
        name=document.path.name,
        title=document.info.title,
        path=str(document.path),
        media_type=document.info.media_type,
        content_hash=document.content_hash,
        size=len(document.original),
        modified=document.modified,
        password=document.password,
        warnings=document.info.warnings,
        pages=document.pages,
        chunks=document.chunks,
        vectors=vectors,
        model=embedder.model,
        original=document.original,
        rendition=document.rendition,
        figures=document.figures,
        readings=document.readings,
    )


def sizes_for(embedder: Embedder) -> ChunkSizes:
    """Chunk bounds that suit a model; beyond 256 tokens passages would lose their point."""
    window = min(embedder.window, 254)
    return ChunkSizes(window=window, target=window * 200 // 254, context=window // 5)


class _Readers:
    """Threads that read files, and the queue of what they found."""

    def __init__(
        self,
        paths: Sequence[Path],
        embedder: Embedder,
        ocr: OcrPool,
        passwords: Sequence[str],
    ) -> None:
        self._embedder = embedder
        self._ocr = ocr
        self._passwords = tuple(passwords)
        self._total = len(paths)
        self._waiting: queue.SimpleQueue[tuple[int, Path] | None] = queue.SimpleQueue()
        # Bounded, so that reading does not run ahead of embedding by more than a few files.
        self._found: queue.Queue[Event | ReadDocument | None] = queue.Queue(64)
        self._stopping = threading.Event()
        for item in enumerate(paths, start=1):
            self._waiting.put(item)
        count = min(_SIDE_BY_SIDE, len(paths))
        for _ in range(count):
            self._waiting.put(None)
        self._threads = [
            threading.Thread(target=self._run, name=f"reader-{i}", daemon=True)
            for i in range(count)
        ]
        self._documents = threading.Semaphore(_SIDE_BY_SIDE)

    def results(self, stop: threading.Event) -> Iterator[Event | ReadDocument]:
        for thread in self._threads:
            thread.start()
        running = len(self._threads)
        while running and not stop.is_set():
            try:
                item = self._found.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                continue
            if item is None:
                running -= 1
                continue
            yield item
            if isinstance(item, ReadDocument):
                self._documents.release()

    def stop(self) -> None:
        self._stopping.set()
        while any(thread.is_alive() for thread in self._threads):
            try:
                self._found.get(timeout=0.05)
            except queue.Empty:
                continue

    def _run(self) -> None:
        while (job := self._waiting.get()) is not None and not self._stopping.is_set():
            index, path = job
            self._put(FileStarted(str(path), index, self._total))
            try:
                self._read(path)
            except IngestError as error:
                needs_password = isinstance(error, PasswordNeeded)
                self._put(FileFailed(str(path), error.cause, error.remedy, needs_password))
            except Exception as error:  # noqa: BLE001 - a defect must not lose the rest of a batch
                cause = f"The program failed on it ({type(error).__name__}: {error})."
                self._put(FileFailed(str(path), cause, "Please report this file's kind."))
        self._found.put(None)

    def _put(self, item: Event | ReadDocument) -> None:
        if not self._stopping.is_set():
            self._found.put(item)

    def _read(self, path: Path) -> None:
        result: FileRead | None = None
        for event in read_file(path, passwords=self._passwords, ocr=self._ocr):
            if self._stopping.is_set():
                return
            if isinstance(event, PageText):
                self._put(PageRead(str(path), event.page.number, event.pages, event.source))
            elif isinstance(event, FileRead):
                result = event
        assert result is not None
        title = title_of(path, result.info)
        chunks = chunks_of(result.pages, result.figures, title, self._embedder)
        modified = datetime.fromtimestamp(result.modified, UTC).isoformat(timespec="seconds")
        document = ReadDocument(
            path=path,
            content_hash=result.content_hash,
            info=result.info,
            pages=result.pages,
            chunks=chunks,
            original=result.original,
            rendition=result.rendition,
            password=self._password_of(result),
            modified=modified,
            figures=result.figures,
            readings=result.readings,
        )
        while not self._documents.acquire(timeout=0.1):
            if self._stopping.is_set():
                return
        self._put(document)

    def _password_of(self, result: FileRead) -> str:
        """The password that opens the pages again; most files need none."""
        if not self._passwords or result.rendition is not None:
            return ""
        for password in ("", *self._passwords):
            try:
                page_sizes(result.original, password=password)
            except PasswordNeeded:
                continue
            return password
        return ""
