"""Files become documents of a collection: recognised, read, embedded, stored, one by one.

Knows the store and the index, nothing of how files are read.
"""

from __future__ import annotations

import threading
from collections.abc import Container, Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from app.core.audit import Audit
from app.core.audit_entries import What
from app.core.events import (
    BatchFinished,
    DocumentAdded,
    DocumentInfo,
    DocumentMoved,
    DocumentReplaced,
    DocumentUnchanged,
    Event,
    FileFailed,
    FileSkipped,
)
from app.core.figure_sight import FigureSight
from app.core.files import expand
from app.core.ingestion import ReadDocument, embed, read_all
from app.core.library_index import LibraryIndex
from app.core.models import Models
from ingest.embedder import Embedder
from ingest.errors import IngestError, ModelError, StoreError
from ingest.guest.limits import Limits
from ingest.ocr.pool import OcrPool
from ingest.source import open_source
from ingest.store import Collection, Document, NewDocument, Store


class Adder:
    """Adds to one library; one batch at a time."""

    def __init__(
        self,
        store: Store,
        models: Models,
        index: LibraryIndex,
        sight: FigureSight,
        audit: Audit,
    ) -> None:
        self._store = store
        self._audit = audit
        self._models = models
        self._index = index
        self._sight = sight
        self._ocr: OcrPool | None = None

    def close(self) -> None:
        """Ends the OCR processes, whatever they are at."""
        if self._ocr is not None:
            self._ocr.stop()
            self._ocr = None

    def add(
        self,
        paths: Sequence[Path],
        collection: str,
        passwords: Sequence[str],
        stop: threading.Event,
    ) -> Generator[Event, None, None]:
        """See `Workspace.add`."""
        self._store.check_writable()
        target = collection_named(self._store, self._audit, collection)
        sizes = {document.bytes for document in self._store.documents(target.id)}
        counts = {"added": 0, "replaced": 0, "unchanged": 0, "moved": 0, "failed": 0, "skipped": 0}
        unread: list[Path] = []
        for found in expand(paths):
            known = self._recognise(target.id, found, sizes) if isinstance(found, Path) else found
            if known is not None:
                _count(counts, known)
                yield known
            elif isinstance(found, Path):
                unread.append(found)
            if stop.is_set():
                break
        refused: StoreError | None = None
        left = dict.fromkeys(str(path) for path in unread)
        if unread and not stop.is_set():
            try:
                with closing(self._add_unread(target.id, unread, passwords, stop)) as events:
                    for event in events:
                        _count(counts, event)
                        if isinstance(event, _Settled):
                            left.pop(event.path, None)
                        yield event
                        if stop.is_set():
                            break
            except StoreError as error:
                refused = error
                for missed in left:
                    counts["failed"] += 1
                    yield FileFailed(missed, f"It was not stored. {error.cause}", error.remedy)
        unseen: ModelError | None = None
        if refused is None and not stop.is_set():
            try:
                yield from self._sight.catch_up(target.id, stop)
            except ModelError as error:
                unseen = error  # what was added is there all the same
        self._index.optimize(target.id)
        yield BatchFinished(**counts)
        if unseen is not None:
            raise unseen
        if refused is not None:
            raise refused

    def _recognise(self, collection_id: int, path: Path, sizes: Container[int]) -> Event | None:
        """What needs no reading: unchanged, moved, or unreachable. None when it must be read."""
        try:
            with open_source(path, Limits()) as source:
                if source.size not in sizes:
                    return None  # whatever it holds, it is new; no need to look through it
                content_hash = source.content_hash()
        except IngestError as error:
            return FileFailed(str(path), error.cause, error.remedy)
        return self._known(collection_id, path, content_hash)

    def _known(self, collection_id: int, path: Path, content_hash: str) -> Event | None:
        document = self._store.find(collection_id, content_hash=content_hash)
        if document is None:
            return None
        if document.path == str(path) or Path(document.path).exists():
            return DocumentUnchanged(str(path), self._info(document))
        with self._store.together():
            moved = self._store.move(document.id, str(path), path.name, document.modified)
            self._audit.document(What.DOCUMENT_MOVED, moved)
        return DocumentMoved(str(path), self._info(moved), document.path)

    def _add_unread(
        self,
        collection_id: int,
        paths: Sequence[Path],
        passwords: Sequence[str],
        stop: threading.Event,
    ) -> Generator[Event, None, None]:
        if self._ocr is None:
            self._ocr = OcrPool()
        embedder = self._models.embedder
        with closing(read_all(paths, embedder, self._ocr, passwords, stop)) as results:
            for result in results:
                if isinstance(result, ReadDocument):
                    yield from self._keep(collection_id, result, embedder)
                else:
                    yield result

    def _keep(
        self, collection_id: int, document: ReadDocument, embedder: Embedder
    ) -> Iterator[Event]:
        # The same content may have come twice in one batch.
        known = self._known(collection_id, document.path, document.content_hash)
        if known is not None:
            yield known
            return
        for step in embed(document, embedder):
            if isinstance(step, NewDocument):
                yield self._put(collection_id, step)
            else:
                yield step

    def put_read(self, collection: str, document: ReadDocument) -> DocumentAdded | DocumentReplaced:
        """Stores a document that was read elsewhere; the same content gives way to it."""
        target = collection_named(self._store, self._audit, collection)
        for step in embed(document, self._models.embedder):
            if isinstance(step, NewDocument):
                known = self._store.find(target.id, content_hash=step.content_hash)
                return self._put(target.id, step, known)
        raise AssertionError("embedding ends with the document")

    def _put(
        self, collection_id: int, new: NewDocument, older: Document | None = None
    ) -> DocumentAdded | DocumentReplaced:
        older = older or self._store.find(collection_id, path=new.path)
        with self._store.together():
            stored = self._store.put(collection_id, new, replaces=older.id if older else None)
            self._audit.document(What.DOCUMENT_REPLACED if older else What.DOCUMENT_ADDED, stored)
        self._index.put(collection_id, stored.id)
        info = self._info(stored)
        return DocumentReplaced(new.path, info) if older else DocumentAdded(new.path, info)

    def _info(self, document: Document) -> DocumentInfo:
        names = {c.id: c.name for c in self._store.collections()}
        return document_info(document, names[document.collection_id])


