"""A library, opened: documents go in, passages and answers come out. One API for both skins.

Long work is a generator of `app.core.events`; closing it cancels, and what was committed stays.
Reading (search, ask, pages) is safe from other threads while one thread adds or removes.
"""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path

from app.core import vault
from app.core.adding import Adder, document_info
from app.core.answerer import Answerer, Draft, ExtractiveAnswerer
from app.core.events import (
    Answered,
    CollectionInfo,
    DocumentInfo,
    DocumentRemoved,
    DocumentReplaced,
    Event,
    PageImageData,
    PassagesFound,
    Progressed,
    Searched,
    UnreadablePage,
)
from app.core.ingestion import sizes_for, title_of
from app.core.library_index import LibraryIndex
from app.core.locations import check_new_library, resources_folder
from app.core.marking import Marked, mark, matching_pages
from app.core.models import Models
from app.core.preload import Preload
from app.core.snapshots import LibrarySnapshots
from app.core.vault_file import make_folder
from ingest.chunker import chunk_pages
from ingest.embedder import Embedder
from ingest.errors import IngestError
from ingest.glossary import Glossary
from ingest.reading import PageRenderer
from ingest.search import Searcher
from ingest.store import Document, Store
from ingest.types import Box, FileInfo, Line, Passage

_OPEN_PAGES = 3


