"""A library, opened: documents go in, passages and answers come out. One API for both skins.

Long work is a generator of `app.core.events`; closing it cancels, and what was committed stays.
Reading (search, ask, pages) is safe from other threads while one thread adds or removes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path

from app.core import policy, vault
from app.core.adding import Adder, collection_named, document_info
from app.core.asking import glossary
from app.core.audit import Audit
from app.core.audit_entries import What
from app.core.audit_export import AuditExporting
from app.core.dictating import dictated
from app.core.events import (
    CollectionInfo,
    DocumentAdded,
    DocumentInfo,
    DocumentRemoved,
    DocumentReplaced,
    Event,
)
from app.core.figure_sight import FigureSight
from app.core.ingestion import chunks_of_readings, title_of
from app.core.key_changes import meet_policy, unlocked_key
from app.core.language_model import LanguageModel
from app.core.library_index import LibraryIndex
from app.core.locations import (
    begin_library,
    check_new_library,
    check_vault,
    library_is_there,
)
from app.core.model_choosing import ModelChoosing
from app.core.models import Models
from app.core.page_export import PageExporting
from app.core.preload import Preload
from app.core.process_guard import wipe
from app.core.protecting import Protecting
from app.core.reading_plan import ReadingPlan
from app.core.snapshots import LibrarySnapshots
from app.core.table_export import TableExporting
from app.core.transcribing import Transcribing
from app.core.vault_file import make_folder
from ingest.search import Searcher
from ingest.store import Document, Store
from ingest.store_writing import utc_now
from ingest.types import FileInfo, Passage


class Workspace(
    ModelChoosing, Protecting, TableExporting, PageExporting, AuditExporting, Transcribing
):
    """One open library."""

    def __init__(
        self,
        folder: Path,
        data_key: bytearray,
        *,
        cipher: vault.VaultCipher = "chacha20",
        model_folder: Path | None = None,
        preload: Preload | None = None,
    ) -> None:
        """``data_key`` is the workspace's from now on: `close` wipes it, and so does a failure."""
        self.folder = folder
        self._data_key = data_key
        try:
            super().__init__(Store(folder, data_key, cipher=cipher))
        except BaseException:
            wipe(data_key)
            raise
        self.audit = Audit(folder, data_key, self._store)
        self.snapshots = LibrarySnapshots(folder, data_key, self._store)
        default = preload.embedder if preload else None
        self._models = Models(self._store, model_folder, default)
        self._index = LibraryIndex(self._store, self._models)
        self._sight = FigureSight(self._store, self._models, self._index)
        self._adder = Adder(self._store, self._models, self._index, self._sight, self.audit)
        self.language = LanguageModel(self._store, self.snapshots)
        self.reading = ReadingPlan(
            self._store,
            self.language,
            self.snapshots,
            lambda document, page, box, pixels: self.upright_png(
                document, page, box, pixels=pixels
            ),
        )

    @classmethod
    def open(
        cls,
        folder: Path,
        key: vault.KeySource,
        *,
        create: bool | vault.NewLibrary = False,
        preload: Preload | None = None,
    ) -> Workspace:
        """Opens the library in ``folder``; with ``create``, makes it when there is none.

        As ``create`` a `vault.NewLibrary` says what a new one gets beside ``key``.

        ``preload`` has loaded the default model meanwhile.

        Raises:
            StoreError: wrong key, no library, in use elsewhere, newer version; the class says.
            PolicyError: the computer's policy cannot be read.
            PolicyForbids: it requires a record that cannot be kept.
        """
        policy.current()  # nothing is opened, nor tried, under a policy that cannot be read
        created = bool(create) and not vault.has_keys(folder)
        if created:
            check_new_library(folder)
            if isinstance(key, vault.EscrowKey):
                raise vault.BadKeySource(
                    str(folder), "A library is not made with an escrow key.", "Give another key."
                )
            vault.check_new(key, str(folder))
            make_folder(folder)
            begin_library(folder)
            new = create if isinstance(create, vault.NewLibrary) else None
            data_key = vault.create_keys(folder, key, new=new)
        else:
            data_key = unlocked_key(folder, key)
            check_vault(folder)
        workspace = cls(folder, data_key, cipher=vault.vault_cipher(folder), preload=preload)
        library_is_there(folder)
        try:
            workspace.audit.unlocked(vault.kind_of(key), created=created)
            meet_policy(folder, data_key, workspace.audit, workspace._store)
        except BaseException:
            workspace._let_go()
            raise
        return workspace

    def close(self) -> None:
        """Ends every child, lets go of the library and wipes its keys; what is under way fails.

        `app.core.process_guard` says what cannot be wiped.
        """
        self.audit.locked()
        self._let_go()

    def _let_go(self) -> None:
        self.language.close()
        self._adder.close()
        self.close_pages()
        self._store.close()
        self.snapshots.close()
        wipe(self._data_key)

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
        made = collection_named(self._store, self.audit, name)
        return CollectionInfo(made.id, made.name, made.documents, made.pages)

    def rename_collection(self, collection_id: int, name: str) -> None:
        """Gives a collection another name."""
        with self._store.together():
            self._store.rename_collection(collection_id, name)
            named = self.audit.named(name)
            self.audit.record(What.COLLECTION_RENAMED, collection=collection_id, **named)

    def remove_collection(self, name: str) -> None:
        """Removes a collection with all its documents."""
        collection = self._store.collection(name)
        documents = [document.id for document in self._store.documents(collection.id)]
        # First: interrupted between the two, a document is read again rather than kept for ever.
        self._forget_read(documents)
        with self._store.together():
            self._store.remove_collection(collection.id)
            self.audit.record(
                What.COLLECTION_REMOVED,
                collection=collection.id,
                documents=list(documents),
                **self.audit.named(name),
            )
        self._index.remove_collection(collection.id)

    @property
    def has_remains(self) -> bool:
        """Whether something was removed that `erase_remains` has not cleaned up after yet."""
        return self._store.has_remains and not self._store.read_only

    def erase_remains(self, stop: threading.Event | None = None) -> bool:
        """Cleans up after what was removed; see `ingest.erasing`. Whether nothing is left.

        What is removed is gone from all lists and answers at once, and its keys are destroyed; this
        goes over the files. It may take a while, and goes on the next time where ``stop`` was set.

        Raises:
            StoreFull: there is no room for it.
        """
        if not self.has_remains:
            return True
        self._index.erase()
        return self._store.erase_remains(stop.is_set if stop else lambda: False)

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
        self._forget_read([document_id])
        with self._store.together():
            self._store.remove(document_id)
            self.audit.document(What.DOCUMENT_REMOVED, document)
        self._index.remove(document.collection_id, [document_id])
        self._drop_renderer(document_id)
        yield DocumentRemoved(info)

    # What models wrote down

    def _take_in(self, document_id: int, page: int) -> None:
        document = self._store.document(document_id)
        if document.model != self.embedder.model:
            return  # its chunks are made anew with the change of model
        stored = self._store.document_chunks(document_id)
        older = [s.id for s in stored if s.chunk.by and s.chunk.pages == (page,)]
        new = chunks_of_readings(
            self._store.pages(document_id),
            self._store.model_readings(document_id, page),
            [s.chunk for s in stored],
            title_of(Path(document.path), FileInfo("", document.pages, document.title)),
            self.embedder,
        )
        vectors = self.embedder.embed([chunk.search_text for chunk in new])
        self._store.replace_chunks(document_id, older, new, vectors)
        self._index.put(document.collection_id, document_id)

    def _keep_dictated(
        self, path: Path, text: str, by: str, collection: str
    ) -> DocumentAdded | DocumentReplaced:
        read = dictated(path.absolute(), text, by, utc_now(), self.embedder)
        kept = self._adder.put_read(collection, read)
        self._forget_read([kept.document.id])
        self._drop_renderer(kept.document.id)
        return kept

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
        self.audit.record(What.SEARCH_MADE, collection=found.id, **self.audit.asked(words))
        return self._searcher(found.id).search(found.id, words, k=k, documents=chosen)

    def prepare(self, collection: str) -> None:
        """Loads the model and the collection's index, so that the first search is quick."""
        self._searcher(self._store.collection(collection).id)

    # Followed folders

    def follow(self, collection: str, folder: str) -> None:
        """The collection follows a folder from now on; see `app.core.following`.

        Raises:
            PolicyForbids: this folder may not be followed.
        """
        path = Path(folder).resolve()
        with self.audit.refusals("following a folder"):
            policy.check_folder(path)
        with self._store.together():
            number = collection_named(self._store, self.audit, collection).id
            self._store.follow(number, str(path))
            named = self.audit.named(str(path), "folder")
            self.audit.record(What.FOLDER_FOLLOWED, collection=number, **named)

    def unfollow(self, collection: str, folder: str) -> None:
        """It does no longer; its documents stay."""
        path, number = str(Path(folder).resolve()), self._store.collection(collection).id
        with self._store.together():
            self._store.unfollow(number, path)
            named = self.audit.named(path, "folder")
            self.audit.record(What.FOLDER_UNFOLLOWED, collection=number, **named)

    def followed(self, collection: str) -> list[str]:
        """The folders that the collection follows."""
        return self._store.followed(self._store.collection(collection).id)

    def _forget_read(self, documents: Sequence[int]) -> None:
        """What models have read of some documents leaves memory and disk."""
        self.snapshots.forget(documents)
        for document_id in documents:
            self.language.forget(document_id)

    def _searcher(self, collection_id: int) -> Searcher:
        index, embedder = self._index.of(collection_id)
        return Searcher(
            self._store,
            index,
            embedder,
            glossary(),
            reranker=self._models.reranker,
            sight=self._index.sight_of(collection_id),
        )

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