def collection_named(store: Store, audit: Audit, name: str) -> Collection:
    """The collection of that name; made, and recorded, where there is none.

    Raises:
        StoreError: none may be called so.
    """
    if any(known.name == name for known in store.collections()):
        return store.collection(name)
    with store.together():
        made = store.add_collection(name)
        audit.record(What.COLLECTION_CREATED, collection=made.id, **audit.named(name))
    return made


def document_info(document: Document, collection: str) -> DocumentInfo:
    """A stored document as the skins see it."""
    return DocumentInfo(
        id=document.id,
        collection=collection,
        name=document.name,
        title=document.title,
        path=document.path,
        media_type=document.media_type,
        pages=document.pages,
        ocr_pages=document.ocr_pages,
        unreadable=document.unreadable,
        chunks=document.chunks,
        bytes=document.bytes,
        added=document.added,
        modified=document.modified,
        content_hash=document.content_hash,
        kept=True,
        warnings=document.warnings,
    )


_COUNTED = {
    DocumentAdded: "added",
    DocumentReplaced: "replaced",
    DocumentUnchanged: "unchanged",
    DocumentMoved: "moved",
    FileFailed: "failed",
    FileSkipped: "skipped",
}


_Settled = DocumentAdded | DocumentReplaced | DocumentUnchanged | DocumentMoved | FileFailed


def _count(counts: dict[str, int], event: Event) -> None:
    name = _COUNTED.get(type(event))
    if name:
        counts[name] += 1
