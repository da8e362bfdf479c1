"""The search index of one library: filled from its store, kept in step with what changes.

A collection is filled when it is first searched; until then its changes need no index.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from app.core.models import Models
from ingest.embedder import Embedder
from ingest.errors import StoreError
from ingest.store import Store

if TYPE_CHECKING:
    from ingest.figure_index import FigureIndex, Sight
    from ingest.index import SearchIndex

_PLACE = "index_uri"


class LibraryIndex:
    """Every method is safe to call from several threads."""

    def __init__(self, store: Store, models: Models) -> None:
        self._store = store
        self._models = models
        self._lock = threading.RLock()
        self._index: SearchIndex | None = None
        self._filled: set[int] = set()
        self._figures: FigureIndex | None = None

    def of(self, collection_id: int) -> tuple[SearchIndex, Embedder]:
        """The index with a collection filled, and the model that its questions need.

        Raises:
            StoreError: some of its documents were embedded by another model.
        """
        with self._lock:
            if self._index is None:
                self._index = self._open()
            if collection_id not in self._filled:
                self._check_models(collection_id)
                self._fill(self._index, collection_id)
                self._filled.add(collection_id)
            return self._index, self._models.embedder

    def sight_of(self, collection_id: int) -> Sight | None:
        """What finds a collection's figures by what they show; None without a model or figures.

        Raises:
            ModelError: the library's model for pictures cannot be loaded.
        """
        with self._lock:
            if not self._models.sees_figures or not self._store.has_figures(collection_id):
                return None
            embedder = self._models.image_embedder
            if embedder is None:
                return None
            from ingest.figure_index import FigureIndex, Sight

            if self._figures is None:
                self._figures = FigureIndex()
            if not self._figures.has(collection_id):
                rows = self._store.figure_rows(collection_id, embedder.model)
                self._figures.fill(collection_id, rows)
            return Sight(embedder, self._figures)

    def move_to(self, uri: str) -> None:
        """Keeps the index at ``uri`` (an encrypted volume), or in memory when empty.

        Nothing of this library's is left where it was before.
        """
        older = self._store.setting(_PLACE)
        if older and older != uri:
            with self._lock:
                self._at(older).erase(())
        self._store.set_setting(_PLACE, uri)
        self.forget()

    def forget(self) -> None:
        """Fills every collection anew when it is next searched."""
        with self._lock:
            self._index, self._filled, self._figures = None, set(), None

    def put(self, collection_id: int, document_id: int) -> None:
        """Takes in a document that was stored or stored anew."""
        with self._lock:
            self._forget_figures(collection_id)
            if self._index is None or collection_id not in self._filled:
                return
            # Even a new one: the index may have been filled since it was stored.
            self._index.remove_documents(collection_id, [document_id])
            rows = self._store.index_rows(collection_id, document_id=document_id)
            self._index.add(collection_id, rows)

    def remove(self, collection_id: int, document_ids: Sequence[int]) -> None:
        """Forgets documents."""
        with self._lock:
            self._forget_figures(collection_id)
            if self._index is not None and collection_id in self._filled:
                self._index.remove_documents(collection_id, document_ids)

    def remove_collection(self, collection_id: int) -> None:
        """Forgets a collection."""
        with self._lock:
            self._forget_figures(collection_id)
            if self._index is not None:
                self._index.remove_collection(collection_id)
            self._filled.discard(collection_id)

    def erase(self) -> None:
        """Leaves nothing of removed documents and collections in an index that is on a disk.

        One in memory has forgotten them already.
        """
        uri = self._store.setting(_PLACE)
        if not uri:
            return
        with self._lock:
            index = self._index or self._at(uri)
            kept = {collection.id for collection in self._store.collections()}
            for collection_id in sorted(kept):
                gone = index.chunk_ids(collection_id) - set(self._store.chunk_ids(collection_id))
                index.remove_chunks(collection_id, sorted(gone))
            index.erase(kept)

    def optimize(self, collection_id: int) -> None:
        """Makes searching quick again after many changes."""
        with self._lock:
            if self._index is not None and collection_id in self._filled:
                self._index.optimize(collection_id)

    def _forget_figures(self, collection_id: int) -> None:
        """They are few: filled anew when they are next searched."""
        if self._figures is not None:
            self._figures.forget(collection_id)

    def _open(self) -> SearchIndex:
        """An index still empty. Its code and the model are loaded side by side."""
        with ThreadPoolExecutor(1) as pool:
            loading = pool.submit(lambda: self._models.embedder)
            # Importing LanceDB takes a while, which adding and listing can do without.
            from ingest.index import SearchIndex
            from ingest.memory_index import MemoryIndex

            dimension = loading.result().dimension
        uri = self._store.setting(_PLACE)
        return SearchIndex(uri, dimension=dimension) if uri else MemoryIndex(dimension=dimension)

    def _at(self, uri: str) -> SearchIndex:
        from ingest.index import SearchIndex

        return SearchIndex(uri, dimension=self._models.embedder.dimension)

    def _check_models(self, collection_id: int) -> None:
        model = self._models.embedder.model
        outdated = sum(d.model != model for d in self._store.documents(collection_id))
        if outdated:
            raise StoreError(
                str(self._store.folder),
                f"{outdated} documents were embedded by another model.",
                "Run the change of model again to finish it (muniment embed).",
            )

    def _fill(self, index: SearchIndex, collection_id: int) -> None:
        """Brings a collection's table to what the store holds."""
        indexed = index.chunk_ids(collection_id)
        stored = set(self._store.chunk_ids(collection_id)) if indexed else set()
        if len(stored & indexed) <= len(stored) // 2:
            rows = self._store.index_rows(collection_id)
            index.build(collection_id, rows, expected=self._store.count_chunks(collection_id))
            return
        index.remove_chunks(collection_id, sorted(indexed - stored))
        missing = stored - indexed
        if missing:
            fresh = {s.document_id for s in self._store.chunks(sorted(missing))}
            index.remove_documents(collection_id, sorted(fresh))
            for document_id in sorted(fresh):
                index.add(
                    collection_id, self._store.index_rows(collection_id, document_id=document_id)
                )
        index.optimize(collection_id)
