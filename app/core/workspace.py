"""A library, opened: documents go in, passages and answers come out. One API for both skins.

Long work is a generator of `app.core.events`; closing it cancels, and what was committed stays.
Reading (search, ask, pages) is safe from other threads while one thread adds or removes.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path

from app.core import vault
from app.core.adding import Adder, document_info
from app.core.answerer import Answerer, Task, drafted
from app.core.crops import crops_of
from app.core.events import (
    Answered,
    CollectionInfo,
    DocumentInfo,
    DocumentRemoved,
    DocumentReplaced,
    Event,
    Mode,
    PassagesFound,
    Progressed,
    Scope,
    Searched,
    UnreadablePage,
)
from app.core.export import Exporting
from app.core.extractive import ExtractiveAnswerer, ExtractiveSettings
from app.core.ingestion import chunks_of, title_of
from app.core.library_index import LibraryIndex
from app.core.locations import check_new_library, resources_folder
from app.core.models import Models
from app.core.page_viewing import PageViewing
from app.core.preload import Preload
from app.core.scoped import check_scope, nothing_there, passages_in, points_only
from app.core.snapshots import LibrarySnapshots
from app.core.vault_file import make_folder
from ingest.embedder import Embedder
from ingest.errors import StoreError
from ingest.glossary import Glossary
from ingest.search import Searcher
from ingest.store import Collection, Document, Store
from ingest.types import Box, FileInfo, Passage


class Workspace(PageViewing, Exporting):
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
        super().__init__(Store(folder, data_key))
        self.snapshots = LibrarySnapshots(folder, data_key, self._store)
        default = preload.embedder if preload else None
        self._models = Models(self._store, model_folder, default)
        self._index = LibraryIndex(self._store, self._models)
        self._adder = Adder(self._store, self._models, self._index)

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
        self.close_pages()
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
        self,
        question: str,
        collection: str,
        *,
        documents: Sequence[int] | None = None,
        scope: Scope | None = None,
    ) -> Iterator[Event]:
        """Answers a question from a collection; the last event is `Answered`.

        With ``scope``, from what stands on that page, or in that region of it.

        Raises:
            IngestError: the collection lacks the scope's document, page or region.
        """
        found = self._store.collection(collection)
        if scope is not None:
            yield from self._ask_about(question, found, scope)
            return
        passages = self._searcher(found.id).search(found.id, question, documents=documents)
        yield PassagesFound(tuple(passages), crops_of(passages))
        answerer = self._answerer()
        draft = yield from drafted(answerer, Task(question, passages))
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
            question,
            draft.found,
            text,
            draft.citations,
            searched,
            unreadable,
            answerer.name,
            statements=draft.statements,
        )

    def _ask_about(self, question: str, found: Collection, scope: Scope) -> Iterator[Event]:
        document = self._store.document(scope.document_id)
        if document.collection_id != found.id:
            raise StoreError(
                document.name, f"It is not in {found.name}.", "Choose the collection it is in."
            )
        state = check_scope(self._store, scope)
        passages = passages_in(self._store, scope, question, self.embedder)
        whole = Box(0.0, 0.0, state.width, state.height)
        yield PassagesFound(tuple(passages), crops_of(passages, scope, whole))
        answerer = self._answerer(everything=points_only(question))
        draft = yield from drafted(answerer, Task(question, passages, Mode.PLACE))
        unreadable = (
            (UnreadablePage(document.id, document.name, scope.page, state.unreadable),)
            if state.unreadable
            else ()
        )
        text = draft.text if draft.found else nothing_there(scope, passages)
        searched = Searched(found.name, 1, 1, len(passages))
        yield Answered(
            question,
            draft.found,
            text,
            draft.citations,
            searched,
            unreadable,
            answerer.name,
            scope,
            draft.statements,
            Mode.PLACE,
        )

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
            chunks = chunks_of(
                self._store.pages(document.id),
                [stored.figure for stored in self._store.figures(document.id)],
                title_of(Path(document.path), info),
                embedder,
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

    def _answerer(self, *, everything: bool = False) -> Answerer:
        # Who only points at a place wants to know what stands there, whatever it is.
        settings = ExtractiveSettings(least_strength=0.0, least_share=0.0) if everything else None
        return ExtractiveAnswerer(self.embedder, _glossary(), settings, page_lines=self.page_lines)

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


@functools.cache
def _glossary() -> Glossary:
    return Glossary.load(sorted((resources_folder() / "glossary").glob("*.toml")))