class Workspace:
    """One open library."""

    def __init__(
        self,
        folder: Path,
        data_key: bytes,
        *,
        model_folder: Path | None = None,
        preload: Preload | None = None,
    ) -> None:
        self.folder = folder
        self._store = Store(folder, data_key)
        self.snapshots = LibrarySnapshots(folder, data_key, self._store)
        default = preload.embedder if preload else None
        self._models = Models(self._store, model_folder, default)
        self._index = LibraryIndex(self._store, self._models)
        self._adder = Adder(self._store, self._models, self._index)
        self._renderers: OrderedDict[int, PageRenderer] = OrderedDict()
        self._render_lock = threading.Lock()

    @classmethod
    def open(
        cls,
        folder: Path,
        key: vault.KeySource,
        *,
        create: bool = False,
        preload: Preload | None = None,
    ) -> Workspace:
        """Opens the library in ``folder``; with ``create``, makes it when there is none.

        ``preload`` has loaded the default model meanwhile.

        Raises:
            StoreError: wrong key, no library, in use elsewhere, newer version; the class says.
        """
        if create and not vault.has_keys(folder):
            check_new_library(folder)
            vault.check_new(key, str(folder))
            make_folder(folder)
            return cls(folder, vault.create_keys(folder, key), preload=preload)
        return cls(folder, vault.open_keys(folder, key), preload=preload)

    def close(self) -> None:
        """Ends every child and lets go of the library; what is under way elsewhere fails."""
        self._adder.close()
        with self._render_lock:
            for renderer in self._renderers.values():
                renderer.close()
            self._renderers.clear()
        self._store.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Collections and documents

    def collections(self) -> list[CollectionInfo]:
        """All collections by name."""
        return [
            CollectionInfo(c.id, c.name, c.documents, c.pages) for c in self._store.collections()
        ]

    def create_collection(self, name: str) -> CollectionInfo:
        """Makes an empty collection, or returns the one of that name."""
        made = self._store.add_collection(name)
        return CollectionInfo(made.id, made.name, made.documents, made.pages)

    def rename_collection(self, collection_id: int, name: str) -> None:
        """Gives a collection another name."""
        self._store.rename_collection(collection_id, name)

    def remove_collection(self, name: str) -> None:
        """Removes a collection with all its documents."""
        collection = self._store.collection(name)
        documents = [document.id for document in self._store.documents(collection.id)]
        # First: interrupted between the two, a document is read again rather than kept for ever.
        self.snapshots.forget(documents)
        self._store.remove_collection(collection.id)
        self._index.remove_collection(collection.id)

    def documents(self, collection: str) -> list[DocumentInfo]:
        """A collection's documents by name."""
        found = self._store.collection(collection)
        return [document_info(d, found.name) for d in self._store.documents(found.id)]

    def document(self, document_id: int) -> DocumentInfo:
        """One document."""
        return self._document_info(self._store.document(document_id))

    def history(self, document_id: int) -> list[tuple[str, str, str]]:
        """What happened to a document: time, what, and its path then."""
        return self._store.history(document_id)

    def add(
        self,
        paths: Sequence[Path],
        collection: str,
        *,
        passwords: Sequence[str] = (),
        stop: threading.Event | None = None,
    ) -> Iterator[Event]:
        """Adds files, and the files in folders; makes the collection if it is missing.

        Known content is recognised, a changed file replaces its older version, a moved one
        keeps its history. A file that cannot be read is a `FileFailed`; the rest goes on. Files
        of folders whose type has no reader are `FileSkipped`. A library that takes nothing more
        ends the batch: each file that is not stored is a `FileFailed`, and after
        `BatchFinished` the error itself is raised. Setting ``stop`` ends the batch soon: what
        was told of is stored, and nothing is of the other files.

        Raises:
            StoreError: the library cannot be written, or its disk is full.
        """
        with closing(
            self._adder.add(paths, collection, passwords, stop or threading.Event())
        ) as events:
            for event in events:
                if isinstance(event, DocumentReplaced):
                    self._drop_renderer(event.document.id)
                yield event

    def remove(self, document_id: int) -> Iterator[Event]:
        """Removes a document and all that came of it."""
        document = self._store.document(document_id)
        info = self._document_info(document)
        self.snapshots.forget([document_id])
        self._store.remove(document_id)
        self._index.remove(document.collection_id, [document_id])
        self._drop_renderer(document_id)
        yield DocumentRemoved(info)

    # Asking

    def search(
        self,
        words: str,
        collection: str,
        *,
        k: int = 10,
        documents: Sequence[int] | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> list[Passage]:
        """The best passages; of some documents, or of files changed between two days."""
        found = self._store.collection(collection)
        chosen = self._chosen(found.id, documents, since, until)
        return self._searcher(found.id).search(found.id, words, k=k, documents=chosen)

    def prepare(self, collection: str) -> None:
        """Loads the model and the collection's index, so that the first search is quick."""
        self._searcher(self._store.collection(collection).id)

    def ask(
        self, question: str, collection: str, *, documents: Sequence[int] | None = None
    ) -> Iterator[Event]:
        """Answers a question from a collection; the last event is `Answered`."""
        found = self._store.collection(collection)
        passages = self._searcher(found.id).search(found.id, question, documents=documents)
        yield PassagesFound(tuple(passages))
        answerer = self._answerer()
        draft = Draft(False, "", ())
        for event in answerer.answer(question, passages):
            if isinstance(event, Draft):
                draft = event
            else:
                yield event
        stored = [
            d for d in self._store.documents(found.id) if documents is None or d.id in documents
        ]
        searched = Searched(
            found.name,
            len(stored),
            sum(d.pages for d in stored),
            sum(d.chunks for d in stored),
        )
        unreadable = tuple(
            UnreadablePage(*row)
            for row in self._store.unreadable_pages(found.id)
            if documents is None or row[0] in documents
        )
        text = draft.text if draft.found else "Not found in these documents."
        yield Answered(
            question, draft.found, text, draft.citations, searched, unreadable, answerer.name
        )

    # Pages

    def page_sizes(self, document_id: int) -> list[tuple[float, float]]:
        """Width and height of every page in points."""
        return [(page.width, page.height) for page in self._store.page_states(document_id)]

    def page_lines(self, document_id: int, page: int) -> list[Line]:
        """A page's lines in reading order."""
        return list(self._store.page_lines(document_id, page))

    def render_page(self, document_id: int, page: int, *, dpi: float) -> PageImageData:
        """A page as pixels, drawn in a guest."""
        drawn = self._renderer(document_id, page).render(page, dpi)
        return PageImageData(drawn.width, drawn.height, drawn.dpi, drawn.pixels)

    def mark(self, document_id: int, page: int, words: str) -> Marked:
        """The lines of a page that hold some words, a phrase in quotation marks or a sentence.

        Raises:
            IngestError: nothing on the page matches; the remedy names the pages that do.
        """
        self._store.page_lines(document_id, page)  # says so when there is no such page
        lines = [stored.lines for stored in self._store.pages(document_id)]
        marked = mark(words, lines, page)
        if not marked.boxes:
            name, others = self._store.document(document_id).name, matching_pages(words, lines)
            raise IngestError(
                f"“{words}”",
                f"Nothing on page {page} of {name} matches.",
                f"These pages do: {', '.join(map(str, others))}."
                if others
                else "Nor does any other page; try other words.",
            )
        return marked

    def page_png(
        self, document_id: int, page: int, *, dpi: float = 150, boxes: Sequence[Box] = ()
    ) -> bytes:
        """A page as a PNG file, the lines in ``boxes`` highlighted."""
        return self._renderer(document_id, page).png(page, dpi, boxes)

    # Followed folders

    def follow(self, collection: str, folder: str) -> None:
        """The collection follows a folder from now on; see `app.core.following`."""
        self._store.follow(self._store.add_collection(collection).id, str(Path(folder).resolve()))

    def unfollow(self, collection: str, folder: str) -> None:
        """It does no longer; its documents stay."""
        self._store.unfollow(self._store.collection(collection).id, str(Path(folder).resolve()))

    def followed(self, collection: str) -> list[str]:
        """The folders that the collection follows."""
        return self._store.followed(self._store.collection(collection).id)

    # The embedding model and the index

    @property
    def embedder(self) -> Embedder:
        """The model in use; loaded when first needed."""
        return self._models.embedder

    def change_model(self, folder: Path | None) -> Iterator[Event]:
        """Embeds every document anew with the model in ``folder`` (None: the default).

        Each document changes over on its own, so that an interruption loses nothing: opening
        the library again and searching goes on with those that are left.
        """
        self._models.use_embedder(folder)
        self._index.forget()
        yield from self.embed_outdated()

    def embed_outdated(self) -> Iterator[Event]:
        """Embeds the documents whose vectors are of another model."""
        embedder = self.embedder
        outdated = [
            document
            for collection in self._store.collections()
            for document in self._store.documents(collection.id)
            if document.model != embedder.model
        ]
        for done, document in enumerate(outdated, start=1):
            info = FileInfo(document.media_type, document.pages, document.title)
            chunks = chunk_pages(
                self._store.pages(document.id),
                title_of(Path(document.path), info),
                embedder.count_tokens,
                sizes_for(embedder),
            )
            vectors = embedder.embed([chunk.search_text for chunk in chunks])
            self._store.put_chunks(document.id, chunks, vectors, embedder.model)
            yield Progressed("embedding", done, len(outdated))

    def use_reranker(self, folder: Path | None) -> None:
        """Lets a cross-encoder order the best chunks from now on; None goes without.

        Raises:
            ModelError: it cannot be loaded; the choice stays as it was.
        """
        self._models.use_reranker(folder)

    def use_index(self, uri: str) -> None:
        """Keeps the search index at ``uri`` (an encrypted volume), or in memory when empty."""
        self._index.move_to(uri)

    def _answerer(self) -> Answerer:
        return ExtractiveAnswerer(self.embedder, _glossary(), page_lines=self.page_lines)

    def _searcher(self, collection_id: int) -> Searcher:
        index, embedder = self._index.of(collection_id)
        return Searcher(self._store, index, embedder, _glossary(), reranker=self._models.reranker)

    def _chosen(
        self,
        collection_id: int,
        documents: Sequence[int] | None,
        since: date | None,
        until: date | None,
    ) -> list[int] | None:
        if since is None and until is None:
            return None if documents is None else list(documents)
        return [
            d.id
            for d in self._store.documents(collection_id)
            if (documents is None or d.id in documents)
            and (since is None or d.modified[:10] >= since.isoformat())
            and (until is None or d.modified[:10] <= until.isoformat())
        ]

    def _document_info(self, document: Document) -> DocumentInfo:
        names = {c.id: c.name for c in self._store.collections()}
        return document_info(document, names[document.collection_id])

    # Drawing

    def _renderer(self, document_id: int, page: int) -> PageRenderer:
        self._store.page_lines(document_id, page)  # says so when there is no such page
        with self._render_lock:
            renderer = self._renderers.pop(document_id, None)
            if renderer is None:
                document = self._store.document(document_id)
                renderer = PageRenderer(
                    self._store.shown_pdf(document_id), document.password, name=document.name
                )
            self._renderers[document_id] = renderer
            while len(self._renderers) > _OPEN_PAGES:
                self._renderers.popitem(last=False)[1].close()
            return renderer

    def _drop_renderer(self, document_id: int) -> None:
        with self._render_lock:
            renderer = self._renderers.pop(document_id, None)
        if renderer is not None:
            renderer.close()


@functools.cache
def _glossary() -> Glossary:
    return Glossary.load(sorted((resources_folder() / "glossary").glob("*.toml")))
